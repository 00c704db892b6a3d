//! Where log lines go.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Logs to stderr. `RANKSCOPE_LOG` chooses what (`info`; `debug`; `rankscope_server=debug,info`), and
/// `RANKSCOPE_LOG_FORMAT=json` writes a JSON object a line.
pub fn start(default: &str) {
    let filter = EnvFilter::try_from_env("RANKSCOPE_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let layers = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if std::env::var("RANKSCOPE_LOG_FORMAT").is_ok_and(|format| format == "json") {
        layers.json().try_init()
    } else {
        layers.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init()
    };
    // a test may have started it before
    drop(started);
}
