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

/// Two files, three typos, three findings: no more, no less, each at its word.
#[test]
fn three_typos_in_two_files_are_three_findings() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    let wanted = BTreeMap::from([
        ("voice".to_owned(), SourceKind::Nlpearl),
        ("crm".to_owned(), SourceKind::Capillary),
    ]);
    let shipped = |name: &str| std::fs::read_to_string(format!("{ROOT}/mappings/{name}")).unwrap();
    let (voice, crm) = (shipped("voice.toml"), shipped("crm.toml"));
    let edited = |text: &str, edits: &[(&str, &str)]| {
        edits.iter().fold(text.to_owned(), |text, (old, new)| {
            assert!(text.contains(old), "{old}");
            text.replacen(old, new, 1)
        })
    };
    #[track_caller]
    fn check(findings: &[Finding], expected: [&str; 3]) {
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

    write(
        "voice.toml",
        &edited(
            &voice,
            &[
                ("\"VoiceMailLeft\"                ", "\"VoiceMailLef\""),
                ("call.summary | default", "call.sumary | default"),
            ],
        ),
    );
    write(
        "crm.toml",
        &edited(&crm, &[("\"Converted\"", "\"Convertd\"")]),
    );
    let (tables, findings) = load_dir(dir.path(), &wanted);
    assert!(tables.is_none());
    check(
        &findings,
        [
            "\"Convertd\": `category` is not one of Open, Qualified, Converted, Lost, Invalid, Duplicate (did you mean `Converted`?)",
            "\"VoiceMailLef\": unknown status `VoiceMailLef` (did you mean `VoiceMailLeft`?)",
            "call.sumary: `notes`: `call` has no `sumary` (did you mean `call.summary`?)",
        ],
    );

    // Keys: of the file, of a row, of the rows' result.
    write(
        "voice.toml",
        &edited(
            &voice,
            &[
                ("[defaults.leadping]", "[default.leadping]"),
                ("\nignore =", "\nignroe ="),
            ],
        ),
    );
    write(
        "crm.toml",
        &edited(
            &crm,
            &[(
                "\nleadping = { category = \"Open\"",
                "\nleadpign = { category = \"Open\"",
            )],
        ),
    );
    let (_, findings) = load_dir(dir.path(), &wanted);
    check(
        &findings,
        [
            "leadpign: unknown key `leadpign` (did you mean `leadping`?)",
            "default: unknown key `default` (did you mean `defaults`?)",
            "ignroe: unknown key `ignroe` (did you mean `ignore`?)",
        ],
    );

    write(
        "voice.toml",
        &edited(
            &voice,
            &[
                ("kind = \"nlpearl\"", "kind = \"nlperl\""),
                ("[defaults.leadping]\ntype", "[defaults.leadping]\ntpye"),
            ],
        ),
    );
    write("crm.toml", &edited(&crm, &[("kind = ", "knd = ")]));
    let (_, findings) = load_dir(dir.path(), &wanted);
    check(
        &findings,
        [
            "knd: unknown key `knd` (did you mean `kind`?)",
            "\"nlperl\": unknown kind `nlperl` (did you mean `nlpearl`?)",
            "tpye: unknown key `tpye` (did you mean `type`?)",
        ],
    );
}
