//! What the address of a tab asks for, field by field. What can't be read, and what the study does not have, is said and not guessed.

use leptos_router::params::ParamsMap;
use rankscope_domain::FieldErrors;
use std::{fmt::Display, str::FromStr};

/// Reads an address and notes what is wrong in it.
pub(super) struct Asked<'a> {
    params: &'a ParamsMap,
    pub(super) errors: FieldErrors,
}

impl<'a> Asked<'a> {
    pub(super) fn of(params: &'a ParamsMap) -> Self {
        Self { params, errors: FieldErrors::default() }
    }

    /// Nothing is not asked for.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.params.get(name).filter(|value| !value.is_empty())
    }

    /// What can't be read says itself how to write it.
    pub(super) fn value<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        let text = self.text(name)?;
        text.parse().map_err(|error| self.errors.push(name, &text, format!("{error}."))).ok()
    }

    pub(super) fn whole_number<T: FromStr>(&mut self, name: &str) -> Option<T> {
        let text = self.text(name)?;
        text.parse().map_err(|_| self.errors.push(name, &text, "Write a whole number, 0 or above.")).ok()
    }

    /// One of those that there are, by its name.
    pub(super) fn one_of<T: Copy, const N: usize>(&mut self, field: &str, all: [T; N], name: fn(T) -> &'static str) -> Option<T> {
        let text = self.text(field)?;
        let found = all.into_iter().find(|one| name(*one) == text);
        if found.is_none() {
            self.errors.push(field, &text, format!("Write one of {}.", all.map(name).join(", ")));
        }
        found
    }

    /// From 0; people count from 1.
    pub(super) fn page(&mut self) -> u32 {
        let Some(text) = self.text("page") else { return 0 };
        match text.parse::<u32>() {
            Ok(page) if page > 0 => page - 1,
            _ => {
                self.errors.push("page", &text, "Write a whole number, 1 or above.");
                0
            }
        }
    }
}

/// Notes what is asked for and not among what the study has.
pub(super) fn must_be_there<T: PartialEq + Display>(errors: &mut FieldErrors, field: &str, asked: Option<&T>, there_are: &[T]) {
    if let Some(asked) = asked.filter(|asked| !there_are.contains(asked)) {
        let names = there_are.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let remedy =
            if names.is_empty() { "This study has none yet.".into() } else { format!("This study does not have it. It has: {names}.") };
        errors.push(field, asked, remedy);
    }
}

/// Notes a page that is behind the last one, which is shown in its place. Both from 0.
pub(super) fn must_have_page(errors: &mut FieldErrors, asked: u32, last: u32) {
    if asked > last {
        let pages = if last == 0 { "is one page".to_string() } else { format!("are {} pages", last + 1) };
        errors.push("page", u64::from(asked) + 1, format!("There {pages} of this choice; the last is shown."));
    }
}
