//! An arm of a study, and a cell: one arm with one seed.

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

/// One arm with one seed: the unit that is trained, evaluated and retried. Written `lora-r8-s0`, which
/// is also its folder's name under `cells/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, schemars::JsonSchema)]
#[schemars(with = "String")]
pub struct CellId {
    pub arm: Arm,
    pub seed: u64,
}

impl fmt::Display for CellId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-s{}", self.arm, self.seed)
    }
}

/// The text is not the name of a cell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a cell: write an arm and a seed, as in lora-r8-s0")]
pub struct NotACell(pub String);

impl FromStr for CellId {
    type Err = NotACell;

    fn from_str(text: &str) -> Result<Self, NotACell> {
        let wrong = || NotACell(text.into());
        let (arm, seed) = text.rsplit_once("-s").ok_or_else(wrong)?;
        let seed = seed.parse().ok().filter(|number: &u64| number.to_string() == seed).ok_or_else(wrong)?;
        Ok(CellId { arm: arm.parse().map_err(|_| wrong())?, seed })
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
        for name in ["original-s0", "lora-r8-s0", "lora-r64-s12", "full-s3"] {
            assert_eq!(name.parse::<CellId>().unwrap().to_string(), name);
        }
        for wrong in ["lora-r0-s0", "lora-r08-s0", "lora-r-s0", "lora-r+8-s0", "full", "full-s-1", "full-s01", "../full-s0", ""] {
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
