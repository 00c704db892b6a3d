//! A comparison as a share link shows it: every part in every choice of its page, worked out once when it is frozen, in the words that the
//! allow-list lets through.

use super::{SHARED_RECIPE, ShareScope, allow_list::AllowList};
use crate::{
    AskedStudy, Study, StudyError,
    comparison::{Told, Whole, choose, compare, no_such_prompt, whole},
    whole_file,
};
use rankscope_domain::{
    FieldErrors, Recipe,
    comparison::{Comparison, ContrastTable, letter},
    comparison_query::{ComparisonQuery, ComparisonView},
    snapshot::{SNAPSHOT_SCHEMA, SharedAccuracies, SharedComparison, Snapshot, SnapshotContent, comparison_title},
};

/// Why a comparison can't be frozen.
#[derive(Debug, thiserror::Error)]
pub enum FreezeProblem {
    #[error("{0}")]
    Invalid(FieldErrors),
    #[error("{0}")]
    Study(#[from] StudyError),
}

/// A copy of a comparison to be shared. Of the query count studies, arms and reference: everything else can be chosen in the copy.
/// `frozen_at`: RFC 3339, UTC.
///
/// # Errors
/// Something that the query names is not there, a study has no results yet, or a file of a study can't be read.
pub fn comparison_snapshot(
    asked: &[AskedStudy],
    query: &ComparisonQuery,
    scope: ShareScope,
    frozen_at: String,
) -> Result<Snapshot, FreezeProblem> {
    must_be_finished(asked)?;
    // before anything takes long
    compare(asked, query, Some(&[]))?.problems.into_result(()).map_err(FreezeProblem::Invalid)?;
    let allow = AllowList { anonymous: scope.anonymous, completions: scope.completions };
    let tell = |place: usize, study: &Study| allow.told(place, study);
    let found = whole(asked, query, scope.completions, &tell)?;
    Ok(Snapshot {
        schema: SNAPSHOT_SCHEMA,
        rankscope_version: env!("CARGO_PKG_VERSION").into(),
        frozen_at,
        anonymous: scope.anonymous,
        content: SnapshotContent::Comparison(Box::new(allow.whole(found))),
    })
}

/// A copy must not change: what goes on is no matter for one.
fn must_be_finished(asked: &[AskedStudy]) -> Result<(), FreezeProblem> {
    let mut errors = FieldErrors::default();
    if asked.is_empty() {
        errors.push("studies", "", "Name the studies to compare by their ids, separated by commas.");
    }
    for one in asked {
        if let Some(found) = &one.found
            && found.study.results()?.is_none()
        {
            errors.push(
                "studies",
                &one.id,
                "This study has no results yet, so a comparison with it can't be shared. Leave it out, or share when it is finished.",
            );
        }
    }
    errors.into_result(()).map_err(FreezeProblem::Invalid)
}

impl AllowList {
    /// What may be told of a study at this place of a comparison.
    fn told(&self, place: usize, study: &Study) -> Result<Told, StudyError> {
        let recipe = self.recipe(study.recipe()?);
        let name = if self.anonymous { format!("Study {}", letter(place)) } else { recipe.name.clone() };
        let recipe = Recipe { name, ..recipe };
        // the hash of the owner's would tell whether a guessed path is right
        let recipe_sha256 = whole_file::hash_text(&format!("{SHARED_RECIPE}{}", recipe.to_toml()));
        let results = study.results()?.map(|results| self.results(results, &recipe, &recipe_sha256));
        let provenance = study.provenance()?.map(|provenance| self.provenance(provenance, &recipe_sha256));
        Ok(Told { recipe, results, provenance })
    }

    fn whole(&self, found: Whole) -> SharedComparison {
        let Whole { common, toxicity, accuracy, lens, completions, told } = found;
        let names: Vec<String> = told.iter().map(|told| told.recipe.name.clone()).collect();
        SharedComparison {
            title: comparison_title(&names),
            common: self.comparison(common, told),
            toxicity: toxicity.into_iter().map(|table| self.contrasts(table)).collect(),
            accuracy: accuracy
                .into_iter()
                .map(|SharedAccuracies { reading, table }| SharedAccuracies { reading, table: self.contrasts(table) })
                .collect(),
            lens: lens.into_iter().map(|one| self.compared_lens(one)).collect(),
            completions: completions.map(|every| self.every_prompt(every)),
        }
    }
}

/// The part of a shared comparison that a query asks for. What it asks for and is not in the copy is told in the answer.
pub fn shared_comparison(shared: &SharedComparison, query: &ComparisonQuery) -> Comparison {
    let mut comparison = shared.common.clone();
    let (divergence, recipe) = (comparison.divergence.take(), comparison.recipe.take());
    let mut problems = FieldErrors::default();
    let fixed = "The copy shows what its owner chose, frozen: leave this out of the address.";
    if !query.studies.is_empty() {
        problems.push("studies", query.studies.join(","), fixed);
    }
    if !query.arms.is_empty() {
        problems.push("arms", query.arms.iter().map(ToString::to_string).collect::<Vec<_>>().join(","), fixed);
    }
    if let Some(against) = &query.against {
        problems.push("against", against, fixed);
    }
    match query.view.unwrap_or_else(|| comparison.usual_view()) {
        ComparisonView::Toxicity => comparison.toxicity = toxicity(shared, query, &mut problems),
        ComparisonView::Accuracy => comparison.accuracy = accuracy(shared, query, &mut problems),
        ComparisonView::Divergence => comparison.divergence = divergence,
        ComparisonView::Lens => {
            let found = shared.lens.get(query.prompt as usize);
            if found.is_none() && query.prompt > 0 {
                problems.push("prompt", query.prompt, no_such_prompt(shared.lens.len()));
            }
            comparison.lens = found.or(shared.lens.first()).cloned();
        }
        ComparisonView::Completions => comparison.completions = shared.completions.as_ref().map(|all| choose(all, query, &mut problems)),
        ComparisonView::Recipe => comparison.recipe = recipe,
    }
    comparison.problems = problems;
    comparison
}

/// One of the names that there are; what is there stands in the error.
fn not_in_the_copy(problems: &mut FieldErrors, field: &str, asked: impl ToString, there: &[String]) {
    let there = if there.is_empty() { "none".into() } else { there.join(", ") };
    problems.push(field, asked, format!("This is not in the copy. There is: {there}."));
}

fn toxicity(shared: &SharedComparison, query: &ComparisonQuery, problems: &mut FieldErrors) -> Option<ContrastTable> {
    let first = shared.toxicity.first()?;
    if let Some(group) = query.group.as_ref().filter(|group| !first.groups.contains(group)) {
        not_in_the_copy(problems, "group", group, &first.groups);
    }
    let asked = shared.toxicity.iter().find(|table| table.group == query.group);
    asked.or(Some(first)).cloned()
}

fn accuracy(shared: &SharedComparison, query: &ComparisonQuery, problems: &mut FieldErrors) -> Option<ContrastTable> {
    let SharedAccuracies { table: first, .. } = shared.accuracy.first()?;
    if let Some(group) = query.group.as_ref().filter(|group| !first.groups.contains(group)) {
        not_in_the_copy(problems, "group", group, &first.groups);
    }
    if let Some(fraction) = query.fraction.filter(|fraction| !first.fractions.contains(fraction)) {
        not_in_the_copy(problems, "fraction", fraction, &first.fractions.iter().map(ToString::to_string).collect::<Vec<_>>());
    }
    let group = query.group.as_ref().filter(|group| first.groups.contains(group));
    let fraction = query.fraction.filter(|fraction| first.fractions.contains(fraction)).or(first.fraction);
    let usual = |reading| first.readings.iter().all(|(_, chosen)| *chosen == reading);
    let mut reading = query.reading.filter(|reading| !usual(*reading));
    if let Some(asked) = reading.filter(|asked| shared.accuracy.iter().all(|known| known.reading != Some(*asked))) {
        let mut there: Vec<String> = first.readings.iter().map(|(_, reading)| reading.name().into()).collect();
        there.extend(shared.accuracy.iter().filter_map(|known| Some(known.reading?.name().to_string())));
        there.sort();
        there.dedup();
        not_in_the_copy(problems, "reading", asked.name(), &there);
        reading = None;
    }
    let is_asked =
        |known: &&SharedAccuracies| known.reading == reading && known.table.group.as_ref() == group && known.table.fraction == fraction;
    Some(shared.accuracy.iter().find(is_asked).map_or(first, |known| &known.table).clone())
}
