//! The arms of a study in a line.

use rankscope_domain::Arm;

/// `original, r = 2, 8, 64, full`.
pub(crate) fn arm_list(arms: &[Arm]) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut has_rank = false;
    for arm in arms {
        words.push(match arm.rank() {
            Some(r) if has_rank => r.to_string(),
            Some(r) => {
                has_rank = true;
                format!("r\u{a0}=\u{a0}{r}")
            }
            None => arm.label(),
        });
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_named_once() {
        let arms = [Arm::Original, Arm::Lora(2), Arm::Lora(64), Arm::Full];
        assert_eq!(arm_list(&arms), "original, r\u{a0}=\u{a0}2, 64, full");
        assert_eq!(arm_list(&[]), "");
    }
}
