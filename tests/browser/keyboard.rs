//! Everything that can be clicked can be reached with the keyboard, in an order, and is seen there.

use serde_json::Value;

use crate::scene::Scene;

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
/// More than any page holds.
const MOST: usize = 400;

#[tokio::test]
async fn everything_is_reached_by_tab() {
    let scene = Scene::busy().await;
    let browser = &scene.browser;
    browser.set_size(1280, 900).await;
    for (name, path) in scene.pages().await {
        if name == "events" {
            continue; // a hundred links, all alike
        }
        browser.open(&path).await;
        // What moves by itself would move while it is walked through.
        browser
            .run("document.querySelectorAll('[data-live]').forEach(live => live.removeAttribute('data-live'))")
            .await;
        let expected = browser
            .run(
                "return [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex=\"0\"]')]
                   .filter(one => one.checkVisibility({contentVisibilityAuto: true})).length",
            )
            .await;
        let expected = expected.as_u64().unwrap();
        let mut reached = 0;
        for _ in 0..MOST {
            browser.press(TAB).await;
            let at = browser
                .run(
                    "const at = document.activeElement;
                     if (!at || at === document.body || at.dataset.reached) return null;
                     at.dataset.reached = '1';
                     const style = getComputedStyle(at);
                     return [at.outerHTML.slice(0, 120), parseFloat(style.outlineWidth) > 0 && style.outlineStyle !== 'none']",
                )
                .await;
            if at == Value::Null {
                break;
            }
            assert_eq!(at[1], true, "{name}: the focus is not seen on {}", at[0]);
            reached += 1;
        }
        let missed = browser
            .run(
                "return [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex=\"0\"]')]
                   .filter(one => one.checkVisibility({contentVisibilityAuto: true}) && !one.dataset.reached).map(one => one.outerHTML.slice(0, 120))",
            )
            .await;
        // Places that scroll may take the focus too: never fewer than there are.
        assert!(
            reached >= expected,
            "{name}: {reached} of {expected}; missed {missed:#}"
        );
    }
    scene.end().await;
}

#[tokio::test]
async fn the_first_tab_skips_the_head() {
    let scene = Scene::quiet().await;
    let browser = &scene.browser;
    browser.open("/").await;
    browser.press(TAB).await;
    browser.press(ENTER).await;
    let at = browser.run("return document.activeElement.id").await;
    assert_eq!(at, "main");
    scene.end().await;
}
