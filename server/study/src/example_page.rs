//! Pages of a classification study's test examples: filtered by what the arms of one seed and fraction took them for.

use crate::{
    Study, StudyError,
    classification_text::question,
    results::{likeliest, readings, softmax},
    whole_file,
    worker::DataRecord,
};
use rankscope_domain::{
    Arm, CellId, FieldErrors, Recipe,
    class_results::Reading,
    dataset::{LabelledText, Prediction},
    recipe::{HeadKind, StudyKind},
    view::{ExamplePage, ExamplePrediction, ExampleQuery, ExampleRow, Outcome},
};
use std::collections::HashMap;

/// Examples a page.
const PAGE_SIZE: u32 = 20;

impl Study {
    /// What of seed, fraction and reading the study has not is taken for not asked for: the page says what it shows. A study that has not
    /// chosen its examples yet has no labels, groups and rows. An error for a study of another kind.
    pub fn examples(&self, query: &ExampleQuery) -> Result<ExamplePage, StudyError> {
        let recipe = self.recipe()?;
        if recipe.kind != StudyKind::Classification {
            let remedy = "Test examples are a classification study's; this one has completions.";
            return Err(FieldErrors::one("kind", recipe.kind.label(), remedy).into());
        }
        let record: DataRecord = whole_file::read_json(&self.data_file("chosen.json"))?.unwrap_or_default();
        let texts: Vec<LabelledText> = whole_file::read_lines(&self.data_file("test.jsonl"))?;
        let seed = query.seed.filter(|seed| recipe.seeds.contains(seed)).or(recipe.seeds.first().copied()).unwrap_or_default();
        let fractions = recipe.groups.fractions();
        let smallest = fractions.iter().min().copied();
        let fraction = query.fraction.filter(|fraction| fractions.contains(fraction)).or(smallest);
        let readings = readings(&recipe);
        let reading = query.reading.filter(|reading| readings.contains(reading)).unwrap_or(readings[0]);

        let mut cells: Vec<CellId> = recipe.cells();
        cells.retain(|cell| cell.arm == Arm::Original || (cell.seed == seed && cell.minority == fraction));
        cells.sort_unstable();
        let mut predictions = Vec::with_capacity(cells.len());
        for cell in cells {
            let lines: Vec<Prediction> = whole_file::read_lines(&self.cell_file(cell, "predictions.jsonl"))?;
            predictions.push((cell, lines.into_iter().map(|line| (line.id, line)).collect::<HashMap<_, _>>()));
        }
        let asked = (recipe.classifier.head == HeadKind::Answers).then(|| question(&recipe.classifier, &record.labels));
        let mut rows = Vec::new();
        for text in texts {
            if query.group.as_ref().is_some_and(|group| *group != text.group) || query.example.is_some_and(|id| id != text.id) {
                continue;
            }
            let of_text = predictions.iter().filter_map(|(cell, lines)| Some(read(*cell, lines.get(&text.id)?, reading)));
            let row = ExampleRow {
                predictions: of_text.collect(),
                prompt: asked.as_ref().map(|question| question.replace("{text}", &text.text)),
                text,
            };
            if meets(&row, query) {
                rows.push(row);
            }
        }
        let divergences = match query.example {
            Some(example) => self.divergences_of(example, &recipe)?,
            None => Vec::new(),
        };
        let total = rows.len() as u32;
        let skipped = query.page.saturating_mul(PAGE_SIZE) as usize;
        Ok(ExamplePage {
            rows: rows.into_iter().skip(skipped).take(PAGE_SIZE as usize).collect(),
            total,
            page: query.page,
            page_size: PAGE_SIZE,
            seed,
            fraction,
            reading,
            labels: record.labels,
            arms: arms(&recipe),
            groups: record.groups.into_iter().map(|count| count.group).collect(),
            seeds: recipe.seeds,
            fractions,
            readings,
            divergences,
        })
    }
}

/// Those that have cells: with a class head the original has none.
fn arms(recipe: &Recipe) -> Vec<Arm> {
    let mut arms: Vec<Arm> = recipe.cells().into_iter().map(|cell| cell.arm).collect();
    arms.sort_unstable();
    arms.dedup();
    arms
}

fn read(cell: CellId, prediction: &Prediction, reading: Reading) -> ExamplePrediction {
    if reading == Reading::GeneratedText {
        return ExamplePrediction { cell, label: prediction.generated_label, probability: None, generated: prediction.generated.clone() };
    }
    let shares = softmax(&prediction.log_probabilities);
    let label = likeliest(&shares);
    ExamplePrediction { cell, label: Some(label as u32), probability: shares.get(label).copied(), generated: None }
}

/// Without an arm, any that is right or wrong will do.
fn meets(row: &ExampleRow, query: &ExampleQuery) -> bool {
    let Some(outcome) = query.outcome else { return true };
    let mut asked = row.predictions.iter().filter(|prediction| query.arm.is_none_or(|arm| arm == prediction.cell.arm));
    asked.any(|prediction| row.is_right(prediction) == (outcome == Outcome::Right))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rankscope_domain::{MinorityFraction, recipe::ArmSpec};

    fn study(directory: &std::path::Path) -> Study {
        let text = "name = \"x\"\nkind = \"classification\"\nseeds = [3, 4]\n[groups]\nminority = \"no\"\nminority_fractions = [1.0, 0.5]\n\
                    [classifier]\nhead = \"answers\"\nprompt = \"{text} {options}?\"";
        let mut recipe = Recipe::from_toml(text).unwrap();
        recipe.arms = vec![ArmSpec::lora(2, 1e-3)];
        let study = Study::create(&directory.join("study"), &recipe).unwrap();
        let record = DataRecord { labels: vec!["no".into(), "yes".into()], ..DataRecord::default() };
        whole_file::write_json(&study.data_file("chosen.json"), &record).unwrap();
        let group = |id: u32| if id.is_multiple_of(2) { "no" } else { "yes" };
        let texts: Vec<_> =
            (0..30).map(|id| LabelledText { id, row: id.into(), text: format!("t{id}"), label: id % 2, group: group(id).into() }).collect();
        whole_file::write_lines(&study.data_file("test.jsonl"), &texts).unwrap();
        for cell in recipe.cells() {
            // the original says always yes; r = 2 is wrong on the first three, and what it writes names nothing
            let says = |id: u32| if cell.arm == Arm::Original { 1 } else { (id % 2) ^ u32::from(id < 3) };
            let lines: Vec<_> = (0..30)
                .map(|id| Prediction {
                    id,
                    log_probabilities: if says(id) == 1 { vec![-3.0, -1.0] } else { vec![-1.0, -3.0] },
                    generated: Some("hm".into()),
                    generated_label: None,
                })
                .collect();
            whole_file::write_lines(&study.cell_file(cell, "predictions.jsonl"), &lines).unwrap();
        }
        study
    }

    #[test]
    fn examples_are_filtered_by_what_the_arms_took_them_for() {
        let directory = tempfile::tempdir().unwrap();
        let study = study(directory.path());
        let low = Some(Arm::Lora(2));
        let check = |query: ExampleQuery, total: u32, first: Option<u32>| {
            let page = study.examples(&query).unwrap();
            assert_eq!((page.total, page.rows.first().map(|row| row.text.id)), (total, first), "{query:?}");
        };
        let query = ExampleQuery::default;
        check(query(), 30, Some(0));
        check(ExampleQuery { page: 1, ..query() }, 30, Some(20));
        check(ExampleQuery { group: Some("yes".into()), ..query() }, 15, Some(1));
        check(ExampleQuery { arm: low, outcome: Some(Outcome::Wrong), ..query() }, 3, Some(0));
        check(ExampleQuery { arm: low, outcome: Some(Outcome::Right), ..query() }, 27, Some(3));
        check(ExampleQuery { outcome: Some(Outcome::Wrong), group: Some("yes".into()), ..query() }, 1, Some(1));
        check(ExampleQuery { reading: Some(Reading::GeneratedText), arm: low, outcome: Some(Outcome::Right), ..query() }, 0, None);
        check(ExampleQuery { example: Some(7), ..query() }, 1, Some(7));
        check(ExampleQuery { example: Some(70), ..query() }, 0, None);
    }

    #[test]
    fn what_is_shown_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let study = study(directory.path());
        let page = study.examples(&ExampleQuery { seed: Some(9), reading: Some(Reading::ClassHead), ..ExampleQuery::default() }).unwrap();
        assert_eq!((page.seed, page.reading), (3, Reading::Likelihood));
        assert_eq!(page.fraction, Some("0.5".parse::<MinorityFraction>().unwrap()));
        assert_eq!(page.arms, [Arm::Original, Arm::Lora(2)]);
        let row = &page.rows[0];
        assert_eq!(row.prompt.as_deref(), Some("t0 no or yes?"));
        assert_eq!(row.predictions.iter().map(|one| row.is_right(one)).collect::<Vec<_>>(), [false, false]);
        let probability = row.predictions[0].probability.unwrap();
        assert!((probability - 1.0 / (1.0 + (-2.0_f64).exp())).abs() < 1e-12);
        std::fs::remove_dir_all(study.data_file("")).unwrap();
        let early = study.examples(&ExampleQuery::default()).unwrap();
        assert_eq!((early.total, early.groups.len(), early.arms.len()), (0, 0, 2), "before they are chosen");
        let mut recipe = Recipe::from_toml("name = \"x\"").unwrap();
        recipe.arms = vec![ArmSpec::full(1e-4)];
        let other = Study::create(&directory.path().join("other"), &recipe).unwrap();
        assert!(other.examples(&ExampleQuery::default()).unwrap_err().to_string().contains("a classification study's"));
    }
}
