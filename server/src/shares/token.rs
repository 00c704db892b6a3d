//! What is in a link: 256 random bits. The database has their hash alone, so who reads it can't open a link.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rankscope_app::SHARED_PREFIX;
use sha2::{Digest, Sha256};

const BYTES: usize = 32;
/// Of the text: 32 bytes in base64url without padding.
pub const TOKEN_LENGTH: usize = 43;

/// Opens one share. Never shown by accident: it has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct ShareToken([u8; BYTES]);

impl ShareToken {
    /// From the system's random numbers.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// What can't be a token is refused before anything is looked up. Each token has one way of being written.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != TOKEN_LENGTH {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// `/s/{token}`
    pub fn path(&self) -> String {
        format!("{SHARED_PREFIX}{}", self.to_text())
    }

    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_written_in_one_way() {
        let token = ShareToken::generate().unwrap();
        let text = token.to_text();
        assert_eq!(text.len(), TOKEN_LENGTH);
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'), "{text}");
        assert!(ShareToken::parse(&text).is_some_and(|read| read == token));
        assert!(ShareToken::generate().unwrap() != token);
        // the last letter has two bits to spare, which are zero
        let body = &text[..TOKEN_LENGTH - 1];
        let twins = ('a'..='z')
            .chain('A'..='Z')
            .chain('0'..='9')
            .chain(['-', '_'])
            .filter(|last| ShareToken::parse(&format!("{body}{last}")).is_some());
        assert_eq!(twins.count(), 16);
        for wrong in [
            "",
            &text[1..],
            &format!("{text}A"),
            &format!("{body}="),
            &format!("{body} "),
            &format!("{body}\0"),
            &format!("{}é", &text[..TOKEN_LENGTH - 2]),
            &text.replace(&text[..1], "%"),
            &text.replace(&text[..1], "+"),
            &text.replace(&text[..1], "/"),
            &"A".repeat(10_000),
        ] {
            assert!(ShareToken::parse(wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn the_hash_is_that_of_the_bytes() {
        let zero = ShareToken::parse(&"A".repeat(TOKEN_LENGTH)).unwrap();
        let hash: String = zero.hash().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925");
    }
}
