//! The process: configuration, state, routes, live events, the executor of workers, and the command line.
//! What a study does is in `rankscope-study`; what a page shows is in `rankscope-app`.

pub mod accounts;
pub mod allocator;
pub mod annotations;
pub mod api;
pub mod backend;
pub mod cli;
pub mod comparison_files;
mod config;
pub mod database;
pub mod dataset_files;
pub mod dataset_upload;
pub mod datasets;
pub mod downloads;
pub mod error;
pub mod event_stream;
pub mod event_tail;
pub mod example;
pub mod executor;
pub mod export;
pub mod health;
pub mod imports;
pub mod judge_files;
pub mod labels_form;
pub mod lens_desk;
pub mod lens_files;
pub mod library;
pub mod metrics;
pub mod model_jobs;
pub mod models;
pub mod page;
pub mod problem;
pub mod proxies;
pub mod reader;
pub mod router;
pub mod routes;
pub mod security;
pub mod serve;
pub mod shares;
pub mod site;
pub mod state;
pub mod study_id;
pub mod study_upload;
pub mod telemetry;
mod to_its_end;
mod turnstile;
pub mod worker_lock;

/// The whole program: reads the command line, does it, and gives the exit code.
pub fn main() -> std::process::ExitCode {
    allocator::keep_freed_memory();
    cli::main()
}
