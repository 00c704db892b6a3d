//! The recipes and provenances field by field.

use super::Side;
use crate::StudyError;
use rankscope_domain::{
    Recipe,
    comparison::{FieldRow, RecipeComparison},
    estimate::ModelSummary,
    provenance::{FileHash, Provenance},
    snapshot::{HIDDEN, SharedProvenance},
};

/// Fields and what they hold, in their order.
type Fields = Vec<(String, String)>;

pub(super) fn fields(sides: &[Side]) -> Result<RecipeComparison, StudyError> {
    let mut provenances = Vec::new();
    for side in sides {
        provenances.push(side.study.provenance()?.map(|provenance| of_provenance(&provenance)).unwrap_or_default());
    }
    let own = compared(sides, sides.iter().map(|side| of_recipe(&side.recipe)).collect(), provenances);
    if sides.iter().all(|side| side.told.is_none()) {
        return Ok(own);
    }
    let provenances =
        sides.iter().map(|side| side.told.as_ref().and_then(|told| told.provenance.as_ref()).map(of_shared).unwrap_or_default());
    let mut told = compared(sides, sides.iter().map(|side| of_recipe(side.told_recipe())).collect(), provenances.collect());
    for (rows, own) in [(&mut told.recipe, &own.recipe), (&mut told.provenance, &own.provenance)] {
        for row in rows.iter_mut().filter(|row| row.values.iter().flatten().any(|value| value.trim_matches('"') == HIDDEN)) {
            // names that are left out are written alike, and need not be the same
            row.differs |= own.iter().any(|known| known.field == row.field && known.differs);
        }
    }
    Ok(told)
}

/// Rows of the recipes' and provenances' fields, by place.
fn compared(sides: &[Side], recipes: Vec<Fields>, provenances: Vec<Fields>) -> RecipeComparison {
    let of_kind = |place: usize, field: &str| {
        let table = field.split(['.', '[']).next().unwrap_or_default();
        !sides[place].recipe.kind.foreign_tables().contains(&table)
    };
    RecipeComparison { recipe: rows(&recipes, of_kind), provenance: rows(&provenances, |place, _| !provenances[place].is_empty()) }
}

/// One row a field; those that not every study has stand after the field that they follow in theirs. `has`: whether a study, by its place,
/// could have the field at all.
fn rows(studies: &[Fields], has: impl Fn(usize, &str) -> bool) -> Vec<FieldRow> {
    let mut order: Vec<&str> = Vec::new();
    for fields in studies {
        let mut after = 0;
        for (field, _) in fields {
            match order.iter().position(|known| known == field) {
                Some(place) => after = place + 1,
                None => {
                    order.insert(after, field);
                    after += 1;
                }
            }
        }
    }
    let row = |field: &str| {
        let value = |fields: &Fields| fields.iter().find(|(name, _)| name == field).map(|(_, value)| value.clone());
        let values: Vec<Option<String>> = studies.iter().map(value).collect();
        let comparable: Vec<&Option<String>> = (0..values.len()).filter(|&place| has(place, field)).map(|place| &values[place]).collect();
        FieldRow { field: field.into(), differs: comparable.windows(2).any(|pair| pair[0] != pair[1]), values }
    };
    order.into_iter().map(row).collect()
}

/// Every field of the study's kind, defaults too, so that a default that was written out is no difference.
fn of_recipe(recipe: &Recipe) -> Fields {
    let Ok(mut table) = toml::Table::try_from(recipe) else { return Vec::new() };
    for foreign in recipe.kind.foreign_tables() {
        table.remove(*foreign);
    }
    // by its name, an arm is the same arm wherever it stands
    table.remove("arms");
    let mut fields = Vec::new();
    flatten(&toml::Value::Table(table), "", &mut fields);
    for spec in recipe.arm_specs() {
        let arm = spec.arm();
        fields.push((format!("arms[{arm}].learning_rate"), toml::Value::Float(spec.learning_rate).to_string()));
        fields.push((format!("arms[{arm}].weight_decay"), toml::Value::Float(spec.weight_decay).to_string()));
    }
    fields
}

fn flatten(value: &toml::Value, path: &str, fields: &mut Fields) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(value, &path, fields);
            }
        }
        toml::Value::Array(items) if items.iter().any(toml::Value::is_table) => {
            for (index, item) in items.iter().enumerate() {
                flatten(item, &format!("{path}[{index}]"), fields);
            }
        }
        other => fields.push((path.into(), other.to_string())),
    }
}

fn of_provenance(provenance: &Provenance) -> Fields {
    let Provenance { rankscope_version, recipe_sha256: _, model, counterfactual_model, judge_model, files, builtin, started_at, host } =
        provenance;
    let mut fields = vec![("rankscope_version".to_string(), rankscope_version.clone()), ("started_at".into(), started_at.clone())];
    fields.extend(of_models(model, counterfactual_model.as_ref(), judge_model.as_ref()));
    fields.extend(of_files(files, builtin));
    let memory = |bytes: Option<u64>| bytes.map(|bytes| format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30)));
    let machine = [
        ("host.device", Some(host.device.clone())),
        ("host.cpu", Some(host.cpu.clone())),
        ("host.threads", Some(host.threads.to_string())),
        ("host.memory", memory(host.memory_bytes)),
        ("host.memory_limit", memory(host.memory_limit_bytes)),
        ("host.os", Some(host.os.clone())),
        ("host.arch", Some(host.arch.clone())),
    ];
    fields.extend(machine.into_iter().filter_map(|(name, value)| Some((name.into(), value?))));
    fields
}

/// As it is shared: nothing of the machine.
fn of_shared(provenance: &SharedProvenance) -> Fields {
    let SharedProvenance { rankscope_version, recipe_sha256: _, model, counterfactual_model, judge_model, files, builtin, started_at } =
        provenance;
    let mut fields = vec![("rankscope_version".to_string(), rankscope_version.clone()), ("started_at".into(), started_at.clone())];
    fields.extend(of_models(model, counterfactual_model.as_ref(), judge_model.as_ref()));
    // a file whose hash is left out is not told of
    fields.extend(of_files(files, builtin).into_iter().filter(|(_, sha256)| !sha256.is_empty()));
    fields
}

fn of_models(model: &ModelSummary, counterfactual: Option<&ModelSummary>, judge: Option<&ModelSummary>) -> Fields {
    let models = [("model", Some(model)), ("counterfactual_model", counterfactual), ("judge_model", judge)];
    models.into_iter().flat_map(|(name, model)| model.map(|model| of_model(name, model)).unwrap_or_default()).collect()
}

fn of_files(files: &[FileHash], builtin: &[FileHash]) -> Fields {
    let of = |name: &'static str, files: &[FileHash]| {
        files.iter().map(move |FileHash { name: file, sha256 }| (format!("{name}[{file}].sha256"), sha256.clone())).collect::<Fields>()
    };
    [of("files", files), of("builtin", builtin)].concat()
}

fn of_model(name: &str, model: &ModelSummary) -> Fields {
    let named = [
        ("name", Some(model.name.clone())),
        ("source", Some(model.source.clone())),
        ("revision", model.revision.clone()),
        ("sha256", Some(model.sha256.clone())),
        ("kind", Some(model.kind.clone())),
        ("parameters", Some(model.parameters.to_string())),
        ("layers", Some(model.layers.to_string())),
        ("hidden_size", Some(model.hidden_size.to_string())),
        ("vocab_size", Some(model.vocab_size.to_string())),
        ("dtype", Some(model.dtype.clone())),
        ("licence", model.licence.clone()),
    ];
    named.into_iter().filter_map(|(field, value)| Some((format!("{name}.{field}"), value.filter(|value| !value.is_empty())?))).collect()
}
