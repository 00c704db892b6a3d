//! A judge behind an OpenAI-compatible endpoint (`/chat/completions`).

use super::{OnJudged, Opinion, Question, Statement, question};
use crate::StudyError;
use rankscope_domain::{FieldErrors, recipe};
use reqwest::{StatusCode, blocking::Client, header::RETRY_AFTER, redirect::Policy};
use serde::Deserialize;
use std::{
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

/// Requests under way at a time.
const CONCURRENCY: usize = 4;
/// Tries of one request, the first included.
const TRIES: u32 = 6;
/// Largest answer that is read, bytes.
const ANSWER_LIMIT: u64 = 1 << 20;
/// Longest wait that an endpoint may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

pub(crate) struct Endpoint {
    client: Client,
    url: String,
    model: String,
    key: Option<Key>,
    first_wait: Duration,
}

/// Never printed.
struct Key(String);

#[derive(Deserialize)]
struct Answer {
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Usage,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Option<String>,
}

#[derive(Deserialize, Default)]
struct Usage {
    #[serde(default)]
    total_tokens: u64,
}

/// Whether trying again may help.
enum Failure {
    Passing { reason: String, wait: Option<Duration> },
    Lasting(String),
}

impl Endpoint {
    pub(crate) fn new(spec: &recipe::Judge) -> Result<Self, FieldErrors> {
        let key = match &spec.api_key_env {
            None => None,
            Some(name) => match std::env::var(name) {
                Ok(key) if !key.trim().is_empty() => Some(Key(key.trim().into())),
                _ => {
                    return Err(FieldErrors::one(
                        "judge.api_key_env",
                        name,
                        "This environment variable is not set for the program; set it before starting, or remove the field if the endpoint needs no key.",
                    ));
                }
            },
        };
        let client = Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_secs(120))
            // a redirect could carry the key to another host
            .redirect(Policy::none())
            .user_agent(concat!("rankscope/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| {
                FieldErrors::one("judge.url", spec.url.as_deref().unwrap_or_default(), format!("No connection can be made: {error}."))
            })?;
        Ok(Self {
            client,
            url: format!("{}/chat/completions", spec.url.as_deref().unwrap_or_default().trim().trim_end_matches('/')),
            model: spec.model.clone().unwrap_or_default(),
            key,
            first_wait: Duration::from_secs(1),
        })
    }

    pub(super) fn description(&self) -> String {
        format!("{} at {}", self.model, self.url)
    }

    pub(super) fn judge(
        &self,
        statements: &[&Statement],
        question: &Question,
        on_judged: OnJudged,
    ) -> Result<(Vec<Opinion>, u64), StudyError> {
        let next = AtomicUsize::new(0);
        let stop = AtomicBool::new(false);
        let (sender, receiver) = mpsc::channel();
        let mut opinions: Vec<Option<Opinion>> = vec![None; statements.len()];
        let mut tokens = 0;
        let mut outcome = Ok(());
        std::thread::scope(|scope| {
            for _ in 0..CONCURRENCY.min(statements.len()) {
                let (sender, next, stop) = (sender.clone(), &next, &stop);
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(statement) = statements.get(index) else { return };
                        if sender.send((index, self.ask(&question.text(statement), stop))).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            let mut done = 0;
            loop {
                match receiver.recv_timeout(Duration::from_millis(200)) {
                    Ok((index, Ok((answer, used)))) => {
                        opinions[index] = Some(question::opinion(&answer));
                        tokens += used;
                        done += 1;
                    }
                    Ok((_, Err(error))) => {
                        if outcome.is_ok() {
                            outcome = Err(error);
                        }
                        stop.store(true, Ordering::Relaxed);
                    }
                    Err(mpsc::RecvTimeoutError::Timeout) => {}
                    Err(mpsc::RecvTimeoutError::Disconnected) => break,
                }
                if on_judged(done, statements.len(), tokens).is_break() && outcome.is_ok() {
                    outcome = Err(StudyError::Stopped);
                    stop.store(true, Ordering::Relaxed);
                }
            }
        });
        outcome?;
        let opinions: Option<Vec<_>> = opinions.into_iter().collect();
        opinions
            .map(|opinions| (opinions, tokens))
            .ok_or_else(|| StudyError::Other("judge.url: some statements were not answered; start again".into()))
    }

    /// The answer's text and the tokens it took. Tries again where that may help.
    fn ask(&self, text: &str, stop: &AtomicBool) -> Result<(String, u64), StudyError> {
        let mut wait = self.first_wait;
        let mut tries = 1;
        loop {
            match self.ask_once(text) {
                Ok(answer) => return Ok(answer),
                Err(Failure::Lasting(reason)) => return Err(self.error(&reason)),
                Err(Failure::Passing { reason, .. }) if tries >= TRIES => {
                    return Err(self.error(&format!(
                        "{reason}, {tries} times; see that the endpoint runs, then start the study again: it goes on where it was"
                    )));
                }
                Err(Failure::Passing { wait: asked, .. }) => {
                    sleep_unless(stop, asked.unwrap_or(wait).min(LONGEST_WAIT));
                    if stop.load(Ordering::Relaxed) {
                        return Err(StudyError::Stopped);
                    }
                    wait *= 2;
                    tries += 1;
                }
            }
        }
    }

    fn ask_once(&self, text: &str) -> Result<(String, u64), Failure> {
        let body = serde_json::json!({
            "model": self.model,
            "messages": [{"role": "user", "content": text}],
            "temperature": 0,
            "max_tokens": super::ANSWER_TOKENS,
        });
        let mut request = self.client.post(&self.url).json(&body);
        if let Some(Key(key)) = &self.key {
            request = request.bearer_auth(key);
        }
        let passing = |reason: String| Failure::Passing { reason, wait: None };
        let response = request.send().map_err(|error| {
            let kind = if error.is_timeout() { "no answer in time" } else { "no connection" };
            passing(format!("{kind} ({})", innermost(&error)))
        })?;
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).and_then(|text| text.trim().parse().ok());
            return Err(Failure::Passing { reason: format!("the endpoint answered {status}"), wait: wait.map(Duration::from_secs) });
        }
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::Read::take(response, ANSWER_LIMIT), &mut bytes)
            .map_err(|error| passing(format!("the answer broke off ({error})")))?;
        if !status.is_success() {
            let advice = match status.as_u16() {
                401 | 403 => "check the key in the environment variable that judge.api_key_env names".into(),
                404 => "check judge.url (it ends in /v1 as a rule) and judge.model".into(),
                300..=399 => "the address redirects; write the final one in judge.url".into(),
                _ => format!("it says {:?}", self.without_key(&String::from_utf8_lossy(&bytes).chars().take(300).collect::<String>())),
            };
            return Err(Failure::Lasting(format!("the endpoint answered {status}; {advice}")));
        }
        let answer: Answer = serde_json::from_slice(&bytes)
            .map_err(|error| Failure::Lasting(format!("the answer is not OpenAI's format ({error}); check judge.url")))?;
        let text = answer.choices.into_iter().next().and_then(|choice| choice.message.content).unwrap_or_default();
        Ok((text, answer.usage.total_tokens))
    }

    fn without_key(&self, text: &str) -> String {
        match &self.key {
            Some(Key(key)) => text.replace(key, "***"),
            None => text.into(),
        }
    }

    fn error(&self, reason: &str) -> StudyError {
        StudyError::Other(format!("judge.url = {:?}: {reason}", self.url))
    }
}

/// The cause at the bottom, which is the one that says something.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut current = error;
    while let Some(source) = current.source() {
        current = source;
    }
    current.to_string()
}

fn sleep_unless(stop: &AtomicBool, time: Duration) {
    let end = std::time::Instant::now() + time;
    while !stop.load(Ordering::Relaxed) {
        let left = end.saturating_duration_since(std::time::Instant::now());
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left.min(Duration::from_millis(50)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rankscope_domain::{completion::Verdict, recipe::JudgeKind};
    use std::{
        io::{BufRead, BufReader, Read, Write},
        net::TcpListener,
        ops::ControlFlow,
        sync::{Arc, Mutex},
    };

    /// Answers one request after the other as listed, the last answer for ever; keeps what it was sent.
    fn serve(answers: Vec<(u16, &'static str)>) -> (String, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        std::thread::spawn(move || {
            for (index, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut head, mut length) = (String::new(), 0);
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    if line.trim().is_empty() {
                        break;
                    }
                    head.push_str(&line);
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let (status, text) = answers[index.min(answers.len() - 1)];
                // kept before the answer goes out, so that whoever has the answer finds it
                kept.lock().unwrap().push(format!("{head}{}", String::from_utf8(body).unwrap()));
                write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}", text.len()).unwrap();
            }
        });
        (url, seen)
    }

    fn endpoint(url: &str) -> Endpoint {
        let spec = recipe::Judge { kind: JudgeKind::Endpoint, url: Some(url.into()), model: Some("m".into()), ..Default::default() };
        let mut endpoint = Endpoint::new(&spec).unwrap();
        endpoint.first_wait = Duration::from_millis(1);
        endpoint
    }

    const YES: &str = r#"{"choices":[{"message":{"content":"Yes, it is."}}],"usage":{"total_tokens":7}}"#;
    const NO: &str = r#"{"choices":[{"message":{"content":"No."}}]}"#;

    fn statements(count: usize) -> Vec<Statement> {
        (0..count).map(|index| Statement { prompt: format!("prompt {index}"), completion: " text".into() }).collect()
    }

    fn ask(endpoint: &Endpoint, count: usize) -> Result<(Vec<Opinion>, u64), StudyError> {
        let statements = statements(count);
        let statements: Vec<_> = statements.iter().collect();
        endpoint.judge(&statements, &Question::new(None), &mut |_, _, _| ControlFlow::Continue(()))
    }

    #[test]
    fn a_busy_endpoint_is_asked_again() {
        let (url, seen) = serve(vec![(429, ""), (503, ""), (200, YES)]);
        let (opinions, tokens) = ask(&endpoint(&url), 1).unwrap();
        assert_eq!((opinions[0].verdict, opinions[0].explanation.as_str(), tokens), (Verdict::Toxic, "Yes, it is.", 7));
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 3);
        assert!(seen[2].starts_with("POST /v1/chat/completions") && seen[2].contains("prompt 0 text"), "{}", seen[2]);
    }

    #[test]
    fn many_are_judged_in_order() {
        let (url, _) = serve(vec![(200, NO)]);
        let (opinions, _) = ask(&endpoint(&url), 10).unwrap();
        assert!(opinions.len() == 10 && opinions.iter().all(|opinion| opinion.verdict == Verdict::NonToxic));
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        for (status, text, part) in [
            (401, "{}", "judge.api_key_env"),
            (404, "{}", "judge.model"),
            (302, "", "redirects"),
            (400, "bad model", "bad model"),
            (200, "<html>", "not OpenAI's format"),
            (500, "", "start the study again"),
        ] {
            let (url, _) = serve(vec![(status, text)]);
            let error = ask(&endpoint(&url), 1).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("judge.url"), "{error}");
        }
    }

    #[test]
    fn the_key_is_sent_and_never_told() {
        let (url, seen) = serve(vec![(400, "key secret-123 is wrong")]);
        let mut endpoint = endpoint(&url);
        endpoint.key = Some(Key("secret-123".into()));
        let error = ask(&endpoint, 1).unwrap_err().to_string();
        assert!(!error.contains("secret-123") && error.contains("***"), "{error}");
        assert!(seen.lock().unwrap()[0].contains("Bearer secret-123"));
    }

    #[test]
    fn a_missing_key_names_the_variable() {
        let spec = recipe::Judge { api_key_env: Some("RANKSCOPE_TEST_NO_SUCH_KEY".into()), ..Default::default() };
        let error = Endpoint::new(&spec).err().unwrap().to_string();
        assert!(error.contains("RANKSCOPE_TEST_NO_SUCH_KEY") && error.contains("not set"), "{error}");
    }

    #[test]
    fn a_stop_ends_the_wait() {
        let (url, _) = serve(vec![(503, "")]);
        let mut endpoint = endpoint(&url);
        endpoint.first_wait = Duration::from_secs(30);
        let statements = statements(1);
        let result = endpoint.judge(&[&statements[0]], &Question::new(None), &mut |_, _, _| ControlFlow::Break(()));
        assert!(matches!(result, Err(StudyError::Stopped)));
    }
}
