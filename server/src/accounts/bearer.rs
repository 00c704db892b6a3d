//! The token that a request brings: `Authorization: Bearer …`.

use crate::accounts::tokens::TokenSecret;
use axum::http::{HeaderMap, HeaderValue, header::AUTHORIZATION};

/// What a request says of itself.
#[derive(Clone, PartialEq, Eq)]
pub enum Bearer {
    /// Nothing, or by a scheme that is not ours.
    Absent,
    Token(TokenSecret),
    /// What can't be a token, or more than one.
    Malformed,
}

/// Whether the request speaks for itself by a token, right or wrong. No page of another site can make a browser send one: the header
/// needs a permission that this server never gives.
pub fn is_there(headers: &HeaderMap) -> bool {
    headers.get_all(AUTHORIZATION).iter().any(|value| credentials(value).is_some())
}

pub fn read(headers: &HeaderMap) -> Bearer {
    let mut found = headers.get_all(AUTHORIZATION).iter().filter_map(credentials);
    match (found.next(), found.next()) {
        (None, _) => Bearer::Absent,
        (Some(text), None) => {
            let token = std::str::from_utf8(text).ok().and_then(|text| TokenSecret::parse(text.trim_matches(' ')));
            token.map_or(Bearer::Malformed, Bearer::Token)
        }
        (Some(_), Some(_)) => Bearer::Malformed,
    }
}

/// What follows the scheme, where it is this one.
fn credentials(value: &HeaderValue) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"bearer";
    let (scheme, rest) = value.as_bytes().split_at_checked(SCHEME.len())?;
    (scheme.eq_ignore_ascii_case(SCHEME) && rest.first().is_none_or(|byte| *byte == b' ')).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_of(lines: &[&[u8]]) -> Bearer {
        read(&lines.iter().map(|line| (AUTHORIZATION, HeaderValue::from_bytes(line).unwrap())).collect())
    }

    #[test]
    fn one_token_of_our_form_is_one() {
        let token = format!("rankscope_{}", "0a".repeat(32));
        for line in [format!("Bearer {token}"), format!("bearer {token}"), format!("BEARER   {token} ")] {
            assert!(read_of(&[line.as_bytes()]) == Bearer::Token(TokenSecret::parse(&token).unwrap()), "{line}");
        }
        for line in ["", "Basic eDp5", "Bearerx y", "Token x"] {
            assert!(read_of(&[line.as_bytes()]) == Bearer::Absent, "{line}");
        }
        let twice = format!("Bearer {token}");
        for lines in [
            vec!["Bearer".as_bytes()],
            vec![b"Bearer "],
            vec![b"Bearer x"],
            vec![b"Bearer rankscope_\xff"],
            vec![twice.as_bytes(), twice.as_bytes()],
        ] {
            assert!(read_of(&lines) == Bearer::Malformed, "{lines:?}");
        }
    }
}
