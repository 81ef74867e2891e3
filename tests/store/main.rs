//! The store's contract: what every engine must keep, written over the public verbs alone.
//!
//! Each file is one part of the contract. A test is a function over an [`ground::Engine`];
//! [`on_every_engine!`] makes one test per engine of it, so a further engine is one line here.

#![expect(
    clippy::unwrap_used,
    reason = "a test may unwrap, and so may what it stands on"
)]

/// One test per engine and function.
macro_rules! on_every_engine {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(crate::ground::Engine::Sqlite).await;
                }
            )+
        }
    };
}

mod ground;
mod judge;

mod append;
mod care;
mod corrupt;
mod decide;
mod desk;
mod entries;
mod flow;
mod erase;
mod held;
mod history;
mod keys;
mod link_pages;
mod links;
mod older;
mod opening;
mod parked;
mod recorded;
mod replay;
mod retention;
mod settle;
mod take;
mod tally;
mod trail;
mod versions;
