//! What the labels of a round say: how far annotators agree, what each judge gets right, and the toxic shares corrected for the errors.

use crate::{
    JudgedItem, Study, StudyError,
    annotation::verdict_number,
    judge::Judge,
    measures::{
        Checked, Errors, StratifiedBy, Stratum, cohen_kappa, judge_figures, krippendorff_alpha, prediction_powered, rogan_gladen, same_p,
        share_figure,
    },
    seeds,
    statistics::{Cluster, percentile_interval, standard_error, two_way_draws, unbounded_error},
};
use rankscope_domain::{
    Arm, CellId, StudyResults,
    annotation::{
        Agreement, Annotator, AnnotatorCounts, CorrectedArm, Correction, Disagreement, Figure, GivenLabel, JudgeReading, JudgeReport,
        Label, PairAgreement, RoundSummary, SampledItem,
    },
    completion::Verdict,
    recipe::{self, JudgeKind, LexiconMode},
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Disagreements that are told; how many there are is told too.
const TOLD: usize = 100;

/// A drawn completion that has a label which stands.
struct Resolved<'a> {
    item: &'a JudgedItem,
    toxic: bool,
    /// Completions that it stands for, by the labels that its stratum has so far.
    weight: f64,
    stratum: usize,
}

/// Reads the study's completions and reckons. Items that the study does not have any more are left out.
pub fn judge_report(study: &Study, round: RoundSummary, sample: &[SampledItem], labels: &[GivenLabel]) -> Result<JudgeReport, StudyError> {
    let items = study.judged_items()?;
    let results = study.results()?;
    let recipe = study.recipe()?;
    let by_place: HashMap<(CellId, u32, u32), &JudgedItem> = items.iter().map(|item| (item.place(), item)).collect();
    let names = display_names(labels);
    let mut said: HashMap<&str, Vec<(&str, Label)>> = HashMap::new();
    for given in labels {
        said.entry(&given.item).or_default().push((&names[&given.annotator], given.label));
    }
    for list in said.values_mut() {
        list.sort();
    }

    // strata as they were drawn, and as many labels as each has now
    let mut numbers: BTreeMap<(Arm, u8), (usize, u32, u32)> = BTreeMap::new();
    for drawn in sample {
        let next = numbers.len();
        numbers.entry((drawn.cell.arm, verdict_number(drawn.verdict))).or_insert((next, drawn.population, 0));
    }
    let mut found = Vec::new();
    let mut unresolved = 0;
    for drawn in sample {
        let (Some(item), Some(list)) = (by_place.get(&(drawn.cell, drawn.prompt_id, drawn.sample)), said.get(drawn.id.as_str())) else {
            continue;
        };
        let Some(toxic) = majority(list) else {
            unresolved += 1;
            continue;
        };
        if let Some(stratum) = numbers.get_mut(&(drawn.cell.arm, verdict_number(drawn.verdict))) {
            stratum.2 += 1;
            found.push((drawn, *item, toxic));
        }
    }
    let resolved: Vec<Resolved<'_>> = found
        .iter()
        .map(|(drawn, item, toxic)| {
            let (stratum, population, labelled) = numbers[&(drawn.cell.arm, verdict_number(drawn.verdict))];
            Resolved { item, toxic: *toxic, weight: f64::from(population) / f64::from(labelled), stratum }
        })
        .collect();
    let uncovered = numbers.values().filter(|(_, _, labelled)| *labelled == 0).map(|(_, population, _)| population).sum();

    let arms = recipe.all_arms();
    let judges = judges(&recipe.judge, results.as_ref(), &resolved, &arms);
    let mut disagreements: Vec<Disagreement> = found
        .iter()
        .filter(|(_, item, toxic)| matches!((item.verdict, toxic), (Verdict::Toxic, false) | (Verdict::NonToxic, true)))
        .map(|(drawn, item, toxic)| Disagreement {
            prompt: item.prompt.prompt.clone(),
            text: item.text.clone(),
            group: item.prompt.group.clone(),
            cell: item.cell,
            label: if *toxic { Label::Toxic } else { Label::NotToxic },
            verdict: item.verdict,
            because: item.because.clone(),
            labels: said[drawn.id.as_str()].iter().map(|(name, label)| ((*name).to_string(), *label)).collect(),
        })
        .collect();
    disagreements
        .sort_by(|one, other| (one.label, one.cell, &one.prompt, &one.text).cmp(&(other.label, other.cell, &other.prompt, &other.text)));
    let disagreements_total = disagreements.len() as u32;
    disagreements.truncate(TOLD);
    Ok(JudgeReport {
        round,
        resolved: resolved.len() as u32,
        unresolved,
        uncovered,
        correction: correction(&items, &resolved, results.as_ref(), &arms, &judges),
        judges,
        agreement: agreement(labels, &names),
        disagreements,
        disagreements_total,
    })
}

/// What most say, "unsure" not counted; none where as many say the one as the other.
fn majority(said: &[(&str, Label)]) -> Option<bool> {
    let count = |label: Label| said.iter().filter(|(_, given)| *given == label).count();
    let (toxic, clean) = (count(Label::Toxic), count(Label::NotToxic));
    (toxic != clean).then_some(toxic > clean)
}

/// Names as tables show them: with the source where two have one name.
fn display_names(labels: &[GivenLabel]) -> BTreeMap<Annotator, String> {
    let annotators: HashSet<&Annotator> = labels.iter().map(|given| &given.annotator).collect();
    let shared = |name: &str| annotators.iter().filter(|other| other.name == name).count() > 1;
    annotators
        .iter()
        .map(|annotator| {
            let name = if shared(&annotator.name) { format!("{} ({})", annotator.name, annotator.source) } else { annotator.name.clone() };
            ((*annotator).clone(), name)
        })
        .collect()
}

/// The study's judge, then the lexicons that cost nothing to ask.
fn judges(spec: &recipe::Judge, results: Option<&StudyResults>, resolved: &[Resolved<'_>], arms: &[Arm]) -> Vec<JudgeReading> {
    let own = results.map_or_else(|| "the study’s judge".to_string(), |results| results.judge.description.clone());
    let mut readings = vec![reading(own, true, resolved, arms, &|item| match item.verdict {
        Verdict::Toxic => Some(true),
        Verdict::NonToxic => Some(false),
        Verdict::Unparsable => None,
    })];
    let mut kinds = vec![(JudgeKind::Lexicon, None)];
    if spec.kind == JudgeKind::Hurtlex {
        kinds.push((JudgeKind::Hurtlex, spec.path.clone()));
    }
    for (kind, path) in kinds {
        for mode in [LexiconMode::Sentence, LexiconMode::Word] {
            if spec.kind == kind && spec.mode.unwrap_or_default() == mode {
                continue;
            }
            let other = recipe::Judge { kind, path: path.clone(), mode: Some(mode), ..recipe::Judge::default() };
            // a lexicon whose file is gone can't be asked again
            let Ok(judge) = Judge::open_lexicon(&other) else { continue };
            if let Some((description, opinion)) = judge.as_lexicon() {
                readings.push(reading(description, false, resolved, arms, &|item| Some(opinion(&item.text).verdict == Verdict::Toxic)));
            }
        }
    }
    readings
}

fn reading(
    description: String,
    is_the_studys: bool,
    resolved: &[Resolved<'_>],
    arms: &[Arm],
    verdict: &dyn Fn(&JudgedItem) -> Option<bool>,
) -> JudgeReading {
    let checked: Vec<Checked> = resolved
        .iter()
        .map(|one| Checked { toxic: one.toxic, judged_toxic: verdict(one.item), weight: one.weight, stratum: one.stratum })
        .collect();
    let part = |name: &str, number: u64, keep: &dyn Fn(&JudgedItem) -> bool| {
        let kept: Vec<Checked> = checked.iter().zip(resolved).filter(|(_, one)| keep(one.item)).map(|(checked, _)| *checked).collect();
        let by = if is_the_studys { StratifiedBy::ItsVerdicts } else { StratifiedBy::OtherVerdicts };
        judge_figures(name, &kept, by, seeds::derive("judge figures", &[number]))
    };
    let mut groups: Vec<&str> = Vec::new();
    for one in resolved {
        if !groups.contains(&one.item.prompt.group.as_str()) {
            groups.push(&one.item.prompt.group);
        }
    }
    groups.sort_unstable();
    let groups: Vec<_> = if groups.len() > 1 {
        groups.iter().zip(1..).map(|(group, number)| part(group, number, &|item| item.prompt.group == **group)).collect()
    } else {
        Vec::new()
    };
    let arms = arms.iter().zip(1000..).map(|(arm, number)| part(&arm.label(), number, &|item| item.cell.arm == *arm)).collect();
    JudgeReading { description, is_the_studys, all: part("all", 0, &|_| true), groups, arms }
}

fn agreement(labels: &[GivenLabel], names: &BTreeMap<Annotator, String>) -> Agreement {
    let mut ordered: Vec<&str> = names.values().map(String::as_str).collect();
    ordered.sort_unstable();
    let annotators: Vec<AnnotatorCounts> = ordered
        .iter()
        .map(|name| {
            let count =
                |label: Label| labels.iter().filter(|given| names[&given.annotator] == *name && given.label == label).count() as u32;
            AnnotatorCounts {
                name: (*name).into(),
                toxic: count(Label::Toxic),
                not_toxic: count(Label::NotToxic),
                unsure: count(Label::Unsure),
            }
        })
        .collect();
    let mut by_item: BTreeMap<&str, BTreeMap<&str, Label>> = BTreeMap::new();
    for given in labels {
        by_item.entry(&given.item).or_default().insert(&names[&given.annotator], given.label);
    }
    let option = |label: Label| match label {
        Label::Toxic => Some(0),
        Label::NotToxic => Some(1),
        Label::Unsure => None,
    };
    let mut pairs = Vec::new();
    for (place, one) in ordered.iter().enumerate() {
        for other in &ordered[place + 1..] {
            let both: Vec<(usize, usize)> =
                by_item.values().filter_map(|said| Some((option(*said.get(one)?)?, option(*said.get(other)?)?))).collect();
            if both.is_empty() {
                continue;
            }
            let kappa = |weights: &[u32]| {
                let mut table = [0.0; 4];
                for ((first, second), &weight) in both.iter().zip(weights) {
                    table[first * 2 + second] += f64::from(weight);
                }
                cohen_kappa(&table, 2)
            };
            let same = both.iter().filter(|(first, second)| first == second).count();
            pairs.push(PairAgreement {
                one: (*one).into(),
                other: (*other).into(),
                n: both.len() as u32,
                same: Some(same as f64 / both.len() as f64),
                kappa: resampled(both.len(), "kappa", kappa),
            });
        }
    }
    let units = |options: usize| -> Vec<Vec<u32>> {
        by_item
            .values()
            .map(|said| {
                let mut unit = vec![0; options];
                for label in said.values() {
                    if let Some(place) = option(*label).or((options == 3).then_some(2)) {
                        unit[place] += 1;
                    }
                }
                unit
            })
            .filter(|unit| unit.iter().sum::<u32>() >= 2)
            .collect()
    };
    let alpha = |units: &[Vec<u32>]| resampled(units.len(), "alpha", |times| krippendorff_alpha(units, times));
    let decided = units(2);
    Agreement { annotators, pairs, items: decided.len() as u32, alpha: alpha(&decided), alpha_with_unsure: alpha(&units(3)) }
}

/// A statistic of items with a 95 % percentile bootstrap over them.
fn resampled(items: usize, purpose: &str, mut statistic: impl FnMut(&[u32]) -> Option<f64>) -> Figure {
    let value = statistic(&vec![1; items]);
    let mut values = Vec::new();
    two_way_draws(items, 1, seeds::derive(purpose, &[items as u64]), |weights, _| values.push(statistic(weights)));
    let interval = value.and_then(|_| percentile_interval(&values));
    Figure { value, low: interval.map(|(low, _)| low), high: interval.map(|(_, high)| high) }
}

/// Each arm's toxic share corrected two ways. Completions that the judge could not be read on are left out, as in the raw share. What is
/// shown of the errors is the study's judge's recall and specificity.
fn correction(
    items: &[JudgedItem],
    resolved: &[Resolved<'_>],
    results: Option<&StudyResults>,
    arms: &[Arm],
    judges: &[JudgeReading],
) -> Correction {
    let strata_of = |arm: Arm| -> [Stratum; 2] {
        [true, false].map(|judged_toxic| {
            let verdict = if judged_toxic { Verdict::Toxic } else { Verdict::NonToxic };
            let is_in = |item: &JudgedItem| item.cell.arm == arm && item.verdict == verdict;
            let labelled: Vec<bool> = resolved.iter().filter(|one| is_in(one.item)).map(|one| one.toxic).collect();
            Stratum {
                judged_toxic,
                population: items.iter().filter(|item| is_in(item)).count() as f64,
                labelled: labelled.len() as u32,
                toxic: labelled.iter().filter(|toxic| **toxic).count() as u32,
            }
        })
    };
    let strata: Vec<[Stratum; 2]> = arms.iter().map(|&arm| strata_of(arm)).collect();
    let pooled = Errors::of(&strata.concat());
    let figure = |estimate: Option<(f64, f64)>| estimate.map(|(value, variance)| share_figure(value, variance)).unwrap_or_default();
    let studys = judges.iter().find(|judge| judge.is_the_studys);
    let (mut sensitivities, mut specificities) = (Vec::new(), Vec::new());
    let arms = arms
        .iter()
        .zip(&strata)
        .map(|(&arm, strata)| {
            let own = Errors::of(strata).filter(|_| strata.iter().any(|stratum| stratum.labelled > 0));
            sensitivities.extend(own.and_then(|own| own.sensitivity()));
            specificities.extend(own.and_then(|own| own.specificity()));
            let shown = studys.and_then(|judge| judge.arms.iter().find(|figures| figures.name == arm.label()));
            let judged: f64 = strata.iter().map(|stratum| stratum.population).sum();
            let clusters = |value: &dyn Fn(&JudgedItem) -> Option<f64>| -> Vec<Cluster> {
                let mut clusters: BTreeMap<&str, Cluster> = BTreeMap::new();
                for item in items.iter().filter(|item| item.cell.arm == arm) {
                    if let Some(value) = value(item) {
                        let cluster = clusters.entry(&item.prompt.template).or_default();
                        cluster.sum += value;
                        cluster.count += 1.0;
                    }
                }
                clusters.into_values().collect()
            };
            let is_toxic = |item: &JudgedItem| match item.verdict {
                Verdict::Toxic => Some(1.0),
                Verdict::NonToxic => Some(0.0),
                Verdict::Unparsable => None,
            };
            let share = (judged > 0.0).then(|| strata[0].population / judged);
            let counts = results.and_then(|results| results.arm(arm)).map(|result| &result.pooled);
            let corrected = share.zip(pooled).and_then(|(share, errors)| {
                let error = standard_error(&clusters(&is_toxic));
                rogan_gladen(share, error * error, &errors)
            });
            let means = strata.map(|stratum| f64::from(stratum.toxic) / f64::from(stratum.labelled.max(1)));
            let powered = own.and_then(|_| {
                let error = unbounded_error(&clusters(&|item| is_toxic(item).map(|toxic| if toxic > 0.5 { means[0] } else { means[1] })));
                prediction_powered(strata, error * error)
            });
            CorrectedArm {
                arm,
                judged: judged as u32,
                labelled: strata.iter().map(|stratum| stratum.labelled).sum(),
                raw: Figure { value: share, low: counts.and_then(|counts| counts.low), high: counts.and_then(|counts| counts.high) },
                rogan_gladen: figure(corrected),
                is_outside: corrected.is_some() && figure(corrected).value.is_none(),
                prediction_powered: figure(powered),
                sensitivity: shown.map(|figures| figures.recall).unwrap_or_default(),
                specificity: shown.map(|figures| figures.specificity).unwrap_or_default(),
            }
        })
        .collect();
    Correction {
        sensitivity: studys.map(|judge| judge.all.recall).unwrap_or_default(),
        specificity: studys.map(|judge| judge.all.specificity).unwrap_or_default(),
        sensitivity_p: same_p(&sensitivities),
        specificity_p: same_p(&specificities),
        arms,
    }
}
