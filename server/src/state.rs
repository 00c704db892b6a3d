//! What every request may need.

use crate::{
    accounts::Accounts, backend::StudyBackend, database::Database, executor::Executor, library::Library, metrics::Metrics, reader::Reader,
};
use axum::extract::FromRef;
use leptos::config::LeptosOptions;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Shared by all requests; cheap to clone.
#[derive(Clone)]
pub struct AppState {
    pub backend: Arc<StudyBackend>,
    pub accounts: Arc<Accounts>,
    pub metrics: Metrics,
    pub leptos_options: LeptosOptions,
    /// Cancelled when the server is to end.
    pub shutdown: CancellationToken,
}

impl FromRef<AppState> for LeptosOptions {
    fn from_ref(state: &AppState) -> Self {
        state.leptos_options.clone()
    }
}

impl AppState {
    pub fn database(&self) -> &Database {
        &self.backend.database
    }

    pub fn library(&self) -> &Library {
        &self.backend.library
    }

    pub fn reader(&self) -> &Reader {
        &self.backend.reader
    }

    pub fn executor(&self) -> &Executor {
        &self.backend.executor
    }
}
