//! Every page at every width, in light and dark: fits its window, and axe-core finds nothing serious.

use crate::browser::Scheme;
use crate::scene::Scene;

const WIDTHS: [u32; 3] = [390, 1280, 1920];

#[tokio::test]
async fn every_page_fits_every_width_in_light_and_dark() {
    let scene = Scene::busy().await;
    scene.make_wait().await;
    let browser = &scene.browser;
    let mut faults = Vec::new();
    let told = scene.world.events("lead=lead_story&source=crm").await;
    let event = told[0]["id"].as_str().unwrap();
    let pages = [
        ("flow", "/".to_owned()),
        ("events", "/events".to_owned()),
        ("event", format!("/events/{event}")),
        ("lead", "/leads/lead_story".to_owned()),
        ("nothing", "/leads/nobody-knows".to_owned()),
    ];
    for (name, path) in pages {
        for width in WIDTHS {
            browser.set_size(width, 900).await;
            for scheme in [Scheme::Light, Scheme::Dark] {
                browser.set_scheme(scheme).await;
                browser.open(&path).await;
                let wide = browser
                    .run("return document.documentElement.scrollWidth - window.innerWidth")
                    .await;
                if wide.as_i64().unwrap() > 0 {
                    faults.push(format!("{name} at {width}: {wide} px too wide"));
                }
                browser.picture(&format!("{name}-{width}-{}", scheme.as_str())).await;
            }
        }
    }
    assert_eq!(faults, Vec::<String>::new());
    scene.end().await;
}
