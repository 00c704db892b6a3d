//! `/metrics`, for Prometheus. What it tells (which addresses are used, what runs) is the owner's: it is as open as the API, to anybody
//! on a loopback address without a password, elsewhere to a token that may read. Prometheus sends one by `authorization` in its `scrape_config`.
//!
//! Labels are of fixed sets: patterns of routes in place of addresses, so that no id, name or token gets in, and memory stays bounded.

use crate::{error::internal, problem::Problem, state::AppState};
use axum::{
    extract::{MatchedPath, Request, State},
    http::{Method, header::CONTENT_TYPE},
    middleware::Next,
    response::{IntoResponse, Response},
};
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};
use rankscope_app::backend::Backend;
use rankscope_domain::{
    model::JobState,
    view::StudyStatus::{self, Cancelled, Cancelling, Failed, Finished, Queued, Running},
};
use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Instant,
};

/// Seconds: pages take milliseconds, an upload or a model's look a minute.
const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0];
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const STATUSES: [StudyStatus; 6] = [Queued, Running, Cancelling, Cancelled, Finished, Failed];
const JOB_STATES: [(JobState, &str); 5] = [
    (JobState::Queued, "queued"),
    (JobState::Running, "running"),
    (JobState::Done, "done"),
    (JobState::Failed, "failed"),
    (JobState::Cancelled, "cancelled"),
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
    method: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabels {
    status: &'static str,
}

/// What is counted as it happens.
#[derive(Clone)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    seconds: Family<RouteLabels, Histogram>,
    registry: Arc<Registry>,
}

impl Metrics {
    pub fn new() -> Self {
        let requests = Family::default();
        let seconds: Family<RouteLabels, Histogram> = Family::new_with_constructor(|| Histogram::new(BUCKETS));
        let mut registry = Registry::with_prefix("rankscope");
        registry.register("http_requests", "Requests, by the pattern of their route", requests.clone());
        let words = "Time until the answer began, by the pattern of the route";
        registry.register_with_unit("http_request_duration", words, Unit::Seconds, seconds.clone());
        registry.register("build", "The program", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        Self { requests, seconds, registry: Arc::new(registry) }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Counts each request and its time.
pub async fn count(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("(files)", MatchedPath::as_str).to_string();
    let method = method_word(request.method());
    let begun = Instant::now();
    let response = next.run(request).await;
    metrics.seconds.get_or_create(&RouteLabels { route: route.clone(), method }).observe(begun.elapsed().as_secs_f64());
    metrics.requests.get_or_create(&RequestLabels { route, method, status: response.status().as_u16() }).inc();
    response
}

/// A client may send any word for a method.
fn method_word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// `GET /metrics`
pub async fn show(State(state): State<AppState>) -> Result<Response, Problem> {
    let now = look(&state).await?;
    let mut body = String::new();
    text::encode_registry(&mut body, &state.metrics.registry)
        .and_then(|()| text::encode(&mut body, &now))
        .map_err(|error| internal("writing metrics", &error))?;
    Ok(([(CONTENT_TYPE, OPENMETRICS)], body).into_response())
}

/// What is as it is now.
async fn look(state: &AppState) -> Result<Registry, Problem> {
    let mut registry = Registry::default();
    let own = registry.sub_registry_with_prefix("rankscope");
    let rows = state.database().studies().await.map_err(|error| internal("the database failed", &error))?;
    let studies: Family<StatusLabels, Gauge> = Family::default();
    for status in STATUSES {
        let count = rows.iter().filter(|row| row.status == status).count();
        studies.get_or_create(&StatusLabels { status: status.label() }).set(count as i64);
    }
    own.register("studies", "Studies by where they are, the example left out", studies);
    let queue: Gauge = Gauge::default();
    queue.set(rows.iter().filter(|row| row.status == Queued).count() as i64);
    own.register("queue_length", "Studies that wait for their turn", queue);
    let workers: Gauge = Gauge::default();
    workers.set(state.executor().running().await as i64);
    own.register("workers_running", "Worker processes that are watched", workers);

    let reader = state.reader().clone();
    let running: Vec<_> = rows.into_iter().filter(|row| row.status == Running).collect();
    let speed = tokio::task::spawn_blocking(move || {
        // an empty sum of floats is -0.0
        running.iter().filter_map(|row| reader.overview(row).ok()).fold(0.0, |all, study| all + study.progress.tokens_per_second)
    });
    let tokens: Gauge<f64, AtomicU64> = Gauge::default();
    tokens.set(speed.await.map_err(|error| internal("reading progress panicked", &error))?);
    own.register("tokens_per_second", "Tokens a second of the stages under way (training, completing), over the running studies", tokens);

    let jobs: Family<StatusLabels, Gauge> = Family::default();
    let all_jobs = state.backend.model_jobs().await?;
    for (job_state, word) in JOB_STATES {
        let count = all_jobs.iter().filter(|job| job.state == job_state).count();
        jobs.get_or_create(&StatusLabels { status: word }).set(count as i64);
    }
    own.register("model_jobs", "Models on their way, and those whose end was not put away", jobs);

    if let Some(bytes) = resident_bytes() {
        let memory: Gauge = Gauge::default();
        memory.set(bytes);
        registry.register_with_unit("process_resident_memory", "Memory of the server itself, workers left out", Unit::Bytes, memory);
    }
    Ok(registry)
}

/// Of this process, where the system tells.
fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kilobytes: i64 = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().trim_end_matches(" kB").trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, body::Body, middleware::from_fn_with_state, routing::get};
    use tower::ServiceExt;

    #[tokio::test]
    async fn addresses_are_counted_by_their_pattern() {
        let metrics = Metrics::new();
        let router = Router::new().route("/s/{token}", get(|| async {})).layer(from_fn_with_state(metrics.clone(), count));
        for token in ["secret1", "secret2"] {
            for method in ["GET", "BREW", "POST"] {
                let request = Request::builder().method(method).uri(format!("/s/{token}")).body(Body::empty()).unwrap();
                router.clone().oneshot(request).await.unwrap();
            }
        }
        let mut body = String::new();
        text::encode(&mut body, &metrics.registry).unwrap();
        assert!(!body.contains("secret") && !body.contains("BREW"), "{body}");
        for line in [
            "rankscope_http_requests_total{route=\"/s/{token}\",method=\"GET\",status=\"200\"} 2",
            "rankscope_http_requests_total{route=\"/s/{token}\",method=\"other\",status=\"405\"} 2",
            "rankscope_http_request_duration_seconds_count{route=\"/s/{token}\",method=\"GET\"} 2",
            "rankscope_build_info{version=",
            "# EOF",
        ] {
            assert!(body.contains(line), "{line} is not in:\n{body}");
        }
    }

    #[test]
    fn this_process_takes_memory() {
        assert!(resident_bytes().is_some_and(|bytes| bytes > 1 << 20));
    }
}
