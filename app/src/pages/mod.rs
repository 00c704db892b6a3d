//! The pages: one file a route.
#![expect(unreachable_pub, reason = "the component macro makes its structs public")]

pub(crate) mod annotate;
pub(crate) mod compare;
pub(crate) mod datasets;
pub(crate) mod lens;
pub(crate) mod login;
pub(crate) mod models;
pub(crate) mod new_study;
pub(crate) mod not_found;
pub(crate) mod shared;
pub(crate) mod shares;
pub(crate) mod studies;
pub(crate) mod study;
pub(crate) mod tokens;
