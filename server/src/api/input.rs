//! What operations take: names in the path, the query, bodies. What can't be read is refused as a problem, and described as it is read.

use crate::problem::Problem;
use aide::{
    OperationInput,
    generate::GenContext,
    openapi::{MediaType, Operation, RequestBody, SchemaObject},
    operation::{ParamLocation, add_parameters, parameters_from_schema, set_body},
};
use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE, request::Parts},
};
use rankscope_app::error::AppError;
use rankscope_domain::{FieldErrors, Recipe};
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;
use std::marker::PhantomData;

const JSON: &str = "application/json";
const TOML: &str = "application/toml";
/// No more of a wrong value is said again.
const MAX_SHOWN: usize = 200;

/// Names in the path. One that can't be one is one that is not there.
pub struct InPath<T>(pub T);

/// The query, each of its fields checked.
pub struct InQuery<T>(pub T);

/// The query as names and values, for what reads it as a page’s; `D` describes it.
pub struct InPairs<D>(pub Vec<(String, String)>, pub PhantomData<D>);

/// A header, if it is there.
pub struct InHeader<T>(pub T);

/// A JSON body, each of its fields checked.
pub struct InBody<T>(pub T);

/// A recipe as JSON or as TOML, and what can't be read of it.
pub struct RecipeBody(pub Result<Recipe, FieldErrors>);

/// A structure of one optional header.
pub trait Header: JsonSchema {
    const NAME: &'static str;
    fn read(value: Option<&str>) -> Result<Self, FieldErrors>
    where
        Self: Sized;
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for InPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(names) = Path::from_request_parts(parts, state).await.map_err(|_| Problem::of_status(StatusCode::NOT_FOUND))?;
        Ok(Self(names))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for InQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        read_query(parts.uri.query().unwrap_or_default()).map(Self).map_err(Problem::of_fields)
    }
}

impl<D, S: Send + Sync> FromRequestParts<S> for InPairs<D> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let read = read_query(parts.uri.query().unwrap_or_default());
        read.map(|pairs| Self(pairs, PhantomData)).map_err(Problem::of_fields)
    }
}

impl<T: Header, S: Send + Sync> FromRequestParts<S> for InHeader<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(T::NAME).iter();
        let (first, second) = (values.next(), values.next());
        let text = first.map(|value| String::from_utf8_lossy(value.as_bytes()));
        if second.is_some() {
            return Err(Problem::of_fields(FieldErrors::one(T::NAME, "", "Send this header once.")));
        }
        T::read(text.as_deref()).map(Self).map_err(Problem::of_fields)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for InBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if media_type(request.headers()) != JSON {
            return Err(unsupported(&[JSON]));
        }
        read_json(&bytes(request).await?)?.map(Self).map_err(Problem::of_fields)
    }
}

impl<S: Send + Sync> FromRequest<S> for RecipeBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        match media_type(request.headers()).as_str() {
            JSON => Ok(Self(read_json(&bytes(request).await?)?)),
            TOML => {
                let text = String::from_utf8(bytes(request).await?.into());
                let text = text.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "The recipe is not UTF-8. Save it as UTF-8."))?;
                Ok(Self(Recipe::from_toml(&text)))
            }
            _ => Err(unsupported(&[JSON, TOML])),
        }
    }
}

/// Without its parameters, in small letters.
pub fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

pub fn unsupported(taken: &[&str]) -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("Send the body with Content-Type: {}.", taken.join(" or ")))
}

/// A form whose Content-Type says nothing of where its parts end.
pub fn no_boundary() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "The form’s Content-Type names no boundary.")
}

/// What a page’s form shows beside its field is a status of its own here: a file that is larger than `setting` says.
pub fn of_upload(error: AppError, setting: &str) -> Problem {
    let is_size = matches!(&error, AppError::Invalid(errors) if errors.of("file").any(|error| error.remedy.contains(setting)));
    let problem = Problem::from(error);
    if is_size { Problem { errors: problem.errors, ..Problem::new(StatusCode::PAYLOAD_TOO_LARGE, problem.detail) } } else { problem }
}

/// As much of a value that is none as an error needs to show.
pub fn shown(value: &str) -> String {
    value.chars().take(MAX_SHOWN).collect()
}

/// The whole body, of at most what the route allows.
pub async fn bytes(request: Request) -> Result<Bytes, Problem> {
    Bytes::from_request(request, &()).await.map_err(|rejection| Problem::of_status(rejection.status()))
}

/// The error outside: this is not JSON. The one inside: it is not what is asked for.
pub fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<Result<T, FieldErrors>, Problem> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        Problem::new(StatusCode::BAD_REQUEST, format!("The body is not JSON; what is wrong is at {place}."))
    })?;
    Ok(serde_path_to_error::deserialize(&value).map_err(|error| {
        let path = error.path().to_string();
        let mut at = Some(&value);
        for segment in error.path() {
            at = match segment {
                Segment::Seq { index } => at.and_then(|value| value.get(index)),
                Segment::Map { key } => at.and_then(|value| value.get(key)),
                Segment::Enum { .. } | Segment::Unknown => at,
            };
        }
        // of a whole table that lacks something, its text says nothing
        let shown = at.filter(|value| !value.is_object()).map(ToString::to_string).unwrap_or_default();
        let shown = shown.trim_matches('"').chars().take(MAX_SHOWN).collect::<String>();
        FieldErrors::one(if path == "." { String::new() } else { path }, shown, format!("{}.", error.inner()))
    }))
}

fn read_query<T: DeserializeOwned>(query: &str) -> Result<T, FieldErrors> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).map_err(|_| {
        FieldErrors::one("", query.chars().take(MAX_SHOWN).collect::<String>(), "The query can’t be read; write name=value&name=value.")
    })?;
    let given =
        |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.chars().take(MAX_SHOWN).collect::<String>());
    // an empty one is one that is not given, as in a form
    let told: Vec<(&str, &str)> =
        pairs.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let text = serde_urlencoded::to_string(&told).unwrap_or_default();
    let pairs_of = serde_urlencoded::Deserializer::new(form_urlencoded::parse(text.as_bytes()));
    serde_path_to_error::deserialize(pairs_of).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." { String::new() } else { path };
        FieldErrors::one(&field, given(&field).unwrap_or_default(), format!("{}.", error.inner()))
    })
}

impl<T: JsonSchema> OperationInput for InPath<T> {
    fn operation_input(context: &mut GenContext, operation: &mut Operation) {
        add::<T>(context, operation, ParamLocation::Path);
    }
}

impl<T: JsonSchema> OperationInput for InQuery<T> {
    fn operation_input(context: &mut GenContext, operation: &mut Operation) {
        add::<T>(context, operation, ParamLocation::Query);
    }
}

impl<D: JsonSchema> OperationInput for InPairs<D> {
    fn operation_input(context: &mut GenContext, operation: &mut Operation) {
        add::<D>(context, operation, ParamLocation::Query);
    }
}

impl<T: Header> OperationInput for InHeader<T> {
    fn operation_input(context: &mut GenContext, operation: &mut Operation) {
        add::<T>(context, operation, ParamLocation::Header);
    }
}

impl<T: JsonSchema> OperationInput for InBody<T> {
    fn operation_input(context: &mut GenContext, operation: &mut Operation) {
        let schema = context.schema.subschema_for::<T>();
        set_body(context, operation, body([(JSON, schema)]));
    }
}

impl OperationInput for RecipeBody {
    fn operation_input(context: &mut GenContext, operation: &mut Operation) {
        let recipe = context.schema.subschema_for::<Recipe>();
        let text = context.schema.subschema_for::<String>();
        set_body(context, operation, body([(JSON, recipe), (TOML, text)]));
    }
}

/// The parameters are inline, so their structure is no component.
fn add<T: JsonSchema>(context: &mut GenContext, operation: &mut Operation, location: ParamLocation) {
    let mut schema = T::json_schema(&mut context.schema);
    // what is left out is not there: no value stands for that
    for property in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flat_map(|all| all.values_mut()) {
        if let Some(property) = property.as_object_mut()
            && property.get("default").is_some_and(|value| value.is_null() || value == "")
        {
            property.remove("default");
        }
    }
    let parameters = parameters_from_schema(context, schema, location);
    add_parameters(context, operation, parameters);
}

/// A body that must be there.
pub fn body<const N: usize>(kinds: [(&str, Schema); N]) -> RequestBody {
    let content = kinds.map(|(kind, json_schema)| {
        let schema = SchemaObject { json_schema, example: None, external_docs: None };
        (kind.to_string(), MediaType { schema: Some(schema), ..Default::default() })
    });
    RequestBody { content: content.into_iter().collect(), required: true, ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rankscope_domain::view::CompletionQuery;

    #[test]
    fn a_wrong_field_is_named_with_its_value() {
        let check = |text: &str, field: &str, value: &str| {
            let errors = read_json::<Recipe>(text.as_bytes()).unwrap_or_else(|problem| panic!("{}", problem.detail)).unwrap_err();
            assert_eq!((errors.0[0].field.as_str(), errors.0[0].value.as_str()), (field, value), "{errors}");
        };
        check(r#"{"name": "x", "seeds": [0, "one"]}"#, "seeds[1]", "one");
        check(r#"{"name": "x", "training": {"num_train_epochs": -1}}"#, "training.num_train_epochs", "-1");
        check(r#"{"name": "x", "kind": "other"}"#, "kind", "other");
        check("[]", "", "[]");
        check("{}", "", "");
        assert_eq!(read_json::<Recipe>(b"{\"name\": ").unwrap_err().status, 400);
        assert_eq!(read_json::<Recipe>("[".repeat(1000).as_bytes()).unwrap_err().status, 400);
    }

    #[test]
    fn a_query_is_checked_by_field() {
        let good: CompletionQuery = read_query("arm=lora-r8&seed=1&verdict=toxic&group=&page=2").unwrap();
        assert_eq!((good.page, good.seed, good.group), (2, Some(1), None));
        assert_eq!(read_query::<CompletionQuery>("").unwrap(), CompletionQuery::default());
        for (query, field, value) in [("page=-1", "page", "-1"), ("arm=lora-r0", "arm", "lora-r0"), ("verdict=bad", "verdict", "bad")] {
            let errors = read_query::<CompletionQuery>(query).unwrap_err();
            assert_eq!((errors.0[0].field.as_str(), errors.0[0].value.as_str()), (field, value), "{errors}");
        }
        assert!(read_query::<CompletionQuery>("sed=1").is_err(), "a name that is misspelt");
    }
}
