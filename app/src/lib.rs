//! The pages of Rankscope. Built twice: with `ssr` into the server, with `hydrate` into the browser.

#[cfg(feature = "ssr")]
pub mod backend;
pub mod error;
