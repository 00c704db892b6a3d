//! Studies side by side, from their directories: what is shown of each, differences on the examples that they share, and a plain word
//! where they share none. See [`rankscope_domain::comparison_query`] for what can be asked.

mod accuracy;
mod completions;
mod correctness;
mod divergence;
mod lens;
mod notes;
mod observations;
mod pairs;
mod recipes;
mod toxicity;
mod whole;

#[cfg(test)]
pub(crate) mod tests;

use crate::{Study, StudyError};
use pairs::Pairs;
use rankscope_domain::{
    Arm, FieldErrors, Recipe, StudyResults,
    comparison::{ComparedArm, ComparedStudy, Comparison, letter},
    comparison_query::{ComparisonQuery, ComparisonView, NamedArm},
    snapshot::SharedProvenance,
    view::StudyStatus,
};

pub(crate) use completions::choose;
pub(crate) use lens::no_such_prompt;
pub(crate) use whole::{Whole, whole};

/// A study that was asked for.
#[derive(Debug, Clone)]
pub struct AskedStudy {
    /// As in the address.
    pub id: String,
    /// Absent: there is no such study.
    pub found: Option<FoundStudy>,
}

#[derive(Debug, Clone)]
pub struct FoundStudy {
    pub study: Study,
    pub status: StudyStatus,
}

/// A study that is compared; its place is that in [`Comparison::studies`].
struct Side {
    study: Study,
    recipe: Recipe,
    /// With its cells.
    results: Option<StudyResults>,
    /// In place of its own words, in a copy for others.
    told: Option<Told>,
}

/// What of a study is told in a copy for others: names and notes are made of it. Which studies and models are the same is found by the study's own.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) recipe: Recipe,
    pub(crate) results: Option<StudyResults>,
    pub(crate) provenance: Option<SharedProvenance>,
}

/// Gives what may be told of a study, by its place.
pub(crate) type Tell<'a> = &'a dyn Fn(usize, &Study) -> Result<Told, StudyError>;

/// Compares the studies as the query asks, in the order in which they are given. `views`: the parts that are wanted; `None`: the one
/// that the query asks for, or the usual one. What the query asks for and is not there is told in [`Comparison::problems`].
///
/// # Errors
/// A file of a study can't be read.
pub fn compare(asked: &[AskedStudy], query: &ComparisonQuery, views: Option<&[ComparisonView]>) -> Result<Comparison, StudyError> {
    build(asked, query, views, &pairs::pairs)
}

/// As much of a comparison as figures are drawn of: the same but for the contrasts, so that no study's answers are read and nothing is
/// resampled. What the query asks for and is not there is told all the same.
///
/// # Errors
/// A file of a study can't be read.
pub fn compare_for_figure(asked: &[AskedStudy], query: &ComparisonQuery, view: ComparisonView) -> Result<Comparison, StudyError> {
    build(asked, query, Some(&[view]), &|_, _, _| Vec::new())
}

fn build(
    asked: &[AskedStudy],
    query: &ComparisonQuery,
    views: Option<&[ComparisonView]>,
    pairs: &Pairs<'_>,
) -> Result<Comparison, StudyError> {
    let (mut comparison, sides) = open(asked, query, None)?;
    let against = comparison.against;
    let usual = [query.view.unwrap_or_else(|| comparison.usual_view())];
    for view in views.unwrap_or(&usual) {
        match view {
            ComparisonView::Toxicity => {
                comparison.toxicity =
                    Some(toxicity::table(&mut comparison, &sides, query, against, pairs, &mut toxicity::Read::default())?);
            }
            ComparisonView::Accuracy => {
                comparison.accuracy =
                    Some(accuracy::table(&mut comparison, &sides, query, against, pairs, &mut accuracy::Read::default())?);
            }
            ComparisonView::Divergence => comparison.divergence = Some(divergence::table(&comparison, &sides, against, pairs)?),
            ComparisonView::Lens => comparison.lens = Some(lens::readings(&mut comparison, &sides, query)?),
            ComparisonView::Completions => comparison.completions = Some(completions::page(&mut comparison, &sides, query)?),
            ComparisonView::Recipe => comparison.recipe = Some(recipes::fields(&sides)?),
        }
    }
    Ok(comparison)
}

/// The studies that are there, which of their arms are shown, and the reference.
fn open(asked: &[AskedStudy], query: &ComparisonQuery, tell: Option<Tell<'_>>) -> Result<(Comparison, Vec<Side>), StudyError> {
    let mut comparison = Comparison::default();
    let mut sides: Vec<Side> = Vec::new();
    // letters are those of the address, whatever of it is there
    let mut names: Vec<(usize, &str)> = Vec::new();
    for (place, one) in asked.iter().enumerate() {
        match &one.found {
            None => comparison.problems.push(
                "studies",
                &one.id,
                "There is no such study. It may have been deleted; the list of studies shows all there are. Studies after it move up a letter.",
            ),
            Some(found) => {
                let mut side = Side::open(&found.study)?;
                side.told = tell.map(|tell| tell(sides.len(), &found.study)).transpose()?;
                comparison.studies.push(side.card(&one.id, found.status)?);
                sides.push(side);
                names.push((place, &one.id));
            }
        }
    }
    choose_arms(&mut comparison, query, &names);
    let against: Option<ComparedArm> = query.against.as_ref().and_then(|named| pairs::reference(&mut comparison, named, &names));
    comparison.against = against;
    Ok((comparison, sides))
}

impl Side {
    fn open(study: &Study) -> Result<Self, StudyError> {
        Ok(Self { study: study.clone(), recipe: study.recipe()?, results: study.results()?, told: None })
    }

    /// The recipe and the results in the words that are told.
    fn told_recipe(&self) -> &Recipe {
        self.told.as_ref().map_or(&self.recipe, |told| &told.recipe)
    }

    fn told_results(&self) -> Option<&StudyResults> {
        self.told.as_ref().map_or(self.results.as_ref(), |told| told.results.as_ref())
    }

    fn card(&self, id: &str, status: StudyStatus) -> Result<ComparedStudy, StudyError> {
        let mut arms: Vec<Arm> = self.recipe.cells().into_iter().map(|cell| cell.arm).collect();
        arms.sort();
        arms.dedup();
        let (recipe, results) = (self.told_recipe(), self.told_results());
        let model = results.map(|results| results.model.name.clone()).filter(|name| !name.is_empty());
        let failures = results.into_iter().flat_map(|results| &results.cells);
        Ok(ComparedStudy {
            id: id.into(),
            name: recipe.name.clone(),
            kind: recipe.kind,
            status,
            progress: if self.results.is_some() { 1.0 } else { self.study.progress()?.fraction() },
            model: model.unwrap_or_else(|| recipe.model.source.clone()),
            shown: arms.clone(),
            arms,
            failed: failures.filter_map(|cell| Some((cell.cell, cell.failed.clone()?))).collect(),
            results: results.map(shown_of),
        })
    }
}

/// What comparisons show of a study's results: a page carries it twice, so the rest stays behind.
pub(crate) fn shown_of(results: &StudyResults) -> StudyResults {
    let mut shown = StudyResults { cells: Vec::new(), contrasts: Vec::new(), claims: Vec::new(), ..results.clone() };
    for reading in shown.classification.iter_mut().flat_map(|measured| &mut measured.readings) {
        (reading.contrasts, reading.trends, reading.margin_trends) = (Vec::new(), Vec::new(), Vec::new());
        for arm in &mut reading.arms {
            (arm.margins, arm.reliability) = (Vec::new(), Vec::new());
            for group in &mut arm.groups {
                (group.reliability, group.confusion) = (Vec::new(), Vec::new());
            }
        }
    }
    if let Some(inspection) = &mut shown.inspection {
        inspection.weights = Vec::new();
        for divergence in &mut inspection.divergences {
            divergence.prompt_end.density = None;
            if let Some(continuation) = &mut divergence.continuation {
                continuation.density = None;
            }
        }
    }
    shown
}

/// Which arms are shown. `names`: the place in the address and the id of each study that is there.
fn choose_arms(comparison: &mut Comparison, query: &ComparisonQuery, names: &[(usize, &str)]) {
    for (study, &(place, id)) in comparison.studies.iter_mut().zip(names) {
        let named: Vec<Arm> = query.arms.iter().filter(|named| named.is_of(place, id)).map(|named| named.arm).collect();
        let (known, _): (Vec<Arm>, Vec<Arm>) = named.iter().partition(|arm| study.arms.contains(arm));
        if !known.is_empty() {
            study.shown.retain(|arm| known.contains(arm));
        }
    }
    for named in &query.arms {
        if let Some(remedy) = not_there(comparison, named, names) {
            comparison.problems.push("arms", named, remedy);
        }
    }
}

/// Why a named arm is not in the comparison; `None` where it is.
fn not_there(comparison: &Comparison, named: &NamedArm, names: &[(usize, &str)]) -> Option<String> {
    let meant: Vec<usize> = (0..names.len()).filter(|&study| named.is_of(names[study].0, names[study].1)).collect();
    if meant.iter().any(|&study| comparison.studies[study].arms.contains(&named.arm)) {
        return None;
    }
    let arms_of = |study: &usize| {
        let arms = comparison.studies[*study].arms.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        format!("{} has: {arms}", letter(names[*study].0))
    };
    Some(if meant.is_empty() {
        let there = names.iter().map(|(place, _)| letter(*place).to_string()).collect::<Vec<_>>().join(", ");
        format!("No study of this comparison is called that. There are: {there}.")
    } else {
        format!("There is no such arm. {}.", meant.iter().map(arms_of).collect::<Vec<_>>().join("; "))
    })
}

/// A group that was asked for, where all of the studies have it.
fn known_group(problems: &mut FieldErrors, asked: Option<&String>, groups: &[String]) -> Option<String> {
    let group = asked?;
    if groups.contains(group) {
        return Some(group.clone());
    }
    let remedy = if groups.is_empty() {
        "These studies have no group in common: leave it out.".into()
    } else {
        format!("Not all of these studies have that group. All have: {}.", groups.join(", "))
    };
    problems.push("group", group, remedy);
    None
}

/// What all of them have, in the order of the first.
fn in_all<T: PartialEq + Clone>(lists: &[Vec<T>]) -> Vec<T> {
    let Some((first, others)) = lists.split_first() else { return Vec::new() };
    first.iter().filter(|one| others.iter().all(|list| list.contains(one))).cloned().collect()
}
