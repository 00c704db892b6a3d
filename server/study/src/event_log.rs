//! `events.jsonl`: appended to, ids rising over restarts; a line that a kill cut in two is cut off at the next start.

use crate::StudyError;
use rankscope_domain::event::{Event, Happening};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

/// The writer's side.
pub(crate) struct EventLog {
    path: PathBuf,
    file: File,
    last_id: u64,
}

impl EventLog {
    pub(crate) fn open(path: &Path) -> Result<Self, StudyError> {
        let text = read(path)?;
        let whole = whole_lines(&text);
        let last_id = parse(path, whole)?.last().map_or(0, |event| event.id);
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(StudyError::at(path))?;
        if whole.len() < text.len() {
            file.set_len(whole.len() as u64).map_err(StudyError::at(path))?;
        }
        Ok(Self { path: path.into(), file, last_id })
    }

    /// Appends one event in one write.
    pub(crate) fn append(&mut self, what: Happening) -> Result<Event, StudyError> {
        let at_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        let event = Event { id: self.last_id + 1, at_ms, what };
        let mut line = serde_json::to_vec(&event).map_err(|error| StudyError::Other(error.to_string()))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(StudyError::at(&self.path))?;
        self.last_id = event.id;
        Ok(event)
    }
}

/// Events with an id above `last_id`, in order.
pub(crate) fn read_since(path: &Path, last_id: u64) -> Result<Vec<Event>, StudyError> {
    let text = read(path)?;
    let mut events = parse(path, whole_lines(&text))?;
    events.retain(|event| event.id > last_id);
    Ok(events)
}

fn read(path: &Path) -> Result<String, StudyError> {
    match fs::read(path) {
        // a cut line may end inside a character
        Ok(bytes) => Ok(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let mut bytes = error.into_bytes();
                bytes.truncate(valid);
                String::from_utf8(bytes).unwrap_or_default()
            }
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(StudyError::at(path)(error)),
    }
}

fn whole_lines(text: &str) -> &str {
    &text[..text.rfind('\n').map_or(0, |end| end + 1)]
}

fn parse(path: &Path, text: &str) -> Result<Vec<Event>, StudyError> {
    text.lines()
        .map(|line| {
            serde_json::from_str(line).map_err(|error| {
                StudyError::Other(format!(
                    "{}: a line is no event ({error}); move the file away, the study goes on without its history",
                    path.display()
                ))
            })
        })
        .collect()
}

/// Seconds that workers worked, pauses between them left out.
pub(crate) fn work_seconds(events: &[Event]) -> f64 {
    let mut total = 0;
    let mut started = None;
    let mut last = 0;
    for event in events {
        if matches!(event.what, Happening::WorkerStarted { .. }) {
            total += started.map_or(0, |from| last - from);
            started = Some(event.at_ms);
        }
        last = event.at_ms.max(started.unwrap_or(event.at_ms));
    }
    total += started.map_or(0, |from| last - from);
    total as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(text: &str) -> Happening {
        Happening::Note { text: text.into() }
    }

    #[test]
    fn ids_rise_over_restarts_and_a_cut_line_is_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events.jsonl");
        let mut log = EventLog::open(&path).unwrap();
        log.append(note("one")).unwrap();
        log.append(note("two")).unwrap();
        drop(log);
        let mut bytes = fs::read(&path).unwrap();
        let whole = bytes.len();
        // "ü" cut in the middle, as a kill may leave it
        bytes.extend_from_slice(b"{\"id\":3,\"event\":\"note\",\"text\":\"\xc3");
        fs::write(&path, &bytes).unwrap();
        assert_eq!(read_since(&path, 1).unwrap().len(), 1, "a reader saw the half line");
        let mut log = EventLog::open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len() as usize, whole);
        assert_eq!(log.append(note("three")).unwrap().id, 3);
        let ids: Vec<_> = read_since(&path, 0).unwrap().iter().map(|event| event.id).collect();
        assert_eq!(ids, [1, 2, 3]);
    }

    #[test]
    fn pauses_are_no_work() {
        let started = || Happening::WorkerStarted { stages_total: 1, stages_done: 0 };
        let event = |id, at_ms, what| Event { id, at_ms, what };
        let events =
            [event(1, 1000, started()), event(2, 3000, note("")), event(3, 60_000, started()), event(4, 61_500, Happening::Cancelled)];
        assert_eq!(work_seconds(&events), 3.5);
        assert_eq!(work_seconds(&[]), 0.0);
    }
}
