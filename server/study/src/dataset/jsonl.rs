//! JSON lines: an object on each line.

use super::{
    cell::Cell,
    file::{Header, LINE_LIMIT, Place, Row, Visit, cant_be_read},
};
use serde_json::{Map, Value};
use std::io::{BufRead, Read};

/// Lines that are looked through for the names of columns: one that is absent from a row is usual.
const HEADER_LINES: u64 = 100;

pub(super) fn header(mut reader: impl BufRead) -> Result<Header, String> {
    let mut header = Header::default();
    let mut lines = Lines::new(&mut reader);
    while let Some(line) = lines.next_line()? {
        // what is wrong with a line is told when it is read
        let Ok(bytes) = line else { continue };
        if let Ok(object) = serde_json::from_slice::<Map<String, Value>>(bytes) {
            for name in object.into_iter().map(|(name, _)| name) {
                if !header.names.contains(&name) {
                    header.names.push(name);
                }
            }
        }
        if lines.number >= HEADER_LINES {
            break;
        }
    }
    Ok(header)
}

pub(super) fn read(mut reader: impl BufRead, header: &Header, wanted: &[usize], visit: &mut Visit<'_>) -> Result<(), String> {
    let mut lines = Lines::new(&mut reader);
    loop {
        let row = match lines.next_line()? {
            None => return Ok(()),
            Some(Err(problem)) => Err(problem),
            Some(Ok(bytes)) => parse(bytes, header, wanted),
        };
        let place = Place::Line(lines.number);
        if visit(row.map(|cells| Row { place, cells }).map_err(|problem| format!("{place}{problem}"))).is_break() {
            return Ok(());
        }
    }
}

/// The wanted cells; an error begins where the place ends.
fn parse(bytes: &[u8], header: &Header, wanted: &[usize]) -> Result<Vec<Cell>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| " is not UTF-8; save the file as UTF-8.".to_string())?;
    let mut object: Map<String, Value> = serde_json::from_str(text).map_err(|error| {
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        let list = if text.trim_start().starts_with('[') { " (a JSON list is not read: one object a line)" } else { "" };
        format!(", character {}: {message}{list}; write {{\"text\": \"…\", \"label\": \"…\"}} on a line of its own.", error.column())
    })?;
    Ok(wanted.iter().map(|&column| object.remove(&header.names[column]).map_or(Cell::Missing, cell)).collect())
}

fn cell(value: Value) -> Cell {
    match value {
        Value::Null => Cell::Missing,
        Value::Bool(value) => Cell::Truth(value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Cell::Whole(whole),
            (None, Some(real)) => Cell::from_real(real),
            (None, None) => Cell::Other("a number out of range"),
        },
        Value::String(text) => Cell::Text(text),
        Value::Array(_) => Cell::Other("a list"),
        Value::Object(_) => Cell::Other("an object"),
    }
}

/// Lines that are not empty, of bounded length.
struct Lines<'a, R> {
    reader: &'a mut R,
    buffer: Vec<u8>,
    /// Of the line that was read last, from 1.
    number: u64,
}

impl<'a, R: BufRead> Lines<'a, R> {
    fn new(reader: &'a mut R) -> Self {
        Self { reader, buffer: Vec::new(), number: 0 }
    }

    /// `Err` inside: this line is too long; `Err` outside: the file can't be read on.
    fn next_line(&mut self) -> Result<Option<Result<&[u8], String>>, String> {
        loop {
            self.buffer.clear();
            let read = (&mut *self.reader)
                .take(LINE_LIMIT as u64 + 1)
                .read_until(b'\n', &mut self.buffer)
                .map_err(|error| cant_be_read(&error))?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            if self.buffer.len() > LINE_LIMIT {
                if self.buffer.last() != Some(&b'\n') {
                    self.reader.skip_until(b'\n').map_err(|error| cant_be_read(&error))?;
                }
                return Ok(Some(Err(format!(" has more than {} MiB; at most that is read: shorten it.", LINE_LIMIT >> 20))));
            }
            if self.number == 1 && self.buffer.starts_with(b"\xef\xbb\xbf") {
                self.buffer.drain(..3);
            }
            // an empty line at the end is usual, and one in between does no harm
            if !self.buffer.trim_ascii().is_empty() {
                break;
            }
        }
        Ok(Some(Ok(self.buffer.trim_ascii())))
    }
}
