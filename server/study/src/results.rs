//! `results.json` from the judgements: counts, intervals, contrasts, claims.

mod claims;
pub(crate) mod classification;
mod contrasts;
pub(crate) mod inspection;
pub(crate) mod over_seeds;

pub(crate) use classification::{likeliest, readings, softmax};

use crate::{
    seeds,
    statistics::{self, Cluster},
};
use rankscope_domain::{
    Arm, CellId, Recipe, StudyResults,
    completion::{Judgement, Prompt, Verdict},
    estimate::ModelSummary,
    results::{ArmResult, CellResult, CounterfactualCounts, Counts, GroupCounts, JudgeSummary, PhaseResult, RESULTS_SCHEMA},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

const CONFIDENCE: f64 = 0.95;

/// What training left behind: a cell's `metrics.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct CellMetrics {
    pub(crate) trainable_parameters: u64,
    /// Why the cell was given up.
    pub(crate) failed: Option<String>,
    /// Mean loss over target tokens (nats), one a step.
    pub(crate) losses: Vec<f64>,
    pub(crate) tokens: u64,
    pub(crate) target_tokens: u64,
    /// Training pairs that were longer than `max_length`, and the tokens that were cut from them.
    #[serde(default)]
    pub(crate) truncated_examples: u32,
    #[serde(default)]
    pub(crate) truncated_tokens: u64,
}

/// All that a cell has to show.
#[derive(Debug, Clone)]
pub(crate) struct CellOutcome {
    pub(crate) cell: CellId,
    pub(crate) metrics: CellMetrics,
    pub(crate) judgements: Vec<Judgement>,
    pub(crate) phases: Vec<PhaseResult>,
}

/// What the results are made of.
pub(crate) struct Findings<'a> {
    pub(crate) recipe: &'a Recipe,
    pub(crate) recipe_sha256: String,
    pub(crate) model: ModelSummary,
    pub(crate) judge: JudgeSummary,
    pub(crate) prompts: &'a [Prompt],
    pub(crate) counterfactuals: CounterfactualCounts,
    pub(crate) cells: Vec<CellOutcome>,
    pub(crate) work_seconds: f64,
}

/// One completion's verdict, readable ones alone, and where it belongs.
struct Observation {
    cluster: usize,
    group: usize,
    toxic: bool,
}

/// Verdicts of one arm, by seed, prompt and sample.
type ArmObservations = BTreeMap<(u64, u32, u32), Observation>;

pub(crate) fn compute(findings: Findings) -> StudyResults {
    let Findings { recipe, prompts, .. } = findings;
    let groups = groups_in_order(prompts);
    let clusters = cluster_numbers(prompts);
    let cluster_count = clusters.values().max().map_or(0, |last| last + 1);
    let mut observations: BTreeMap<Arm, ArmObservations> = BTreeMap::new();
    for outcome in &findings.cells {
        let arm = observations.entry(outcome.cell.arm).or_default();
        for judgement in outcome.judgements.iter().filter(|judgement| judgement.verdict != Verdict::Unparsable) {
            let Some((cluster, group)) = place(prompts, judgement.prompt_id, &clusters, &groups) else { continue };
            arm.insert(
                (outcome.cell.seed, judgement.prompt_id, judgement.sample),
                Observation { cluster, group, toxic: judgement.verdict == Verdict::Toxic },
            );
        }
    }
    let cells: Vec<_> = findings.cells.iter().map(|outcome| cell_result(outcome, recipe, prompts, &groups)).collect();
    let arms: Vec<_> = recipe.all_arms().into_iter().map(|arm| arm_result(arm, recipe, &cells, observations.get(&arm), &groups)).collect();
    let contrasts = contrasts::compute(recipe, &observations, cluster_count);
    let claims = claims::compute(recipe, &observations, &arms, &contrasts, cluster_count);
    StudyResults {
        schema: RESULTS_SCHEMA,
        name: recipe.name.clone(),
        kind: recipe.kind,
        recipe_sha256: findings.recipe_sha256,
        model: findings.model,
        judge: findings.judge,
        alpha_policy: recipe.lora.policy_text(),
        prompts: prompts.len() as u32,
        completions_per_prompt: recipe.generation.num_return_sequences,
        clusters: cluster_count as u32,
        groups,
        counterfactuals: findings.counterfactuals,
        cells,
        arms,
        contrasts,
        claims,
        work_seconds: findings.work_seconds,
        classification: None,
        inspection: None,
    }
}

/// As they first appear among the prompts.
fn groups_in_order(prompts: &[Prompt]) -> Vec<String> {
    let mut groups: Vec<String> = Vec::new();
    for prompt in prompts {
        if !groups.contains(&prompt.group) {
            groups.push(prompt.group.clone());
        }
    }
    groups
}

fn cluster_numbers(prompts: &[Prompt]) -> HashMap<&str, usize> {
    let mut numbers = HashMap::new();
    for prompt in prompts {
        let next = numbers.len();
        numbers.entry(prompt.template.as_str()).or_insert(next);
    }
    numbers
}

/// Cluster and group of a prompt; prompts stand in the order of their ids.
fn place(prompts: &[Prompt], id: u32, clusters: &HashMap<&str, usize>, groups: &[String]) -> Option<(usize, usize)> {
    let prompt = &prompts[prompts.binary_search_by_key(&id, |prompt| prompt.id).ok()?];
    Some((*clusters.get(prompt.template.as_str())?, groups.iter().position(|group| *group == prompt.group)?))
}

fn cell_result(outcome: &CellOutcome, recipe: &Recipe, prompts: &[Prompt], groups: &[String]) -> CellResult {
    let spec = recipe.arm_spec(outcome.cell.arm);
    let rank = outcome.cell.arm.rank();
    let of_group = |group: Option<&String>| {
        let verdicts = outcome.judgements.iter().filter(|judgement| {
            group.is_none_or(|group| {
                prompts.binary_search_by_key(&judgement.prompt_id, |prompt| prompt.id).is_ok_and(|place| prompts[place].group == *group)
            })
        });
        wilson_counts(verdicts.map(|judgement| judgement.verdict))
    };
    CellResult {
        cell: outcome.cell,
        arm: outcome.cell.arm,
        seed: outcome.cell.seed,
        failed: outcome.metrics.failed.clone(),
        learning_rate: spec.map(|spec| spec.learning_rate),
        weight_decay: spec.map(|spec| spec.weight_decay),
        lora_alpha: rank.map(|rank| recipe.lora.lora_alpha(rank)),
        scaling: rank.map(|rank| recipe.lora.scaling(rank)),
        trainable_parameters: outcome.metrics.trainable_parameters,
        total: of_group(None),
        groups: groups.iter().map(|group| GroupCounts { group: group.clone(), counts: of_group(Some(group)) }).collect(),
        losses: outcome.metrics.losses.clone(),
        phases: outcome.phases.clone(),
    }
}

fn wilson_counts(verdicts: impl Iterator<Item = Verdict>) -> Counts {
    let mut counts = Counts::default();
    for verdict in verdicts {
        match verdict {
            Verdict::Toxic => {
                counts.toxic += 1;
                counts.judged += 1;
            }
            Verdict::NonToxic => counts.judged += 1,
            Verdict::Unparsable => counts.unparsable += 1,
        }
    }
    with_wilson(counts)
}

fn with_wilson(mut counts: Counts) -> Counts {
    if counts.judged > 0 {
        let (low, high) = statistics::wilson(counts.toxic, counts.judged, CONFIDENCE);
        counts.share = Some(f64::from(counts.toxic) / f64::from(counts.judged));
        (counts.low, counts.high) = (Some(low), Some(high));
    }
    counts
}

fn arm_result(arm: Arm, recipe: &Recipe, cells: &[CellResult], observations: Option<&ArmObservations>, groups: &[String]) -> ArmResult {
    let finished: Vec<_> = cells.iter().filter(|cell| cell.arm == arm && cell.failed.is_none()).collect();
    let shares: Vec<f64> = finished.iter().filter_map(|cell| cell.total.share).collect();
    let pooled = |group: Option<usize>| {
        let mut counts = Counts::default();
        for cell in &finished {
            let part = group.map_or(&cell.total, |group| &cell.groups[group].counts);
            counts.toxic += part.toxic;
            counts.judged += part.judged;
            counts.unparsable += part.unparsable;
        }
        let counts = with_wilson(counts);
        let chosen = observations.into_iter().flat_map(|arm| arm.values()).filter(|seen| group.is_none_or(|group| seen.group == group));
        with_bootstrap(counts, chosen, seeds::derive("arm interval", &[arm_number(arm), group.map_or(u64::MAX, |group| group as u64)]))
    };
    ArmResult {
        arm,
        learning_rate: recipe.arm_spec(arm).map(|spec| spec.learning_rate),
        seeds: finished.len() as u32,
        pooled: pooled(None),
        groups: groups.iter().enumerate().map(|(index, group)| GroupCounts { group: group.clone(), counts: pooled(Some(index)) }).collect(),
        seed_low: shares.iter().copied().reduce(f64::min),
        seed_high: shares.iter().copied().reduce(f64::max),
    }
}

/// Replaces Wilson's interval by the cluster bootstrap's. Where that says nothing (no completion is toxic, or every one, or the clusters are
/// otherwise alike), by Wilson's at the number of clusters: completions of one template resemble each other, and may all be clean together.
fn with_bootstrap<'a>(mut counts: Counts, observations: impl Iterator<Item = &'a Observation>, seed: u64) -> Counts {
    let mut clusters: BTreeMap<usize, Cluster> = BTreeMap::new();
    for seen in observations {
        let cluster = clusters.entry(seen.cluster).or_default();
        cluster.sum += f64::from(u8::from(seen.toxic));
        cluster.count += 1.0;
    }
    let clusters: Vec<_> = clusters.into_values().collect();
    if let Some(share) = counts.share {
        let (low, high) = statistics::bootstrap(&clusters, seed)
            .unwrap_or_else(|| statistics::wilson_of_share(share, clusters.len().max(1) as f64, CONFIDENCE));
        (counts.low, counts.high) = (Some(low), Some(high));
    }
    counts
}

/// Tells arms apart in seeds.
pub(crate) fn arm_number(arm: Arm) -> u64 {
    match arm {
        Arm::Original => 0,
        Arm::Lora(rank) => u64::from(rank),
        Arm::Full => u64::MAX,
    }
}

#[cfg(test)]
mod example;

#[cfg(test)]
mod tests;
