//! A hub of a test's own, on loopback: a model's files as the Hugging Face hub serves them, the large ones from another
//! origin, with everything that can go wrong on the way.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

/// The commit that every branch of the test's models is.
pub(crate) const COMMIT: &str = "11c5a3d5811f50298f278a704980280950aedb10";

/// What the server does wrong.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    /// The next so many answers with a file's content from the other origin end after so many bytes.
    pub break_after: Option<(u32, usize)>,
    /// Content that is not what its SHA-256 says.
    pub corrupt: bool,
    /// Refuses everything with this status and error code.
    pub refuse: Option<(u16, &'static str)>,
    /// Answers to a Range with everything.
    pub no_ranges: bool,
    /// Where large files are said to lie, in place of the other origin.
    pub redirect_to: Option<String>,
    /// Bytes a second of content from the other origin; absent: at once.
    pub slow: Option<usize>,
}

/// One request that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Of the hub itself, or of where large files lie.
    pub at_hub: bool,
    pub method: String,
    pub path: String,
    pub authorization: Option<String>,
    pub range: Option<String>,
}

struct State {
    files: BTreeMap<String, Vec<u8>>,
    faults: Faults,
    seen: Vec<Seen>,
    storage: String,
}

/// The two origins of a hub, which end with the test's process.
#[derive(Clone)]
pub(crate) struct TestHub {
    /// `http://127.0.0.1:PORT`
    pub endpoint: String,
    state: Arc<Mutex<State>>,
}

impl TestHub {
    /// Serves `org/tiny` with the files of a folder.
    pub(crate) fn of(folder: &Path) -> Self {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(folder).expect("the model's folder").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            // the reference figures beside the model are none of its files
            let is_weights = name.starts_with("model") && name.ends_with(".safetensors");
            if is_weights || ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors.index.json"].contains(&&*name) {
                files.insert(name, fs::read(entry.path()).expect("a file of the model"));
            }
        }
        files.insert("README.md".into(), b"---\nlicense: apache-2.0\n---\n# Tiny\n".to_vec());
        files.insert("training_args.bin".into(), b"not to be fetched".to_vec());
        Self::serving(files)
    }

    pub(crate) fn serving(files: BTreeMap<String, Vec<u8>>) -> Self {
        let hub = TcpListener::bind("127.0.0.1:0").expect("a port");
        let storage = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("http://{}", hub.local_addr().expect("an address"));
        let storage_address = format!("http://{}", storage.local_addr().expect("an address"));
        let state = Arc::new(Mutex::new(State { files, faults: Faults::default(), seen: Vec::new(), storage: storage_address }));
        for (listener, at_hub) in [(hub, true), (storage, false)] {
            let state = state.clone();
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let state = state.clone();
                    thread::spawn(move || answer(stream, at_hub, &state));
                }
            });
        }
        Self { endpoint, state }
    }

    pub(crate) fn faults(&self, faults: Faults) {
        self.state.lock().expect("the hub's state").faults = faults;
    }

    /// What was asked since the last time.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.state.lock().expect("the hub's state").seen)
    }
}

fn answer(stream: TcpStream, at_hub: bool, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
    let mut line = String::new();
    if reader.read_line(&mut line).is_err() {
        return;
    }
    let mut words = line.split(' ');
    let (method, path) = (words.next().unwrap_or_default().to_string(), words.next().unwrap_or_default().to_string());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.insert(name.to_ascii_lowercase(), value.trim().to_string());
        }
    }
    let mut guard = state.lock().expect("the hub's state");
    let state = &mut *guard;
    state.seen.push(Seen {
        at_hub,
        method: method.clone(),
        path: path.clone(),
        authorization: headers.get("authorization").cloned(),
        range: headers.get("range").cloned(),
    });
    let mut out = stream;
    if let Some((status, code)) = state.faults.refuse.filter(|_| at_hub) {
        reply(&mut out, status, &[("X-Error-Code", code.to_string())], b"", &method);
        return;
    }
    let path = path.split('?').next().unwrap_or_default();
    if at_hub {
        answer_hub(&mut out, &method, path, state);
    } else if let Some(content) = stored(path, headers.get("range"), state) {
        // slow content must not keep other requests waiting
        drop(guard);
        content.send(&mut out);
    } else {
        reply(&mut out, 404, &[], b"", &method);
    }
}

fn answer_hub(out: &mut TcpStream, method: &str, path: &str, state: &State) {
    let revision = ["models", "datasets"].iter().find_map(|kind| path.strip_prefix(&format!("/api/{kind}/org/tiny/revision/")));
    if let Some(revision) = revision {
        if !["main", "v1", COMMIT].contains(&revision) {
            return reply(out, 404, &[("X-Error-Code", "RevisionNotFound".into())], b"", method);
        }
        let siblings: Vec<_> = state.files.keys().map(|name| serde_json::json!({ "rfilename": name })).collect();
        let body = serde_json::json!({ "id": "org/tiny", "sha": COMMIT, "siblings": siblings }).to_string();
        return reply(out, 200, &[], body.as_bytes(), method);
    }
    let file = path.strip_prefix("/datasets").unwrap_or(path).strip_prefix(&format!("/org/tiny/resolve/{COMMIT}/"));
    let Some((name, content)) = file.and_then(|name| state.files.get_key_value(name)) else {
        return reply(out, 404, &[("X-Error-Code", "RepoNotFound".into())], b"", method);
    };
    if name.ends_with(".safetensors") {
        let target = state.faults.redirect_to.clone().unwrap_or_else(|| format!("{}/{name}?signature=secret", state.storage));
        let linked = [
            ("X-Repo-Commit", COMMIT.to_string()),
            ("X-Linked-Etag", format!("\"{}\"", sha256(content))),
            ("X-Linked-Size", content.len().to_string()),
            ("Location", target),
        ];
        return reply(out, 302, &linked, b"Found", method);
    }
    // as long as a git blob's, and different for different content
    let etag = format!("\"{}\"", &sha256(content)[..40]);
    reply(out, 200, &[("X-Repo-Commit", COMMIT.into()), ("ETag", etag)], content, method);
}

/// An answer with a large file's content, or with a part of it.
struct Content {
    head: String,
    body: Vec<u8>,
    slow: Option<usize>,
}

fn stored(path: &str, range: Option<&String>, state: &mut State) -> Option<Content> {
    let mut content = state.files.get(path.trim_start_matches('/'))?.clone();
    let total = content.len();
    if state.faults.corrupt {
        content[total / 2] ^= 1;
    }
    let from = range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let from = from.filter(|from| *from < total && !state.faults.no_ranges);
    let status = match from {
        Some(from) => format!("206 Partial Content\r\nContent-Range: bytes {from}-{}/{total}", total - 1),
        None => "200 OK".into(),
    };
    let mut body = content.split_off(from.unwrap_or(0));
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    if let Some((times, bytes)) = &mut state.faults.break_after
        && *times > 0
    {
        *times -= 1;
        body.truncate(*bytes);
    }
    Some(Content { head, body, slow: state.faults.slow })
}

impl Content {
    fn send(&self, out: &mut TcpStream) {
        let piece = self.slow.map_or(self.body.len().max(1), |rate| (rate / 20).max(1));
        let mut sent = out.write_all(self.head.as_bytes());
        for piece in self.body.chunks(piece) {
            if self.slow.is_some() {
                thread::sleep(std::time::Duration::from_millis(50));
            }
            sent = sent.and_then(|()| out.write_all(piece));
        }
        // the client may have gone away on purpose
        drop(sent);
    }
}

fn reply(out: &mut TcpStream, status: u16, headers: &[(&str, String)], body: &[u8], method: &str) {
    let mut head = format!("HTTP/1.1 {status} Reply\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    drop(out.write_all(head.as_bytes()));
    if method != "HEAD" {
        drop(out.write_all(body));
    }
}

pub(crate) fn sha256(content: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}
