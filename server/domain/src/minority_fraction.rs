//! The part of a minority's training examples that is kept.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Parts of the whole that a fraction is counted in: four decimals.
const PARTS: u32 = 10_000;

/// Above 0, at most 1, with at most four decimals, so that it can stand in names and be compared. Ordered by size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, schemars::JsonSchema)]
#[schemars(with = "f64")]
pub struct MinorityFraction(u32);

/// The number is no fraction of a minority.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no fraction of the minority: write a number above 0, at most 1, with at most four decimals, as in 0.25")]
pub struct NotAFraction(pub String);

impl MinorityFraction {
    /// The whole minority.
    pub const WHOLE: Self = Self(PARTS);

    pub fn new(value: f64) -> Result<Self, NotAFraction> {
        let parts = value * f64::from(PARTS);
        let whole = parts.round();
        if (1.0..=f64::from(PARTS)).contains(&whole) && (parts - whole).abs() < 1e-6 {
            Ok(Self(whole as u32))
        } else {
            Err(NotAFraction(value.to_string()))
        }
    }

    pub fn value(self) -> f64 {
        f64::from(self.0) / f64::from(PARTS)
    }

    /// How many of `count` examples are kept: rounded up, so that a minority never vanishes.
    pub fn of(self, count: usize) -> usize {
        (count as u64 * u64::from(self.0)).div_ceil(u64::from(PARTS)) as usize
    }
}

impl fmt::Display for MinorityFraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.value())
    }
}

impl FromStr for MinorityFraction {
    type Err = NotAFraction;

    fn from_str(text: &str) -> Result<Self, NotAFraction> {
        text.trim().parse().map_err(|_| NotAFraction(format!("{text:?}"))).and_then(Self::new)
    }
}

impl Serialize for MinorityFraction {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.value())
    }
}

impl<'de> Deserialize<'de> for MinorityFraction {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_go_there_and_back() {
        for (value, text) in [(1.0, "1"), (0.5, "0.5"), (0.25, "0.25"), (0.1, "0.1"), (0.3333, "0.3333"), (0.0001, "0.0001")] {
            let fraction = MinorityFraction::new(value).unwrap();
            assert_eq!((fraction.to_string().as_str(), fraction.value()), (text, value));
            assert_eq!(text.parse(), Ok(fraction));
            assert_eq!(serde_json::from_str::<MinorityFraction>(&serde_json::to_string(&fraction).unwrap()).unwrap(), fraction);
        }
        for wrong in [0.0, -0.5, 1.0001, 0.33333, 0.00001, f64::NAN, f64::INFINITY] {
            assert!(MinorityFraction::new(wrong).is_err(), "{wrong}");
        }
        assert_eq!(serde_json::from_str::<MinorityFraction>("1").unwrap(), MinorityFraction::WHOLE);
    }

    #[test]
    fn a_part_is_rounded_up() {
        let tenth = MinorityFraction::new(0.1).unwrap();
        for (count, kept) in [(0, 0), (1, 1), (10, 1), (11, 2), (1000, 100)] {
            assert_eq!(tenth.of(count), kept);
        }
        assert_eq!(MinorityFraction::WHOLE.of(7), 7);
    }
}
