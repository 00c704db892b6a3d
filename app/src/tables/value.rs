//! What stands in a table: values as they were measured, and how they are shown.

use crate::quantity;
use rankscope_domain::{Arm, class_results::Measure, results::Counts};

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// For programs: `worst_group_error`.
    pub name: String,
    /// For people: `Error of the worst group`.
    pub heading: String,
    pub unit: Unit,
    pub shape: Shape,
    /// What the numbers are, where the heading does not say all.
    pub definition: String,
    /// Said once in place of a column, where it is the same in every row.
    pub may_go_to_caption: bool,
}

/// What is measured beside the value itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A text or one number.
    Plain,
    /// With the ends of its 95 % interval.
    Interval,
    /// With its interval and the number that it rests on.
    IntervalAndN,
}

/// In which a column's numbers are, as they stand in CSV and JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// No number.
    Text,
    Count,
    /// From 0 to 1, shown in percent.
    Share,
    /// A difference of shares from -1 to 1, shown in percentage points.
    Points,
    Nats,
    /// From 0 to 1, shown as it is.
    Probability,
    PValue,
    Seconds,
    /// Without a unit, as it was set.
    Setting,
    /// Without a unit, as it was measured.
    Ratio,
    /// Without a unit, around -1 to 1, shown with two decimals.
    Index,
}

impl Unit {
    /// In JSON.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Text => "text",
            Unit::Count => "count",
            Unit::Share => "share, 0 to 1",
            Unit::Points => "difference of shares, -1 to 1",
            Unit::Nats => "nats",
            Unit::Probability => "probability, 0 to 1",
            Unit::PValue => "p-value, 0 to 1",
            Unit::Seconds => "seconds",
            Unit::Setting | Unit::Ratio | Unit::Index => "number without unit",
        }
    }

    /// After a heading, where shown numbers have one.
    pub fn shown(self) -> &'static str {
        match self {
            Unit::Share => "%",
            Unit::Points => "points",
            Unit::Nats => "nats",
            Unit::Seconds => "s",
            _ => "",
        }
    }

    fn show(self, value: f64) -> String {
        match self {
            _ if !value.is_finite() => "–".into(),
            Unit::Share => format!("{:.1}", value * 100.0),
            Unit::Points => quantity::points(value),
            Unit::Probability => format!("{value:.3}"),
            Unit::PValue => quantity::p_value(value),
            Unit::Seconds => format!("{value:.1}"),
            Unit::Setting => quantity::number(value),
            Unit::Index => quantity::decimal(value),
            Unit::Count if value.fract() == 0.0 && value >= 0.0 => quantity::count(value as u64),
            Unit::Text | Unit::Count | Unit::Nats | Unit::Ratio => quantity::significant(value),
        }
    }
}

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Text(String),
    /// A name for programs and one for people: `lora-r8`, `r = 8`.
    Named {
        name: String,
        label: String,
    },
    Integer(u64),
    Number(Quantity),
}

/// A number that may have an interval and an n. `None`: not defined, or nothing was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Quantity {
    pub value: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
    pub n: Option<u64>,
}

impl Value {
    /// A text that is its own name.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// `lora-r8`, shown as `r = 8`.
    pub fn arm(arm: Arm) -> Self {
        Self::Named { name: arm.to_string(), label: arm.label() }
    }

    /// A number without an interval; `None`: not defined.
    pub fn number(value: impl Into<Option<f64>>) -> Self {
        Self::Number(Quantity { value: value.into(), ..Quantity::default() })
    }

    /// A number with the ends of its interval.
    pub fn between(value: f64, low: f64, high: f64) -> Self {
        Self::Number(Quantity { value: Some(value), low: Some(low), high: Some(high), n: None })
    }

    /// A whole number.
    pub fn count(count: impl Into<u64>) -> Self {
        Self::Integer(count.into())
    }

    /// With its interval and n.
    pub fn measure(measure: Measure) -> Self {
        let Measure { value, low, high, n } = measure;
        Self::Number(Quantity { value, low, high, n: Some(n.into()) })
    }

    /// Toxic over judged, its interval, and how many were judged.
    pub fn share(counts: &Counts) -> Self {
        Self::Number(Quantity { value: counts.share, low: counts.low, high: counts.high, n: Some(counts.judged.into()) })
    }

    /// Nothing is known.
    pub fn none() -> Self {
        Self::Number(Quantity::default())
    }

    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Named { .. })
    }

    /// For people, without interval and n; a dash where there is nothing.
    pub(super) fn shown(&self, unit: Unit) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Named { label, .. } => label.clone(),
            Self::Integer(number) => quantity::count(*number),
            Self::Number(quantity) => quantity.value.map_or_else(|| "–".into(), |value| unit.show(value)),
        }
    }

    /// The ends of the interval, for people.
    pub(super) fn shown_interval(&self, unit: Unit) -> Option<(String, String)> {
        match self {
            Self::Number(Quantity { value: Some(_), low: Some(low), high: Some(high), .. }) => Some((unit.show(*low), unit.show(*high))),
            _ => None,
        }
    }

    pub(super) fn n(&self) -> Option<u64> {
        match self {
            Self::Number(quantity) => quantity.n,
            _ => None,
        }
    }
}

impl Column {
    /// A column of texts.
    pub fn text(name: &str, heading: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            heading: heading.into(),
            unit: Unit::Text,
            shape: Shape::Plain,
            definition: String::new(),
            may_go_to_caption: false,
        }
    }

    /// A text that is often the same in every row.
    pub fn condition(name: &str, heading: impl Into<String>) -> Self {
        Self { may_go_to_caption: true, ..Self::text(name, heading) }
    }

    /// A column of numbers.
    pub fn plain(name: &str, heading: impl Into<String>, unit: Unit) -> Self {
        Self { unit, ..Self::text(name, heading) }
    }

    /// A column of numbers with their intervals.
    pub fn interval(name: &str, heading: impl Into<String>, unit: Unit) -> Self {
        Self { shape: Shape::Interval, ..Self::plain(name, heading, unit) }
    }

    /// A column of numbers with their intervals and what they rest on.
    pub fn measured(name: &str, heading: impl Into<String>, unit: Unit) -> Self {
        Self { shape: Shape::IntervalAndN, ..Self::plain(name, heading, unit) }
    }

    /// With a definition.
    pub fn meaning(self, definition: impl Into<String>) -> Self {
        Self { definition: definition.into(), ..self }
    }

    /// The heading with the unit of what is shown.
    pub(super) fn full_heading(&self) -> String {
        match self.unit.shown() {
            "" => self.heading.clone(),
            unit => format!("{}, {unit}", self.heading),
        }
    }
}

/// A text as a part of a file's name and of a label in LaTeX: lower-case letters, digits, dots and single hyphens. Of a text without any
/// of them nothing is left.
pub fn file_part(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut part = String::new();
    for letter in text.chars() {
        match letter {
            letter if letter.is_ascii_alphanumeric() || (letter == '.' && !part.is_empty()) => part.push(letter.to_ascii_lowercase()),
            _ if part.is_empty() || part.ends_with('-') => {}
            _ => part.push('-'),
        }
    }
    let cut: String = part.chars().take(LONGEST).collect();
    cut.trim_end_matches(['-', '.']).into()
}

/// A text as a part of a column's name: lower-case letters, digits and underscores.
pub(super) fn slug(text: &str) -> String {
    let plain: String =
        text.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' }).take(40).collect();
    if plain.is_empty() { "_".into() } else { plain }
}
