//! One file of a model, from the first byte to the whole blob, over as many connections as it takes.

use super::{
    cache::RepoCache,
    client::{FileFacts, HubClient},
    error::HubError,
    source::HubSource,
};
use rankscope_engine::Flow;
use reqwest::{StatusCode, blocking::Response, header::CONTENT_RANGE};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read, Write},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// Connections in a row that may break without a byte having come.
const MOST_FAILURES: u32 = 5;
/// The wait after the first of them; each further one waits twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// How often a wait looks whether it is still wanted.
const GLANCE: Duration = Duration::from_millis(100);
const PIECE: usize = 256 << 10;

/// Told how many bytes of the file are there; asked whether to go on.
pub(super) type OnBytes<'a> = &'a mut dyn FnMut(u64) -> Flow;

/// Which file is fetched, from where, and to where.
pub(super) struct Download<'a> {
    pub(super) client: &'a HubClient,
    pub(super) source: &'a HubSource,
    pub(super) commit: &'a str,
    pub(super) cache: &'a RepoCache,
    pub(super) facts: &'a FileFacts,
}

impl Download<'_> {
    /// Makes the blob, if it is not there.
    pub(super) fn run(&self, on_bytes: OnBytes<'_>) -> Result<(), HubError> {
        let blob = self.cache.blob(&self.facts.etag);
        if is_there(&blob, self.facts.bytes) {
            return go_on(on_bytes(self.facts.bytes));
        }
        make_folder(&blob)?;
        let _lock = self.lock(on_bytes)?;
        // another program may have made it meanwhile
        if is_there(&blob, self.facts.bytes) {
            return go_on(on_bytes(self.facts.bytes));
        }
        let partial = partial_path(&blob);
        self.fill(&partial, on_bytes)?;
        if let Err(error) = self.verify(&partial, on_bytes) {
            if !matches!(error, HubError::Stopped) {
                fs::remove_file(&partial).map_err(HubError::at(&partial))?;
            }
            return Err(error);
        }
        fs::rename(&partial, &blob).map_err(HubError::at(&blob))
    }

    /// Brings the partial file to its full length.
    fn fill(&self, partial: &Path, on_bytes: OnBytes<'_>) -> Result<(), HubError> {
        let mut failures = 0;
        loop {
            let before = length(partial);
            if before >= self.facts.bytes {
                // too long: what lies there is of another file, or of a server that sent too much
                if before == self.facts.bytes && partial.exists() {
                    return Ok(());
                }
                if partial.exists() {
                    fs::remove_file(partial).map_err(HubError::at(partial))?;
                }
            }
            let Err(error) = self.connect(partial, on_bytes) else { continue };
            if !error.is_passing() {
                return Err(error);
            }
            failures = if length(partial) > before { 1 } else { failures + 1 };
            if failures > MOST_FAILURES {
                return Err(error);
            }
            tracing::info!(%error, failures, "the download is taken up again");
            wait(FIRST_WAIT * 2_u32.pow(failures - 1), before, on_bytes)?;
        }
    }

    /// One connection: appends what it gives to the partial file.
    fn connect(&self, partial: &Path, on_bytes: OnBytes<'_>) -> Result<(), HubError> {
        let mut there = length(partial);
        let (mut answer, url) = self.client.content(self.source, self.commit, &self.facts.name, there)?;
        let broken =
            |reason: String| HubError::Network { url: format!("{} from {}", self.facts.name, url.host_str().unwrap_or_default()), reason };
        if there > 0 && !continues(&answer, there) {
            // the server knows no ranges, or another file: from the beginning
            there = 0;
            fs::remove_file(partial).map_err(HubError::at(partial))?;
            if answer.status() == StatusCode::RANGE_NOT_SATISFIABLE {
                return Err(broken("the server refused to go on in the middle".into()));
            }
        }
        let mut file = OpenOptions::new().create(true).append(true).open(partial).map_err(HubError::at(partial))?;
        let mut piece = vec![0; PIECE];
        loop {
            go_on(on_bytes(there))?;
            let count = answer.read(&mut piece).map_err(|error| broken(innermost(&error)))?;
            if count == 0 {
                break;
            }
            there += count as u64;
            if there > self.facts.bytes {
                drop(file);
                fs::remove_file(partial).map_err(HubError::at(partial))?;
                return Err(HubError::WrongSize { file: self.facts.name.clone(), expected: self.facts.bytes, found: there });
            }
            file.write_all(&piece[..count]).map_err(HubError::at(partial))?;
        }
        file.sync_all().map_err(HubError::at(partial))?;
        if there < self.facts.bytes {
            return Err(broken(format!("the connection ended after {there} of {} bytes", self.facts.bytes)));
        }
        Ok(())
    }

    fn verify(&self, partial: &Path, on_bytes: OnBytes<'_>) -> Result<(), HubError> {
        let found = length(partial);
        if found != self.facts.bytes {
            return Err(HubError::WrongSize { file: self.facts.name.clone(), expected: self.facts.bytes, found });
        }
        let Some(expected) = self.facts.sha256() else { return Ok(()) };
        let mut file = File::open(partial).map_err(HubError::at(partial))?;
        let mut hash = Sha256::new();
        let mut piece = vec![0; 1 << 20];
        loop {
            go_on(on_bytes(found))?;
            let count = file.read(&mut piece).map_err(HubError::at(partial))?;
            if count == 0 {
                break;
            }
            hash.update(&piece[..count]);
        }
        let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if found == expected.to_ascii_lowercase() {
            return Ok(());
        }
        Err(HubError::WrongHash { file: self.facts.name.clone(), expected: expected.into(), found })
    }

    /// Waits until no other program writes this blob. The lock ends with the process that holds it.
    fn lock(&self, on_bytes: OnBytes<'_>) -> Result<File, HubError> {
        let path = self.cache.lock(&self.facts.etag);
        make_folder(&path)?;
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(HubError::at(&path))?;
        let partial = partial_path(&self.cache.blob(&self.facts.etag));
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => wait(GLANCE * 3, length(&partial), on_bytes)?,
                Err(TryLockError::Error(error)) => return Err(HubError::at(&path)(error)),
            }
        }
    }
}

/// Where a blob grows; the Python library's name for it.
pub(super) fn partial_path(blob: &Path) -> PathBuf {
    let mut name = blob.as_os_str().to_os_string();
    name.push(".incomplete");
    name.into()
}

/// Whether a blob is there whole.
pub(super) fn is_there(blob: &Path, bytes: u64) -> bool {
    fs::metadata(blob).is_ok_and(|metadata| metadata.is_file() && metadata.len() == bytes)
}

/// Bytes of a file; 0 where there is none.
pub(super) fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

pub(super) fn make_folder(path: &Path) -> Result<(), HubError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(HubError::at(folder))
}

pub(super) fn go_on(flow: Flow) -> Result<(), HubError> {
    if flow.is_break() { Err(HubError::Stopped) } else { Ok(()) }
}

fn wait(time: Duration, there: u64, on_bytes: OnBytes<'_>) -> Result<(), HubError> {
    let mut left = time;
    while !left.is_zero() {
        go_on(on_bytes(there))?;
        let nap = left.min(GLANCE);
        thread::sleep(nap);
        left -= nap;
    }
    Ok(())
}

/// Whether an answer goes on from byte `from`.
fn continues(answer: &Response, from: u64) -> bool {
    let range = answer.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    answer.status() == StatusCode::PARTIAL_CONTENT && range.is_some_and(|range| range.starts_with(&format!("bytes {from}-")))
}

fn innermost(error: &std::io::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
