//! A directory of tables.

use super::*;

#[test]
fn a_directory_is_read_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    let wanted = BTreeMap::from([("voice".to_owned(), SourceKind::Nlpearl)]);
    let load = || {
        let (tables, findings) = load_dir(dir.path(), &wanted);
        let findings: Vec<String> = findings
            .iter()
            .map(|finding| {
                let name = finding.file.path.file_name().unwrap();
                format!("{}: {}", name.to_string_lossy(), finding.message)
            })
            .collect();
        (tables, findings)
    };
    write(
        "voices.toml",
        "kind = \"nlpearl\"\n[[row]]\nignore = \"x\"\n",
    );
    let (tables, findings) = load();
    assert!(tables.is_none());
    assert_eq!(
        findings,
        ["voice.toml: no such file, but a source uses the mapping `voice`"]
    );

    write(
        "voice.toml",
        "kind = \"nlpearl\"\n[[row]]\nignore = \"x\"\n",
    );
    write("unrelated.toml", "[package]\nname = \"x\"\n");
    let (first, findings) = load();
    assert_eq!(findings, Vec::<String>::new());
    let first = first.unwrap();
    assert_eq!(first.tables.keys().collect::<Vec<_>>(), ["voice"]);
    assert_eq!(first.get("voice").unwrap().hash.0.len(), 16);

    write(
        "voice.toml",
        "kind = \"nlpearl\"\n[[row]]\nignore = \"y\"\n",
    );
    let (second, _) = load();
    let second = second.unwrap();
    assert_ne!(first.hash, second.hash);
    assert_ne!(first.tables["voice"].hash, second.tables["voice"].hash);

    write(
        "crm.toml",
        "kind = \"capillary\"\n[[row]]\nignroe = \"y\"\n",
    );
    let (tables, findings) = load();
    assert!(tables.is_none());
    assert_eq!(findings, ["crm.toml: unknown key `ignroe`"]);

    let (tables, findings) = load_dir(&dir.path().join("nowhere"), &wanted);
    assert!(tables.is_none());
    assert_eq!(findings.len(), 1);
}

/// The shipped tables, each with these edits, have exactly these findings.
#[track_caller]
fn check_typos(voice: &[(&str, &str)], crm: &[(&str, &str)], expected: [&str; 3]) {
    let dir = tempfile::tempdir().unwrap();
    for (name, edits) in [("voice.toml", voice), ("crm.toml", crm)] {
        let mut text = std::fs::read_to_string(format!("{ROOT}/mappings/{name}")).unwrap();
        for (old, new) in edits {
            assert!(text.contains(old), "{old}");
            text = text.replacen(old, new, 1);
        }
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let wanted = BTreeMap::from([
        ("voice".to_owned(), SourceKind::Nlpearl),
        ("crm".to_owned(), SourceKind::Capillary),
    ]);
    let (tables, findings) = load_dir(dir.path(), &wanted);
    assert!(tables.is_none());
    let found: Vec<String> = findings
        .iter()
        .map(|finding| {
            let place = &finding.file.text[finding.span.clone()];
            let hint = finding.hint.as_deref().unwrap_or("-");
            format!("{place}: {} ({hint})", finding.message)
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn three_mistyped_words_in_two_files_are_three_findings() {
    check_typos(
        &[
            ("\"VoiceMailLeft\"                ", "\"VoiceMailLef\""),
            ("call.summary | default", "call.sumary | default"),
        ],
        &[("\"Converted\"", "\"Convertd\"")],
        [
            "\"Convertd\": `category` is not one of Open, Qualified, Converted, Lost, Invalid, Duplicate (did you mean `Converted`?)",
            "\"VoiceMailLef\": unknown status `VoiceMailLef` (did you mean `VoiceMailLeft`?)",
            "call.sumary: `notes`: `call` has no `sumary` (did you mean `call.summary`?)",
        ],
    );
}

#[test]
fn three_mistyped_keys_in_two_files_are_three_findings() {
    check_typos(
        &[
            ("[defaults.leadping]", "[default.leadping]"),
            ("\nignore =", "\nignroe ="),
        ],
        &[(
            "\nleadping = { category = \"Open\"",
            "\nleadpign = { category = \"Open\"",
        )],
        [
            "leadpign: unknown key `leadpign` (did you mean `leadping`?)",
            "default: unknown key `default` (did you mean `defaults`?)",
            "ignroe: unknown key `ignroe` (did you mean `ignore`?)",
        ],
    );
    check_typos(
        &[
            ("kind = \"nlpearl\"", "kind = \"nlperl\""),
            ("[defaults.leadping]\ntype", "[defaults.leadping]\ntpye"),
        ],
        &[("kind = ", "knd = ")],
        [
            "knd: unknown key `knd` (did you mean `kind`?)",
            "\"nlperl\": unknown kind `nlperl` (did you mean `nlpearl`?)",
            "tpye: unknown key `tpye` (did you mean `type`?)",
        ],
    );
}
