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

    // A pipe has nothing to read, and whoever opened it would wait for ever.
    #[cfg(unix)]
    {
        std::fs::remove_file(dir.path().join("crm.toml")).unwrap();
        let pipe = dir.path().join("crm.toml");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let (tables, findings) = load();
        assert!(tables.is_none());
        assert_eq!(findings, ["crm.toml: cannot be read"]);
    }

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

/// Findings of a directory with these files, of which the source `voice` uses `voice.toml`.
fn found_in(files: &[(&str, &[u8])]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(dir.path().join(name), bytes).unwrap();
    }
    let wanted = BTreeMap::from([("voice".to_owned(), SourceKind::Nlpearl)]);
    let uses = BTreeMap::from([("voice".to_owned(), "voice".to_owned())]);
    let (tables, findings) = load_dir_of(dir.path(), &wanted, Some(&uses));
    let failed = findings
        .iter()
        .any(|found| found.severity == Severity::Error);
    assert_eq!(tables.is_none(), failed);
    let shown = |finding: &Finding| {
        let text = finding.to_string();
        text.replace(&format!("{}/", dir.path().display()), "")
    };
    findings.iter().map(shown).collect()
}

const SOUND: &[u8] = b"kind = \"nlpearl\"\n[[row]]\nignore = \"x\"\n";

#[test]
fn a_table_that_no_source_uses_is_told() {
    assert_eq!(
        found_in(&[("voice.toml", SOUND), ("voice-old.toml", SOUND)]),
        [
            "voice-old.toml:1:1: warning: no source uses the mapping `voice-old` \
          (a source names it with `mapping = \"voice-old\"`; a copy is better kept elsewhere)"
        ]
    );
    // Ready for a sender that this site does not have yet; and what is no mapping.
    let other = b"kind = \"leadping\"\n[[row]]\nignore = \"x\"\n";
    let found = found_in(&[
        ("voice.toml", SOUND),
        ("other.toml", other),
        ("x.toml", b"[a]\n"),
    ]);
    assert_eq!(found, Vec::<String>::new());
    let found = found_in(&[("voice.toml", SOUND), ("crm.toml", b"kind = \"capillary\n")]);
    assert!(
        found
            .iter()
            .any(|found| found.starts_with("crm.toml:1:8: error: the text has no closing quote")),
        "{found:?}"
    );
}

#[test]
fn a_file_that_is_no_text_says_in_what_it_may_be_written() {
    let latin = b"kind = \"nlpearl\"\n[[row]]\nignore = \"Gespr\xe4ch\"\n[[row]]\nstatus = \"Sucess\"\nignore = \"x\"\n";
    let found = found_in(&[("voice.toml", latin)]);
    assert!(
        found[0].starts_with("voice.toml:3:16: error: the file is not written in UTF-8"),
        "{found:?}"
    );
    assert!(
        found
            .iter()
            .any(|found| found.contains("unknown status `Sucess`")),
        "{found:?}"
    );
    let found = found_in(&[("voice.toml", b"\xff\xfek\x00")]);
    assert!(found[0].contains("UTF-16"), "{found:?}");
    let found = found_in(&[("voice.toml.txt", SOUND)]);
    assert!(
        found[0].ends_with("(there is `voice.toml.txt`: rename it to `voice.toml`)"),
        "{found:?}"
    );
}

#[test]
fn names_of_sources_are_known_where_the_configuration_is() {
    let table = b"kind = \"nlpearl\"\n[[row]]\nwhen = \"previous.source | default('') == 'vioce'\"\nignore = \"x\"\n[[row]]\nignore = \"x\"\n";
    assert_eq!(
        found_in(&[("voice.toml", table)]),
        [
            "voice.toml:3:42: warning: `when`: `previous.source` is never `vioce`, so the row can never match (did you mean `voice`?)"
        ]
    );
}

#[test]
fn a_mark_at_the_beginning_and_long_line_ends_change_nothing() {
    let table = b"\xef\xbb\xbfkind = \"nlpearl\"\r\n[[row]]\r\n\tstatus = \"Sucess\"\r\n\tignore = \"x\"\r\n[[row]]\r\nignore = \"x\"\r\n";
    assert_eq!(
        found_in(&[("voice.toml", table)]),
        ["voice.toml:3:11: error: unknown status `Sucess` (did you mean `Success`?)"]
    );
}
