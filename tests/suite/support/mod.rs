//! What the tests share: the program, a server, a client, and recipes that run in a second.

pub(crate) mod app;
pub(crate) mod client;
pub(crate) mod files;
pub(crate) mod hub;
pub(crate) mod program;
pub(crate) mod recipes;

pub(crate) use app::TestApp;

use std::time::{Duration, Instant};

/// Asks until there is an answer; fails with `what` after a minute.
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < patience, "waited a minute for: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
