//! What the bridge reads: the shipped configuration with a story's changes, tables, secrets.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use leadping_bridge::config::{self, Config};
use tempfile::TempDir;
use toml::{Table, Value};

use super::{DEADLINE, TOKEN};

/// Fills the limiter's bucket of these worlds.
pub const REFILL: Duration = Duration::from_millis(10);

/// Every step is a disposition of its own: what a delivery was made of shows in its outcome.
const STEPS: &str = r#"
kind = "nlpearl"
[[row]]
status = "Success"
leadping = { type = "Call", category = "Open", outcome = "{{ body.step }}" }
"#;

/// How a world differs from the shipped configuration.
pub struct Setup {
    changes: Vec<(String, String)>,
    voice: String,
    crm: String,
    /// Name, configuration and table of further sources.
    others: Vec<[String; 3]>,
    has_admin_token: bool,
    pub(super) sandbox_has_real_time: bool,
    pub(super) sandbox_sends_webhooks: bool,
}

impl Setup {
    /// The shipped configuration and the shipped tables.
    pub fn shipped() -> Self {
        Self {
            changes: Vec::new(),
            voice: include_str!("../../../mappings/voice.toml").to_owned(),
            crm: include_str!("../../../mappings/crm.toml").to_owned(),
            others: Vec::new(),
            has_admin_token: false,
            sandbox_has_real_time: false,
            sandbox_sends_webhooks: false,
        }
    }

    /// A voice table for `World::step`.
    pub fn steps() -> Self {
        Self::shipped().voice(STEPS)
    }

    pub fn voice(mut self, table: &str) -> Self {
        table.clone_into(&mut self.voice);
        self
    }

    /// One more source: what stands in its `[sources.x]`, with `SECRET` for its secret, and its table.
    pub fn also(mut self, name: &str, config: &str, table: &str) -> Self {
        self.others.push([name, config, table].map(str::to_owned));
        self
    }

    /// `key` as in `targets.leadping.mode`, `value` as TOML; `$PLACE` is the world's directory, and
    /// `$SANDBOX` the sandbox's address.
    pub fn set(mut self, key: &str, value: &str) -> Self {
        self.changes.push((key.to_owned(), value.to_owned()));
        self
    }

    pub fn crm(mut self, table: &str) -> Self {
        table.clone_into(&mut self.crm);
        self
    }

    pub fn with_admin_token(mut self) -> Self {
        self.has_admin_token = true;
        self
    }

    /// Delays of the sandbox then pass by themselves.
    pub fn sandbox_in_real_time(mut self) -> Self {
        self.sandbox_has_real_time = true;
        self
    }
}

pub(super) struct Files {
    place: TempDir,
    document: Table,
}

impl Files {
    pub fn write(setup: Setup, target: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join("mappings")).unwrap();
        let shipped = include_str!("../../../config/bridge.toml");
        let mut files = Self {
            document: shipped.parse().unwrap(),
            place,
        };
        for secret in ["voice", "crm", "admin"] {
            files.write_secret(secret, &format!("{secret}-secret"));
        }
        files.write_secret("leadping", TOKEN);
        files.write_table("voice", &setup.voice);
        files.write_table("crm", &setup.crm);
        files.apply_own(target);
        for [name, config, table] in &setup.others {
            files.add_source(name, config);
            files.write_table(name, table);
        }
        if setup.has_admin_token {
            let token = format!("{{ file = {:?} }}", files.path("admin.secret"));
            set(&mut files.document, "admin.token", &token);
        }
        for secret in ["nlpearl", "capillary"] {
            files.write_secret(secret, &format!("{secret}:secret"));
        }
        for (key, value) in &setup.changes {
            let place = files.place.path().display().to_string();
            let value = value.replace("$PLACE", &place).replace("$SANDBOX", target);
            set(&mut files.document, key, &value);
        }
        files
    }

    /// What every world changes: free ports, its own files, no dice, a limit out of the way.
    fn apply_own(&mut self, target: &str) {
        let text = |path: &str| format!("{:?}", self.path(path));
        let secret = |name: &str| format!("{{ file = {} }}", text(&format!("{name}.secret")));
        let store = format!("\"sqlite:{}\"", self.path("bridge.db"));
        let changes = [
            ("server.listen", "\"127.0.0.1:0\"".to_owned()),
            ("server.shutdown_grace_seconds", "5".to_owned()),
            ("admin.listen", "\"127.0.0.1:0\"".to_owned()),
            ("store.url", store),
            ("mappings.dir", text("mappings")),
            ("mappings.watch", "false".to_owned()),
            ("targets.leadping.base_url", format!("{target:?}")),
            ("targets.leadping.token", secret("leadping")),
            (
                "targets.leadping.rate_limit",
                "{ requests = 1000, per_seconds = 0.01, burst = 1000 }".to_owned(),
            ),
            ("targets.leadping.retry.jitter", "0.0".to_owned()),
        ];
        let voice = secret("voice");
        let crm = secret("crm");
        for (key, value) in changes {
            set(&mut self.document, key, &value);
        }
        set_first_secret(&mut self.document, "voice", &voice);
        set_first_secret(&mut self.document, "crm", &crm);
    }

    fn add_source(&mut self, name: &str, config: &str) {
        let file = format!("source-{name}");
        // 32 bytes in base64: a signing secret too.
        self.write_secret(&file, "whsec_c291cmNlLXNlY3JldC1mb3ItYWxsLXRoZS1zdG9yaWVz");
        let secret = format!("{{ file = {:?} }}", self.path(&format!("{file}.secret")));
        let source: Table = config.replace("SECRET", &secret).parse().unwrap();
        let sources = self.document["sources"].as_table_mut().unwrap();
        sources.insert(name.to_owned(), Value::Table(source));
    }

    pub fn set(&mut self, key: &str, value: &str) {
        set(&mut self.document, key, value);
    }

    pub fn load_config(&self) -> Config {
        let path = self.place.path().join("bridge.toml");
        std::fs::write(&path, self.document.to_string()).unwrap();
        let loaded = config::load(&path, std::iter::empty());
        let (config, _) = loaded.unwrap_or_else(|findings| panic!("{findings:#?}"));
        config
    }

    pub fn write_table(&self, mapping: &str, table: &str) {
        std::fs::write(self.path(&format!("mappings/{mapping}.toml")), table).unwrap();
    }

    pub fn write_secret(&self, name: &str, secret: &str) {
        std::fs::write(self.path(&format!("{name}.secret")), secret).unwrap();
    }

    /// Waits until the writer of a killed bridge has let go of the store.
    pub async fn unlocked(&self) {
        let started = Instant::now();
        let lock = File::open(self.path("bridge.db.lock")).unwrap();
        while lock.try_lock().is_err() {
            assert!(started.elapsed() < DEADLINE, "the store stays locked");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub fn path(&self, name: &str) -> String {
        Path::join(self.place.path(), name).display().to_string()
    }
}

fn parse(value: &str) -> Value {
    let mut table: Table = format!("value = {value}").parse().unwrap();
    table.remove("value").unwrap()
}

fn set(document: &mut Table, key: &str, value: &str) {
    let mut path: Vec<&str> = key.split('.').collect();
    let last = path.pop().unwrap();
    let table = path.into_iter().fold(document, |table, part| {
        let next = table
            .entry(part)
            .or_insert_with(|| Value::Table(Table::new()));
        next.as_table_mut().unwrap()
    });
    table.insert(last.to_owned(), parse(value));
}

fn set_first_secret(document: &mut Table, source: &str, secret: &str) {
    document["sources"][source]["auth"][0]["secret"] = parse(secret);
}
