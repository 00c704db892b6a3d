//! A table with its units and definitions, rows as objects.

use super::{Column, Shape, Table, Unit, Value};
use serde_json::{Map, Value as Json, json};

impl Table {
    /// Names, units and definitions of the fields that CSV and JSON have: a measured column is up to four of them.
    pub(super) fn fields(&self) -> Vec<(String, &'static str, String)> {
        self.columns.iter().flat_map(fields_of).collect()
    }
}

fn fields_of(column: &Column) -> Vec<(String, &'static str, String)> {
    let Column { name, unit, shape, definition, heading, .. } = column;
    let meaning = if definition.is_empty() { heading.clone() } else { definition.clone() };
    let mut fields = vec![(name.clone(), unit.name(), meaning)];
    if *shape != Shape::Plain {
        fields.push((format!("{name}_low"), unit.name(), format!("Lower end of the 95 % interval of {name}.")));
        fields.push((format!("{name}_high"), unit.name(), format!("Upper end of the 95 % interval of {name}.")));
    }
    if *shape == Shape::IntervalAndN {
        fields.push((format!("{name}_n"), Unit::Count.name(), format!("How many {name} rests on.")));
    }
    fields
}

pub(super) fn write(table: &Table) -> String {
    let columns: Vec<Json> = table
        .fields()
        .into_iter()
        .map(|(name, unit, definition)| json!({ "name": name, "unit": unit, "definition": definition }))
        .collect();
    let rows: Vec<Json> = table
        .rows
        .iter()
        .map(|row| {
            let mut object = Map::new();
            for (value, column) in row.iter().zip(&table.columns) {
                put(&mut object, value, column);
            }
            Json::Object(object)
        })
        .collect();
    let whole = json!({
        "table": table.name,
        "title": table.title,
        "caption": table.caption,
        "source": table.source,
        "columns": columns,
        "rows": rows,
    });
    format!("{whole:#}\n")
}

fn put(object: &mut Map<String, Json>, value: &Value, column: &Column) {
    let (first, quantity) = match value {
        Value::Text(text) => (Json::from(text.as_str()), None),
        Value::Named { name, .. } => (Json::from(name.as_str()), None),
        Value::Integer(integer) => (Json::from(*integer), None),
        // what is not finite is null
        Value::Number(quantity) => (Json::from(quantity.value), Some(quantity)),
    };
    let name = &column.name;
    object.insert(name.clone(), first);
    if column.shape != Shape::Plain {
        object.insert(format!("{name}_low"), Json::from(quantity.and_then(|quantity| quantity.low)));
        object.insert(format!("{name}_high"), Json::from(quantity.and_then(|quantity| quantity.high)));
    }
    if column.shape == Shape::IntervalAndN {
        object.insert(format!("{name}_n"), Json::from(quantity.and_then(|quantity| quantity.n)));
    }
}
