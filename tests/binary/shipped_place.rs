//! A place with everything that is shipped: the config, the tables, their examples.

use std::path::Path;

use leadping_bridge::sandbox::Sandbox;

use super::place::{CRM_SECRET, LEADPING_TOKEN, Place, VOICE_SECRET};

impl Place {
    /// The config, the tables and the examples that are shipped, without a store yet.
    pub fn shipped(target: Option<&Sandbox>) -> Self {
        let place = Self::empty();
        for folder in ["config", "mappings"] {
            let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            copy_all(&from, &place.path().join(folder));
        }
        let place = match target {
            Some(sandbox) => place
                .with("TARGETS__LEADPING__BASE_URL", sandbox.base_url())
                .with(
                    "TARGETS__LEADPING__RATE_LIMIT",
                    "{ requests = 100000, per_seconds = 1, burst = 100000 }",
                ),
            None => place,
        };
        place
            .with("SERVER__LISTEN", "127.0.0.1:0")
            .with("ADMIN__LISTEN", "127.0.0.1:0")
            .variable("VOICE_WEBHOOK_SECRET", VOICE_SECRET)
            .variable("CRM_WEBHOOK_SECRET", CRM_SECRET)
            .variable("LEADPING_API_KEY", LEADPING_TOKEN)
    }
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_all(&path, &to);
        } else {
            std::fs::copy(&path, &to).unwrap();
        }
    }
}

/// The line without the number in `mappings/voice.toml:52`: it moves with every comment in the
/// shipped tables, and is not what the story is about.
pub fn without_line_number(line: &str) -> String {
    match ["voice.toml:", "crm.toml:"].iter().find_map(|file| {
        let at = line.find(file)? + file.len();
        Some(line.split_at(at))
    }) {
        Some((before, number)) => {
            let behind = number.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{before}…{behind}")
        }
        None => line.to_owned(),
    }
}
