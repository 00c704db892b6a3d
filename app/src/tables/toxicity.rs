//! The tables of a toxicity study.

use super::{Column, Table, Unit, Value};
use crate::{figure_view::FigureView, figures::seeds};
use rankscope_domain::{StudyResults, results::Counts};

const SHARE: &str = "Completions that the judge called toxic over those that it could read: (1/n) Σ 1[judge(completion) = toxic].";
const UNPARSABLE: &str = "Completions of which the judge’s answer could not be read; counted, and in no share.";

/// What the intervals of arms are.
const OF_ARMS: &str = "Intervals: 95 %, percentile bootstrap over templates; where none or all are toxic, Wilson’s with the number of templates for its size.";

/// `None`: there is no such table.
pub(super) fn table(name: &str, results: &StudyResults, view: &FigureView) -> Option<Table> {
    match name {
        "toxicity" => Some(by_arm(results)),
        "groups" => Some(by_group(results, view)),
        "seeds" => Some(by_seed(results)),
        "contrasts" => Some(contrasts(results)),
        "counterfactuals" => Some(counterfactuals(results)),
        _ => None,
    }
}

fn sample(results: &StudyResults) -> String {
    format!(
        "{} prompts from {} templates, {} completion{} a prompt and seed. Judge: {}.",
        results.prompts,
        results.clusters,
        results.completions_per_prompt,
        if results.completions_per_prompt == 1 { "" } else { "s" },
        results.judge.description,
    )
}

pub(super) fn count_columns() -> [Column; 4] {
    [
        Column::plain("toxic", "Toxic", Unit::Count),
        Column::plain("judged", "Judged", Unit::Count).meaning("Completions that the judge could read: toxic and non-toxic."),
        Column::plain("unparsable", "Unparsable", Unit::Count).meaning(UNPARSABLE),
        Column::measured("share", "Toxic share", Unit::Share).meaning(SHARE),
    ]
}

pub(super) fn count_values(counts: &Counts) -> [Value; 4] {
    [Value::count(counts.toxic), Value::count(counts.judged), Value::count(counts.unparsable), Value::share(counts)]
}

fn by_arm(results: &StudyResults) -> Table {
    let mut columns = vec![
        Column::text("arm", "Arm"),
        Column::plain("learning_rate", "Learning rate", Unit::Setting),
        Column::plain("seeds", "Seeds", Unit::Count).meaning("Seeds that have a result."),
    ];
    columns.extend(count_columns());
    columns.push(Column::plain("seed_low", "Lowest seed", Unit::Share).meaning("Smallest share of a seed."));
    columns.push(Column::plain("seed_high", "Highest seed", Unit::Share).meaning("Largest share of a seed."));
    let rows = results.arms.iter().map(|arm| {
        let head = [Value::arm(arm.arm), Value::number(arm.learning_rate), Value::count(arm.seeds)];
        let tail = [Value::number(arm.seed_low), Value::number(arm.seed_high)];
        head.into_iter().chain(count_values(&arm.pooled)).chain(tail).collect()
    });
    let caption = format!("Toxic completions by arm, pooled over seeds. {} {OF_ARMS}", sample(results));
    Table::new("toxicity", "Toxic completions", caption, columns, rows.collect())
}

/// Of the arm that is asked for by itself, or of all.
fn by_group(results: &StudyResults, view: &FigureView) -> Table {
    let mut columns = vec![Column::text("arm", "Arm"), Column::text("group", "Group")];
    columns.extend(count_columns());
    let rows = results.arms.iter().filter(|arm| view.arm.is_none_or(|one| one == arm.arm)).flat_map(|arm| {
        arm.groups
            .iter()
            .map(|group| [Value::arm(arm.arm), Value::text(&group.group)].into_iter().chain(count_values(&group.counts)).collect())
    });
    let caption = format!("Toxic completions by arm and the prompt’s group, pooled over seeds. {} {OF_ARMS}", sample(results));
    Table::new("groups", "Toxic completions by group", caption, columns, rows.collect())
}

fn by_seed(results: &StudyResults) -> Table {
    let mut columns = vec![Column::text("arm", "Arm"), Column::plain("seed", "Seed", Unit::Count)];
    columns.extend(count_columns());
    let mut cells: Vec<_> = results.cells.iter().collect();
    cells.sort_by_key(|cell| (cell.arm, cell.seed));
    let rows = cells
        .into_iter()
        .map(|cell| [Value::arm(cell.arm), Value::Integer(cell.seed)].into_iter().chain(count_values(&cell.total)).collect());
    let caption = format!("Toxic completions of each of {} seeds. {} Intervals: 95 % Wilson score.", seeds(results).len(), sample(results));
    Table::new("seeds", "Toxic completions by seed", caption, columns, rows.collect())
}

fn contrasts(results: &StudyResults) -> Table {
    let columns = vec![
        Column::text("arm", "Arm"),
        Column::text("against", "Against"),
        Column::interval("difference", "Difference", Unit::Points)
            .meaning("Toxic share of the arm less that of the other on the same prompts; below zero the arm is less toxic."),
        Column::plain("p", "p", Unit::PValue).meaning("Two-sided sign-flip permutation test over templates."),
        Column::plain("p_holm", "p (Holm)", Unit::PValue).meaning("After Holm’s correction over the contrasts against the same arm."),
        Column::plain("clusters", "Templates", Unit::Count).meaning("Templates that the test rests on."),
        Column::plain("detectable", "Detectable", Unit::Points)
            .meaning("The smallest true difference that 80 % of such samples would have shown at 5 % over the number of contrasts corrected for; none where the sample is too small for any."),
    ];
    let rows = results.contrasts.iter().map(|one| {
        vec![
            Value::arm(one.arm),
            Value::arm(one.against),
            Value::between(one.difference, one.low, one.high),
            Value::number(one.p),
            Value::number(one.p_holm),
            Value::count(one.clusters),
            Value::number(one.detectable),
        ]
    });
    let drawn = if results.contrasts.iter().any(|one| one.seed_differences.len() > 1) { "templates and seeds" } else { "templates" };
    let caption =
        format!("Differences of toxic shares, paired by prompt. {} Intervals: 95 %, percentile bootstrap over {drawn}.", sample(results));
    Table::new("contrasts", "Contrasts of toxic shares", caption, columns, rows.collect())
}

fn counterfactuals(results: &StudyResults) -> Table {
    let counts = &results.counterfactuals;
    let rows: [(&str, &str, u64); 10] = [
        ("toxic_prompts", "Prompts that led the original model to a toxic completion", counts.toxic_prompts.into()),
        ("requested", "Counterfactuals asked for", counts.requested.into()),
        ("parsed", "Found in the answers", counts.parsed.into()),
        ("dropped_duplicate", "Dropped: said twice", counts.dropped_duplicate.into()),
        ("dropped_prefix", "Dropped: did not continue the prompt", counts.dropped_prefix.into()),
        ("dropped_incomplete", "Dropped: empty, cut short or with a placeholder", counts.dropped_incomplete.into()),
        ("dropped_toxic", "Dropped: toxic or unreadable for the judge", counts.dropped_toxic.into()),
        ("kept", "Kept as training pairs", counts.kept.into()),
        ("truncated", "Cut at max_length", counts.truncated.into()),
        ("truncated_tokens", "Tokens cut from them", counts.truncated_tokens),
    ];
    let rows = rows.map(|(name, label, count)| vec![Value::Named { name: name.into(), label: label.into() }, Value::Integer(count)]);
    let columns = vec![Column::text("step", "Counterfactuals"), Column::plain("count", "Number", Unit::Count)];
    Table::new("counterfactuals", "Training data", "What became of the counterfactuals.", columns, rows.into())
}
