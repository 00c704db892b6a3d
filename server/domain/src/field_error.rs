//! What is wrong with one field of an input: which, what it holds, and what to put there instead.

use serde::{Deserialize, Serialize};

/// One refused field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FieldError {
    /// Path of the field in the recipe, e.g. `arms[1].learning_rate`. Empty: the document as a whole.
    pub field: String,
    /// The value as it was given.
    pub value: String,
    /// What is wrong and what to do about it, as a sentence.
    pub remedy: String,
}

impl FieldError {
    pub fn new(field: impl Into<String>, value: impl ToString, remedy: impl Into<String>) -> Self {
        Self { field: field.into(), value: value.to_string(), remedy: remedy.into() }
    }
}

impl std::fmt::Display for FieldError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.field.as_str(), self.value.as_str()) {
            ("", "") => write!(f, "{}", self.remedy),
            (field, "") => write!(f, "{field}: {}", self.remedy),
            ("", value) => write!(f, "{value:?}: {}", self.remedy),
            (field, value) => write!(f, "{field} = {value:?}: {}", self.remedy),
        }
    }
}

/// All that is wrong with an input, so that it can be mended in one go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, schemars::JsonSchema)]
pub struct FieldErrors(pub Vec<FieldError>);

impl FieldErrors {
    pub fn one(field: impl Into<String>, value: impl ToString, remedy: impl Into<String>) -> Self {
        Self(vec![FieldError::new(field, value, remedy)])
    }

    pub fn push(&mut self, field: impl Into<String>, value: impl ToString, remedy: impl Into<String>) {
        self.0.push(FieldError::new(field, value, remedy));
    }

    /// `Ok(value)` where nothing is wrong.
    pub fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    /// The errors of one field, for the form.
    pub fn of<'a>(&'a self, field: &'a str) -> impl Iterator<Item = &'a FieldError> {
        self.0.iter().filter(move |error| error.field == field)
    }
}

impl std::fmt::Display for FieldErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}
