//! An amount of memory, as people write it: bytes, or with a unit.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

/// Bytes. Written `8 GiB` where that is exact, otherwise as a plain number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, schemars::JsonSchema)]
#[schemars(with = "String")]
pub struct MemorySize(pub u64);

const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// The text is no amount of memory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no amount of memory: write bytes, or a number and a unit such as \"8 GiB\" or \"500 MB\"")]
pub struct NotAMemorySize(pub String);

impl FromStr for MemorySize {
    type Err = NotAMemorySize;

    fn from_str(text: &str) -> Result<Self, NotAMemorySize> {
        let wrong = || NotAMemorySize(text.into());
        let trimmed = text.trim();
        let digits = trimmed.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(trimmed.len());
        let (number, unit) = (&trimmed[..digits], trimmed[digits..].trim());
        let bytes = match unit {
            "" => 1,
            unit => UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or_else(wrong)?.1,
        };
        if let Ok(whole) = number.parse::<u64>() {
            return whole.checked_mul(bytes).map(Self).ok_or_else(wrong);
        }
        let number: f64 = number.parse().map_err(|_| wrong())?;
        // up to here every whole number is exact
        let total = (number * bytes as f64).round();
        if total < (1_u64 << 53) as f64 { Ok(Self(total as u64)) } else { Err(wrong()) }
    }
}

impl fmt::Display for MemorySize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS[..4].iter().find(|(_, bytes)| self.0 > 0 && self.0.is_multiple_of(*bytes)) {
            Some((name, bytes)) => write!(f, "{} {name}", self.0 / bytes),
            None => write!(f, "{}", self.0),
        }
    }
}

impl Serialize for MemorySize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text, or bytes as a bare number.
impl<'de> Deserialize<'de> for MemorySize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "no amount of memory: write bytes, or a number and a unit such as \"8 GiB\" or \"500 MB\"")]
        enum Written {
            Bytes(u64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Bytes(bytes) => Ok(Self(bytes)),
            Written::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes, shown) in [
            ("8 GiB", 8 << 30, "8 GiB"),
            ("8gib", 8 << 30, "8 GiB"),
            (" 1.5 GiB ", 3 << 29, "1536 MiB"),
            ("500 MB", 500_000_000, "500000000"),
            ("1073741824", 1 << 30, "1 GiB"),
            ("7 B", 7, "7"),
            ("0", 0, "0"),
        ] {
            let size: MemorySize = text.parse().unwrap();
            assert_eq!((size.0, size.to_string().as_str()), (bytes, shown), "{text}");
            assert_eq!(shown.parse(), Ok(size), "{shown} is not read back");
        }
        for wrong in ["", "GiB", "8 gigs", "-1 GiB", "1e3", "8 GiB and more", "99999999 TiB", "1.2.3 GB"] {
            assert!(wrong.parse::<MemorySize>().is_err(), "{wrong:?} was taken for a size");
        }
    }
}
