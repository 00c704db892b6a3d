//! What each file of a study directory holds, by its name; nothing else is taken out of a study or into one.

use crate::{
    StudyError,
    archive::ArchivedLabels,
    plan::StageRecord,
    results::CellMetrics,
    worker::{DataRecord, Subset},
};
use rankscope_domain::{
    CellId, Recipe, StudyResults,
    completion::{Completion, Judgement, Prompt, TrainingPair},
    dataset::{LabelledText, Prediction},
    event::Event,
    inspection::{ExampleDivergence, LensReading, MatrixDistance},
    provenance::Provenance,
    results::CounterfactualCounts,
};
use serde::de::{DeserializeOwned, IgnoredAny};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

/// Who wants a file along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Everybody.
    Study,
    /// Who asks for adapters, or for full weights.
    Adapter,
    FullWeights,
}

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Recipe,
    Results,
    Provenance,
    Events,
    Prompts,
    TrainingPairs,
    CounterfactualCounts,
    Texts,
    DataRecord,
    Subset,
    Stage,
    Completions,
    Judgements,
    Predictions,
    Metrics,
    Divergences,
    WeightDistances,
    Lens,
    /// What people said: beside the study in an archive, and not in its directory.
    Labels,
    /// An object, or one a line, that nothing reads.
    Object,
    Objects,
    Tensors,
}

/// A file by its path in the study directory, `/` between names. `None`: it is none of a study's.
pub(crate) fn content_of(path: &str) -> Option<(Part, Content)> {
    use Content::*;
    let of_study = |content| Some((Part::Study, content));
    let names: Vec<&str> = path.split('/').collect();
    match names.as_slice() {
        ["recipe.toml"] => of_study(Recipe),
        ["results.json"] => of_study(Results),
        ["provenance.json"] => of_study(Provenance),
        ["events.jsonl"] => of_study(Events),
        ["prompts.jsonl"] => of_study(Prompts),
        ["counterfactuals.jsonl"] => of_study(TrainingPairs),
        ["counterfactual_lists.jsonl"] => of_study(Objects),
        ["counterfactual_counts.json"] => of_study(CounterfactualCounts),
        ["data", "train.jsonl" | "test.jsonl"] => of_study(Texts),
        ["data", "chosen.json"] => of_study(DataRecord),
        ["data", "subsets", name] if is_subset(name) => of_study(Subset),
        ["stages", name] if is_stage(name) => of_study(Stage),
        ["cells", cell, rest @ ..] if cell.parse::<CellId>().is_ok() => match rest {
            ["completions.jsonl"] => of_study(Completions),
            ["judgements.jsonl"] => of_study(Judgements),
            ["predictions.jsonl"] => of_study(Predictions),
            ["metrics.json"] => of_study(Metrics),
            ["train.jsonl"] => of_study(Objects),
            ["divergence.jsonl"] => of_study(Divergences),
            ["weights.json"] => of_study(WeightDistances),
            ["lens.json"] => of_study(Lens),
            ["adapter_config.json"] => Some((Part::Adapter, Object)),
            ["adapter_model.safetensors"] => Some((Part::Adapter, Tensors)),
            ["model", "model.safetensors"] => Some((Part::FullWeights, Tensors)),
            ["model", "config.json" | "tokenizer.json" | "tokenizer_config.json"] => Some((Part::FullWeights, Object)),
            _ => None,
        },
        _ => None,
    }
}

/// `s0-m0.25.json`
fn is_subset(name: &str) -> bool {
    // as a cell's name, whose numbers are written in one way alone
    name.strip_suffix(".json").is_some_and(|stem| stem.contains("-m") && format!("full-{stem}").parse::<CellId>().is_ok())
}

/// `03-train-lora-s0-m1.json`
fn is_stage(name: &str) -> bool {
    let Some((number, rest)) = name.strip_suffix(".json").and_then(|stem| stem.split_once('-')) else { return false };
    let plain = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-' || letter == b'.';
    (2..=6).contains(&number.len()) && number.bytes().all(|digit| digit.is_ascii_digit()) && !rest.is_empty() && rest.bytes().all(plain)
}

/// Longest line and largest files of a kind, bytes. A study's own are a small part of it; pages read them whole.
const LONGEST_LINE: u64 = 16 << 20;
const LARGEST_RECIPE: u64 = 4 << 20;
const LARGEST_EVENTS: u64 = 64 << 20;
const LARGEST_TEXT: u64 = 256 << 20;
/// A set of texts may be uploaded with half of it.
const LARGEST_TEXTS: u64 = 1 << 30;
/// Of a safetensors file: some thousand tensors take less than one.
const LONGEST_HEAD: u64 = 4 << 20;

/// Bytes that a file of its kind may have; none: weights, which are never read whole.
pub(super) fn largest(content: Content) -> Option<u64> {
    match content {
        Content::Recipe => Some(LARGEST_RECIPE),
        Content::Events => Some(LARGEST_EVENTS),
        Content::Texts => Some(LARGEST_TEXTS),
        Content::Tensors => None,
        Content::Results
        | Content::Provenance
        | Content::Prompts
        | Content::TrainingPairs
        | Content::CounterfactualCounts
        | Content::DataRecord
        | Content::Subset
        | Content::Stage
        | Content::Completions
        | Content::Judgements
        | Content::Predictions
        | Content::Metrics
        | Content::Divergences
        | Content::WeightDistances
        | Content::Lens
        | Content::Labels
        | Content::Object
        | Content::Objects => Some(LARGEST_TEXT),
    }
}

/// Reads the file whole as what it should be; gives what is wrong with it.
pub(crate) fn check(path: &Path, content: Content) -> Result<(), String> {
    match content {
        // these three are read by themselves, and held against one another
        Content::Recipe => text(path).and_then(|text| Recipe::from_toml(&text).map(drop).map_err(|errors| errors.to_string())),
        Content::Results => json::<StudyResults>(path),
        Content::Provenance => json::<Provenance>(path),
        Content::Events => lines::<Event>(path),
        Content::Prompts => lines::<Prompt>(path),
        Content::TrainingPairs => lines::<TrainingPair>(path),
        Content::CounterfactualCounts => json::<CounterfactualCounts>(path),
        Content::Texts => lines::<LabelledText>(path),
        Content::DataRecord => json::<DataRecord>(path),
        Content::Subset => json::<Subset>(path),
        Content::Stage => json::<StageRecord>(path),
        Content::Completions => lines::<Completion>(path),
        Content::Judgements => lines::<Judgement>(path),
        Content::Predictions => lines::<Prediction>(path),
        Content::Metrics => json::<CellMetrics>(path),
        Content::Divergences => lines::<ExampleDivergence>(path),
        Content::WeightDistances => json::<Vec<MatrixDistance>>(path),
        Content::Lens => lens(path),
        Content::Labels => ArchivedLabels::read(path).map(drop),
        Content::Object => json::<BTreeMap<String, IgnoredAny>>(path),
        Content::Objects => lines::<BTreeMap<String, IgnoredAny>>(path),
        Content::Tensors => tensors(path),
    }
}

fn open(path: &Path) -> Result<(File, u64), String> {
    let file = File::open(path).map_err(|error| format!("it can't be read: {error}"))?;
    let length = file.metadata().map_err(|error| format!("it can't be read: {error}"))?.len();
    Ok((file, length))
}

fn text(path: &Path) -> Result<String, String> {
    let (file, _) = open(path)?;
    let mut text = String::new();
    file.take(LONGEST_LINE).read_to_string(&mut text).map_err(|_| "it is not UTF-8 text".to_string())?;
    Ok(text)
}

fn parse<T: DeserializeOwned>(path: &Path) -> Result<T, String> {
    let (file, _) = open(path)?;
    serde_json::from_reader(BufReader::new(file)).map_err(|error| format!("it is not what Rankscope writes there: {error}"))
}

fn json<T: DeserializeOwned>(path: &Path) -> Result<(), String> {
    parse::<T>(path).map(drop)
}

fn lines<T: DeserializeOwned>(path: &Path) -> Result<(), String> {
    each_line::<T>(path, |_| Ok(()))
}

/// Reads one line after another, so that a long file is never in memory whole.
pub(super) fn each_line<T: DeserializeOwned>(path: &Path, mut take: impl FnMut(T) -> Result<(), String>) -> Result<(), String> {
    let mut file = BufReader::new(open(path)?.0);
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let read = (&mut file).take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(|error| format!("it can't be read: {error}"))?;
        if read == 0 {
            break;
        }
        if line.pop() != Some(b'\n') {
            return Err(format!("line {number} has no end"));
        }
        take(serde_json::from_slice(&line).map_err(|error| format!("line {number} is not what Rankscope writes there: {error}"))?)?;
    }
    Ok(())
}

/// Every row of a reading has a cell for each token, so that it can be drawn.
fn lens(path: &Path) -> Result<(), String> {
    let readings: Vec<LensReading> = parse(path)?;
    let is_whole = |reading: &LensReading| reading.layers.iter().all(|row| row.len() == reading.tokens.len());
    if readings.iter().all(is_whole) { Ok(()) } else { Err("a row of the lens has not one cell for each token".into()) }
}

/// A safetensors file, by its head: names, shapes, and that they cover the rest of the file.
fn tensors(path: &Path) -> Result<(), String> {
    /// What is read of a tensor's entry; `__metadata__` has none.
    #[derive(serde::Deserialize)]
    struct Tensor {
        data_offsets: Option<[u64; 2]>,
    }
    let (mut file, length) = open(path)?;
    let mut size = [0; 8];
    let cut = |_| "it is cut off".to_string();
    file.read_exact(&mut size).map_err(cut)?;
    let head_length = u64::from_le_bytes(size);
    if head_length > length.saturating_sub(8) {
        return Err("its head is longer than the file; it is no safetensors file, or cut off".into());
    }
    if head_length > LONGEST_HEAD {
        return Err(format!("its head has {head_length} bytes, more than the {LONGEST_HEAD} that are read"));
    }
    let mut head = vec![0; head_length as usize];
    file.read_exact(&mut head).map_err(cut)?;
    let entries: BTreeMap<String, Tensor> = serde_json::from_slice(&head).map_err(|error| format!("its head can't be read: {error}"))?;
    let ends = entries.iter().filter(|(name, _)| name.as_str() != "__metadata__").map(|(name, entry)| {
        entry.data_offsets.filter(|[from, to]| from <= to).map(|[_, to]| to).ok_or_else(|| format!("{name} has no place"))
    });
    let end = ends.collect::<Result<Vec<u64>, String>>()?.into_iter().max().unwrap_or(0);
    if end == length - head_length - 8 { Ok(()) } else { Err("its tensors don't fill it: it is cut off, or something was added".into()) }
}

/// What is wrong with a file of an archive, as a refusal of the archive.
pub(crate) fn refusal(path: &str, wrong: &str) -> StudyError {
    rankscope_domain::FieldErrors::one(
        "file",
        path,
        format!("This archive can't be taken in: {path}: {wrong}. Export the study again where it was made, and send that file whole."),
    )
    .into()
}
