//! What operations give besides JSON with status 200.

use aide::{
    OperationOutput,
    generate::GenContext,
    openapi::{
        Header, HeaderStyle, MediaType, Operation, ParameterSchemaOrContent, ReferenceOr, Response as Described, SchemaObject, StatusCode,
    },
};
use axum::{
    Json,
    http::{self, HeaderValue, header::LOCATION},
    response::{IntoResponse, Response},
};
use rankscope_domain::{StudyResults, event::Event, view::StudyStatus};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use std::marker::PhantomData;

/// 201 with where the new thing is; 200 where an equal request had made it before.
pub struct Created<T> {
    pub location: String,
    pub is_new: bool,
    pub value: T,
}

/// 202: it is under way.
pub struct Accepted<T>(pub T);

/// 204: done, and there is nothing to say.
pub struct Done;

/// An answer that is made already, of a kind.
pub struct Made<K>(Response, PhantomData<K>);

/// What a made answer is.
pub trait Kind {
    /// Which of several it is, its address says.
    const MEDIA_TYPES: &'static [&'static str];
    const WORDS: &'static str;

    /// Of text: it is shown as it is.
    fn schema(_media_type: &str, _: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// What is no text.
fn binary(media_type: &str) -> Schema {
    json_schema!({ "type": "string", "contentMediaType": media_type })
}

/// `results.json`, to the letter as the study wrote it.
pub struct ResultsFile;
/// The recipe, to the letter as it was frozen.
pub struct RecipeFile;
/// A figure, as its name ends.
pub struct FigureFile;
/// A table, as its name ends.
pub struct TableFile;
/// A study as one page.
pub struct ReportFile;
/// A whole study.
pub struct Archive;
/// What people said, one label a row.
pub struct LabelsCsv;
/// The same, one label a line.
pub struct LabelsJsonl;
/// Server-sent events.
pub struct EventStream;

impl Kind for ResultsFile {
    const MEDIA_TYPES: &'static [&'static str] = &["application/json"];
    const WORDS: &'static str = "The results, as the study wrote them.";

    fn schema(_: &str, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<StudyResults>()
    }
}

impl Kind for RecipeFile {
    const MEDIA_TYPES: &'static [&'static str] = &["application/toml"];
    const WORDS: &'static str = "The recipe, as it was frozen.";
}

impl Kind for FigureFile {
    const MEDIA_TYPES: &'static [&'static str] = &["image/svg+xml", "image/png", "application/pdf"];
    const WORDS: &'static str = "The figure.";

    fn schema(media_type: &str, _: &mut SchemaGenerator) -> Schema {
        if media_type == "image/svg+xml" { json_schema!({ "type": "string" }) } else { binary(media_type) }
    }
}

impl Kind for TableFile {
    const MEDIA_TYPES: &'static [&'static str] = &["text/csv", "application/json", "application/x-tex"];
    const WORDS: &'static str =
        "The table. As JSON, `columns` has each column’s name, unit and definition, and `rows` objects with those names.";

    fn schema(media_type: &str, _: &mut SchemaGenerator) -> Schema {
        if media_type != "application/json" {
            return json_schema!({ "type": "string" });
        }
        let text = json_schema!({ "type": "string" });
        let column = json_schema!({
            "type": "object",
            "required": ["name", "unit", "definition"],
            "properties": { "name": text, "unit": text, "definition": text },
        });
        json_schema!({
            "type": "object",
            "required": ["table", "title", "caption", "source", "columns", "rows"],
            "properties": {
                "table": text,
                "title": text,
                "caption": text,
                "source": text,
                "columns": { "type": "array", "items": column },
                "rows": { "type": "array", "items": { "type": "object", "additionalProperties": { "type": ["string", "number", "null"] } } },
            },
        })
    }
}

impl Kind for ReportFile {
    const MEDIA_TYPES: &'static [&'static str] = &["text/html"];
    const WORDS: &'static str = "One page that needs nothing else, to read or print.";
}

impl Kind for Archive {
    const MEDIA_TYPES: &'static [&'static str] = &["application/zip"];
    const WORDS: &'static str = "The study’s files, its figures, tables and report, and `manifest.json` with the SHA-256 of each. The same study \
        gives the same archive, byte for byte.";

    fn schema(media_type: &str, _: &mut SchemaGenerator) -> Schema {
        binary(media_type)
    }
}

impl Kind for LabelsCsv {
    const MEDIA_TYPES: &'static [&'static str] = &["text/csv"];
    const WORDS: &'static str = "A row a label: round, item, annotator, label, time, and all that was hidden from who labelled: cell, verdict, \
        the weight of the completion in its sample.";
}

impl Kind for LabelsJsonl {
    const MEDIA_TYPES: &'static [&'static str] = &["application/jsonl"];
    const WORDS: &'static str = "A line a label, with the fields of the CSV.";
}

impl Kind for EventStream {
    const MEDIA_TYPES: &'static [&'static str] = &["text/event-stream"];
    const WORDS: &'static str = "Server-sent events. Each message’s `id` is the event’s, rising from 1, and its `data` an Event as JSON \
        (`#/components/schemas/Event`). When no worker has the study any more, a last message of type `end` carries \
        `{\"status\": …}`, and the stream ends. Who was cut off asks again with `Last-Event-ID`, or `after`.";

    /// Of one message.
    fn schema(_: &str, generator: &mut SchemaGenerator) -> Schema {
        let event = generator.subschema_for::<Event>();
        let status = generator.subschema_for::<StudyStatus>();
        let end = json_schema!({ "type": "object", "required": ["status"], "properties": { "status": status } });
        json_schema!({
            "type": "object",
            "required": ["data"],
            "properties": {
                "id": { "type": "string", "description": "The event’s, rising from 1." },
                "event": { "type": "string", "description": "Absent for an event; `end` for the last message." },
                "data": { "type": "string", "contentMediaType": "application/json", "contentSchema": { "anyOf": [event, end] } },
                "retry": { "type": "integer", "description": "Milliseconds to wait before asking again." },
            },
        })
    }
}

impl<K> Made<K> {
    pub fn new(answer: impl IntoResponse) -> Self {
        Self(answer.into_response(), PhantomData)
    }
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let status = if self.is_new { http::StatusCode::CREATED } else { http::StatusCode::OK };
        let location = HeaderValue::try_from(self.location).unwrap_or(HeaderValue::from_static("/api/v1/"));
        (status, [(LOCATION, location)], Json(self.value)).into_response()
    }
}

impl<T: Serialize> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        (http::StatusCode::ACCEPTED, Json(self.0)).into_response()
    }
}

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        http::StatusCode::NO_CONTENT.into_response()
    }
}

impl<K> IntoResponse for Made<K> {
    fn into_response(self) -> Response {
        self.0
    }
}

/// A JSON answer of this status, described.
pub fn json_answer<T: JsonSchema>(status: u16, context: &mut GenContext, operation: &mut Operation) -> Responses {
    let response = Json::<T>::operation_response(context, operation);
    response.map(|response| (Some(StatusCode::Code(status)), response)).into_iter().collect()
}

pub type Responses = Vec<(Option<StatusCode>, Described)>;

impl<T: JsonSchema> OperationOutput for Created<T> {
    type Inner = T;

    fn inferred_responses(context: &mut GenContext, operation: &mut Operation) -> Responses {
        let Some(mut response) = Json::<T>::operation_response(context, operation) else { return Vec::new() };
        let schema = SchemaObject { json_schema: json_schema!({ "type": "string" }), example: None, external_docs: None };
        let location = Header {
            description: Some("Where it is.".into()),
            style: HeaderStyle::Simple,
            required: true,
            deprecated: None,
            format: ParameterSchemaOrContent::Schema(schema),
            example: None,
            examples: Default::default(),
            extensions: Default::default(),
        };
        response.headers.insert("Location".into(), ReferenceOr::Item(location));
        let before = Described { description: "An equal request has made it before.".into(), ..response.clone() };
        vec![(Some(StatusCode::Code(201)), response), (Some(StatusCode::Code(200)), before)]
    }
}

impl<T: JsonSchema> OperationOutput for Accepted<T> {
    type Inner = T;

    fn inferred_responses(context: &mut GenContext, operation: &mut Operation) -> Responses {
        json_answer::<T>(202, context, operation)
    }
}

impl OperationOutput for Done {
    type Inner = ();

    fn inferred_responses(_: &mut GenContext, _: &mut Operation) -> Responses {
        vec![(Some(StatusCode::Code(204)), Described { description: "Done.".into(), ..Default::default() })]
    }
}

impl<K: Kind> OperationOutput for Made<K> {
    type Inner = String;

    fn inferred_responses(context: &mut GenContext, _: &mut Operation) -> Responses {
        let mut content_of = |media_type: &&str| {
            let schema = SchemaObject { json_schema: K::schema(media_type, &mut context.schema), example: None, external_docs: None };
            (media_type.to_string(), MediaType { schema: Some(schema), ..Default::default() })
        };
        let content = K::MEDIA_TYPES.iter().map(&mut content_of).collect();
        vec![(Some(StatusCode::Code(200)), Described { description: K::WORDS.into(), content, ..Default::default() })]
    }
}
