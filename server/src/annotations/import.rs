//! Labels that were made elsewhere, by the ids of a round's items.

use super::{Annotations, broken};
use crate::study_id::StudyId;
use rankscope_app::error::AppError;
use rankscope_domain::{
    FieldErrors,
    annotation::{Annotator, GivenLabel, Label},
};
use std::collections::{HashMap, HashSet};

/// Most that is wrong told at once.
const ERRORS_LIMIT: usize = 20;

impl Annotations {
    /// Takes every row of a CSV with the columns `item` and `label` as the annotator's label, or none of them. Gives how many changed.
    pub async fn import(&self, study: &StudyId, round: &str, annotator: &Annotator, csv: &str) -> Result<u32, AppError> {
        let round = self.round(study, round).await?;
        self.must_have_consented(&round, annotator).await?;
        let items: HashSet<String> = self.database.round_items(&round.id).await.map_err(broken)?.into_iter().map(|item| item.id).collect();
        let read = read(csv, &items).map_err(AppError::Invalid)?;
        let own = self.own_labels(&round, annotator).await?;
        let at_ms = jiff::Timestamp::now().as_millisecond();
        let new: Vec<GivenLabel> = read
            .into_iter()
            .filter(|(item, label)| own.get(item) != Some(label))
            .map(|(item, label)| GivenLabel { item, annotator: annotator.clone(), label, at_ms })
            .collect();
        let count = new.len() as u32;
        self.database.insert_labels(&round.id, new).await.map_err(broken)?;
        Ok(count)
    }
}

/// In the order of the file.
fn read(text: &str, items: &HashSet<String>) -> Result<Vec<(String, Label)>, FieldErrors> {
    // a form sends CR LF, by which lines are counted wrongly
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let refuse = |value: &str, remedy: String| FieldErrors::one("csv", value, remedy);
    let header = reader.headers().map_err(|error| refuse("", format!("The first line can't be read: {error}.")))?.clone();
    let column = |name: &str| {
        header.iter().position(|known| known == name).ok_or_else(|| {
            let there = header.iter().collect::<Vec<_>>().join(", ");
            refuse(&there, format!("There is no column {name:?}; the first line must name the columns item and label."))
        })
    };
    let (item_column, label_column) = (column("item")?, column("label")?);
    let mut errors = FieldErrors::default();
    let mut found: HashMap<String, u64> = HashMap::new();
    let mut labels = Vec::new();
    for record in reader.records() {
        if errors.0.len() >= ERRORS_LIMIT {
            break;
        }
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(1, csv::Position::line);
                errors.push(
                    "csv",
                    "",
                    format!("Line {line} can't be read: it has not as many columns as the first line, or is not UTF-8."),
                );
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        let (item, label) = (record.get(item_column).unwrap_or_default(), record.get(label_column).unwrap_or_default());
        if !items.contains(item) {
            errors.push("csv", item, format!("Line {line}, column item: this round has no such item; export its labels to see the ids."));
            continue;
        }
        let Some(read) = Label::from_name(label) else {
            errors.push("csv", label, format!("Line {line}, column label: write toxic, not_toxic or unsure."));
            continue;
        };
        if let Some(first) = found.insert(item.to_string(), line) {
            errors.push("csv", item, format!("Line {line}, column item: it stands on line {first} already; remove one."));
            continue;
        }
        labels.push((item.to_string(), read));
    }
    if labels.is_empty() && errors.0.is_empty() {
        errors.push("csv", "", "It has no rows; give one for each label: item,label.");
    }
    errors.into_result(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_or_refused_by_line() {
        let items: HashSet<String> = ["a1", "b2"].map(String::from).into();
        let read = |text: &str| read(text, &items).map_err(|errors| errors.to_string());
        let good = Ok(vec![("b2".to_string(), Label::NotToxic), ("a1".to_string(), Label::Unsure)]);
        assert_eq!(read("\u{feff}label, item ,note\nnot_toxic,b2,\nunsure,a1,x\n"), good);
        for (text, parts) in [
            ("", &["item"][..]),
            ("item,label\n", &["no rows"]),
            ("item,verdict\na1,toxic\n", &["label", "item, verdict"]),
            ("item,label\na1,toxic\nzz,toxic\nb2,bad\n", &["Line 3, column item", "zz", "Line 4, column label", "bad"]),
            ("item,label\na1,toxic\na1,unsure\n", &["Line 3", "line 2"]),
            ("item,label\r\na1,toxic\r\nzz,unsure\r\n", &["Line 3"]),
            ("item,label\na1\n", &["Line 2"]),
        ] {
            let error = read(text).unwrap_err();
            for part in parts {
                assert!(error.contains(part), "{part} is not in {error}");
            }
        }
    }
}
