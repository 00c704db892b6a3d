//! Reads `events.jsonl` as it grows.

use rankscope_domain::event::Event;
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

/// At most this much of the file is taken in at once.
const CHUNK: u64 = 4 << 20;

/// Where a reader of an events file is. Each read gives the events that were written since the last.
#[derive(Debug)]
pub struct EventTail {
    path: PathBuf,
    /// Start of the first line that was not read yet.
    offset: u64,
    last_id: u64,
}

impl EventTail {
    /// Will give the events with an id above `after`.
    pub fn new(directory: &Path, after: u64) -> Self {
        Self { path: directory.join("events.jsonl"), offset: 0, last_id: after }
    }

    /// New events, oldest first; a line that is not whole yet is left for the next time. Empty: there is nothing new.
    pub fn read(&mut self) -> io::Result<Vec<Event>> {
        loop {
            let (events, more) = self.read_chunk()?;
            if !events.is_empty() || !more {
                return Ok(events);
            }
        }
    }

    fn read_chunk(&mut self) -> io::Result<(Vec<Event>, bool)> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), false)),
            Err(error) => return Err(error),
        };
        let length = file.metadata()?.len();
        if length < self.offset {
            // a worker that resumed has cut off a torn line: ids tell what is known
            self.offset = 0;
        }
        if length == self.offset {
            return Ok((Vec::new(), false));
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        file.take(CHUNK).read_to_end(&mut bytes)?;
        let Some(end) = bytes.iter().rposition(|&byte| byte == b'\n') else {
            // a line longer than a chunk is none of ours
            let too_long = bytes.len() as u64 == CHUNK;
            self.offset += if too_long { CHUNK } else { 0 };
            return Ok((Vec::new(), too_long));
        };
        self.offset += end as u64 + 1;
        let mut events = Vec::new();
        for line in bytes[..end].split(|&byte| byte == b'\n') {
            match serde_json::from_slice::<Event>(line) {
                Ok(event) if event.id > self.last_id => {
                    self.last_id = event.id;
                    events.push(event);
                }
                Ok(_) => {}
                Err(error) => {
                    if !line.iter().all(u8::is_ascii_whitespace) {
                        tracing::debug!(path = %self.path.display(), %error, "skipped a line that is no event");
                    }
                }
            }
        }
        Ok((events, self.offset < length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, io::Write};

    fn line(id: u64) -> String {
        format!("{{\"id\":{id},\"at_ms\":{id},\"event\":\"note\",\"text\":\"n{id}\"}}\n")
    }

    fn ids(tail: &mut EventTail) -> Vec<u64> {
        tail.read().unwrap().iter().map(|event| event.id).collect()
    }

    #[test]
    fn gives_each_event_once_and_waits_for_whole_lines() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events.jsonl");
        let mut tail = EventTail::new(directory.path(), 1);
        assert!(ids(&mut tail).is_empty());
        fs::write(&path, format!("{}{}{}", line(1), line(2), &line(3)[..10])).unwrap();
        assert_eq!(ids(&mut tail), [2]);
        fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(&line(3).as_bytes()[10..]).unwrap();
        assert_eq!(ids(&mut tail), [3]);
        assert!(ids(&mut tail).is_empty());
    }

    #[test]
    fn a_torn_line_that_was_cut_off_or_ended_is_no_harm() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events.jsonl");
        fs::write(&path, format!("{}{}{{\"id\":3,\"at", line(1), line(2))).unwrap();
        let mut tail = EventTail::new(directory.path(), 0);
        assert_eq!(ids(&mut tail), [1, 2]);
        fs::write(&path, format!("{}{}", line(1), line(2))).unwrap();
        assert!(ids(&mut tail).is_empty());
        fs::write(&path, line(1)).unwrap();
        assert!(ids(&mut tail).is_empty());
        fs::write(&path, format!("{}{}garbage\n\n{}", line(1), line(2), line(3))).unwrap();
        assert_eq!(ids(&mut tail), [3]);
    }
}
