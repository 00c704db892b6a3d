//! Changes of several steps. A handler is dropped with its connection, at whichever step it is: what must not stay half done goes here.

use tokio::task::JoinError;
use tracing::Instrument;

/// Does a change to its end, also when whoever asked for it is gone before. An error: it panicked, or the program ends.
pub(crate) async fn to_its_end<T: Send + 'static>(change: impl Future<Output = T> + Send + 'static) -> Result<T, JoinError> {
    tokio::spawn(change.instrument(tracing::Span::current())).await
}
