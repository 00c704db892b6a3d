//! A value of a row, whatever kind of file it came from.

/// As far as labels, texts and groups need to be told apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    /// Null, absent, or an empty place of a CSV file.
    Missing,
    Whole(i64),
    Real(f64),
    Truth(bool),
    Text(String),
    /// Lists, objects, bytes that are no text: shown by what they are.
    Other(&'static str),
}

impl Cell {
    pub(super) fn from_real(value: f64) -> Self {
        // 2^53: above it a whole number may be another's neighbour
        if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 { Self::Whole(value as i64) } else { Self::Real(value) }
    }

    /// What the value is called in an error.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Cell::Missing => "nothing",
            Cell::Whole(_) | Cell::Real(_) => "a number",
            Cell::Truth(_) => "true or false",
            Cell::Text(_) => "a text",
            Cell::Other(kind) => kind,
        }
    }

    /// As the name of a group, or in an error: long ones cut.
    pub(super) fn shown(&self) -> String {
        const LONGEST: usize = 80;
        let text = match self {
            Cell::Missing => String::new(),
            Cell::Whole(value) => value.to_string(),
            Cell::Real(value) => value.to_string(),
            Cell::Truth(value) => value.to_string(),
            Cell::Text(text) => text.trim().to_string(),
            Cell::Other(kind) => (*kind).to_string(),
        };
        if text.chars().count() > LONGEST { text.chars().take(LONGEST).chain(['…']).collect() } else { text }
    }
}
