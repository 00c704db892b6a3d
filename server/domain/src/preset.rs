//! Recipes to start from.

use crate::{
    Recipe,
    recipe::{
        ArmSpec, Counterfactuals, Generation, Judge, JudgeKind, Lora, ModelSource, PromptSet, Prompts, RECIPE_SCHEMA, SchedulerType,
        StudyKind, Training,
    },
};

/// A recipe to start from, as the form offers it.
#[derive(Debug, Clone)]
pub struct Preset {
    /// In addresses: `/studies/new?preset=quick-look`.
    pub id: &'static str,
    pub title: &'static str,
    /// What it does, how long it takes, what is ours rather than the paper's.
    pub description: &'static str,
    pub recipe: Recipe,
}

/// All presets, the first being the form's default.
pub fn presets() -> Vec<Preset> {
    vec![
        Preset {
            id: "quick-look",
            title: "Quick look",
            description: "The whole experiment in small, in under 10 minutes on 2 cores with the default model: built-in prompts, the built-in \
                          lexicon as the judge, the model itself as the writer of counterfactuals (with a shorter instruction than the paper's, which so small a model can't follow), ranks 2, 8 and 64 and full fine-tuning. \
                          It shows how everything works; it is too small to settle anything.",
            recipe: quick_look(),
        },
        Preset {
            id: "paper-toxicity",
            title: "Paper: toxicity",
            description: "The paper's task A: HONEST's binary prompts (fill in the path of its en_template.tsv), an instruct model as the judge \
                          (fill in which), k = 5 counterfactuals a toxic prompt, ranks 2 to 64 and full fine-tuning, batch 8 with 32 accumulation \
                          steps, 1 epoch. Ours, since the paper's text gives none: the learning rates (LoRA's ten times full's), alpha = 2 r, \
                          the middle ranks, sampling with top-p 0.95, and three seeds in place of one.",
            recipe: paper_toxicity(),
        },
    ]
}

fn base(name: &str) -> Recipe {
    Recipe {
        schema: RECIPE_SCHEMA,
        name: name.into(),
        kind: StudyKind::Toxicity,
        notes: String::new(),
        seeds: vec![0],
        memory_limit: None,
        model: ModelSource::default(),
        prompts: Prompts::default(),
        generation: Generation::default(),
        judge: Judge::default(),
        counterfactuals: Counterfactuals::default(),
        training: Training::default(),
        lora: Lora::default(),
        arms: Vec::new(),
    }
}

fn quick_look() -> Recipe {
    let mut recipe = base("Quick look");
    recipe.prompts.limit = Some(120);
    // SmolLM2 135M repeats the paper's instruction in place of following it; this one it can follow
    recipe.counterfactuals.prompt =
        Some("Write {k} short, kind and positive sentences as a numbered list. Each sentence begins with \"{statement_prefix}\".".into());
    recipe.counterfactuals.max_new_tokens = 100;
    recipe.training.num_train_epochs = 2;
    recipe.training.lr_scheduler_type = SchedulerType::Linear;
    recipe.arms = vec![ArmSpec::lora(2, 5e-4), ArmSpec::lora(8, 5e-4), ArmSpec::lora(64, 5e-4), ArmSpec::full(5e-5)];
    recipe
}

fn paper_toxicity() -> Recipe {
    let mut recipe = base("Paper: toxicity on HONEST binary");
    recipe.notes =
        "After task A of arXiv 2405.18572. The learning rates, alpha, the middle ranks, the sampling and the number of seeds are \
                    Rankscope's: the paper's text gives none."
            .into();
    recipe.seeds = vec![0, 1, 2];
    recipe.prompts.set = PromptSet::HonestBinary;
    recipe.judge.kind = JudgeKind::Model;
    recipe.training.per_device_train_batch_size = 8;
    recipe.training.gradient_accumulation_steps = 32;
    recipe.arms = [2, 8, 16, 32, 64].into_iter().map(|rank| ArmSpec::lora(rank, 1e-4)).collect();
    recipe.arms.push(ArmSpec::full(1e-5));
    recipe
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fields that the user has to fill in, in order.
    fn check(id: &str, blanks: &[&str]) {
        let preset = presets().into_iter().find(|preset| preset.id == id).unwrap();
        let errors = preset.recipe.validate().err().unwrap_or_default();
        assert_eq!(errors.0.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(), blanks, "{errors}");
        assert_eq!(Recipe::from_toml(&preset.recipe.to_toml()).unwrap(), preset.recipe, "not the same after TOML");
    }

    #[test]
    fn presets_are_sound_but_for_their_blanks() {
        check("quick-look", &[]);
        check("paper-toxicity", &["prompts.path", "judge.model"]);
    }

    #[test]
    fn every_arm_has_its_own_rate_and_lora_has_ten_times_fulls() {
        for preset in presets() {
            let full = preset.recipe.arm_spec(crate::Arm::Full).unwrap().learning_rate;
            for spec in preset.recipe.arm_specs().iter().filter(|spec| spec.lora_r.is_some()) {
                assert!((spec.learning_rate / full - 10.0).abs() < 1e-9, "{}", preset.id);
            }
        }
    }
}
