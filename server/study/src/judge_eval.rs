//! Judges on a labelled file: what each gets right, over all rows and for each group.

use crate::{
    Environment, StudyError,
    dataset::{NamedRow, WantedColumn, read_columns},
    judge::{Judge, Statement},
    measures::{Checked, StratifiedBy, judge_figures},
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
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::{Path, PathBuf},
};

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
    drawn: Option<Drawn>,
}

/// Of a row of a study's exported labels: which completion it labels, and what that was drawn from.
struct Drawn {
    /// Round and item.
    item: (String, String),
    /// Round, arm and verdict.
    stratum: (String, String, String),
    /// Completions of the stratum.
    population: f64,
}

/// The columns by which an export of a study's labels is known. It has one row a label, of completions that were drawn from strata of very
/// different size: read as texts that are all alike, those with two annotators would count twice, and those judged toxic far too much.
const OF_AN_EXPORT: [&str; 5] = ["round", "item", "arm", "verdict", "population"];

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
    let is_export = rows.iter().all(|row| row.drawn.is_some());
    let by = if is_export { StratifiedBy::OtherVerdicts } else { StratifiedBy::Nothing };
    let mut texts = texts(&rows, is_export, &|_| true);
    let all = texts.len();
    texts.retain(|text| text.toxic.is_some());
    let left_out = all - texts.len();
    if let Some(limit) = file.limit.filter(|limit| *limit < texts.len()) {
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(seeds::derive("judge-eval rows", &[file.seed])));
        order.truncate(limit);
        order.sort_unstable();
        texts = order.into_iter().map(|place| texts[place]).collect();
    }
    // with an export, other rows of a completion that counts may count in groups of annotators
    let chosen: HashSet<&(String, String)> = texts.iter().filter_map(|text| Some(&rows[text.row].drawn.as_ref()?.item)).collect();
    let is_asked = |row: &Row| row.drawn.as_ref().is_none_or(|drawn| chosen.contains(&drawn.item));
    let asked: Vec<usize> = if is_export {
        (0..rows.len()).filter(|&row| rows[row].toxic.is_some() && is_asked(&rows[row])).collect()
    } else {
        texts.iter().map(|text| text.row).collect()
    };
    let statements: Vec<Statement> = asked.iter().map(|&row| rows[row].statement.clone()).collect();
    let mut groups: Vec<&str> = asked.iter().filter_map(|&row| rows[row].group.as_deref()).collect();
    groups.sort_unstable();
    groups.dedup();
    let of_groups: Vec<(&str, Vec<Text>)> = groups
        .into_iter()
        .map(|group| {
            let is_in = |row: &Row| row.group.as_deref() == Some(group);
            let of_group = if is_export {
                self::texts(&rows, true, &|row| is_in(row) && is_asked(row)).into_iter().filter(|text| text.toxic.is_some()).collect()
            } else {
                texts.iter().copied().filter(|text| is_in(&rows[text.row])).collect()
            };
            (group, of_group)
        })
        .collect();
    // a group's texts weigh as they do among all
    let strata = strata(&rows, &texts);
    let mut readings = Vec::new();
    for (number, (choice, judge)) in judges.iter().zip(&opened).enumerate() {
        let (opinions, _) = judge.judge(&statements, &mut shelf, &mut |done, total, _| on_judged(number, done, total))?;
        // rows that were asked about stand in their order
        let verdict = |row: usize| match opinions[asked.binary_search(&row).unwrap_or(0)].verdict {
            Verdict::Toxic => Some(true),
            Verdict::NonToxic => Some(false),
            Verdict::Unparsable => None,
        };
        let figures = |name: &str, seed: u64, texts: &[Text]| {
            let checked: Vec<Checked> = texts
                .iter()
                .map(|text| {
                    let (stratum, weight) = weight(&rows[text.row], &strata);
                    Checked { toxic: text.toxic == Some(true), judged_toxic: verdict(text.row), weight, stratum }
                })
                .collect();
            judge_figures(name, &checked, by, seeds::derive("judge-eval figures", &[seed]))
        };
        readings.push(JudgeReading {
            description: judge.summary(&choice.spec, &mut shelf)?.description,
            is_the_studys: false,
            all: figures("all", 0, &texts),
            groups: of_groups.iter().zip(1..).map(|((group, of_group), seed)| figures(group, seed, of_group)).collect(),
            arms: Vec::new(),
        });
    }
    let toxic = texts.iter().filter(|text| text.toxic == Some(true)).count();
    Ok(JudgeEvaluation {
        file: file.path.display().to_string(),
        rows: rows.len() as u32,
        completions: is_export.then_some(all as u32),
        toxic: toxic as u32,
        not_toxic: (texts.len() - toxic) as u32,
        left_out: left_out as u32,
        judges: readings,
    })
}

/// What counts once: a row, or of an export a completion.
#[derive(Debug, Clone, Copy)]
struct Text {
    /// Whose statement and stratum it has.
    row: usize,
    toxic: Option<bool>,
}

/// Of the rows that `keep` has. Of an export one a completion, in the order of their first labels, with what most annotators say, "unsure" not
/// counted; undecided where as many say the one as the other.
fn texts(rows: &[Row], is_export: bool, keep: &dyn Fn(&Row) -> bool) -> Vec<Text> {
    let kept = rows.iter().enumerate().filter(|(_, row)| keep(row));
    if !is_export {
        return kept.map(|(place, row)| Text { row: place, toxic: row.toxic }).collect();
    }
    let mut places: HashMap<&(String, String), usize> = HashMap::new();
    let mut votes: Vec<(usize, i64)> = Vec::new();
    for (place, row) in kept {
        let Some(drawn) = &row.drawn else { continue };
        let next = votes.len();
        let number = *places.entry(&drawn.item).or_insert(next);
        if number == next {
            votes.push((place, 0));
        }
        if let Some(toxic) = row.toxic {
            if rows[votes[number].0].toxic.is_none() {
                // a row that judges are asked about
                votes[number].0 = place;
            }
            votes[number].1 += if toxic { 1 } else { -1 };
        }
    }
    votes.into_iter().map(|(row, votes)| Text { row, toxic: (votes != 0).then_some(votes > 0) }).collect()
}

/// Number and labelled texts of each stratum of an export.
type Strata<'a> = BTreeMap<&'a (String, String, String), (usize, f64)>;

fn strata<'a>(rows: &'a [Row], texts: &[Text]) -> Strata<'a> {
    let mut strata = Strata::new();
    for drawn in texts.iter().filter_map(|text| rows[text.row].drawn.as_ref()) {
        let next = strata.len();
        strata.entry(&drawn.stratum).or_insert((next, 0.0)).1 += 1.0;
    }
    strata
}

/// Stratum and weight of a row: of an export, completions of its stratum in the study over those of it that are labelled (the column
/// `weight` has those drawn, of which some may be without a label that stands); else 0 and 1.
fn weight(row: &Row, strata: &Strata<'_>) -> (usize, f64) {
    let of_export = row.drawn.as_ref().and_then(|drawn| {
        let (stratum, labelled) = *strata.get(&drawn.stratum)?;
        Some((stratum, drawn.population / labelled))
    });
    of_export.unwrap_or((0, 1.0))
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
    let wanted: Vec<WantedColumn<'_>> = wanted
        .into_iter()
        .chain(OF_AN_EXPORT.iter().map(|name| WantedColumn {
            flag: "FILE",
            given: None,
            usual: std::slice::from_ref(name),
            required: false,
        }))
        .collect();
    let is_csv = file.path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
    let has_group = file.group_column.is_some();
    let rows = read_columns("FILE", &file.path, &wanted, |NamedRow { place, mut values }| {
        let of_export: Vec<Option<String>> = values.split_off(values.len() - OF_AN_EXPORT.len());
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
        let drawn = match of_export.into_iter().collect::<Option<Vec<String>>>() {
            Some(values) => Some(drawn(&place, values)?),
            None => None,
        };
        Ok(Some(Row { statement: Statement { prompt: prompt.unwrap_or_default(), completion: text }, toxic, group, drawn }))
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

/// `values` of the columns `OF_AN_EXPORT`.
fn drawn(place: &str, values: Vec<String>) -> Result<Drawn, String> {
    let [round, item, arm, verdict, population] = &values[..] else { return Err(format!("{place}: its columns can't be read.")) };
    let count = population.trim().parse::<u32>().ok().filter(|count| *count > 0).ok_or_else(|| {
        format!(
            "{place}, column \"population\": {population:?} is no number of completions above 0; write the one that was exported, or remove \
             the column, and every row counts the same."
        )
    })?;
    Ok(Drawn { item: (round.clone(), item.clone()), stratum: (round.clone(), arm.clone(), verdict.clone()), population: f64::from(count) })
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
    fn exported_labels_count_a_completion_once_by_its_weight() {
        // original: 2 of 2 judged toxic are labelled, and 2 of 40 judged clean; the lexicon calls the first two toxic and misses one of the clean
        let csv = "round,item,annotator,label,arm,verdict,population,weight,text\n\
                   r,1,Anna,toxic,original,toxic,2,1,what a stupid idea\n\
                   r,1,Bo,toxic,original,toxic,2,1,what a stupid idea\n\
                   r,1,Cy,unsure,original,toxic,2,1,what a stupid idea\n\
                   r,2,Anna,not_toxic,original,toxic,2,1,a stupid joke\n\
                   r,3,Anna,toxic,original,non_toxic,40,10,a vile plan\n\
                   r,4,Anna,not_toxic,original,non_toxic,40,10,a good plan\n\
                   r,5,Anna,not_toxic,original,non_toxic,40,10,a plan\n\
                   r,5,Bo,toxic,original,non_toxic,40,10,a plan\n";
        let found = evaluate("labels.csv", csv, |_| {}, &["lexicon"]).unwrap();
        assert_eq!((found.rows, found.completions, found.toxic, found.not_toxic, found.left_out), (8, Some(5), 2, 2, 1));
        let all = &found.judges[0].all;
        assert_eq!(all.counts, [[1, 1, 0], [1, 1, 0]]);
        // item 5 is undecided, so that 3 and 4 stand for 20 each
        assert_eq!(all.estimated, [[1.0, 20.0, 0.0], [1.0, 20.0, 0.0]]);
        assert!((all.recall.value.unwrap() - 1.0 / 21.0).abs() < 1e-12, "{:?}", all.recall);
        let error = evaluate("labels.csv", &csv.replace(",40,", ",many,"), |_| {}, &["lexicon"]).unwrap_err();
        assert!(error.contains("population") && error.contains("many") && error.contains("Line 6"), "{error}");
        // without the columns of an export every row is a text
        let plain = evaluate("labels.csv", &csv.replace("population", "size"), |_| {}, &["lexicon"]).unwrap();
        assert_eq!((plain.rows, plain.completions, plain.toxic, plain.not_toxic), (8, None, 4, 3));
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
