//! The pages: one file a route.

pub(crate) mod new_study;
pub(crate) mod not_found;
pub(crate) mod studies;
pub(crate) mod study;
