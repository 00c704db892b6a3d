//! Who waits for what: questions in the order in which they were put, and those that have just ended. No clock but the one it is told, no
//! process: it only keeps books.

use super::{Readings, Stages, Turn, stopped};
use rankscope_app::error::AppError;
use rankscope_domain::lens_question::LensStage;
use rankscope_study::lens_bench::LensTask;
use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Questions that wait for their turn, the one that is being answered left out.
pub(super) const MOST_WAITING: usize = 8;
/// A question that was put and that no page follows live is let go of after so long without being asked about.
const ASKED_LATELY: Duration = Duration::from_secs(12);
/// The same where the last page that followed it live has gone: time for it to be loaded anew.
const PAGE_LEFT: Duration = Duration::from_secs(1);
/// How a question ended is told for so long; then it is asked anew.
const ENDED_KEPT: Duration = Duration::from_secs(30);

/// How a question ended.
pub(super) type Ended = Result<Readings, AppError>;

/// What becomes of a question that is put.
pub(super) enum Put {
    Ended(Ended),
    Waiting(Stages),
}

#[derive(Default)]
pub(super) struct Queue {
    waiting: VecDeque<String>,
    questions: HashMap<String, Entry>,
}

struct Entry {
    task: LensTask,
    stage: watch::Sender<LensStage>,
    /// Pages that follow it live.
    followers: usize,
    /// Until when it stays without any.
    stays_until: Instant,
    stop: CancellationToken,
    /// Asked again while it is being stopped: once it has, it is put anew.
    anew: bool,
    ended: Option<(Instant, Ended)>,
}

impl Queue {
    /// In the queue, at work, or ended lately.
    pub(super) fn has(&self, ticket: &str) -> bool {
        self.questions.contains_key(ticket)
    }

    pub(super) fn put(&mut self, ticket: &str, task: LensTask, again: bool) -> Result<Put, AppError> {
        if let Some(entry) = self.questions.get_mut(ticket).filter(|entry| entry.ended.is_none()) {
            entry.stays_until = entry.stays_until.max(Instant::now() + ASKED_LATELY);
            entry.anew |= again && entry.stop.is_cancelled();
            return Ok(Put::Waiting(entry.stage.subscribe()));
        }
        if let Some(ended) = self.ended(ticket)
            && !(again && ended.is_err())
        {
            return Ok(Put::Ended(ended));
        }
        if self.waiting.len() >= MOST_WAITING {
            return Err(AppError::Busy(format!(
                "{MOST_WAITING} questions wait for the lens already. Wait until some are answered, or close the pages that ask them; then ask again."
            )));
        }
        let (stage, stages) = watch::channel(LensStage::Queued { place: 0 });
        let stays_until = Instant::now() + ASKED_LATELY;
        let entry = Entry { task, stage, followers: 0, stays_until, stop: CancellationToken::new(), anew: false, ended: None };
        self.questions.insert(ticket.into(), entry);
        self.waiting.push_back(ticket.into());
        self.number();
        Ok(Put::Waiting(stages))
    }

    /// How it ended, where it has.
    pub(super) fn ended(&mut self, ticket: &str) -> Option<Ended> {
        let ended = self.questions.get(ticket)?.ended.as_ref().map(|(_, ended)| ended.clone())?;
        // what was refused may be mended by now: it is said once
        if matches!(ended, Err(AppError::Invalid(_))) {
            self.questions.remove(ticket);
        }
        Some(ended)
    }

    /// The first of the queue leaves it.
    pub(super) fn next(&mut self) -> Option<Turn> {
        while let Some(ticket) = self.waiting.pop_front() {
            self.number();
            if let Some(entry) = self.questions.get(&ticket).filter(|entry| entry.ended.is_none()) {
                return Some(Turn { ticket, task: entry.task.clone(), stop: entry.stop.clone() });
            }
        }
        None
    }

    pub(super) fn tell(&self, ticket: &str, stage: LensStage) {
        if let Some(entry) = self.questions.get(ticket) {
            entry.stage.send_replace(stage);
        }
    }

    pub(super) fn end(&mut self, ticket: &str, ended: Ended) {
        self.waiting.retain(|waiting| waiting != ticket);
        if let Some(entry) = self.questions.get_mut(ticket) {
            if std::mem::take(&mut entry.anew) && ended.is_err() {
                (entry.stop, entry.stays_until) = (CancellationToken::new(), Instant::now() + ASKED_LATELY);
                self.waiting.push_back(ticket.into());
            } else {
                entry.ended = Some((Instant::now(), ended));
                entry.stage.send_replace(LensStage::Ended);
            }
        }
        self.number();
    }

    /// Taken out where it waits; where it is at work, its worker is told and says when it has stopped.
    pub(super) fn stop(&mut self, ticket: &str) {
        if let Some(entry) = self.questions.get(ticket).filter(|entry| entry.ended.is_none()) {
            entry.stop.cancel();
            if self.waiting.iter().any(|waiting| waiting == ticket) {
                self.end(ticket, Err(stopped()));
            }
        }
    }

    /// Stops what nobody waits for, and forgets what ended a while ago.
    pub(super) fn let_go(&mut self) {
        let now = Instant::now();
        let abandoned =
            |entry: &Entry| entry.ended.is_none() && entry.followers == 0 && entry.stays_until < now && !entry.stop.is_cancelled();
        let tickets: Vec<String> = self.questions.iter().filter(|(_, entry)| abandoned(entry)).map(|(ticket, _)| ticket.clone()).collect();
        for ticket in tickets {
            tracing::debug!(ticket, "nobody waits for this question any more");
            self.stop(&ticket);
        }
        let is_kept = |entry: &Entry| entry.ended.as_ref().is_none_or(|(at, _)| now.duration_since(*at) < ENDED_KEPT);
        self.questions.retain(|_, entry| is_kept(entry));
    }

    /// A page follows it from now on, until [`Queue::unfollow`]; `None`: there is no such question.
    pub(super) fn follow(&mut self, ticket: &str) -> Option<Stages> {
        let entry = self.questions.get_mut(ticket)?;
        entry.followers += 1;
        Some(entry.stage.subscribe())
    }

    pub(super) fn unfollow(&mut self, ticket: &str) {
        if let Some(entry) = self.questions.get_mut(ticket) {
            entry.followers = entry.followers.saturating_sub(1);
            if entry.followers == 0 {
                entry.stays_until = Instant::now() + PAGE_LEFT;
            }
        }
    }

    /// Tells each its place.
    fn number(&self) {
        for (place, ticket) in (1..).zip(&self.waiting) {
            self.tell(ticket, LensStage::Queued { place });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task() -> LensTask {
        LensTask {
            directory: "/x".into(),
            recipe_sha256: String::new(),
            base: "/m".into(),
            model_name: String::new(),
            base_sha256: None,
            cells: Vec::new(),
            prompt: String::new(),
            top_k: 1,
            new_tokens: 0,
        }
    }

    fn put(queue: &mut Queue, ticket: &str) -> Stages {
        match queue.put(ticket, task(), false) {
            Ok(Put::Waiting(stages)) => stages,
            Ok(Put::Ended(_)) => panic!("it has ended"),
            Err(error) => panic!("{error}"),
        }
    }

    fn place(stages: &Stages) -> LensStage {
        stages.borrow().clone()
    }

    #[test]
    fn places_are_told_and_change() {
        let mut queue = Queue::default();
        let stages = ["a", "b", "c"].map(|ticket| put(&mut queue, ticket));
        assert_eq!(stages.each_ref().map(place), [1, 2, 3].map(|place| LensStage::Queued { place }));
        put(&mut queue, "c");
        assert_eq!(queue.next().unwrap().ticket, "a");
        queue.stop("b");
        assert_eq!([place(&stages[1]), place(&stages[2])], [LensStage::Ended, LensStage::Queued { place: 1 }]);
        assert_eq!(queue.ended("b").unwrap().unwrap_err(), stopped());
        assert_eq!(queue.next().unwrap().ticket, "c");
        assert!(queue.next().is_none());
    }

    #[test]
    fn a_full_queue_says_so_and_takes_no_more() {
        let mut queue = Queue::default();
        for number in 0..MOST_WAITING {
            put(&mut queue, &number.to_string());
        }
        let Err(error) = queue.put("one more", task(), false) else { panic!("it was taken") };
        assert!(error.status() == 503 && error.to_string().contains("8 questions wait"), "{error}");
        assert!(!queue.has("one more"));
        put(&mut queue, "3");
        queue.stop("3");
        put(&mut queue, "one more");
    }

    #[test]
    fn what_failed_is_told_until_it_is_asked_again() {
        let mut queue = Queue::default();
        put(&mut queue, "a");
        queue.next();
        queue.end("a", Err(AppError::Internal("it died".into())));
        assert!(matches!(queue.put("a", task(), false), Ok(Put::Ended(Err(AppError::Internal(_))))));
        assert!(matches!(queue.put("a", task(), true), Ok(Put::Waiting(_))));
        assert_eq!(queue.next().unwrap().ticket, "a");
        queue.end("a", Err(AppError::Invalid(rankscope_domain::FieldErrors::one("study", "x", "Put it back."))));
        assert!(matches!(queue.put("a", task(), false), Ok(Put::Ended(Err(AppError::Invalid(_))))));
        assert!(matches!(queue.put("a", task(), false), Ok(Put::Waiting(_))), "a refusal is said once");
    }

    #[test]
    fn what_is_asked_again_while_it_is_being_stopped_is_put_anew() {
        let mut queue = Queue::default();
        put(&mut queue, "a");
        let turn = queue.next().unwrap();
        queue.stop("a");
        assert!(matches!(queue.put("a", task(), false), Ok(Put::Waiting(_))));
        queue.end("a", Err(stopped()));
        assert_eq!(queue.ended("a").unwrap().unwrap_err(), stopped(), "a look at it is no question");
        assert!(turn.stop.is_cancelled());

        assert!(matches!(queue.put("a", task(), true), Ok(Put::Waiting(_))));
        queue.next().unwrap();
        queue.stop("a");
        let Ok(Put::Waiting(stages)) = queue.put("a", task(), true) else { panic!("it waits until the worker has stopped") };
        queue.end("a", Err(stopped()));
        assert_eq!(place(&stages), LensStage::Queued { place: 1 });
        let turn = queue.next().unwrap();
        assert!(turn.ticket == "a" && !turn.stop.is_cancelled());
        queue.end("a", Err(stopped()));
        assert_eq!(queue.ended("a").unwrap().unwrap_err(), stopped(), "once");
    }

    #[test]
    fn nobody_waits_for_it_any_more() {
        let mut queue = Queue::default();
        for ticket in ["followed", "left", "new"] {
            put(&mut queue, ticket);
        }
        let turn = queue.next().unwrap();
        queue.follow("followed").unwrap();
        queue.follow("left").unwrap();
        queue.unfollow("left");
        for ticket in ["followed", "left"] {
            queue.questions.get_mut(ticket).unwrap().stays_until = Instant::now();
        }
        std::thread::sleep(Duration::from_millis(2));
        queue.let_go();
        assert!(queue.ended("left").is_some() && queue.ended("new").is_none() && !turn.stop.is_cancelled());
        queue.unfollow("followed");
        queue.let_go();
        assert!(!turn.stop.is_cancelled(), "a page may come back in a moment");
        queue.questions.get_mut("followed").unwrap().stays_until = Instant::now();
        std::thread::sleep(Duration::from_millis(2));
        queue.let_go();
        assert!(turn.stop.is_cancelled() && queue.ended("followed").is_none(), "its worker says when it has stopped");
        assert!(queue.follow("no such question").is_none());
    }
}
