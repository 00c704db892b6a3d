//! The plan: which stages a recipe has, in which order. A pure function of the recipe, so that a start knows what is left.

use rankscope_domain::{Arm, CellId, Recipe, event::StageKind, recipe::StudyKind};
use serde::{Deserialize, Serialize};

/// What a stage does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Task {
    Load,
    Prompts,
    /// The original model completes the prompts, with every seed.
    Baseline(Vec<CellId>),
    Counterfactuals,
    /// Which examples are trained on and tested with.
    Data,
    /// All LoRA cells that train on the same examples, at once over one frozen base.
    TrainLoras(Vec<CellId>),
    TrainFull(CellId),
    Complete(Vec<CellId>),
    Judge(Vec<CellId>),
    /// The cells classify the test examples.
    Evaluate(Vec<CellId>),
    /// The cells are looked at inside: lens, divergences, distances of weights.
    Inspect(Vec<CellId>),
    Results,
}

/// A stage at its place in the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stage {
    pub(crate) task: Task,
    /// From 1.
    number: usize,
}

/// A finished stage: `stages/NN-name.json`, written after all that the stage makes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StageRecord {
    pub(crate) stage: StageKind,
    pub(crate) label: String,
    pub(crate) seconds: f64,
    pub(crate) cells: Vec<CellWork>,
    /// Of all cells, or of the stage where it has none.
    pub(crate) tokens: u64,
}

/// One cell's part of a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CellWork {
    pub(crate) cell: CellId,
    pub(crate) tokens: u64,
}

/// Every stage of a recipe, in order.
pub(crate) fn stages(recipe: &Recipe) -> Vec<Stage> {
    let tasks = match recipe.kind {
        StudyKind::Toxicity => toxicity(recipe),
        StudyKind::Classification => classification(recipe),
    };
    tasks.into_iter().enumerate().map(|(index, task)| Stage { task, number: index + 1 }).collect()
}

/// What is trained on the same examples stands together: a fraction, then a seed, its LoRA cells and then its full one.
fn classification(recipe: &Recipe) -> Vec<Task> {
    let cells = recipe.cells();
    let inspected = recipe.inspected_cells();
    let mut tasks = vec![Task::Load, Task::Data];
    let original: Vec<CellId> = cells.iter().copied().filter(|cell| cell.arm == Arm::Original).collect();
    if !original.is_empty() {
        let inspect = inspect(&inspected, &original);
        tasks.push(Task::Evaluate(original));
        tasks.extend(inspect);
    }
    for fraction in recipe.groups.fractions() {
        for &seed in &recipe.seeds {
            let here = cells.iter().copied().filter(|cell| cell.seed == seed && cell.minority == Some(fraction));
            let (loras, full): (Vec<CellId>, Vec<CellId>) = here.partition(|cell| cell.arm.rank().is_some());
            if !loras.is_empty() {
                tasks.extend([Task::TrainLoras(loras.clone()), Task::Evaluate(loras.clone())]);
                tasks.extend(inspect(&inspected, &loras));
            }
            for cell in full {
                tasks.extend([Task::TrainFull(cell), Task::Evaluate(vec![cell])]);
                tasks.extend(inspect(&inspected, &[cell]));
            }
        }
    }
    tasks.push(Task::Results);
    tasks
}

fn toxicity(recipe: &Recipe) -> Vec<Task> {
    let cells = recipe.cells();
    let of = |wanted: fn(Arm) -> bool| cells.iter().copied().filter(|cell| wanted(cell.arm)).collect::<Vec<_>>();
    let original = of(|arm| arm == Arm::Original);
    let loras = of(|arm| arm.rank().is_some());
    let inspected = recipe.inspected_cells();
    let mut tasks = vec![Task::Load, Task::Prompts, Task::Baseline(original.clone()), Task::Judge(original.clone())];
    tasks.extend(inspect(&inspected, &original));
    tasks.push(Task::Counterfactuals);
    if !loras.is_empty() {
        tasks.extend([Task::TrainLoras(loras.clone()), Task::Complete(loras.clone()), Task::Judge(loras.clone())]);
        tasks.extend(inspect(&inspected, &loras));
    }
    for cell in of(|arm| arm == Arm::Full) {
        tasks.extend([Task::TrainFull(cell), Task::Complete(vec![cell]), Task::Judge(vec![cell])]);
        tasks.extend(inspect(&inspected, &[cell]));
    }
    tasks.push(Task::Results);
    tasks
}

/// The stage that looks into those of `cells` that are inspected; none where none is.
fn inspect(inspected: &[CellId], cells: &[CellId]) -> Option<Task> {
    let cells: Vec<CellId> = cells.iter().copied().filter(|cell| inspected.contains(cell)).collect();
    (!cells.is_empty()).then_some(Task::Inspect(cells))
}

impl Stage {
    pub(crate) fn kind(&self) -> StageKind {
        match self.task {
            Task::Load => StageKind::Load,
            Task::Prompts => StageKind::Prompts,
            Task::Baseline(_) => StageKind::Baseline,
            Task::Counterfactuals => StageKind::Counterfactuals,
            Task::TrainLoras(_) | Task::TrainFull(_) => StageKind::Train,
            Task::Complete(_) => StageKind::Complete,
            Task::Judge(_) => StageKind::Judge,
            Task::Data => StageKind::Data,
            Task::Evaluate(_) => StageKind::Evaluate,
            Task::Inspect(_) => StageKind::Inspect,
            Task::Results => StageKind::Results,
        }
    }

    pub(crate) fn cells(&self) -> Vec<CellId> {
        match &self.task {
            Task::Baseline(cells)
            | Task::TrainLoras(cells)
            | Task::Complete(cells)
            | Task::Judge(cells)
            | Task::Evaluate(cells)
            | Task::Inspect(cells) => cells.clone(),
            Task::TrainFull(cell) => vec![*cell],
            Task::Load | Task::Prompts | Task::Counterfactuals | Task::Data | Task::Results => Vec::new(),
        }
    }

    /// For people: "Fine-tune: lora-r2, lora-r8 (seeds 0, 1)".
    pub(crate) fn label(&self) -> String {
        let what = match self.task {
            Task::Baseline(_) => StageKind::Complete.label(),
            _ => self.kind().label(),
        };
        let cells = self.cells();
        if cells.is_empty() {
            return what.into();
        }
        let mut arms: Vec<String> = Vec::new();
        let mut seeds: Vec<String> = Vec::new();
        let fraction = cells.first().and_then(|cell| cell.minority).map_or_else(String::new, |fraction| format!(", fraction {fraction}"));
        for cell in cells {
            for (list, name) in [(&mut arms, cell.arm.to_string()), (&mut seeds, cell.seed.to_string())] {
                if !list.contains(&name) {
                    list.push(name);
                }
            }
        }
        let word = if seeds.len() == 1 { "seed" } else { "seeds" };
        format!("{what}: {} ({word} {}{fraction})", arms.join(", "), seeds.join(", "))
    }

    /// Of its files under `stages/`.
    pub(crate) fn file_stem(&self) -> String {
        let name = match &self.task {
            Task::Load => "load".into(),
            Task::Prompts => "prompts".into(),
            Task::Baseline(_) => "baseline".into(),
            Task::Counterfactuals => "counterfactuals".into(),
            Task::Data => "data".into(),
            Task::TrainLoras(cells) => format!("train-{}", group_name(cells)),
            Task::TrainFull(cell) => format!("train-{cell}"),
            Task::Complete(cells) => format!("complete-{}", group_name(cells)),
            Task::Judge(cells) => format!("judge-{}", group_name(cells)),
            Task::Evaluate(cells) => format!("evaluate-{}", group_name(cells)),
            Task::Inspect(cells) => format!("inspect-{}", group_name(cells)),
            Task::Results => "results".into(),
        };
        format!("{:02}-{name}", self.number)
    }
}

fn group_name(cells: &[CellId]) -> String {
    match cells.first() {
        Some(cell) if cell.arm == Arm::Full => cell.to_string(),
        Some(CellId { arm: Arm::Lora(_), seed, minority: Some(fraction) }) => format!("lora-s{seed}-m{fraction}"),
        Some(CellId { arm: Arm::Lora(_), .. }) => "lora".into(),
        _ => "original".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rankscope_domain::recipe::{ArmSpec, Inspection};

    #[test]
    fn loras_go_together_and_full_cells_alone() {
        let mut recipe = Recipe::from_toml("name = \"x\"\nseeds = [0, 1]").unwrap();
        recipe.arms = vec![ArmSpec::full(1e-4), ArmSpec::lora(8, 1e-3), ArmSpec::lora(2, 1e-3)];
        let names: Vec<_> = stages(&recipe).iter().map(Stage::file_stem).collect();
        assert_eq!(
            names,
            [
                "01-load",
                "02-prompts",
                "03-baseline",
                "04-judge-original",
                "05-counterfactuals",
                "06-train-lora",
                "07-complete-lora",
                "08-judge-lora",
                "09-train-full-s0",
                "10-complete-full-s0",
                "11-judge-full-s0",
                "12-train-full-s1",
                "13-complete-full-s1",
                "14-judge-full-s1",
                "15-results"
            ]
        );
        let labels: Vec<_> = stages(&recipe).iter().map(Stage::label).collect();
        assert_eq!(labels[5], "Fine-tune: lora-r2, lora-r8 (seeds 0, 1)");
        assert_eq!(labels[2], "Complete the prompts: original (seeds 0, 1)");
        assert_eq!(labels[8], "Fine-tune: full (seed 0)");
        let unique: std::collections::HashSet<_> = labels.iter().collect();
        assert_eq!(unique.len(), labels.len(), "pages tell stages apart by their labels");
    }

    #[test]
    fn what_trains_on_the_same_examples_stands_together() {
        let mut recipe = Recipe::from_toml("name = \"x\"\nkind = \"classification\"\nseeds = [0, 1]").unwrap();
        recipe.groups.minority_fractions =
            [0.1, 1.0].into_iter().map(|value| rankscope_domain::MinorityFraction::new(value).unwrap()).collect();
        recipe.arms = vec![ArmSpec::full(1e-4), ArmSpec::lora(8, 1e-3), ArmSpec::lora(2, 1e-3)];
        let stages = stages(&recipe);
        let names: Vec<_> = stages.iter().map(Stage::file_stem).collect();
        assert_eq!(
            names[..8],
            [
                "01-load",
                "02-data",
                "03-evaluate-original",
                "04-train-lora-s0-m1",
                "05-evaluate-lora-s0-m1",
                "06-train-full-s0-m1",
                "07-evaluate-full-s0-m1",
                "08-train-lora-s1-m1"
            ]
        );
        assert_eq!((names.len(), names.last().map(String::as_str)), (20, Some("20-results")));
        let labels: Vec<_> = stages.iter().map(Stage::label).collect();
        assert_eq!(labels[11], "Fine-tune: lora-r2, lora-r8 (seed 0, fraction 0.1)");
        let unique: std::collections::HashSet<_> = labels.iter().collect();
        assert_eq!(unique.len(), labels.len());
        let trained: usize = stages.iter().filter(|stage| stage.kind() == StageKind::Train).map(|stage| stage.cells().len()).sum();
        assert_eq!(trained, recipe.cells().len() - 1, "every trained cell once");
    }

    #[test]
    fn what_is_looked_into_is_so_before_its_weights_may_go_and_nothing_is_unless_asked_for() {
        let names = |text: &str, inspection: Option<Inspection>| {
            let mut recipe = Recipe::from_toml(text).unwrap();
            recipe.arms = vec![ArmSpec::full(1e-4), ArmSpec::lora(8, 1e-3), ArmSpec::lora(2, 1e-3)];
            recipe.groups.minority_fractions =
                [0.1, 1.0].into_iter().map(|value| rankscope_domain::MinorityFraction::new(value).unwrap()).collect();
            recipe.inspection = inspection;
            let stages = stages(&recipe);
            let looked_into: usize =
                stages.iter().filter(|stage| stage.kind() == StageKind::Inspect).map(|stage| stage.cells().len()).sum();
            assert_eq!(looked_into, recipe.inspected_cells().len(), "every inspected cell once");
            let labels: std::collections::HashSet<_> = stages.iter().map(Stage::label).collect();
            assert_eq!(labels.len(), stages.len());
            stages.iter().map(Stage::file_stem).collect::<Vec<_>>()
        };
        let toxicity = "name = \"x\"\nseeds = [4, 1]";
        assert_eq!(
            names(toxicity, Some(Inspection::default())),
            [
                "01-load",
                "02-prompts",
                "03-baseline",
                "04-judge-original",
                "05-inspect-original",
                "06-counterfactuals",
                "07-train-lora",
                "08-complete-lora",
                "09-judge-lora",
                "10-inspect-lora",
                "11-train-full-s4",
                "12-complete-full-s4",
                "13-judge-full-s4",
                "14-inspect-full-s4",
                "15-train-full-s1",
                "16-complete-full-s1",
                "17-judge-full-s1",
                "18-results"
            ]
        );
        let classification = "name = \"x\"\nkind = \"classification\"\nseeds = [0, 1]";
        assert_eq!(
            names(classification, Some(Inspection::default()))[2..11],
            [
                "03-evaluate-original",
                "04-inspect-original",
                "05-train-lora-s0-m1",
                "06-evaluate-lora-s0-m1",
                "07-inspect-lora-s0-m1",
                "08-train-full-s0-m1",
                "09-evaluate-full-s0-m1",
                "10-inspect-full-s0-m1",
                "11-train-lora-s1-m1"
            ]
        );
        for text in [toxicity, classification] {
            let without = names(text, None);
            assert!(without.iter().all(|name| !name.contains("inspect")), "{without:?}");
        }
    }
}
