//! The frozen copies: one file a share, written whole, and read only where its content has the hash that was noted.

use rankscope_domain::snapshot::{SNAPSHOT_SCHEMA, Snapshot};
use rankscope_study::{StudyError, write_whole};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, DirBuilder, File, Metadata},
    io::{self, Seek},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use ulid::Ulid;

/// Bytes of the files whose copies are kept ready; in memory they take some times as much. The newest is kept in any case.
const READY_BYTES: u64 = 64 << 20;

/// A link that is being made on the command line notes its copy within moments.
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// What files are called while they are written.
const UNFINISHED: &str = ".writing-";

/// Why a copy is not shown. The texts are for the log and the command line.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotProblem {
    #[error("the copy {0} can't be read: {1}; make another link")]
    Unreadable(PathBuf, io::Error),
    #[error(
        "the copy {0} was changed since it was frozen: its SHA-256 is {1} and not {2}; it is not shown, so revoke the link and make another"
    )]
    Changed(PathBuf, String, String),
    #[error("the copy {0} is of format {1} and this program reads {SNAPSHOT_SCHEMA}; make another link")]
    OtherSchema(PathBuf, u64),
    #[error("the copy {0} can't be understood: {1}; make another link")]
    Malformed(PathBuf, serde_json::Error),
    #[error("the copy can't be written: {0}")]
    Unwritable(StudyError),
    #[error("{0:?} is not the name of a copy")]
    NoName(String),
}

/// Tells a file from one that has been changed or put in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// What the database says of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linked {
    /// A link leads to it, or did until it expired.
    Open,
    Revoked,
    /// There is no such link. `rankscope share` may be about to note it.
    Unknown,
}

struct Ready {
    id: String,
    stamp: Stamp,
    snapshot: Arc<Snapshot>,
}

/// The folder of copies, and those that were read of late.
#[derive(Clone)]
pub struct SnapshotFiles {
    folder: PathBuf,
    /// The one that was read last at the end.
    ready: Arc<Mutex<Vec<Ready>>>,
    /// Held while a copy is parsed: of readers that come at once, one does it.
    parsing: Arc<Mutex<()>>,
}

impl SnapshotFiles {
    pub fn below(data_dir: &Path) -> Self {
        Self { folder: data_dir.join("shares"), ready: Arc::default(), parsing: Arc::default() }
    }

    /// Only names that we have made reach the disk.
    fn path(&self, id: &str) -> Result<PathBuf, SnapshotProblem> {
        match Ulid::from_string(id) {
            Ok(ulid) if ulid.to_string() == id => Ok(self.folder.join(format!("{id}.json"))),
            _ => Err(SnapshotProblem::NoName(id.into())),
        }
    }

    /// Gives the content's SHA-256, hex.
    pub fn write(&self, id: &str, snapshot: &Snapshot) -> Result<String, SnapshotProblem> {
        let path = self.path(id)?;
        let bytes = serde_json::to_vec(snapshot).map_err(|error| SnapshotProblem::Malformed(path.clone(), error))?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .map_err(|error| SnapshotProblem::Unreadable(self.folder.clone(), error))?;
        write_whole(&path, &bytes).map_err(SnapshotProblem::Unwritable)?;
        Ok(sha256(&bytes))
    }

    /// The file as it was written, at its beginning, and its length; hashed in pieces, so that it is never in memory whole.
    pub fn open(&self, id: &str, expected_sha256: &str) -> Result<(File, u64), SnapshotProblem> {
        let path = self.path(id)?;
        let unreadable = |error| SnapshotProblem::Unreadable(path.clone(), error);
        let mut file = File::open(&path).map_err(unreadable)?;
        let mut hash = Sha256::new();
        let length = io::copy(&mut file, &mut hash).map_err(unreadable)?;
        let found = hex(&hash.finalize());
        if found != expected_sha256 {
            return Err(SnapshotProblem::Changed(path, found, expected_sha256.into()));
        }
        file.rewind().map_err(unreadable)?;
        Ok((file, length))
    }

    fn read_bytes(&self, id: &str, expected_sha256: &str) -> Result<Vec<u8>, SnapshotProblem> {
        let path = self.path(id)?;
        let bytes = fs::read(&path).map_err(|error| SnapshotProblem::Unreadable(path.clone(), error))?;
        let found = sha256(&bytes);
        if found == expected_sha256 { Ok(bytes) } else { Err(SnapshotProblem::Changed(path, found, expected_sha256.into())) }
    }

    /// Checked anew whenever the file may have changed.
    pub fn read(&self, id: &str, expected_sha256: &str) -> Result<Arc<Snapshot>, SnapshotProblem> {
        let path = self.path(id)?;
        let stamp = || {
            let metadata = fs::symlink_metadata(&path).map_err(|error| SnapshotProblem::Unreadable(path.clone(), error))?;
            Ok::<_, SnapshotProblem>(Stamp::of(&metadata))
        };
        if let Some(snapshot) = self.ready(id, stamp()?) {
            return Ok(snapshot);
        }
        let _alone = self.parsing.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = stamp()?;
        if let Some(snapshot) = self.ready(id, stamp) {
            return Ok(snapshot);
        }
        let bytes = self.read_bytes(id, expected_sha256)?;
        let snapshot = Arc::new(understand(&path, &bytes)?);
        let mut ready = self.lock();
        ready.retain(|known| known.id != id);
        ready.push(Ready { id: id.into(), stamp, snapshot: snapshot.clone() });
        while ready.len() > 1 && ready.iter().map(|known| known.stamp.length).sum::<u64>() > READY_BYTES {
            ready.remove(0);
        }
        Ok(snapshot)
    }

    fn ready(&self, id: &str, stamp: Stamp) -> Option<Arc<Snapshot>> {
        let mut ready = self.lock();
        let place = ready.iter().position(|ready| ready.id == id && ready.stamp == stamp)?;
        let found = ready.remove(place);
        let snapshot = found.snapshot.clone();
        ready.push(found);
        Some(snapshot)
    }

    /// A copy that is not there is no error.
    pub fn remove(&self, id: &str) {
        self.lock().retain(|known| known.id != id);
        let Ok(path) = self.path(id) else { return };
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::error!(path = %path.display(), %error, "the copy of a revoked link can't be removed: remove it yourself");
            }
            _ => {}
        }
    }

    /// Removes what no link leads to.
    pub fn clear(&self, linked: impl Fn(&str) -> Linked) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let id = name.strip_suffix(".json").filter(|id| self.path(id).is_ok());
            let is_old = || entry.metadata().and_then(|data| data.modified()).is_ok_and(|at| at.elapsed().is_ok_and(|age| age > A_DAY));
            match id.map(&linked) {
                Some(Linked::Open) => {}
                Some(Linked::Revoked) => self.remove(id.unwrap_or_default()),
                Some(Linked::Unknown) if is_old() => self.remove(id.unwrap_or_default()),
                None if name.starts_with(UNFINISHED) && is_old() => drop(fs::remove_file(entry.path())),
                Some(Linked::Unknown) | None => {}
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Ready>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The format first: what another version wrote must not be half understood.
fn understand(path: &Path, bytes: &[u8]) -> Result<Snapshot, SnapshotProblem> {
    #[derive(serde::Deserialize)]
    struct Version {
        schema: u64,
    }
    let malformed = |error| SnapshotProblem::Malformed(path.into(), error);
    let Version { schema } = serde_json::from_slice(bytes).map_err(malformed)?;
    if schema != u64::from(SNAPSHOT_SCHEMA) {
        return Err(SnapshotProblem::OtherSchema(path.into(), schema));
    }
    serde_json::from_slice(bytes).map_err(malformed)
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rankscope_study::{ShareScope, Study};

    fn snapshot() -> Snapshot {
        let example = concat!(env!("CARGO_MANIFEST_DIR"), "/example");
        let scope = ShareScope { anonymous: false, completions: false };
        Study::open(Path::new(example)).unwrap().snapshot(scope, "2026-01-01T00:00:00Z".into()).unwrap().unwrap()
    }

    #[test]
    fn a_copy_reads_back_and_a_changed_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let files = SnapshotFiles::below(folder.path());
        let (id, snapshot) = (Ulid::new().to_string(), snapshot());
        let hash = files.write(&id, &snapshot).unwrap();
        assert_eq!(*files.read(&id, &hash).unwrap(), snapshot);
        assert_eq!(*files.read(&id, &hash).unwrap(), snapshot, "kept ready");

        let path = folder.path().join(format!("shares/{id}.json"));
        let written = fs::read_to_string(&path).unwrap();
        // as long as before, and put in its place by a rename, with the old time
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(folder.path().join("other"), written.replacen("Quick look", "Quick lock", 1)).unwrap();
        File::options().write(true).open(folder.path().join("other")).unwrap().set_modified(modified).unwrap();
        fs::rename(folder.path().join("other"), &path).unwrap();
        assert!(matches!(files.read(&id, &hash), Err(SnapshotProblem::Changed(..))));
        assert!(matches!(files.open(&id, &hash), Err(SnapshotProblem::Changed(..))));
        fs::write(&path, &written).unwrap();
        let (file, length) = files.open(&id, &hash).unwrap();
        assert_eq!((io::read_to_string(file).unwrap(), length), (written.clone(), written.len() as u64), "from its beginning");
        assert_eq!(*files.read(&id, &hash).unwrap(), snapshot);

        files.remove(&id);
        files.remove(&id);
        assert!(matches!(files.read(&id, &hash), Err(SnapshotProblem::Unreadable(..))));
    }

    #[test]
    fn readers_that_come_at_once_have_it_parsed_once() {
        let folder = tempfile::tempdir().unwrap();
        let files = SnapshotFiles::below(folder.path());
        let links: Vec<_> =
            (0..6).map(|_| Ulid::new().to_string()).map(|id| (id.clone(), files.write(&id, &snapshot()).unwrap())).collect();
        let read: Vec<Arc<Snapshot>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| files.read(&links[0].0, &links[0].1).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(read.iter().all(|snapshot| Arc::ptr_eq(snapshot, &read[0])), "it was parsed twice");
        // more links than a few, of small files, don't push one another out
        let first: Vec<_> = links.iter().map(|(id, hash)| files.read(id, hash).unwrap()).collect();
        let again: Vec<_> = links.iter().map(|(id, hash)| files.read(id, hash).unwrap()).collect();
        assert!(first.iter().zip(&again).all(|(one, other)| Arc::ptr_eq(one, other)));
    }

    #[test]
    fn another_format_and_another_name_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let files = SnapshotFiles::below(folder.path());
        fs::create_dir(folder.path().join("shares")).unwrap();
        for (text, expected) in
            [("{\"schema\":2,\"new\":true}", "is of format 2"), ("{}", "can't be understood"), ("[", "can't be understood")]
        {
            let id = Ulid::new().to_string();
            fs::write(folder.path().join(format!("shares/{id}.json")), text).unwrap();
            let error = files.read(&id, &sha256(text.as_bytes())).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        for name in ["..", "../index", "", "a/b", "01arz3ndektsv4rrffq69g5fav"] {
            assert!(matches!(files.read(name, ""), Err(SnapshotProblem::NoName(_))), "{name}");
        }
    }
}
