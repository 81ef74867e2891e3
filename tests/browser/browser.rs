//! A browser driven over the WebDriver protocol: JSON over HTTP, the few commands that are needed.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long a page may take to become what it should be.
const DEADLINE: Duration = Duration::from_secs(20);
/// The key under which the protocol names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

pub struct Browser {
    driver: Child,
    session: String,
    client: reqwest::Client,
    /// Where the dashboard is.
    pub origin: String,
}

/// Something on a page.
pub struct Element(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Light,
    Dark,
}

impl Scheme {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

impl Browser {
    pub async fn start(origin: String) -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("chromedriver cannot be started ({error}): `make test-browser` installs it")
            });
        let mut said = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = said
            .find_map(|line| {
                let line = line.unwrap();
                let port = line.split_once("successfully on port ")?.1;
                Some(port.trim_end_matches('.').to_owned())
            })
            .expect("chromedriver says on which port it listens");
        // What it says later goes nowhere, and must not fill its pipe.
        std::thread::spawn(move || said.for_each(drop));
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .timeout(Duration::from_secs(60))
            .build()
            .unwrap();
        let mut browser = Self {
            driver,
            session: format!("http://127.0.0.1:{port}/session"),
            client,
            origin,
        };
        let options = json!({"capabilities": {"alwaysMatch": {
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--hide-scrollbars", "--force-color-profile=srgb",
        ]}}}});
        let created = browser.send("", options).await;
        let id = created["sessionId"].as_str().expect("a session has an id");
        browser.session = format!("{}/{id}", browser.session);
        browser
    }

    async fn send(&self, command: &str, body: Value) -> Value {
        let url = format!("{}{command}", self.session);
        let request = self.client.post(url).json(&body);
        Self::answer(command, request).await
    }

    async fn get(&self, command: &str) -> Value {
        Self::answer(
            command,
            self.client.get(format!("{}{command}", self.session)),
        )
        .await
    }

    async fn answer(command: &str, request: reqwest::RequestBuilder) -> Value {
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let mut body: Value = answer.json().await.unwrap();
        assert!(
            status.is_success(),
            "`{command}` failed: {:#}",
            body["value"]
        );
        body["value"].take()
    }

    /// A command of the browser's own protocol.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({"cmd": command, "params": parameters});
        self.send("/goog/cdp/execute", body).await
    }

    pub async fn open(&self, path: &str) {
        let url = format!("{}{path}", self.origin);
        self.send("/url", json!({"url": url})).await;
    }

    pub async fn path(&self) -> String {
        let url = self.get("/url").await;
        url.as_str()
            .unwrap()
            .strip_prefix(&self.origin)
            .expect("the page is ours")
            .to_owned()
    }

    pub async fn run(&self, script: &str) -> Value {
        self.send("/execute/sync", json!({"script": script, "args": []}))
            .await
    }

    /// A script that calls its last argument once it is done.
    pub async fn run_until_done(&self, script: &str) -> Value {
        self.send("/execute/async", json!({"script": script, "args": []}))
            .await
    }

    async fn find_all(&self, css: &str) -> Vec<Element> {
        let found = self
            .send("/elements", json!({"using": "css selector", "value": css}))
            .await;
        let found = found.as_array().unwrap().iter();
        found
            .map(|element| Element(element[ELEMENT].as_str().unwrap().to_owned()))
            .collect()
    }

    pub async fn count(&self, css: &str) -> usize {
        self.find_all(css).await.len()
    }

    /// The one element that this names.
    pub async fn find(&self, css: &str) -> Element {
        let mut found = self.find_all(css).await;
        assert_eq!(found.len(), 1, "`{css}` on {}", self.path().await);
        found.remove(0)
    }

    pub async fn text(&self, css: &str) -> String {
        let Element(id) = self.find(css).await;
        self.get(&format!("/element/{id}/text"))
            .await
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub async fn click(&self, css: &str) {
        let Element(id) = self.find(css).await;
        self.send(&format!("/element/{id}/click"), json!({})).await;
    }

    pub async fn fill(&self, css: &str, text: &str) {
        let Element(id) = self.find(css).await;
        self.send(&format!("/element/{id}/clear"), json!({})).await;
        self.send(&format!("/element/{id}/value"), json!({"text": text}))
            .await;
    }

    /// Presses a key wherever the focus is.
    pub async fn press(&self, key: &str) {
        let actions = json!({"actions": [{"type": "key", "id": "keyboard", "actions": [
            {"type": "keyDown", "value": key}, {"type": "keyUp", "value": key},
        ]}]});
        self.send("/actions", actions).await;
    }

    /// Until the page says so.
    pub async fn wait_for(&self, text: &str) {
        let started = Instant::now();
        loop {
            let shown = self.run("return document.body.innerText").await;
            if shown.as_str().unwrap().contains(text) {
                return;
            }
            assert!(
                started.elapsed() < DEADLINE,
                "`{text}` never came:\n{}",
                shown.as_str().unwrap()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Complaints of the browser since it was last asked: refused by the policy, not found, failed.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.send("/se/log", json!({"type": "browser"})).await;
        let entries = log.as_array().unwrap().iter();
        let entries =
            entries.filter(|entry| entry["level"] == "SEVERE" || entry["level"] == "WARNING");
        entries.map(|entry| entry["message"].to_string()).collect()
    }

    pub async fn set_size(&self, width: u32, height: u32) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", size)
            .await;
    }

    pub async fn set_scheme(&self, scheme: Scheme) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme.as_str()}]);
        self.devtools("Emulation.setEmulatedMedia", json!({"features": features}))
            .await;
    }

    pub async fn set_scripts(&self, allowed: bool) {
        let off = json!({"value": !allowed});
        self.devtools("Emulation.setScriptExecutionDisabled", off)
            .await;
    }

    /// Keeps a picture of the whole page under `target/browser/`.
    pub async fn picture(&self, name: &str) {
        let all = json!({"captureBeyondViewport": true, "optimizeForSpeed": true});
        let taken = self.devtools("Page.captureScreenshot", all).await;
        let png = data_encoding::BASE64
            .decode(taken["data"].as_str().unwrap().as_bytes())
            .unwrap();
        let place = workshop();
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join(format!("{name}.png")), png).unwrap();
    }

    pub async fn end(self) {
        let deleted = self.client.delete(&self.session).send().await;
        deleted.unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Where `make test-browser` puts axe-core, and pictures are kept.
pub fn workshop() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/browser")
}
