//! So many at a time, so many that wait, and nobody more.

use rankscope_app::error::AppError;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Lets some in at a time. Who finds the queue full is told so at once: a queue without end takes memory, and its end is never reached.
#[derive(Debug, Clone)]
pub struct Turnstile {
    /// Those inside and those that wait.
    places: Arc<Semaphore>,
    inside: Arc<Semaphore>,
    busy: &'static str,
}

/// Held by who was let in.
#[derive(Debug)]
pub struct Admission {
    _inside: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
}

impl Turnstile {
    /// `busy`: what those are told who find it full, with what to do.
    pub fn new(inside: usize, waiting: usize, busy: &'static str) -> Self {
        Self { places: Arc::new(Semaphore::new(inside + waiting)), inside: Arc::new(Semaphore::new(inside)), busy }
    }

    pub async fn enter(&self) -> Result<Admission, AppError> {
        let busy = |_| AppError::Busy(self.busy.into());
        let place = self.places.clone().try_acquire_owned().map_err(busy)?;
        let inside = self.inside.clone().acquire_owned().await.map_err(|_| AppError::Busy(self.busy.into()))?;
        Ok(Admission { _inside: inside, _place: place })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn one_is_in_one_waits_and_the_third_is_told_at_once() {
        let turnstile = Turnstile::new(1, 1, "Try again.");
        let first = turnstile.enter().await.unwrap();
        let mut second = Box::pin(turnstile.enter());
        assert!((&mut second).now_or_never().is_none(), "it waits");
        assert_eq!(turnstile.enter().await.err(), Some(AppError::Busy("Try again.".into())));
        drop(second);
        let mut third = Box::pin(turnstile.enter());
        assert!((&mut third).now_or_never().is_none(), "who gave up waiting makes room");
        drop(first);
        assert!(third.await.is_ok());
        assert!(turnstile.enter().await.is_ok());
    }
}
