//! A file of rows: its kind, and its rows one after another, whatever kind it is.

use super::{cell::Cell, csv, jsonl, parquet};
use rankscope_engine::Flow;
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{BufReader, Read},
    path::{Path, PathBuf},
};

/// Longest line of a text file, bytes.
pub(super) const LINE_LIMIT: usize = 4 << 20;
/// Most columns of a file.
pub(super) const COLUMNS_LIMIT: usize = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Jsonl,
    Csv { delimiter: u8 },
    Parquet,
}

impl Format {
    /// By the end of the name; `None`: not one that is read.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "jsonl" | "ndjson" | "json" => Some(Self::Jsonl),
            "csv" => Some(Self::Csv { delimiter: b',' }),
            "tsv" => Some(Self::Csv { delimiter: b'\t' }),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Format::Jsonl => "jsonl",
            Format::Csv { .. } => "csv",
            Format::Parquet => "parquet",
        }
    }
}

/// A file, or the text that is compiled in.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DataFile {
    pub(super) path: PathBuf,
    /// As errors and provenance call it: what the recipe says, and the file in a directory.
    pub(super) name: String,
    pub(super) format: Format,
    pub(super) builtin: Option<&'static str>,
}

/// Where a row is: lines as an editor counts them, rows of a parquet file from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Line(u64),
    Row(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Line(number) => write!(f, "Line {number}"),
            Place::Row(number) => write!(f, "Row {number}"),
        }
    }
}

/// The columns of a file.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Header {
    pub(super) names: Vec<String>,
    /// The labels' names of columns of the hub's type ClassLabel.
    pub(super) class_names: BTreeMap<String, Vec<String>>,
}

impl Header {
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    /// Refuses what can't be told apart.
    pub(super) fn check(self) -> Result<Self, String> {
        if self.names.len() > COLUMNS_LIMIT {
            return Err(format!("It has {} columns; at most {COLUMNS_LIMIT} are read.", self.names.len()));
        }
        for (index, name) in self.names.iter().enumerate() {
            if self.names[..index].contains(name) {
                return Err(format!(
                    "The column {name:?} stands twice (columns {} and {}); rename one.",
                    self.position(name).unwrap_or(0) + 1,
                    index + 1
                ));
            }
        }
        Ok(self)
    }
}

/// The cells of the wanted columns, in their order.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) place: Place,
    pub(super) cells: Vec<Cell>,
}

/// What is handed on while a file is read: a row, or what is wrong with one, as a sentence that names it.
pub(super) type Visit<'a> = dyn FnMut(Result<Row, String>) -> Flow + 'a;

impl DataFile {
    pub(super) fn header(&self) -> Result<Header, String> {
        let header = match self.format {
            Format::Jsonl => jsonl::header(self.reader()?)?,
            Format::Csv { delimiter } => csv::header(self.reader()?, delimiter)?,
            Format::Parquet => parquet::header(self.open()?)?,
        };
        header.check()
    }

    /// Reads the columns `wanted` (positions in the header, ascending) row by row; `Err`: the file can't be read on.
    pub(super) fn read(&self, header: &Header, wanted: &[usize], visit: &mut Visit<'_>) -> Result<(), String> {
        match self.format {
            Format::Jsonl => jsonl::read(self.reader()?, header, wanted, visit),
            Format::Csv { delimiter } => csv::read(self.reader()?, delimiter, header, wanted, visit),
            Format::Parquet => parquet::read(self.open()?, header, wanted, visit),
        }
    }

    /// SHA-256 of the content, hex, and its bytes.
    pub(super) fn hash(&self) -> Result<(String, u64), String> {
        let mut reader = self.reader()?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 1 << 16];
        let mut bytes = 0;
        loop {
            let read = reader.read(&mut buffer).map_err(|error| cant_be_read(&error))?;
            if read == 0 {
                break;
            }
            hash.update(&buffer[..read]);
            bytes += read as u64;
        }
        Ok((hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect(), bytes))
    }

    fn open(&self) -> Result<File, String> {
        let file = File::open(&self.path).map_err(|error| cant_be_read(&error))?;
        let is_file = file.metadata().map_err(|error| cant_be_read(&error))?.is_file();
        if is_file { Ok(file) } else { Err("This is no file; give the path of a file.".into()) }
    }

    fn reader(&self) -> Result<BufReader<Box<dyn Read>>, String> {
        let inner: Box<dyn Read> = match self.builtin {
            Some(text) => Box::new(text.as_bytes()),
            None => Box::new(self.open()?),
        };
        Ok(BufReader::with_capacity(1 << 16, inner))
    }
}

pub(super) fn cant_be_read(error: &std::io::Error) -> String {
    format!("The file can't be read ({error}); check the path and its permissions.")
}
