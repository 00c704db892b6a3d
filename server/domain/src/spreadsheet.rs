//! Text in files that spreadsheets open: they take one that begins like a formula for a formula, whoever wrote it.

use std::borrow::Cow;

/// Without the apostrophes before it. A single sign, as tokens are, is no formula.
fn is_formula(text: &str) -> bool {
    let bare = text.trim_start_matches('\'');
    bare.chars().nth(1).is_some() && bare.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// The text behind an apostrophe where it would be taken for a formula; also where one stands there, so that [`unguarded`] gives it back.
pub fn guarded(text: &str) -> Cow<'_, str> {
    if is_formula(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// What was guarded.
pub fn unguarded(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| is_formula(rest)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_guarded_comes_back() {
        for (text, shown) in [
            ("=HYPERLINK(\"http://x\")", "'=HYPERLINK(\"http://x\")"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("'=1", "''=1"),
            ("''=1", "'''=1"),
            ("-", "-"),
            ("'-", "'-"),
            ("'tis", "'tis"),
            (" and =1", " and =1"),
            ("", ""),
        ] {
            assert_eq!(guarded(text), shown);
            assert_eq!(unguarded(shown), text);
        }
    }
}
