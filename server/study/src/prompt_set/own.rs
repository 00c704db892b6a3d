//! The user's own prompts: JSONL or CSV with the columns prompt, group, category, template, identity.

use super::{PromptList, ROW_LIMIT, ROWS_LIMIT, RowErrors};
use rankscope_domain::{FieldErrors, completion::Prompt};
use serde::Deserialize;
use std::{collections::HashMap, path::Path};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    prompt: String,
    #[serde(default)]
    group: Option<String>,
    #[serde(default)]
    category: Option<String>,
    #[serde(default)]
    template: Option<String>,
    #[serde(default)]
    identity: Option<String>,
}

const COLUMNS: [&str; 5] = ["prompt", "group", "category", "template", "identity"];

pub(super) fn jsonl(text: &str, path: &Path) -> Result<PromptList, FieldErrors> {
    let mut errors = RowErrors::new("prompts.path", path);
    let mut rows = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line_number = index + 1;
        if line.len() > ROW_LIMIT {
            errors.push(format!("Line {line_number} has {} bytes; at most {ROW_LIMIT} are read.", line.len()));
        } else if line.trim().is_empty() {
            // an empty line at the end is usual, and one in between does no harm
        } else {
            match serde_json::from_str::<Row>(line) {
                Ok(row) => rows.push((line_number, row)),
                Err(error) => {
                    let message = error.to_string();
                    let message = message.split(" at line ").next().unwrap_or_default();
                    errors.push(format!(
                        "Line {line_number}, column {}: {message}; write {{\"prompt\": \"…\", \"group\": \"…\"}} on a line of its own.",
                        error.column()
                    ));
                }
            }
        }
        if errors.is_full() || rows.len() > ROWS_LIMIT {
            break;
        }
    }
    collect(rows, errors)
}

pub(super) fn csv(text: &str, path: &Path) -> Result<PromptList, FieldErrors> {
    let mut errors = RowErrors::new("prompts.path", path);
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => {
            errors.push(format!("The first line can't be read: {error}."));
            return errors.into_result(PromptList::default());
        }
    };
    for (index, name) in header.iter().enumerate() {
        if !COLUMNS.contains(&name) {
            errors.push(format!("Line 1, column {}: {name:?} is not known; the columns are {}.", index + 1, COLUMNS.join(", ")));
        } else if header.iter().take(index).any(|earlier| earlier == name) {
            errors.push(format!("Line 1, column {}: {name:?} stands twice.", index + 1));
        }
    }
    let place = |name: &str| header.iter().position(|known| known == name);
    let Some(prompt_place) = place("prompt") else {
        errors.push("The first line has no column prompt; write e.g. prompt,group,category,template.");
        return errors.into_result(PromptList::default());
    };
    let mut rows = Vec::new();
    for record in reader.records() {
        match record {
            Ok(record) => {
                let line_number = record.position().map_or(0, |position| position.line() as usize);
                let cell = |name: &str| place(name).and_then(|place| record.get(place)).map(str::to_owned);
                if record.as_slice().len() > ROW_LIMIT {
                    errors.push(format!("Line {line_number} has {} bytes; at most {ROW_LIMIT} are read.", record.as_slice().len()));
                } else {
                    let prompt = record.get(prompt_place).unwrap_or_default().to_owned();
                    let row = Row {
                        prompt,
                        group: cell("group"),
                        category: cell("category"),
                        template: cell("template"),
                        identity: cell("identity"),
                    };
                    rows.push((line_number, row));
                }
            }
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                match error.kind() {
                    csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                        errors.push(format!(
                            "Line {line} has {len} columns and the first line has {expected_len}; put a text with a comma in quotes."
                        ));
                    }
                    _ => errors.push(format!("Line {line}: {error}.")),
                }
            }
        }
        if errors.is_full() || rows.len() > ROWS_LIMIT {
            break;
        }
    }
    collect(rows, errors)
}

fn collect(rows: Vec<(usize, Row)>, mut errors: RowErrors) -> Result<PromptList, FieldErrors> {
    if rows.len() > ROWS_LIMIT {
        errors.push(format!("The file has more than {ROWS_LIMIT} rows; split it."));
    }
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut prompts = Vec::new();
    for (line, row) in rows {
        let prompt = row.prompt.trim().to_owned();
        if prompt.is_empty() {
            errors.push(format!("Line {line}: the prompt is empty; write some text or remove the line."));
            continue;
        }
        if let Some(first) = known.insert(prompt.clone(), line) {
            errors.push(format!("Line {line}: this prompt stands on line {first} already; remove one."));
            continue;
        }
        let or = |cell: Option<String>, other: &str| {
            cell.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).unwrap_or_else(|| other.into())
        };
        prompts.push(Prompt {
            id: 0,
            group: or(row.group, "all"),
            category: or(row.category, ""),
            // a prompt of no template is a cluster of its own
            template: or(row.template, &prompt),
            identity: or(row.identity, ""),
            prompt,
        });
    }
    if prompts.is_empty() {
        errors.push("The file has no prompts.");
    }
    errors.into_result(PromptList { prompts, notes: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path() -> &'static Path {
        Path::new("own")
    }

    #[test]
    fn both_forms_give_the_same_prompts() {
        let lines = "{\"prompt\": \"she works as a \", \"group\": \"she\"}\n\n{\"prompt\": \"they, too, work as\"}\n";
        let table = "group,prompt\nshe,she works as a\n,\"they, too, work as\"\n";
        let one = jsonl(lines, path()).unwrap();
        assert_eq!(one, csv(table, path()).unwrap());
        assert_eq!(one.prompts[0].prompt, "she works as a");
        assert_eq!((one.prompts[1].group.as_str(), one.prompts[1].template.as_str()), ("all", "they, too, work as"));
    }

    #[test]
    fn every_wrong_line_is_named() {
        let check = |read: fn(&str, &Path) -> Result<PromptList, FieldErrors>, text: &str, parts: &[&str]| {
            let errors = read(text, path()).unwrap_err();
            assert_eq!(errors.0.len(), parts.len(), "{errors}");
            for (error, part) in errors.0.iter().zip(parts) {
                assert!(error.remedy.contains(part), "{error} lacks {part}");
            }
        };
        check(jsonl, "", &["no prompts"]);
        check(jsonl, "{\"prompt\": \"a\"}\n{\"prompt\": \"a\"}", &["Line 2: this prompt stands on line 1"]);
        check(jsonl, "{\"prompt\": \"  \"}\n{\"prompt\": \"b\"}", &["Line 1: the prompt is empty"]);
        check(
            jsonl,
            "{\"prompt\": \"a\"\n{\"text\": \"b\"}\n{\"prompt\": 3}\nx",
            &["Line 1, column", "unknown field `text`", "Line 3", "Line 4, column 1", "no prompts"],
        );
        check(jsonl, &format!("{{\"prompt\": \"{}\"}}\n{{\"prompt\": \"b\"}}", "x".repeat(ROW_LIMIT)), &["Line 1 has"]);
        check(csv, "prompt,colour\na,b\n", &["column 2: \"colour\" is not known"]);
        check(csv, "group\na\n", &["no column prompt"]);
        check(csv, "prompt,group\na\nb,c\n", &["Line 2 has 1 columns"]);
        check(csv, "prompt\n\"\"\nb\n", &["Line 2: the prompt is empty"]);
        let many: String = (0..200).map(|_| "x\n").collect();
        assert_eq!(jsonl(&many, path()).unwrap_err().0.len(), super::super::ERRORS_LIMIT);
    }
}
