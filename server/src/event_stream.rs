//! A study's events as they happen, as server-sent events.

use crate::{error::EdgeError, event_tail::EventTail, state::AppState, study_id::StudyId};
use axum::{
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{Event as Frame, KeepAlive, Sse},
    },
};
use rankscope_domain::{event::Event, view::StudyStatus};
use std::{
    convert::Infallible,
    sync::{Arc, LazyLock},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;

/// How often a study's file is looked at.
const POLL: Duration = Duration::from_millis(200);
/// What a browser waits before it asks again.
const RETRY: Duration = Duration::from_secs(2);
/// Streams at once; each costs a look at a file every [`POLL`].
const MAX_STREAMS: usize = 256;

static STREAMS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(MAX_STREAMS)));

/// `?after=ID`: only events above it, where the browser has sent no `Last-Event-ID`.
#[derive(Debug, serde::Deserialize)]
pub struct After {
    pub after: Option<u64>,
}

/// `GET /studies/{id}/events`. Each event is one message: its id, and its JSON as data. After the last event of a
/// study that no worker has, an event named `end` tells the study's status, and the stream ends.
pub async fn stream(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Query(query): Query<After>,
    headers: HeaderMap,
) -> Result<Response, EdgeError> {
    let row = state.backend.row(&id).await?;
    let Ok(permit) = STREAMS.clone().try_acquire_owned() else {
        let text = "Too many pages are watching studies. Close some, then reload this one.\n";
        return Ok((StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "5")], text).into_response());
    };
    let last_seen = headers.get("last-event-id").and_then(|value| value.to_str().ok()).and_then(|text| text.trim().parse().ok());
    let after = last_seen.or(query.after).unwrap_or(0);
    let directory = state.library().directory(&row.id).unwrap_or_default();
    let (frames, receiver) = mpsc::channel(64);
    tokio::spawn(follow(state, row.id, EventTail::new(&directory, after), frames, permit));
    let sse = Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)));
    // nginx would hold the messages back
    Ok(([(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"))], sse).into_response())
}

type Frames = mpsc::Sender<Result<Frame, Infallible>>;

/// Sends what is new until the study has ended, the reader has gone or the server ends.
async fn follow(state: AppState, id: StudyId, tail: EventTail, frames: Frames, _permit: OwnedSemaphorePermit) {
    let shutdown = state.shutdown.clone();
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = frames.closed() => {}
        () = send_all(state, id, tail, &frames) => {}
    }
}

async fn send_all(state: AppState, id: StudyId, mut tail: EventTail, frames: &Frames) {
    let mut first = true;
    loop {
        // asked before the file is read: what an ended worker has written is then all read
        let status = state.backend.row(id.as_str()).await.map(|row| row.status);
        loop {
            let read = tokio::task::spawn_blocking(move || (tail.read(), tail)).await;
            let Ok((events, returned)) = read else { return };
            tail = returned;
            let events = events.unwrap_or_else(|error| {
                tracing::warn!(%id, %error, "events can't be read");
                Vec::new()
            });
            if events.is_empty() {
                break;
            }
            for event in &events {
                let Some(frame) = frame(event) else { continue };
                let frame = if std::mem::take(&mut first) { frame.retry(RETRY) } else { frame };
                if frames.send(Ok(frame)).await.is_err() {
                    return;
                }
            }
        }
        match status {
            Ok(status) if status.is_active() => tokio::time::sleep(POLL).await,
            Ok(status) => return send_end(frames, status).await,
            // deleted meanwhile
            Err(_) => return,
        }
    }
}

fn frame(event: &Event) -> Option<Frame> {
    Frame::default().id(event.id.to_string()).json_data(event).ok()
}

async fn send_end(frames: &Frames, status: StudyStatus) {
    if let Ok(frame) = Frame::default().event("end").json_data(serde_json::json!({ "status": status })) {
        drop(frames.send(Ok(frame)).await);
    }
}
