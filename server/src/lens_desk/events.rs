//! Where a question is, as it happens, as server-sent events. A page that is left closes its stream, and so lets go of the question.

use super::Inner;
use crate::{error::EdgeError, state::AppState};
use axum::{
    extract::{Path, State},
    http::{HeaderName, HeaderValue, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{Event as Frame, KeepAlive, Sse},
    },
};
use rankscope_app::error::AppError;
use rankscope_domain::lens_question::LensStage;
use std::{
    convert::Infallible,
    sync::{Arc, LazyLock},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;

/// Streams at once.
const MAX_STREAMS: usize = 64;

static STREAMS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(MAX_STREAMS)));

/// One page's interest in a question.
struct Follower {
    inner: Arc<Inner>,
    ticket: String,
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.inner.queue().unfollow(&self.ticket);
    }
}

/// `GET /lens/{ticket}/events`. Each stage is a message with its JSON as data; an event named `end` says that the question has ended, or
/// that nobody knows it any more: asking again tells which.
pub async fn stream(State(state): State<AppState>, Path(ticket): Path<String>) -> Result<Response, EdgeError> {
    let is_ticket = ticket.len() == 64 && ticket.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !is_ticket {
        return Err(AppError::NotFound("There is no such question. Ask it on the page of the lens.".into()).into());
    }
    let Ok(permit) = STREAMS.clone().try_acquire_owned() else {
        let text = "Too many pages wait for the lens. Close some, then reload this one.\n";
        return Ok((StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "5")], text).into_response());
    };
    let (frames, receiver) = mpsc::channel(16);
    tokio::spawn(follow(state, ticket, frames, permit));
    let sse = Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::new().interval(Duration::from_secs(5)));
    // nginx would hold the messages back
    Ok(([(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"))], sse).into_response())
}

type Frames = mpsc::Sender<Result<Frame, Infallible>>;

async fn follow(state: AppState, ticket: String, frames: Frames, _permit: OwnedSemaphorePermit) {
    let inner = state.backend.lens_desk.inner.clone();
    let stages = inner.queue().follow(&ticket);
    if let Some(mut stages) = stages {
        let _follower = Follower { inner, ticket };
        let told = async {
            loop {
                let stage = stages.borrow_and_update().clone();
                let Ok(frame) = Frame::default().json_data(&stage) else { return };
                if stage == LensStage::Ended || frames.send(Ok(frame)).await.is_err() || stages.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = state.shutdown.cancelled() => return,
            () = frames.closed() => return,
            () = told => {}
        }
    }
    drop(frames.send(Ok(Frame::default().event("end").data("{}"))).await);
}
