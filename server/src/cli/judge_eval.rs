//! `rankscope judge-eval`: what judges get right on a labelled file.

use super::{Failure, check::environment, complain, run::stop_flag, table::columns};
use crate::config::CommonFlags;
use rankscope_domain::annotation::{Figure, JudgeEvaluation, JudgeFigures};
use rankscope_study::{Flow, JudgeChoice, LabelledFile, StudyError, evaluate_judges};
use std::{
    io::{IsTerminal, Write, stderr, stdout},
    ops::ControlFlow,
    path::PathBuf,
    sync::atomic::Ordering,
};

#[derive(Debug, clap::Args)]
pub(super) struct JudgeEvalFlags {
    /// A CSV, TSV, JSONL or parquet file with a text and a label on each row. Exported labels of a study count by completion and weight
    file: PathBuf,
    /// lexicon, lexicon-word, hurtlex=PATH, hurtlex-word=PATH, model, model=SOURCE, or the path of a recipe, whose judge is taken; may be repeated
    #[arg(long = "judge", value_name = "JUDGE", default_value = "lexicon")]
    judges: Vec<String>,
    /// The column that holds the texts [default: text, test_case, completion, sentence or content]
    #[arg(long, value_name = "COLUMN")]
    text_column: Option<String>,
    /// The column that holds the labels [default: label, label_gold, labels or class]
    #[arg(long, value_name = "COLUMN")]
    label_column: Option<String>,
    /// The column that holds what stands before each text, for judges that read both [default: none]
    #[arg(long, value_name = "COLUMN")]
    prompt_column: Option<String>,
    /// The column whose values are the groups of figures [default: none]
    #[arg(long, value_name = "COLUMN")]
    group_column: Option<String>,
    /// Labels that mean toxic [default: toxic, hateful, hate, harmful, yes, true, 1]
    #[arg(long, value_name = "A,B,…", value_delimiter = ',')]
    toxic: Vec<String>,
    /// Labels that mean not toxic [default: not_toxic, non-toxic, non-hateful, no, false, 0 and the like]
    #[arg(long, value_name = "A,B,…", value_delimiter = ',')]
    not_toxic: Vec<String>,
    /// Judge so many rows at the most, drawn at random
    #[arg(long, value_name = "ROWS")]
    limit: Option<std::num::NonZeroUsize>,
    /// What the rows are drawn from
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

impl JudgeEvalFlags {
    pub(super) fn wants_json(&self) -> bool {
        self.json
    }
}

pub(super) fn judge_eval(common: &CommonFlags, flags: JudgeEvalFlags) -> Result<(), Failure> {
    crate::telemetry::start("warn");
    let judges = flags.judges.iter().map(|judge| JudgeChoice::parse(judge)).collect::<Result<Vec<_>, _>>()?;
    let file = LabelledFile {
        path: flags.file,
        text_column: flags.text_column,
        label_column: flags.label_column,
        prompt_column: flags.prompt_column,
        group_column: flags.group_column,
        toxic: flags.toxic,
        not_toxic: flags.not_toxic,
        limit: flags.limit.map(usize::from),
        seed: flags.seed,
    };
    let environment = environment(common)?;
    let cancel = stop_flag();
    let live = stderr().is_terminal();
    let mut on_judged = |judge: usize, done: usize, total: usize| -> Flow {
        if live {
            drop(write!(stderr(), "\r\x1b[K{}: {done} of {total} rows", judges[judge].name));
        }
        if cancel.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let found = evaluate_judges(&file, &judges, &environment, &mut on_judged);
    if live {
        drop(write!(stderr(), "\r\x1b[K"));
    }
    let found = found.map_err(|error| match error {
        StudyError::Invalid(errors) => Failure::Input(errors),
        StudyError::Stopped => {
            complain("stopped; nothing was kept");
            Failure::Code(super::FAILED)
        }
        other => Failure::Failed(other.to_string()),
    })?;
    let mut out = stdout().lock();
    if flags.json {
        let text = serde_json::to_string_pretty(&found).map_err(|error| Failure::Failed(error.to_string()))?;
        writeln!(out, "{text}")?;
    } else {
        write!(out, "{}", shown(&found))?;
    }
    Ok(())
}

/// The judges one after another: the matrix, then the figures of all rows and of each group.
fn shown(found: &JudgeEvaluation) -> String {
    let judged = found.toxic + found.not_toxic;
    let (all, what) = match found.completions {
        Some(completions) => (completions, format!("completions of a study, from {} rows", found.rows)),
        None => (found.rows, "rows".into()),
    };
    let drawn = if judged + found.left_out < all { format!("{judged} of {all} {what}, drawn") } else { format!("{all} {what}") };
    let mut text = format!(
        "{}: {drawn}; {} labelled toxic and {} not toxic{}\n",
        found.file,
        found.toxic,
        found.not_toxic,
        if found.left_out > 0 { format!(", {} without a decided label left out", found.left_out) } else { String::new() }
    );
    for judge in &found.judges {
        text += &format!("\n{}\n\n", judge.description);
        let counts = judge.all.counts;
        let row = |name: &str, row: [u32; 3]| std::iter::once(name.to_string()).chain(row.map(|count| count.to_string())).collect();
        text += &columns(&[
            ["label", "judged toxic", "judged non-toxic", "unparsable"].map(String::from).to_vec(),
            row("toxic", counts[0]),
            row("not toxic", counts[1]),
        ]);
        text.push('\n');
        let head = ["", "n", "precision", "recall", "specificity", "F1", "accuracy", "kappa"].map(String::from).to_vec();
        let rows = std::iter::once(&judge.all).chain(&judge.groups).map(figures);
        text += &columns(&std::iter::once(head).chain(rows).collect::<Vec<_>>());
    }
    text += if found.completions.is_some() {
        "\nEach completion counts by what most annotators say, and as many times as its arm and verdict have completions for each that is labelled; n is \
         not weighted.\n95 % intervals: Wilson's of rates at the sample's effective size, widened where none or all are hits; of F1 and kappa a bootstrap \
         within arms and verdicts that have 5 labels or more. Unparsable answers are left out of them.\n"
    } else {
        "\n95 % intervals: Wilson's of rates, a bootstrap over rows of F1 and kappa. Unparsable answers are left out of them.\n"
    };
    text
}

fn figures(one: &JudgeFigures) -> Vec<String> {
    let mut row = vec![one.name.clone(), one.n().to_string()];
    row.extend([one.precision, one.recall, one.specificity].map(percent));
    row.push(plain(one.f1));
    row.push(percent(one.accuracy));
    row.push(plain(one.kappa));
    row
}

/// "12.3 % (10.0 to 15.1)"
fn percent(figure: Figure) -> String {
    match (figure.value, figure.low, figure.high) {
        (Some(value), Some(low), Some(high)) => format!("{:.1} % ({:.1} to {:.1})", value * 100.0, low * 100.0, high * 100.0),
        (Some(value), ..) => format!("{:.1} %", value * 100.0),
        _ => "-".into(),
    }
}

/// "0.12 (0.10 to 0.15)"
fn plain(figure: Figure) -> String {
    match (figure.value, figure.low, figure.high) {
        (Some(value), Some(low), Some(high)) => format!("{value:.2} ({low:.2} to {high:.2})"),
        (Some(value), ..) => format!("{value:.2}"),
        _ => "-".into(),
    }
}
