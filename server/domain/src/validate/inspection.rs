//! The table `[inspection]`.

use super::check_range;
use crate::{
    FieldErrors, Recipe,
    recipe::{HeadKind, StudyKind},
};

/// Most prompts that the lens looks at in one study.
pub const LENS_PROMPTS_LIMIT: usize = 20;

impl Recipe {
    pub(super) fn validate_inspection(&self, errors: &mut FieldErrors) {
        let Some(inspection) = &self.inspection else { return };
        if self.kind == StudyKind::Classification && self.classifier.head == HeadKind::ClassHead {
            errors.push(
                "inspection",
                "",
                "A class head predicts no token, so there is nothing to look at; remove the table [inspection], or write \
                 classifier.head = \"answers\" with a decoder.",
            );
        }
        if inspection.lens_prompts.len() > LENS_PROMPTS_LIMIT {
            errors.push(
                "inspection.lens_prompts",
                format!("{} prompts", inspection.lens_prompts.len()),
                format!("At most {LENS_PROMPTS_LIMIT} prompts."),
            );
        }
        for (index, prompt) in inspection.lens_prompts.iter().enumerate() {
            if prompt.trim().is_empty() {
                errors.push(
                    format!("inspection.lens_prompts[{index}]"),
                    prompt,
                    "Write a text for the lens to look at, or remove the entry.",
                );
            }
        }
        check_range(errors, "inspection.lens_top_k", inspection.lens_top_k, 1..=50);
        check_range(errors, "inspection.lens_new_tokens", inspection.lens_new_tokens, 0..=64);
        check_range(errors, "inspection.divergence_limit", inspection.divergence_limit, 1..=100_000);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{inspection::Inspection, recipe::ArmSpec};

    /// The fields that are refused after `change`, in order.
    fn check(change: impl FnOnce(&mut Recipe, &mut Inspection), expected: &[&str]) {
        let mut recipe = Recipe::from_toml("name = \"A study\"").unwrap();
        recipe.arms = vec![ArmSpec::lora(8, 1e-3)];
        let mut inspection = Inspection::default();
        change(&mut recipe, &mut inspection);
        recipe.inspection = Some(inspection);
        let errors = recipe.validate().err().unwrap_or_default();
        assert_eq!(errors.0.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(), expected, "{errors}");
        assert!(errors.0.iter().all(|error| error.remedy.ends_with('.')), "{errors}");
    }

    #[test]
    fn every_wrong_field_is_named() {
        check(|_, _| {}, &[]);
        check(|_, i| i.lens_prompts.clear(), &[]);
        check(|_, i| i.lens_prompts = vec!["x".into(); 20], &[]);
        check(|_, i| i.lens_prompts = vec!["x".into(); 21], &["inspection.lens_prompts"]);
        check(|_, i| i.lens_prompts[1] = " ".into(), &["inspection.lens_prompts[1]"]);
        for (wrong, right) in [(0, 1), (51, 50)] {
            check(|_, i| i.lens_top_k = wrong, &["inspection.lens_top_k"]);
            check(|_, i| i.lens_top_k = right, &[]);
        }
        check(|_, i| i.lens_new_tokens = 0, &[]);
        check(|_, i| i.lens_new_tokens = 65, &["inspection.lens_new_tokens"]);
        check(|_, i| i.divergence_limit = 0, &["inspection.divergence_limit"]);
        check(|_, i| i.divergence_limit = 100_001, &["inspection.divergence_limit"]);
    }

    #[test]
    fn a_class_head_has_nothing_to_look_at() {
        check(|r, _| r.kind = StudyKind::Classification, &[]);
        check(
            |r, _| {
                r.kind = StudyKind::Classification;
                r.classifier.head = HeadKind::ClassHead;
            },
            &["inspection"],
        );
    }
}
