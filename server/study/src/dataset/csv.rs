//! CSV and TSV: the first line names the columns.

use super::{
    cell::Cell,
    file::{Header, LINE_LIMIT, Place, Row, Visit, cant_be_read},
};
use std::{
    cell::Cell as Shared,
    io::{self, Read},
    rc::Rc,
};

const BUFFER: usize = 1 << 16;

pub(super) fn header(reader: impl Read, delimiter: u8) -> Result<Header, String> {
    let budget = Rc::new(Shared::new(0));
    let mut reader = open(reader, delimiter, &budget);
    let names = reader.byte_headers().map_err(|error| told(&error, 0))?;
    let names: Result<Vec<String>, _> = names.iter().map(|name| std::str::from_utf8(name).map(|name| name.trim().to_string())).collect();
    let names = names.map_err(|_| "Line 1 is not UTF-8; save the file as UTF-8.".to_string())?;
    Ok(Header { names: if names == [""] { Vec::new() } else { names }, ..Header::default() })
}

pub(super) fn read(reader: impl Read, delimiter: u8, header: &Header, wanted: &[usize], visit: &mut Visit<'_>) -> Result<(), String> {
    let budget = Rc::new(Shared::new(0));
    let mut reader = open(reader, delimiter, &budget);
    reader.byte_headers().map_err(|error| told(&error, 0))?;
    // where lines end in CR LF, the reader counts a line once it reads on: it is one behind at the start of each record
    let behind = u64::from(reader.position().line() == 1);
    let mut record = csv::ByteRecord::new();
    loop {
        budget.set(LINE_LIMIT + BUFFER);
        let row = match reader.read_byte_record(&mut record) {
            Ok(false) => return Ok(()),
            Ok(true) => cells(&record, header, wanted, behind),
            Err(error) if matches!(error.kind(), csv::ErrorKind::Io(_)) => return Err(told(&error, behind)),
            Err(error) => Err(told(&error, behind)),
        };
        if visit(row).is_break() {
            return Ok(());
        }
    }
}

fn cells(record: &csv::ByteRecord, header: &Header, wanted: &[usize], behind: u64) -> Result<Row, String> {
    let place = Place::Line(record.position().map_or(0, csv::Position::line) + behind);
    let cell = |&column: &usize| {
        let bytes = record.get(column).unwrap_or_default();
        let text = std::str::from_utf8(bytes)
            .map_err(|_| format!("{place}, column {}: is not UTF-8; save the file as UTF-8.", header.names[column]))?;
        Ok(if text.trim().is_empty() { Cell::Missing } else { Cell::Text(text.into()) })
    };
    let cells: Result<_, String> = wanted.iter().map(cell).collect();
    Ok(Row { place, cells: cells? })
}

fn open(reader: impl Read, delimiter: u8, budget: &Rc<Shared<usize>>) -> csv::Reader<impl Read> {
    budget.set(LINE_LIMIT + BUFFER);
    csv::ReaderBuilder::new().delimiter(delimiter).buffer_capacity(BUFFER).from_reader(Capped { inner: reader, budget: Rc::clone(budget) })
}

/// Stops where a record goes on for too long, as after a quote that is never closed.
struct Capped<R> {
    inner: R,
    budget: Rc<Shared<usize>>,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.budget.get() == 0 {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "a row is too long"));
        }
        let most = buffer.len().min(self.budget.get());
        let read = self.inner.read(&mut buffer[..most])?;
        self.budget.set(self.budget.get() - read);
        Ok(read)
    }
}

fn told(error: &csv::Error, behind: u64) -> String {
    let line = error.position().map_or(1, csv::Position::line) + behind;
    match error.kind() {
        csv::ErrorKind::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            format!("A row has more than {} MiB; at most that is read. Is there a quote that is never closed?", LINE_LIMIT >> 20)
        }
        csv::ErrorKind::Io(error) => cant_be_read(error),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("Line {line} has {len} columns and the first line has {expected_len}; put a text with a comma in quotes.")
        }
        _ => format!("Line {line}: {error}."),
    }
}
