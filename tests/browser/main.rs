//! The dashboard as people use it, in headless Chromium. `make test-browser` runs these: they need
//! a browser, its driver and axe-core, which it fetches; without one of them they fail and say so.

#![expect(
    clippy::unwrap_used,
    reason = "a story whose ground gives way has failed"
)]

#[path = "../it"]
mod stories {
    #[expect(
        dead_code,
        unused_imports,
        reason = "the world of the feature stories, of which this uses a part"
    )]
    pub mod harness;
}
use stories::harness;

mod browser;
mod scene;

mod look;
mod keyboard;
mod sign_in;
mod walk;
