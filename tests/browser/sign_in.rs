//! Where tokens are asked for, a person signs in once and out again.

use crate::harness::Setup;
use crate::scene::Scene;

#[tokio::test]
async fn a_person_signs_in_and_out() {
    let scene = Scene::of(Setup::shipped().with_admin_token()).await;
    let browser = &scene.browser;
    browser.open("/targets").await;
    assert_eq!(browser.path().await, "/login?next=%2Ftargets");
    browser.fill("#token", "not-the-token").await;
    browser.click("button.main").await;
    browser.wait_for("That is no token of this bridge.").await;
    browser.picture("login").await;
    browser.fill("#token", "admin-secret").await;
    browser.click("button.main").await;
    browser.wait_for("What each target lets through").await;
    assert_eq!(browser.path().await, "/targets");
    let cookies = browser.run("return document.cookie").await;
    assert_eq!(cookies, "", "a script can read the session");
    browser
        .click("form[action='/targets/leadping/pause'] button")
        .await;
    browser.wait_for("Stopped by admin").await;
    browser
        .click("form[action='/targets/leadping/resume'] button")
        .await;
    browser.wait_for("Sent at its rate").await;
    browser.click("form[action='/logout'] button").await;
    browser.wait_for("Admin token").await;
    browser.open("/").await;
    assert_eq!(browser.path().await, "/login?next=%2F");
    scene.end().await;
}
