//! Models and sets of texts of the Hugging Face hub: found in the hub's usual cache, or fetched into it.
//!
//! The `hf-hub` crate was looked at (1.0.0) and not taken: a transfer that broke off begins again from nothing, SHA-256
//! is not checked, there is neither `HF_HUB_OFFLINE` nor a way to stop, and it follows redirects wherever they lead.
//! What is kept of it, and of the Python library, is the layout of the cache, down to the names of partial files, so that
//! each goes on with what the other has begun.

mod address;
mod cache;
mod client;
mod download;
mod error;
mod fetch;
mod settings;
mod source;

pub(crate) use cache::is_whole;
pub use cache::{CachedModel, cached, cached_models};
pub use error::HubError;
pub use fetch::{Fetched, HubProgress, fetch};
pub use settings::HubSettings;
pub use source::{HubSource, RepoKind, looks_like_a_hub_name};
