//! The sets of labelled texts, as the pages and the command line tell of them.

use rankscope_domain::FieldErrors;

/// Why a set can't be removed.
pub fn in_use(name: &str, studies: &[String]) -> FieldErrors {
    let some: Vec<String> = studies.iter().take(3).map(|study| format!("{study:?}")).collect();
    let more = if studies.len() > some.len() { format!(" and {} more", studies.len() - some.len()) } else { String::new() };
    let remedy =
        format!("A study that is not finished uses it: {}{more}. Wait until it is, or delete it, then remove the set.", some.join(", "));
    FieldErrors::one("NAME", name, remedy)
}

/// The first of some names, and how many more there are.
pub fn few(names: &[String]) -> String {
    match names.len() {
        0..=4 => names.join(", "),
        count => format!("{}, … ({count})", names[..3].join(", ")),
    }
}

/// Names of labels as they are typed, by commas.
pub fn names_of(typed: &str) -> Vec<String> {
    typed.split(',').map(|name| name.trim().to_string()).filter(|name| !name.is_empty()).collect()
}
