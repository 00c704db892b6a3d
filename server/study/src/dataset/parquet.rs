//! Parquet files, as the hub keeps its sets.

use super::{
    cell::Cell,
    file::{Header, Place, Row, Visit},
};
use ::parquet::{
    errors::ParquetError,
    file::reader::{FileReader, SerializedFileReader},
    record::{Field, reader::RowIter},
    schema::types::Type,
};
use std::{
    collections::BTreeMap,
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

pub(super) fn header(file: File) -> Result<Header, String> {
    guarded(move || {
        let reader = SerializedFileReader::new(file).map_err(|error| told(&error))?;
        let metadata = reader.metadata().file_metadata();
        let names = metadata.schema().get_fields().iter().map(|field| field.name().to_string()).collect();
        let hub = metadata.key_value_metadata().into_iter().flatten().find(|pair| pair.key == "huggingface");
        let class_names = hub.and_then(|pair| pair.value.as_deref()).map(class_names).unwrap_or_default();
        Ok(Header { names, class_names })
    })
}

pub(super) fn read(file: File, header: &Header, wanted: &[usize], visit: &mut Visit<'_>) -> Result<(), String> {
    guarded(move || {
        let reader = SerializedFileReader::new(file).map_err(|error| told(&error))?;
        let schema = reader.metadata().file_metadata().schema();
        let fields: Vec<_> = wanted.iter().filter_map(|&column| schema.get_fields().get(column)).map(Arc::clone).collect();
        let projection = Type::group_type_builder(schema.name()).with_fields(fields).build().map_err(|error| told(&error))?;
        let rows = RowIter::from_file(Some(projection), &reader).map_err(|error| told(&error))?;
        let mut number = 0;
        for row in rows {
            number += 1;
            let place = Place::Row(number);
            let row = row.map_err(|error| format!("{place}: {}", told(&error)))?;
            let mut cells = vec![Cell::Missing; wanted.len()];
            for (name, field) in row.into_columns() {
                if let Some(at) = wanted.iter().position(|&column| header.names[column] == name) {
                    cells[at] = cell(field);
                }
            }
            if visit(Ok(Row { place, cells })).is_break() {
                break;
            }
        }
        Ok(())
    })
}

fn cell(field: Field) -> Cell {
    match field {
        Field::Null => Cell::Missing,
        Field::Bool(value) => Cell::Truth(value),
        Field::Byte(value) => Cell::Whole(value.into()),
        Field::Short(value) => Cell::Whole(value.into()),
        Field::Int(value) => Cell::Whole(value.into()),
        Field::Long(value) => Cell::Whole(value),
        Field::UByte(value) => Cell::Whole(value.into()),
        Field::UShort(value) => Cell::Whole(value.into()),
        Field::UInt(value) => Cell::Whole(value.into()),
        Field::ULong(value) => i64::try_from(value).map_or(Cell::Other("a number out of range"), Cell::Whole),
        Field::Float16(value) => Cell::from_real(value.to_f64()),
        Field::Float(value) => Cell::from_real(value.into()),
        Field::Double(value) => Cell::from_real(value),
        Field::Str(text) => Cell::Text(text),
        // a text column that was written without saying so
        Field::Bytes(bytes) => match std::str::from_utf8(bytes.data()) {
            Ok(text) => Cell::Text(text.into()),
            Err(_) => Cell::Other("bytes that are not UTF-8"),
        },
        Field::Group(_) | Field::MapInternal(_) => Cell::Other("an object"),
        Field::ListInternal(_) => Cell::Other("a list"),
        _ => Cell::Other("a date or a decimal number"),
    }
}

/// The labels' names that the hub's tools write into a file: `info.features.COLUMN.names` of a `ClassLabel`.
fn class_names(json: &str) -> BTreeMap<String, Vec<String>> {
    let Ok(value) = serde_json::from_str::<serde_json::Value>(json) else { return BTreeMap::new() };
    let features = value["info"]["features"].as_object().into_iter().flatten();
    features
        .filter(|(_, feature)| feature["_type"] == "ClassLabel")
        .filter_map(|(column, feature)| {
            let names: Option<Vec<String>> = feature["names"].as_array()?.iter().map(|name| name.as_str().map(String::from)).collect();
            Some((column.clone(), names?))
        })
        .collect()
}

/// The parquet library panics on some damaged files; that is an error of the file, and no end of the program.
fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(told(&ParquetError::General("its pages contradict each other".into()))))
}

fn told(error: &ParquetError) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("Parquet error: ").unwrap_or(&text).trim_end_matches('.');
    format!("This is no parquet file, or it is damaged or cut off ({text}); fetch or write it again.")
}
