//! Recipes to start from.

use crate::{
    MinorityFraction, Recipe,
    inspection::Inspection,
    recipe::{
        ArmSpec, Classifier, Counterfactuals, Data, Generation, Groups, HeadKind, Judge, JudgeKind, Lora, ModelSource, PromptSet, Prompts,
        RECIPE_SCHEMA, SchedulerType, StudyKind, Training,
    },
};

/// A recipe to start from, as the form offers it.
#[derive(Debug, Clone)]
pub struct Preset {
    /// In addresses: `/studies/new?preset=quick-look`.
    pub id: &'static str,
    pub title: &'static str,
    /// What tells it from others of the same title, which stand beside it: the model. Empty: nothing.
    pub variant: &'static str,
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
            variant: "",
            description: "The whole experiment in small, in under 10 minutes on 2 cores with the default model: built-in prompts, the built-in \
                          lexicon as the judge, the model itself as the writer of counterfactuals (with a shorter instruction than the paper's, which so small a model can't follow), ranks 2, 8 and 64 and full fine-tuning. \
                          It shows how everything works; it is too small to settle anything.",
            recipe: quick_look(),
        },
        Preset {
            id: "paper-toxicity",
            title: "Paper: toxicity",
            variant: "",
            description: "The paper's task A: HONEST's binary prompts (fill in the path of its en_template.tsv), an instruct model as the judge \
                          (fill in which), k = 5 counterfactuals a toxic prompt, ranks 2 to 64 and full fine-tuning, batch 8 with 32 accumulation \
                          steps, 1 epoch. Ours, since the paper's text gives none: the learning rates (LoRA's ten times full's), alpha = 2 r, \
                          the middle ranks, sampling with top-p 0.95, and three seeds in place of one.",
            recipe: paper_toxicity(),
        },
        Preset {
            id: "classification-quick",
            title: "Quick classification",
            variant: "",
            description: "Who loses when the minority shrinks, in small and in under 10 minutes on 2 cores: the built-in set of short reviews, the \
                          default model answering with “positive” or “negative”, negative reviews made few (all of them, and a quarter), ranks 2, 8 \
                          and 64 and full fine-tuning. It shows how everything works; it is too small to settle anything.",
            recipe: quick_classification(),
        },
        paper_classification("paper-imdb-gpt2", "Paper: IMDb", &IMDB, &GPT2),
        paper_classification("paper-imdb-bert", "Paper: IMDb", &IMDB, &BERT),
        paper_classification("paper-imdb-opt", "Paper: IMDb", &IMDB, &OPT),
        paper_classification("paper-sst2-gpt2", "Paper: SST-2", &SST2, &GPT2),
        paper_classification("paper-sst2-bert", "Paper: SST-2", &SST2, &BERT),
        paper_classification("paper-sst2-opt", "Paper: SST-2", &SST2, &OPT),
    ]
}

/// One of the paper's two sets.
struct PaperData {
    source: &'static str,
    name: &'static str,
    test_split: &'static str,
    minority: &'static str,
    max_length: u32,
    description: &'static str,
}

const IMDB: PaperData = PaperData {
    source: "hf:stanfordnlp/imdb@main",
    name: "IMDb",
    test_split: "test",
    minority: "positive",
    max_length: 512,
    description: "The paper's task B on IMDb's 25,000 reviews; positive reviews are the minority. GPT-2 and OPT answer with the label, BERT has a \
                  classification head. Batch 16; 5 epochs for GPT-2 and BERT, 1 for OPT 1.3B; weight decay 0.25 in full. Ours, since the paper's text \
                  gives none: the fractions, the learning rates (LoRA's ten times full's), alpha = 2 r, the instruction, 512 tokens a review, and three seeds.",
};

const SST2: PaperData = PaperData {
    source: "hf:stanfordnlp/sst2@main",
    name: "SST-2",
    test_split: "validation",
    minority: "negative",
    max_length: 128,
    description: "The paper's task B on SST-2's 67,349 sentences; negative ones are the minority, and the dev set is the test. Otherwise as for IMDb, \
                  with 128 tokens a sentence.",
};

/// One of the paper's models for task B.
struct PaperModel {
    source: &'static str,
    name: &'static str,
    head: HeadKind,
    epochs: u32,
    rate: f64,
}

const GPT2: PaperModel =
    PaperModel { source: "hf:openai-community/gpt2@main", name: "GPT-2", head: HeadKind::Answers, epochs: 5, rate: 5e-5 };
const BERT: PaperModel =
    PaperModel { source: "hf:google-bert/bert-base-uncased@main", name: "BERT", head: HeadKind::ClassHead, epochs: 5, rate: 2e-5 };
const OPT: PaperModel =
    PaperModel { source: "hf:facebook/opt-1.3b@main", name: "OPT 1.3B", head: HeadKind::Answers, epochs: 1, rate: 1e-5 };

fn paper_classification(id: &'static str, title: &'static str, data: &PaperData, model: &PaperModel) -> Preset {
    let mut recipe = base(&format!("{title}, {}", model.name));
    recipe.kind = StudyKind::Classification;
    recipe.notes = format!(
        "After task B of arXiv 2405.18572 with {} on {}. The fractions, the learning rates, alpha, the instruction and the number of seeds are \
         Rankscope's: the paper's text gives none. The paper states weight decay 0.25 for the full fine-tuning of large models.",
        model.name, data.name
    );
    recipe.seeds = vec![0, 1, 2];
    recipe.model.source = model.source.into();
    recipe.data.source = data.source.into();
    recipe.data.test_split = Some(data.test_split.into());
    recipe.data.label_names = vec!["negative".into(), "positive".into()];
    recipe.groups.minority = Some(data.minority.into());
    recipe.classifier.head = model.head;
    recipe.training.num_train_epochs = model.epochs;
    recipe.training.per_device_train_batch_size = 16;
    recipe.training.lr_scheduler_type = SchedulerType::Linear;
    recipe.training.max_length = data.max_length;
    recipe.training.keep_full_weights = false;
    // a class head predicts no token
    recipe.inspection = (model.head == HeadKind::Answers).then(Inspection::default);
    recipe.arms = [2, 8, 64].into_iter().map(|rank| ArmSpec::lora(rank, 10.0 * model.rate)).collect();
    recipe.arms.push(ArmSpec { weight_decay: 0.25, ..ArmSpec::full(model.rate) });
    Preset { id, title, variant: model.name, description: data.description, recipe }
}

fn quick_classification() -> Recipe {
    let mut recipe = base("Quick classification");
    recipe.kind = StudyKind::Classification;
    // all 240 would take two cores to the edge of ten minutes
    recipe.data.train_limit = Some(160);
    recipe.groups.minority = Some("negative".into());
    recipe.groups.minority_fractions = [1.0, 0.25].into_iter().filter_map(|value| MinorityFraction::new(value).ok()).collect();
    recipe.training.num_train_epochs = 2;
    recipe.training.per_device_train_batch_size = 16;
    recipe.training.lr_scheduler_type = SchedulerType::Linear;
    recipe.training.keep_full_weights = false;
    recipe.inspection = Some(Inspection::default());
    recipe.arms = vec![
        ArmSpec::lora(2, 5e-4),
        ArmSpec::lora(8, 5e-4),
        ArmSpec::lora(64, 5e-4),
        ArmSpec { weight_decay: 0.25, ..ArmSpec::full(5e-5) },
    ];
    recipe
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
        data: Data::default(),
        groups: Groups::default(),
        classifier: Classifier::default(),
        training: Training::default(),
        lora: Lora::default(),
        inspection: None,
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
    recipe.inspection = Some(Inspection::default());
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
    recipe.inspection = Some(Inspection::default());
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
        for preset in presets().iter().filter(|preset| preset.recipe.kind == StudyKind::Classification) {
            check(preset.id, &[]);
        }
    }

    #[test]
    fn presets_are_told_apart() {
        let presets = presets();
        let ids: std::collections::HashSet<_> = presets.iter().map(|preset| preset.id).collect();
        let titles: std::collections::HashSet<_> = presets.iter().map(|preset| (preset.title, preset.variant)).collect();
        assert_eq!((ids.len(), titles.len()), (presets.len(), presets.len()));
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
