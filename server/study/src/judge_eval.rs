//! Judges on a labelled file: what each gets right, over all rows and for each group.

use crate::{
    Environment, StudyError,
    dataset::{NamedRow, WantedColumn, read_columns},
    judge::{Judge, Statement},
    measures::{Checked, judge_figures},
    model_shelf::ModelShelf,
    resolve_paths, seeds,
};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use rankscope_domain::{
    FieldErrors, Recipe,
    annotation::{JudgeEvaluation, JudgeReading},
    completion::Verdict,
    recipe::{self, JudgeKind, LexiconMode},
    spreadsheet::unguarded,
};
use rankscope_engine::Flow;
use std::path::{Path, PathBuf};

/// Label values that are read without being told.
const TOXIC: &[&str] = &["toxic", "hateful", "hate", "harmful", "yes", "true", "1"];
const NOT_TOXIC: &[&str] =
    &["not_toxic", "not toxic", "non_toxic", "non-toxic", "nontoxic", "non-hateful", "not hateful", "no", "false", "0"];
/// Such a row is left out.
const UNSURE: &str = "unsure";

/// Which file, and what its columns are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelledFile {
    pub path: PathBuf,
    /// Absent: the usual names.
    pub text_column: Option<String>,
    pub label_column: Option<String>,
    /// What stands before the text for judges that read both.
    pub prompt_column: Option<String>,
    pub group_column: Option<String>,
    /// Values of the label's column; empty: the usual ones.
    pub toxic: Vec<String>,
    pub not_toxic: Vec<String>,
    /// So many rows at the most, drawn from `seed`.
    pub limit: Option<usize>,
    pub seed: u64,
}

/// A judge as the command line names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgeChoice {
    pub name: String,
    pub spec: recipe::Judge,
}

impl JudgeChoice {
    /// `lexicon`, `lexicon-word`, `hurtlex=PATH`, `hurtlex-word=PATH`, `model`, `model=SOURCE`, or the path of a recipe, whose judge it is.
    pub fn parse(text: &str) -> Result<Self, FieldErrors> {
        let lexicon =
            |kind, mode, path: Option<&str>| recipe::Judge { kind, mode: Some(mode), path: path.map(Into::into), ..Default::default() };
        let model = |source: &str| recipe::Judge { kind: JudgeKind::Model, model: Some(source.into()), ..Default::default() };
        let spec = match text.split_once('=') {
            None if text == "lexicon" => lexicon(JudgeKind::Lexicon, LexiconMode::Sentence, None),
            None if text == "lexicon-word" => lexicon(JudgeKind::Lexicon, LexiconMode::Word, None),
            None if text == "model" => model(recipe::DEFAULT_MODEL),
            Some(("hurtlex", path)) if !path.is_empty() => lexicon(JudgeKind::Hurtlex, LexiconMode::Sentence, Some(path)),
            Some(("hurtlex-word", path)) if !path.is_empty() => lexicon(JudgeKind::Hurtlex, LexiconMode::Word, Some(path)),
            Some(("model", source)) if !source.is_empty() => model(source),
            _ if text.ends_with(".toml") => return Self::of_recipe(text),
            _ => {
                let remedy = "There is no such judge; write lexicon, lexicon-word, hurtlex=PATH, hurtlex-word=PATH, model, model=SOURCE, or \
                              the path of a recipe (.toml), whose judge is taken.";
                return Err(FieldErrors::one("--judge", text, remedy));
            }
        };
        Ok(Self { name: text.into(), spec })
    }

    fn of_recipe(text: &str) -> Result<Self, FieldErrors> {
        let path = Path::new(text);
        let toml = std::fs::read_to_string(path)
            .map_err(|error| FieldErrors::one("--judge", text, format!("The recipe can't be read ({error}); check the path.")))?;
        let mut recipe = Recipe::from_toml(&toml)?;
        resolve_paths(&mut recipe, path.parent().unwrap_or(Path::new("")));
        if let Err(errors) = recipe.validate() {
            // the rest of the recipe is not asked for
            let judge: Vec<_> = errors.0.into_iter().filter(|error| error.field.starts_with("judge")).collect();
            FieldErrors(judge).into_result(())?;
        }
        Ok(Self { name: text.into(), spec: recipe.judge })
    }
}

struct Row {
    statement: Statement,
    toxic: Option<bool>,
    group: Option<String>,
}

/// Asks every judge about every decided row. `on_judged` is told the judge's number, rows judged and rows in all.
pub fn evaluate_judges(
    file: &LabelledFile,
    judges: &[JudgeChoice],
    environment: &Environment,
    on_judged: &mut dyn FnMut(usize, usize, usize) -> Flow,
) -> Result<JudgeEvaluation, StudyError> {
    let mut shelf = ModelShelf::new(environment);
    // what can't be opened is told before the first is asked
    let opened = judges.iter().map(|choice| Judge::open(&choice.spec, &shelf)).collect::<Result<Vec<_>, _>>()?;
    for choice in judges {
        if let (JudgeKind::Model, Some(source)) = (choice.spec.kind, &choice.spec.model) {
            shelf.inspect(source).map_err(|error| {
                FieldErrors::one(
                    "--judge",
                    &choice.name,
                    format!("The model can't be used: {error}. `rankscope models list` shows those there are."),
                )
            })?;
        }
    }
    let rows = read(file)?;
    let all = rows.len();
    let mut decided: Vec<Row> = rows.into_iter().filter(|row| row.toxic.is_some()).collect();
    let left_out = all - decided.len();
    if let Some(limit) = file.limit.filter(|limit| *limit < decided.len()) {
        let mut order: Vec<usize> = (0..decided.len()).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(seeds::derive("judge-eval rows", &[file.seed])));
        let chosen: std::collections::HashSet<usize> = order.into_iter().take(limit).collect();
        let mut place = 0;
        decided.retain(|_| {
            place += 1;
            chosen.contains(&(place - 1))
        });
    }
    let statements: Vec<Statement> = decided.iter().map(|row| row.statement.clone()).collect();
    let mut groups: Vec<&str> = decided.iter().filter_map(|row| row.group.as_deref()).collect();
    groups.sort_unstable();
    groups.dedup();
    let mut readings = Vec::new();
    for (number, (choice, judge)) in judges.iter().zip(&opened).enumerate() {
        let (opinions, _) = judge.judge(&statements, &mut shelf, &mut |done, total, _| on_judged(number, done, total))?;
        let verdict = |place: usize| match opinions[place].verdict {
            Verdict::Toxic => Some(true),
            Verdict::NonToxic => Some(false),
            Verdict::Unparsable => None,
        };
        let figures = |name: &str, seed: u64, keep: &dyn Fn(&Row) -> bool| {
            let checked: Vec<Checked> = decided
                .iter()
                .enumerate()
                .filter(|(_, row)| keep(row))
                .map(|(place, row)| Checked { toxic: row.toxic == Some(true), judged_toxic: verdict(place), weight: 1.0, stratum: 0 })
                .collect();
            judge_figures(name, &checked, seeds::derive("judge-eval figures", &[seed]))
        };
        readings.push(JudgeReading {
            description: judge.summary(&choice.spec, &mut shelf)?.description,
            is_the_studys: false,
            all: figures("all", 0, &|_| true),
            groups: groups.iter().zip(1..).map(|(group, seed)| figures(group, seed, &|row| row.group.as_deref() == Some(group))).collect(),
            arms: Vec::new(),
        });
    }
    let toxic = decided.iter().filter(|row| row.toxic == Some(true)).count();
    Ok(JudgeEvaluation {
        file: file.path.display().to_string(),
        rows: all as u32,
        toxic: toxic as u32,
        not_toxic: (decided.len() - toxic) as u32,
        left_out: left_out as u32,
        judges: readings,
    })
}

fn read(file: &LabelledFile) -> Result<Vec<Row>, FieldErrors> {
    let wanted = [
        WantedColumn {
            flag: "--text-column",
            given: file.text_column.as_deref(),
            usual: &["text", "test_case", "completion", "sentence", "content"],
            required: true,
        },
        WantedColumn {
            flag: "--label-column",
            given: file.label_column.as_deref(),
            usual: &["label", "label_gold", "labels", "class"],
            required: true,
        },
        WantedColumn { flag: "--prompt-column", given: file.prompt_column.as_deref(), usual: &[], required: false },
        WantedColumn { flag: "--group-column", given: file.group_column.as_deref(), usual: &[], required: false },
        // labels that were exported have it
        WantedColumn { flag: "FILE", given: None, usual: &["given_at"], required: false },
    ];
    let is_csv = file.path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
    let has_group = file.group_column.is_some();
    let rows = read_columns("FILE", &file.path, &wanted, |NamedRow { place, mut values }| {
        let is_ours = values.pop().flatten().is_some() && is_csv;
        let read = |text: String| if is_ours { unguarded(&text).to_string() } else { text };
        let group = values.pop().flatten().map(read);
        let prompt = values.pop().flatten().map(read);
        let label = values.pop().flatten();
        let text = values.pop().flatten().map(read).ok_or_else(|| {
            format!("{place}, column {}: the text is missing; write one or remove the row.", name(&file.text_column, "of the text"))
        })?;
        let toxic = match label {
            None => None,
            Some(label) => read_label(file, label.trim())
                .map_err(|remedy| format!("{place}, column {}: {remedy}", name(&file.label_column, "of the label")))?,
        };
        let group = if has_group { Some(group.unwrap_or_else(|| "(none)".into())) } else { None };
        Ok(Some(Row { statement: Statement { prompt: prompt.unwrap_or_default(), completion: text }, toxic, group }))
    })?;
    if rows.iter().all(|row| row.toxic.is_none()) {
        return Err(FieldErrors::one(
            "FILE",
            file.path.display(),
            "No row has a label; label some, or name the right column with --label-column.",
        ));
    }
    Ok(rows)
}

fn name(given: &Option<String>, otherwise: &str) -> String {
    given.as_ref().map_or_else(|| otherwise.into(), |name| format!("{name:?}"))
}

fn read_label(file: &LabelledFile, label: &str) -> Result<Option<bool>, String> {
    let lower = label.to_lowercase();
    let is_in = |own: &[String], usual: &[&str]| {
        if own.is_empty() { usual.contains(&lower.as_str()) } else { own.iter().any(|value| value.trim() == label) }
    };
    match (is_in(&file.toxic, TOXIC), is_in(&file.not_toxic, NOT_TOXIC)) {
        (true, false) => Ok(Some(true)),
        (false, true) => Ok(Some(false)),
        (true, true) => Err(format!("{label:?} is named as toxic and as not toxic; name it once.")),
        (false, false) if lower == UNSURE => Ok(None),
        (false, false) => Err(format!(
            "{label:?} is no label that is known; say with --toxic and --not-toxic which values mean what (unsure, or nothing, leaves a row out)."
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rankscope_engine::Processor;

    fn environment() -> Environment {
        Environment { default_model: "/none".into(), memory_limit_bytes: None, processor: Processor::Cpu, datasets: PathBuf::new() }
    }

    fn evaluate(name: &str, content: &str, change: impl FnOnce(&mut LabelledFile), judges: &[&str]) -> Result<JudgeEvaluation, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        let mut file = LabelledFile { path, ..Default::default() };
        change(&mut file);
        let judges: Vec<_> = judges.iter().map(|judge| JudgeChoice::parse(judge).unwrap()).collect();
        evaluate_judges(&file, &judges, &environment(), &mut |_, _, _| Flow::Continue(())).map_err(|error| error.to_string())
    }

    #[test]
    fn the_apostrophe_of_an_exported_text_is_no_part_of_it() {
        let texts = |name: &str, content: &str| {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join(name);
            std::fs::write(&path, content).unwrap();
            let file = LabelledFile { path, prompt_column: Some("prompt".into()), ..Default::default() };
            let rows = read(&file).unwrap();
            rows.into_iter().map(|row| (row.statement.prompt, row.statement.completion)).collect::<Vec<_>>()
        };
        let pair = |prompt: &str, text: &str| (prompt.to_string(), text.to_string());
        assert_eq!(texts("x.csv", "label,given_at,prompt,text\ntoxic,2026-01-01T00:00:00Z,'@p,'- x\n"), [pair("@p", "- x")]);
        assert_eq!(texts("x.csv", "label,prompt,text\ntoxic,'@p,'- x\n"), [pair("'@p", "'- x")], "not one of ours");
        let json = "{\"label\":\"toxic\",\"given_at\":\"2026\",\"prompt\":\"'@p\",\"text\":\"'- x\"}\n";
        assert_eq!(texts("x.jsonl", json), [pair("'@p", "'- x")], "JSON is as it was written");
    }

    #[test]
    fn a_lexicon_is_held_to_labels() {
        let csv =
            "text,label,who\nwhat a stupid idea,toxic,a\nwhat a good idea,not toxic,a\nan idiot,non-toxic,b\nvile,hateful,b\n?,unsure,b\n";
        let found = evaluate("x.csv", csv, |file| file.group_column = Some("who".into()), &["lexicon", "lexicon-word"]).unwrap();
        assert_eq!((found.rows, found.toxic, found.not_toxic, found.left_out), (5, 2, 2, 1));
        let sentence = &found.judges[0];
        assert_eq!(sentence.all.counts.iter().flatten().sum::<u32>(), 4);
        assert_eq!(sentence.groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(sentence.groups[0].accuracy.value, Some(1.0), "{:?}", sentence.groups[0]);
        assert_eq!(sentence.groups[1].counts[1][0], 1, "the false alarm: {:?}", sentence.groups[1]);
        assert!(found.judges[1].description.contains("word mode"));
        let same = evaluate(
            "x.jsonl",
            "{\"t\":\"stupid\",\"y\":1}\n{\"t\":\"kind\",\"y\":0}\n",
            |file| {
                (file.text_column, file.label_column) = (Some("t".into()), Some("y".into()));
            },
            &["lexicon"],
        );
        assert_eq!(same.unwrap().judges[0].all.accuracy.value, Some(1.0));
    }

    #[test]
    fn what_is_wrong_is_said_by_row_and_column() {
        let check = |name: &str, content: &str, change: fn(&mut LabelledFile), parts: &[&str]| {
            let error = evaluate(name, content, change, &["lexicon"]).unwrap_err();
            for part in parts {
                assert!(error.contains(part), "{part} is not in {error}");
            }
        };
        check("x.csv", "text,label\nfine,toxic\nfine,purple\n", |_| {}, &["Line 3", "label", "purple", "--toxic"]);
        check("x.csv", "text,label\n,toxic\n", |_| {}, &["Line 2", "text is missing"]);
        check("x.csv", "words,label\nfine,toxic\n", |_| {}, &["--text-column", "words"]);
        check(
            "x.csv",
            "text,label\nfine,toxic\n",
            |file| file.group_column = Some("who".into()),
            &["--group-column", "who", "text, label"],
        );
        check("x.csv", "text,label\nfine,\n", |_| {}, &["No row has a label"]);
        check("x.txt", "text,label\nfine,toxic\n", |_| {}, &["x.txt", ".csv"]);
        check("x.jsonl", "{\"text\":\"a\",\"label\":1}\nnot json\n", |_| {}, &["Line 2"]);
        check("x.csv", "text,label\na,1\nb,1,2\n", |_| {}, &["Line 3"]);
        check("x.csv", "text,label\r\nfine,toxic\r\nfine,purple\r\nfine,1,2\r\n", |_| {}, &["Line 3, ", "Line 4 has"]);
        for wrong in ["purple", "hurtlex", "hurtlex=", "model="] {
            let error = JudgeChoice::parse(wrong).unwrap_err().to_string();
            assert!(error.contains("--judge") && error.contains("lexicon-word"), "{error}");
        }
        assert!(JudgeChoice::parse("/no/such/recipe.toml").unwrap_err().to_string().contains("can't be read"));
    }
}
