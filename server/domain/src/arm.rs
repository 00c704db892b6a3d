//! An arm of a study, and a cell: one arm with one seed, and in a classification study one minority fraction.

use crate::MinorityFraction;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// What is compared: the model as it came, LoRA at a rank, or full fine-tuning.
/// Written `original`, `lora-r8`, `full` in every file and address. Ordered as in a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, schemars::JsonSchema)]
#[schemars(with = "String")]
pub enum Arm {
    Original,
    /// LoRA with rank `r`.
    Lora(u32),
    Full,
}

impl Arm {
    /// The rank, for LoRA.
    pub fn rank(self) -> Option<u32> {
        match self {
            Arm::Lora(r) => Some(r),
            _ => None,
        }
    }

    /// Whether the arm has weights of its own to train.
    pub fn is_trained(self) -> bool {
        self != Arm::Original
    }

    /// How a figure names it: `original`, `r = 8`, `full`.
    pub fn label(self) -> String {
        match self {
            Arm::Original => "original".into(),
            Arm::Lora(r) => format!("r = {r}"),
            Arm::Full => "full".into(),
        }
    }
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Arm::Original => f.write_str("original"),
            Arm::Lora(r) => write!(f, "lora-r{r}"),
            Arm::Full => f.write_str("full"),
        }
    }
}

/// The text is not the name of an arm.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an arm: write original, lora-r8 (any rank) or full")]
pub struct NotAnArm(pub String);

impl FromStr for Arm {
    type Err = NotAnArm;

    fn from_str(text: &str) -> Result<Self, NotAnArm> {
        match text {
            "original" => Ok(Arm::Original),
            "full" => Ok(Arm::Full),
            _ => text
                .strip_prefix("lora-r")
                .filter(|rank| rank.bytes().all(|byte| byte.is_ascii_digit()) && !rank.starts_with('0'))
                .and_then(|rank| rank.parse().ok())
                .map(Arm::Lora)
                .ok_or_else(|| NotAnArm(text.into())),
        }
    }
}

impl Serialize for Arm {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Arm {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One arm with one seed, and in a classification study one minority fraction: the unit that is trained, evaluated and
/// retried. Written `lora-r8-s0` or `lora-r8-s0-m0.25`, which is also its folder's name under `cells/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, schemars::JsonSchema)]
#[schemars(with = "String")]
pub struct CellId {
    pub arm: Arm,
    pub seed: u64,
    /// The part of the minority that it was trained on; none in studies without minorities, and for what is not trained.
    pub minority: Option<MinorityFraction>,
}

impl CellId {
    /// A cell of a study without minorities.
    pub fn new(arm: Arm, seed: u64) -> Self {
        Self { arm, seed, minority: None }
    }

    /// The same cell, trained on a part of the minority.
    pub fn with_minority(self, fraction: MinorityFraction) -> Self {
        Self { minority: Some(fraction), ..self }
    }
}

impl fmt::Display for CellId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-s{}", self.arm, self.seed)?;
        match self.minority {
            Some(fraction) => write!(f, "-m{fraction}"),
            None => Ok(()),
        }
    }
}

/// The text is not the name of a cell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a cell: write an arm, a seed and where there is one the minority's fraction, as in lora-r8-s0 or lora-r8-s0-m0.25")]
pub struct NotACell(pub String);

impl FromStr for CellId {
    type Err = NotACell;

    fn from_str(text: &str) -> Result<Self, NotACell> {
        let wrong = || NotACell(text.into());
        let (arm, rest) = text.rsplit_once("-s").ok_or_else(wrong)?;
        let (seed, minority) = match rest.split_once("-m") {
            Some((seed, fraction)) => (seed, Some(fraction.parse().map_err(|_| wrong())?)),
            None => (rest, None),
        };
        let seed = seed.parse().ok().filter(|number: &u64| number.to_string() == seed).ok_or_else(wrong)?;
        let cell = CellId { arm: arm.parse().map_err(|_| wrong())?, seed, minority };
        // one name for each cell: 0.50 is no fraction's own way of writing itself
        if cell.to_string() == text { Ok(cell) } else { Err(wrong()) }
    }
}

impl Serialize for CellId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CellId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back() {
        for name in ["original-s0", "lora-r8-s0", "lora-r64-s12", "full-s3", "full-s3-m1", "lora-r2-s0-m0.25"] {
            assert_eq!(name.parse::<CellId>().unwrap().to_string(), name);
        }
        for wrong in [
            "lora-r0-s0",
            "lora-r08-s0",
            "lora-r-s0",
            "lora-r+8-s0",
            "full",
            "full-s-1",
            "full-s01",
            "../full-s0",
            "",
            "full-s0-m",
            "full-s0-m0",
            "full-s0-m0.50",
            "full-s0-m2",
            "full-m1-s0",
        ] {
            assert!(wrong.parse::<CellId>().is_err(), "{wrong} was taken for a cell");
        }
    }

    #[test]
    fn arms_stand_as_in_a_figure() {
        let mut arms = [Arm::Full, Arm::Lora(64), Arm::Original, Arm::Lora(2)];
        arms.sort();
        assert_eq!(arms, [Arm::Original, Arm::Lora(2), Arm::Lora(64), Arm::Full]);
    }
}
