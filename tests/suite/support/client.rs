//! Talks to a server as the pages do: by the same server functions, with the same types.

use super::eventually;
use leptos::server_fn::ServerFn;
use rankscope_app::{
    api::{lens, recipes, studies},
    error::AppError,
    form::RecipeForm,
};
use rankscope_domain::{
    Recipe,
    event::Event,
    lens_question::{LensQuestion, LensReply, LensStudy},
    view::{StudyOverview, StudyStatus},
};
use reqwest::{
    blocking::{RequestBuilder, Response},
    header::{AUTHORIZATION, COOKIE, HeaderMap},
    redirect,
};
use serde::de::DeserializeOwned;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
};

/// A client of one server.
#[derive(Clone)]
pub(crate) struct Client {
    /// `127.0.0.1:PORT`
    pub address: String,
    http: reqwest::blocking::Client,
}

/// One server-sent event.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub id: Option<u64>,
    pub event: String,
    pub data: String,
    pub retry: Option<u64>,
}

/// An answer as it came over the wire.
#[derive(Debug)]
pub(crate) struct Raw {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Client {
    pub(crate) fn new(address: &str) -> Self {
        Self::with_headers(address, HeaderMap::new())
    }

    /// The same client with a cookie.
    pub(crate) fn with_cookie(&self, cookie: &str) -> Self {
        Self::with_headers(&self.address, [(COOKIE, cookie.parse().expect("a cookie"))].into_iter().collect())
    }

    /// The same client with a script's token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self::with_headers(&self.address, [(AUTHORIZATION, format!("Bearer {token}").parse().expect("a token"))].into_iter().collect())
    }

    /// A request to the API, its path below `/api/v1/`.
    pub(crate) fn api(&self, method: &str, path: &str) -> RequestBuilder {
        self.http.request(method.parse().expect("a method"), self.url(&format!("/api/v1/{path}")))
    }

    fn with_headers(address: &str, headers: HeaderMap) -> Self {
        let builder = reqwest::blocking::Client::builder().redirect(redirect::Policy::none()).default_headers(headers);
        Self { address: address.into(), http: builder.timeout(std::time::Duration::from_secs(60)).build().expect("a client") }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.http.get(self.url(path)).send().expect("an answer")
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(self.url(path))
    }

    /// A page that must be there.
    pub(crate) fn page(&self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().expect("text")
    }

    /// Calls a server function with a form's fields.
    fn call<F: ServerFn, T: DeserializeOwned>(&self, fields: &[(String, String)]) -> Result<T, AppError> {
        Self::said::<F, T>(self.post(F::PATH).form(fields))
    }

    fn said<F: ServerFn, T: DeserializeOwned>(request: RequestBuilder) -> Result<T, AppError> {
        let answer = request.send().expect("an answer");
        let status = answer.status();
        let text = answer.text().expect("text");
        if status.is_success() || status.is_redirection() {
            return Ok(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}: {text}", F::PATH)));
        }
        let error: AppError = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{} {status}: {error}: {text}", F::PATH));
        assert_eq!(error.status(), status.as_u16(), "{error:?}");
        Err(error)
    }

    fn call_with_id<F: ServerFn, T: DeserializeOwned>(&self, id: &str) -> Result<T, AppError> {
        self.call::<F, T>(&[("id".into(), id.into())])
    }

    /// Starts a study as the form does; equal calls with the same `request_id` are one request.
    pub(crate) fn start(&self, recipe: &Recipe, request_id: &str) -> Result<String, AppError> {
        let mut form = RecipeForm::from_recipe(recipe);
        form.request_id = request_id.into();
        self.call::<recipes::StartStudy, String>(&form.to_pairs())
    }

    pub(crate) fn study(&self, id: &str) -> Result<StudyOverview, AppError> {
        self.call_with_id::<studies::GetStudy, _>(id)
    }

    pub(crate) fn status(&self, id: &str) -> StudyStatus {
        self.study(id).expect("the study").card.status
    }

    pub(crate) fn cancel(&self, id: &str) -> Result<(), AppError> {
        self.call_with_id::<studies::CancelStudy, _>(id)
    }

    pub(crate) fn resume(&self, id: &str) -> Result<(), AppError> {
        self.call_with_id::<studies::ResumeStudy, _>(id)
    }

    pub(crate) fn delete(&self, id: &str) -> Result<(), AppError> {
        self.call_with_id::<studies::DeleteStudy, _>(id)
    }

    /// Puts a question to the lens, or asks how it is getting on.
    pub(crate) fn ask_lens(&self, question: &LensQuestion, again: bool) -> Result<LensReply, AppError> {
        let arguments = serde_json::json!({ "question": question, "again": again });
        Self::said::<lens::AskLens, _>(self.post(lens::AskLens::PATH).json(&arguments))
    }

    pub(crate) fn stop_lens(&self, ticket: &str) -> Result<(), AppError> {
        self.call::<lens::StopLens, _>(&[("ticket".into(), ticket.into()), ("back".into(), "/lens?study=x".into())])
    }

    pub(crate) fn lens_studies(&self) -> Vec<LensStudy> {
        self.call::<lens::ListLensStudies, _>(&[]).expect("the studies of the lens")
    }

    /// Waits until the study is in this state.
    pub(crate) fn wait_for(&self, id: &str, status: StudyStatus) -> StudyOverview {
        let mut last = None;
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            eventually(&format!("{id} to be {}", status.label()), || {
                let study = self.study(id).expect("the study");
                let there = study.card.status == status;
                last = Some(study.clone());
                there.then_some(study)
            })
        }));
        found.unwrap_or_else(|_| {
            panic!("{id} never became {}; it is {:?}", status.label(), last.map(|study| (study.card.status, study.message)))
        })
    }

    /// Waits until the study's worker trains.
    pub(crate) fn wait_for_training(&self, id: &str) {
        eventually("a training step", || (!self.study(id).expect("the study").progress.losses.is_empty()).then_some(()));
    }

    /// Where a question of the lens is, as a stream; dropped, it is a page that was left.
    pub(crate) fn lens_events(&self, ticket: &str) -> impl Iterator<Item = Frame> + use<> {
        let answer = self.get(&format!("/lens/{ticket}/events"));
        assert_eq!((answer.status().as_u16(), &answer.headers()["content-type"]), (200, &"text/event-stream".parse().expect("a type")));
        frames(BufReader::new(answer))
    }

    /// The study's events as a stream, from after `last_event_id`.
    pub(crate) fn events(&self, id: &str, last_event_id: Option<u64>) -> impl Iterator<Item = Frame> + use<> {
        let mut request = self.http.get(self.url(&format!("/studies/{id}/events")));
        if let Some(last) = last_event_id {
            request = request.header("last-event-id", last.to_string());
        }
        stream_of(request)
    }

    /// As [`Client::events`], as a script follows them.
    pub(crate) fn api_events(&self, id: &str, after: u64) -> impl Iterator<Item = Frame> + use<> {
        stream_of(self.api("GET", &format!("studies/{id}/events?after={after}")))
    }

    /// Sends the path as it is, which a client library would tidy up.
    pub(crate) fn raw(&self, method: &str, path: &str, headers: &str) -> Raw {
        self.raw_with_body(method, path, headers, "")
    }

    /// As [`Client::raw`]; the headers must say how long the body is.
    pub(crate) fn raw_with_body(&self, method: &str, path: &str, headers: &str, body: &str) -> Raw {
        let mut stream = TcpStream::connect(&self.address).expect("a connection");
        // a server that refuses the head may close before it has read all
        drop(write!(stream, "{method} {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n{body}"));
        let mut bytes = Vec::new();
        if let Err(error) = stream.read_to_end(&mut bytes)
            && bytes.is_empty()
        {
            panic!("no answer to {path}: {error}");
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("no answer to {path}: {text:?}"));
        Raw { status, head: head.into(), body: body.into() }
    }

    pub(crate) fn raw_get(&self, path: &str) -> Raw {
        self.raw("GET", path, &format!("Host: {}\r\n", self.address))
    }
}

impl Raw {
    /// A header's value; the name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl Frame {
    pub(crate) fn parse(&self) -> Event {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error}: {}", self.data))
    }
}

fn stream_of(request: RequestBuilder) -> impl Iterator<Item = Frame> + use<> {
    let answer = request.send().expect("a stream");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    frames(BufReader::new(answer))
}

/// Splits a stream into frames; comments that keep it alive are none.
fn frames(mut stream: impl BufRead) -> impl Iterator<Item = Frame> {
    std::iter::from_fn(move || {
        let mut frame = Frame::default();
        let mut line = String::new();
        loop {
            line.clear();
            if stream.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim_end_matches('\n').split_once(':') {
                Some(("id", value)) => frame.id = value.trim().parse().ok(),
                Some(("event", value)) => frame.event = value.trim().into(),
                Some(("data", value)) => frame.data = value.trim().into(),
                Some(("retry", value)) => frame.retry = value.trim().parse().ok(),
                _ if line == "\n" && frame != Frame::default() => return Some(frame),
                _ => {}
            }
        }
    })
}
