//! A server of a test's own. It and its workers end with the test, whatever the test does.

use super::{client::Client, eventually, program::rankscope};
use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::Arc,
};
use tempfile::TempDir;

/// A running server; `client` talks to it.
pub(crate) struct TestApp {
    server: Option<Child>,
    data: Arc<TempDir>,
    pub client: Client,
}

impl TestApp {
    /// Over an empty data directory.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// With more flags for `serve`.
    pub(crate) fn with(flags: &[&str]) -> Self {
        Self::with_environment(flags, &[])
    }

    /// With environment variables of its own.
    pub(crate) fn with_environment(flags: &[&str], environment: &[(&str, String)]) -> Self {
        Self::prepared(|_| {}, flags, environment)
    }

    /// Over a data directory that something is done to before the start.
    pub(crate) fn prepared(prepare: impl FnOnce(&Path), flags: &[&str], environment: &[(&str, String)]) -> Self {
        let data = tempfile::tempdir().expect("a temporary folder");
        prepare(data.path());
        Self::over(Arc::new(data), flags, environment)
    }

    fn over(data: Arc<TempDir>, flags: &[&str], environment: &[(&str, String)]) -> Self {
        let log = File::create(data.path().join("server.log")).expect("server.log");
        let address: &[&str] = if flags.contains(&"--address") { &[] } else { &["--address", "127.0.0.1:0"] };
        let mut server = rankscope()
            .arg("serve")
            .args(address)
            .arg("--data-dir")
            .arg(data.path())
            .args(flags)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            // not the tester's rankscope.toml
            .current_dir(data.path())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the server can't be started");
        let mut line = String::new();
        BufReader::new(server.stdout.take().expect("stdout")).read_line(&mut line).expect("the server's first line");
        let address = line.split_whitespace().find_map(|word| word.strip_prefix("http://")).map(String::from);
        let mut app = Self { server: Some(server), data, client: Client::new(address.as_deref().unwrap_or_default()) };
        if address.is_none() {
            let log = app.log();
            app.end();
            panic!("the server gave no address: {line:?}\n{log}");
        }
        app
    }

    pub(crate) fn data_dir(&self) -> &Path {
        self.data.path()
    }

    pub(crate) fn study_dir(&self, id: &str) -> PathBuf {
        self.data_dir().join("studies").join(id)
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.data_dir().join("server.log")).unwrap_or_default()
    }

    /// Asks the server to end and waits until it has; gives what `away` gives, and starts the next server over the same data.
    pub(crate) fn restart(mut self, away: impl FnOnce(&Self)) -> Self {
        self.end();
        away(&self);
        let data = self.data.clone();
        // the workers stay for the next server
        self.server = None;
        std::mem::forget(self);
        Self::over(data, &[], &[])
    }

    /// Ends the server as the machine's owner does, by SIGTERM.
    pub(crate) fn end(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        send(server.id(), libc::SIGTERM);
        let ended = eventually("the server's end after SIGTERM", || server.try_wait().expect("the server can be waited for"));
        assert!(ended.success(), "the server ended with {ended}\n{}", self.log());
    }

    /// Process ids of the workers of this app's studies.
    pub(crate) fn workers(&self) -> Vec<u32> {
        workers_under(self.data_dir())
    }
}

impl TestApp {
    /// Process ids of the lens's workers of this app's server.
    pub(crate) fn lens_workers(&self) -> Vec<u32> {
        self.server.as_ref().map_or_else(Vec::new, |server| lens_workers_of(server.id()))
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        // one that a test holds still would not see its server's end
        self.lens_workers().into_iter().for_each(|pid| send(pid, libc::SIGKILL));
        if std::thread::panicking() {
            eprintln!("the server's log:\n{}", self.log());
        }
        if let Some(mut server) = self.server.take() {
            drop(server.kill());
            drop(server.wait());
        }
        for pid in self.workers() {
            send(pid, libc::SIGKILL);
        }
        for _ in 0..200 {
            if self.workers().is_empty() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        eprintln!("a worker under {} does not end", self.data_dir().display());
    }
}

/// Sends a signal to a process that a test has started.
pub(crate) fn send(pid: u32, signal: i32) {
    // SAFETY: kill has no effect on this process's memory.
    unsafe { libc::kill(pid as i32, signal) };
}

/// Children of a process that run `lens-worker`, zombies left out.
fn lens_workers_of(server: u32) -> Vec<u32> {
    let is_one = |pid: u32| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).and_then(|parent| parent.trim().parse::<u32>().ok());
        command.split(|&byte| byte == 0).nth(1) == Some(b"lens-worker") && parent == Some(server)
    };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(|pid| is_one(*pid)).collect()
}

/// Processes that run `worker DIR` with DIR under `folder`, zombies left out.
fn workers_under(folder: &Path) -> Vec<u32> {
    let mut pids = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(command) = fs::read(entry.path().join("cmdline")) else { continue };
        let mut arguments = command.split(|&byte| byte == 0).skip(1).map(String::from_utf8_lossy);
        if arguments.next().as_deref() == Some("worker")
            && arguments.next().is_some_and(|directory| Path::new(&*directory).starts_with(folder))
        {
            pids.push(pid);
        }
    }
    pids
}
