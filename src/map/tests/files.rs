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
    assert_eq!(findings.len(), 2, "{findings:#?}");

    let (tables, findings) = load_dir(&dir.path().join("nowhere"), &wanted);
    assert!(tables.is_none());
    assert_eq!(findings.len(), 1);
}
