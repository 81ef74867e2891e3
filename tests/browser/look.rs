//! Every page at every width, in light and dark: it fits its window, axe-core finds nothing serious,
//! everything it loads is ours, and it can be read without a script. Pictures are kept under
//! `target/browser/`.

use serde_json::Value;

use crate::browser::{Browser, Scheme, workshop};
use crate::scene::Scene;

const WIDTHS: [u32; 3] = [390, 1280, 1920];

#[tokio::test]
async fn every_page_fits_every_width_and_everybody() {
    let scene = Scene::busy().await;
    scene.make_wait().await;
    let browser = &scene.browser;
    let axe = axe();
    let mut faults = Vec::new();
    for (name, path) in scene.pages().await {
        for width in WIDTHS {
            browser.set_size(width, 900).await;
            for scheme in [Scheme::Light, Scheme::Dark] {
                browser.set_scheme(scheme).await;
                browser.open(&path).await;
                let at = format!("{name}-{width}-{}", scheme.as_str());
                faults.extend(look(browser, &at).await);
                faults.extend(ask_axe(browser, &axe, &at).await);
                browser.picture(&at).await;
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    scene.end().await;
}

#[tokio::test]
async fn every_page_is_read_without_a_script() {
    let scene = Scene::busy().await;
    let browser = &scene.browser;
    browser.set_scripts(false).await;
    for (name, path) in scene.pages().await {
        browser.open(&path).await;
        assert_eq!(browser.count("h1").await, 1, "{name}");
        assert_eq!(
            browser.count("[data-live-switch] button").await,
            0,
            "{name}"
        );
        assert!(!browser.text("main").await.is_empty(), "{name}");
    }
    browser.open("/").await;
    browser.click("#as-table summary").await;
    let table = browser.text("#as-table").await;
    assert!(table.contains("VoiceMailLeft 70 Open"), "{table}");
    scene.end().await;
}

/// Too wide, loaded from elsewhere, or something that the browser complains about.
async fn look(browser: &Browser, at: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let wide = browser
        .run("return document.documentElement.scrollWidth - window.innerWidth")
        .await;
    if wide.as_i64().unwrap() > 0 {
        faults.push(format!("{at}: {wide} px too wide"));
    }
    let loaded = browser
        .run("return performance.getEntriesByType('resource').map(entry => entry.name)")
        .await;
    let loaded: Vec<&str> = loaded
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(
        loaded.len() >= 2,
        "{at}: sheet and script were not seen: {loaded:?}"
    );
    for address in loaded
        .iter()
        .filter(|address| !address.starts_with(&browser.origin))
    {
        faults.push(format!("{at}: {address} is not ours"));
    }
    for complaint in browser.complaints().await {
        // The page about what is not there is answered 404, as it should be.
        if !(at.starts_with("nothing") && complaint.contains("404")) {
            faults.push(format!("{at}: {complaint}"));
        }
    }
    faults
}

fn axe() -> String {
    let path = workshop().join("axe.min.js");
    std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; `make test-browser` fetches it",
            path.display()
        )
    })
}

/// Serious and critical findings.
async fn ask_axe(browser: &Browser, axe: &str, at: &str) -> Vec<String> {
    browser.run(axe).await;
    let found = browser
        .run_until_done(
            "const done = arguments[arguments.length - 1];
             axe.run(document, {resultTypes: ['violations']}).then(
               found => done(found.violations
                 .filter(one => one.impact === 'serious' || one.impact === 'critical')
                 .flatMap(one => one.nodes.slice(0, 4).map(node => `${one.id}: ${one.help}: ${node.html.slice(0, 160)} ${node.failureSummary}`))),
               fault => done([String(fault)]))",
        )
        .await;
    let found = found.as_array().unwrap().iter();
    found
        .map(|one| format!("{at}: {}", one.as_str().unwrap()))
        .collect()
}
