//! Who works in a study directory: one process at a time, known by a lock that ends with it.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::Path,
    time::{Duration, Instant},
};

const FILE_NAME: &str = ".worker.lock";

/// Held by the process that works in a study directory. The kernel lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct WorkerLock {
    file: File,
}

/// Another process has the directory.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("{directory} is being worked on by process {pid}; wait for it, or stop it with: kill {pid}")]
    Busy { directory: String, pid: u32 },
    #[error("{directory}/{FILE_NAME}: {source}; the directory must be writable and on a file system with locks")]
    Io { directory: String, source: io::Error },
}

impl WorkerLock {
    /// Takes the lock and writes this process's id into it.
    pub fn acquire(directory: &Path) -> Result<Self, LockError> {
        let io_error = |source| LockError::Io { directory: directory.display().to_string(), source };
        let mut file = open(directory).map_err(io_error)?;
        // a server that looks whether the lock is taken holds it for an instant itself
        let patience = Instant::now() + Duration::from_secs(2);
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < patience => std::thread::sleep(Duration::from_millis(20)),
                Err(TryLockError::WouldBlock) => {
                    let pid = read_pid(&mut file).unwrap_or(0);
                    return Err(LockError::Busy { directory: directory.display().to_string(), pid });
                }
                Err(TryLockError::Error(source)) => return Err(io_error(source)),
            }
        }
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", std::process::id())).map_err(io_error)?;
        Ok(Self { file })
    }

    /// The process that has the directory, if any has.
    pub fn holder(directory: &Path) -> Option<u32> {
        let mut file = OpenOptions::new().read(true).write(true).open(directory.join(FILE_NAME)).ok()?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                // the holder writes its id right after it took the lock
                for _ in 0..50 {
                    if let Some(pid) = read_pid(&mut file) {
                        return Some(pid);
                    }
                    std::thread::sleep(Duration::from_millis(2));
                }
                Some(0)
            }
            _ => None,
        }
    }
}

impl Drop for WorkerLock {
    fn drop(&mut self) {
        // what is left in the file must not be taken for the next holder's id
        let _ = self.file.set_len(0);
    }
}

fn open(directory: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(directory.join(FILE_NAME))
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(WorkerLock::holder(directory.path()), None);
        let lock = WorkerLock::acquire(directory.path()).unwrap();
        assert_eq!(WorkerLock::holder(directory.path()), Some(std::process::id()));
        let refused = WorkerLock::acquire(directory.path()).unwrap_err();
        assert!(matches!(refused, LockError::Busy { pid, .. } if pid == std::process::id()));
        drop(lock);
        assert_eq!(WorkerLock::holder(directory.path()), None);
        WorkerLock::acquire(directory.path()).unwrap();
    }
}
