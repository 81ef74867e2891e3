//! Secrets: all there, usable, and files for nobody else's eyes.

use std::os::unix::fs::PermissionsExt;

use super::Notes;
use crate::app::unusable_credentials;
use crate::config::{self, Config};
use crate::secret::SecretReference;

pub(super) fn look(config: &Config) -> Notes {
    let mut notes = Notes::about("secrets");
    let missing = config::missing_secrets(config);
    for secret in &missing {
        notes.error(
            secret.to_string(),
            "set the variable, or put the secret into the file; an empty one does not count",
        );
    }
    if missing.is_empty() {
        for fault in unusable_credentials(config) {
            notes.error(
                fault,
                "write the secret as its scheme wants it, on one line",
            );
        }
    }
    let referenced = config::referenced_secrets(config);
    for (used_by, reference) in &referenced {
        if let SecretReference::File(path) = reference {
            look_at_file(&mut notes, used_by, path);
        }
    }
    if notes.found.is_empty() {
        notes.ok(format!("all {} are there", referenced.len()));
    }
    notes
}

fn look_at_file(notes: &mut Notes, used_by: &str, path: &std::path::Path) {
    // What cannot be read is told as missing.
    let Ok(metadata) = std::fs::metadata(path) else {
        return;
    };
    let mode = metadata.permissions().mode() & 0o777;
    let others = match (mode & 0o022, mode & 0o004) {
        (0, 0) => return,
        (0, _) => "read",
        _ => "write",
    };
    notes.warning(
        format!(
            "others may {others} file {} (mode {mode:o}, for {used_by})",
            path.display()
        ),
        format!("chmod 600 {}", path.display()),
    );
}
