//! Whole sets, read as a study reads them.

use super::*;
use ::parquet::{
    basic::Compression,
    data_type::{ByteArray, ByteArrayType, Int64Type},
    file::{metadata::KeyValue, properties::WriterProperties, writer::SerializedFileWriter},
    schema::parser::parse_message_type,
};
use rankscope_domain::{MinorityFraction, classification::TermGroup};
use rankscope_engine::Processor;
use std::{path::Path, sync::Arc};

fn environment() -> Environment {
    Environment { default_model: "".into(), memory_limit_bytes: None, processor: Processor::Cpu, datasets: "/none".into() }
}

fn data(source: &Path) -> Data {
    Data { source: source.to_string_lossy().into_owned(), ..Data::default() }
}

fn read_as(data: &Data) -> Result<ChosenData, FieldErrors> {
    load(data, &Groups::default(), &environment())
}

/// A text file of this name and content, read as a set.
fn read_text(name: &str, content: &[u8]) -> Result<ChosenData, FieldErrors> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    read_as(&data(&path))
}

/// Rows of one word each, `count` of each label.
fn rows(labels: &[&str], count: usize, row: impl Fn(&str, usize) -> String) -> String {
    (0..count).flat_map(|index| labels.iter().map(move |label| (*label, index))).map(|(label, index)| row(label, index)).collect()
}

fn jsonl(labels: &[&str], count: usize) -> String {
    rows(labels, count, |label, index| format!("{{\"text\": \"{} {index}\", \"label\": {label}}}\n", label.trim_matches('"')))
}

/// A parquet file of texts and labels, as the hub's tools write one.
fn parquet(path: &Path, rows: &[(&str, Option<i64>)], class_names: &[&str], compression: Compression) {
    let schema = parse_message_type("message rows { optional binary text (UTF8); optional int64 label; optional int32 idx; }").unwrap();
    let names = serde_json::json!({"info": {"features": {"label": {"names": class_names, "_type": "ClassLabel"}}}}).to_string();
    let pairs = (!class_names.is_empty()).then(|| vec![KeyValue::new("huggingface".into(), names)]);
    let properties = WriterProperties::builder().set_compression(compression).set_key_value_metadata(pairs).build();
    let mut writer = SerializedFileWriter::new(std::fs::File::create(path).unwrap(), Arc::new(schema), Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let texts: Vec<ByteArray> = rows.iter().map(|(text, _)| ByteArray::from(*text)).collect();
    column.typed::<ByteArrayType>().write_batch(&texts, Some(&vec![1; rows.len()]), None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let there: Vec<i16> = rows.iter().map(|(_, label)| i16::from(label.is_some())).collect();
    let labels: Vec<i64> = rows.iter().filter_map(|(_, label)| *label).collect();
    column.typed::<Int64Type>().write_batch(&labels, Some(&there), None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<::parquet::data_type::Int32Type>().write_batch(&[], Some(&vec![0; rows.len()]), None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
}

#[test]
fn the_builtin_set_is_balanced_and_can_be_grouped_in_three_ways() {
    let chosen = read_as(&Data::default()).unwrap();
    assert_eq!(chosen.labels, ["negative", "positive"]);
    assert_eq!((chosen.positive, chosen.builtin, chosen.train.len(), chosen.test.len()), (1, true, 240, 80));
    let count = |group: &str, train, test| GroupCount { group: group.into(), train, test };
    assert_eq!(chosen.groups, [count("negative", 120, 40), count("positive", 120, 40)]);
    assert_eq!((chosen.minority.as_str(), chosen.grouped_by.as_str()), ("positive", "its label"));
    assert_eq!(chosen.notes, Vec::<String>::new());
    assert!(chosen.train.iter().enumerate().all(|(id, text)| text.id == id as u32));
    let all: HashSet<&str> = chosen.train.iter().chain(&chosen.test).map(|text| text.text.as_str()).collect();
    assert_eq!(all.len(), 320, "no text stands twice");
    assert!(all.iter().all(|text| (3..=25).contains(&text.split_whitespace().count())));

    let groups = Groups { by: GroupBy::Column, column: Some("topic".into()), ..Groups::default() };
    let by_topic = load(&Data::default(), &groups, &environment()).unwrap();
    assert_eq!(by_topic.groups.iter().map(|group| (group.train, group.test)).collect::<Vec<_>>(), [(48, 16); 5]);

    let term = |name: &str, words: &[&str]| TermGroup { name: name.into(), words: words.iter().map(|word| (*word).into()).collect() };
    let terms = vec![term("she", &["she", "her", "hers"]), term("he", &["he", "him", "his"])];
    let groups = Groups { by: GroupBy::Terms, terms, ..Groups::default() };
    let by_terms = load(&Data::default(), &groups, &environment()).unwrap();
    assert_eq!(by_terms.majority, "other");
    assert!(
        by_terms.groups.len() == 3 && by_terms.groups.iter().all(|group| group.train >= 15 && group.test >= 3),
        "{:?}",
        by_terms.groups
    );
}

#[test]
fn what_fractions_leave_is_counted() {
    let chosen = read_as(&Data::default()).unwrap();
    let groups = Groups::default();
    let counts = counts(&chosen, &groups);
    let left: Vec<_> = counts.fractions.iter().map(|count| (count.minority_examples, count.train_examples)).collect();
    assert_eq!(left, [(120, 240), (60, 180), (30, 150), (12, 132)]);
    for count in &counts.fractions {
        assert_eq!(subset(&chosen.train, &chosen.minority, count.fraction, 3).len() as u32, count.train_examples);
    }
    assert_eq!(subset(&chosen.train, "positive", MinorityFraction::WHOLE, 0), (0..240).collect::<Vec<_>>());
}

#[test]
fn the_same_rows_come_out_of_every_kind_of_file() {
    let lines = jsonl(&["\"bad\"", "\"good\""], 8);
    let expected = read_text("a.jsonl", lines.as_bytes()).unwrap();
    assert_eq!((expected.labels.join(" ").as_str(), expected.train.len(), expected.test.len()), ("bad good", 12, 4));
    let table = format!("class,text\r\n{}", rows(&["bad", "good"], 8, |label, index| format!("{label},\"{label} {index}\"\r\n")));
    for (name, content) in [
        ("a.ndjson", format!("\u{feff}{}", lines.replace('\n', "\r\n\r\n"))),
        ("a.csv", table.clone()),
        ("a.csv", format!("\u{feff}{table}")),
        ("a.tsv", table.replace(',', "\t").replace("\r\n", "\n")),
        ("a.jsonl", jsonl(&["true", "false"], 8).replace("true ", "good ").replace("false ", "bad ").replace("}\n", ", \"more\": [1]}\n")),
    ] {
        let chosen = read_text(name, content.as_bytes()).unwrap();
        let texts = |chosen: &ChosenData| chosen.train.iter().map(|text| text.text.clone()).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(chosen.train.len(), 12, "{name}");
        assert!(name == "a.jsonl" || (texts(&chosen) == texts(&expected) && chosen.labels == expected.labels), "{name}: {chosen:?}");
    }
    let quoted =
        read_text("q.csv", "text,label\n\"said \"\"no\"\",\nand left\",1\nb,0\nc,1\nd,0\ne,1\nf,0\ng,0\nh,1\n".as_bytes()).unwrap();
    assert!(quoted.train.iter().chain(&quoted.test).any(|text| text.text == "said \"no\",\nand left"));
    assert_eq!(quoted.labels, ["0", "1"]);
}

#[test]
fn parquet_files_name_their_labels() {
    let folder = tempfile::tempdir().unwrap();
    let many: Vec<(String, Option<i64>)> = (0..400).map(|index| (format!("text {index} "), Some(index % 2))).collect();
    let rows: Vec<(&str, Option<i64>)> = many.iter().map(|(text, label)| (text.as_str(), *label)).collect();
    for (name, compression) in [
        ("train-00000-of-00001.parquet", Compression::SNAPPY),
        ("validation-00000-of-00001.parquet", Compression::GZIP(Default::default())),
        ("test-00000-of-00001.parquet", Compression::ZSTD(Default::default())),
        ("extra-00000-of-00001.parquet", Compression::LZ4_RAW),
    ] {
        std::fs::create_dir_all(folder.path().join("data")).unwrap();
        parquet(&folder.path().join("data").join(name), &rows, &["negative", "positive"], compression);
    }
    let chosen = read_as(&data(folder.path())).unwrap();
    assert_eq!((chosen.labels.join(" ").as_str(), chosen.train.len(), chosen.test.len()), ("negative positive", 400, 400));
    assert_eq!(chosen.train[3], LabelledText { id: 3, row: 3, text: "text 3".into(), label: 1, group: "positive".into() });
    assert_eq!(chosen.files.len(), 2);
    assert!(chosen.files[0].name.ends_with("/data/train-00000-of-00001.parquet") && chosen.files[0].sha256.len() == 64);
    assert!(chosen.notes[0].starts_with("400 of 400 test texts are among the training texts"), "{:?}", chosen.notes);

    let named = Data { label_names: vec!["no".into(), "yes".into()], positive_label: Some("no".into()), ..data(folder.path()) };
    let chosen = read_as(&Data { test_split: Some("extra".into()), train_split: Some("test".into()), ..named }).unwrap();
    assert_eq!((chosen.labels.join(" ").as_str(), chosen.positive), ("no yes", 0));

    // a label that is kept secret, none at all, one without a name, and files that are cut off or mangled
    let path = folder.path().join("one.parquet");
    for (rows, part) in [
        (
            &[("a", Some(0)), ("b", Some(-1))][..],
            "Row 2, column label: the label is -1, which is how hub sets write that a label is missing",
        ),
        (&[("a", Some(0)), ("b", None)], "Row 2, column label: the label is missing"),
        (&[("a", Some(0)), (" ", Some(1))], "Row 2, column text: the text is empty"),
        (&[("a", Some(0)), ("b", Some(7))], "Row 2, label: the label 7 has no name: there are 2 names (negative, positive), for 0 to 1"),
        (&[("a", Some(1)), ("b", Some(1))], "None of"),
    ] {
        parquet(&path, rows, &["negative", "positive"], Compression::SNAPPY);
        let error = read_as(&data(&path)).unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("one.parquet"), "{error}");
    }
    parquet(&path, &rows, &[], Compression::SNAPPY);
    let whole = std::fs::read(&path).unwrap();
    for cut in [0, 3, 4, 100, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let error = read_as(&data(&path)).unwrap_err().to_string();
        assert!(error.contains("damaged or cut off"), "{cut}: {error}");
    }
    for at in (0..whole.len()).step_by(7) {
        let mut mangled = whole.clone();
        mangled[at] ^= 0xa5;
        std::fs::write(&path, &mangled).unwrap();
        // whatever comes of it, it comes as a value
        drop(read_as(&data(&path)));
    }
}

#[test]
fn every_wrong_row_is_named() {
    for (name, content, parts) in [
        ("a.jsonl", &b""[..], &["There are no rows"][..]),
        ("a.csv", b"", &["There are no rows"]),
        ("a.csv", b"text,label\n", &["There are no rows"]),
        ("a.jsonl", b"\xff\xfe\n", &["Line 1 is not UTF-8"]),
        ("a.jsonl", b"{\"text\": \"a\", \"label\": 1}\n{\"text\": \"\xff\", \"label\": 1}\n", &["Line 2 is not UTF-8"]),
        ("a.csv", b"text,label\na,1\n\xff,0\n", &["Line 3, column text: is not UTF-8"]),
        ("a.jsonl", b"[\n{\"text\": \"a\", \"label\": 1}", &["Line 1, character"]),
        ("a.json", b"[{\"text\": \"a\", \"label\": 1}]", &["one object a line"]),
        (
            "a.jsonl",
            b"{\"words\": \"a\", \"label\": 1}\n",
            &["none of the columns text, sentence, review, content; its columns are: words, label"],
        ),
        ("a.csv", b"text,score\na,1\n", &["none of the columns label, labels, class; its columns are: text, score"]),
        ("a.csv", b"text,text,label\na,b,1\n", &["\"text\" stands twice"]),
        ("a.csv", b"text,label\na,1\nb,c,0\n", &["Line 3 has 3 columns and the first line has 2"]),
        (
            "a.csv",
            b"text,label\na,1\n\"\",0\nb,\n",
            &["Line 3, column text: the text is empty", "Line 4, column label: the label is missing"],
        ),
        (
            "a.jsonl",
            b"{\"text\": 3, \"label\": 1}\n{\"text\": \"b\", \"label\": [1]}\n{\"text\": \"c\", \"label\": 0.5}\n",
            &["Line 1, column text: 3 (a number) stands where a text belongs", "Line 2, column label: a list", "Line 3, column label: 0.5"],
        ),
        (
            "a.jsonl",
            b"{\"text\": \"a\", \"label\": 1}\n{\"text\": \"b\", \"label\": \"one\"}\n",
            &["Line 2, label: the label one is of another kind"],
        ),
        ("a.csv", b"text,label\na,1\nb,-1\n", &["Line 3, label: the label is -1"]),
        ("a.csv", b"text,label\na,x\nb,x\n", &["all rows have the label x"]),
        ("a.txt", b"a", &["must end in .jsonl"]),
        ("a.parquet", b"text,label\na,1\n", &["no parquet file"]),
    ] {
        let errors = read_text(name, content).unwrap_err();
        assert_eq!(errors.0.len(), parts.len(), "{name}: {errors}");
        for (error, part) in errors.0.iter().zip(parts) {
            assert!(error.remedy.contains(part) && error.value.ends_with(name) && error.field == "data.source", "{error} lacks {part}");
        }
    }
    let many: String = (0..51).map(|index| format!("text {index},label {index}\n")).collect();
    let error = read_text("many.csv", format!("text,label\n{many}").as_bytes()).unwrap_err().to_string();
    assert!(error.contains("at most 50"), "{error}");
}

#[test]
fn endless_lines_and_quotes_end() {
    let long = "x".repeat(file::LINE_LIMIT + 10);
    let line = format!("{{\"text\": \"{long}\", \"label\": 1}}\n{{\"text\": \"b\", \"label\": 0}}\n");
    let error = read_text("a.jsonl", line.as_bytes()).unwrap_err();
    assert!(error.0.len() == 1 && error.0[0].remedy.contains("Line 1 has more than 4 MiB"), "{error}");
    let error = read_text("a.csv", format!("text,label\n\"{}\n", "x,1\n".repeat(2 << 20)).as_bytes()).unwrap_err();
    assert!(error.0[0].remedy.contains("a quote that is never closed"), "{error}");
    let text = "y".repeat(split::TEXT_LIMIT + 1);
    let error = read_text("a.csv", format!("text,label\n{text},1\n").as_bytes()).unwrap_err();
    assert!(error.0[0].remedy.contains("Line 2, column text: the text has 1048577 bytes"), "{error}");
}

#[test]
fn sources_and_splits_that_are_not_there_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::write(path.join("train.jsonl"), jsonl(&["0", "1"], 8)).unwrap();
    std::fs::write(path.join("unseen.jsonl"), jsonl(&["0", "1"], 2)).unwrap();
    let with = |change: fn(&mut Data)| {
        let mut data = data(path);
        change(&mut data);
        data
    };
    for (data, field, part) in [
        (Data { source: "/none/at/all.csv".into(), ..Data::default() }, "data.source", "no such file"),
        (Data { source: "dataset:none".into(), ..Data::default() }, "data.source", "none has been added yet"),
        (Data { source: "hf:a/b/c".into(), ..Data::default() }, "data.source", "hf:ORG/NAME"),
        (with(|data| data.test_split = Some("dev".into())), "data.test_split", "there are: all, train"),
        (with(|data| data.test_split = Some("train".into())), "data.test_split", "must not be those"),
        (with(|data| data.test_path = Some("/none.csv".into())), "data.test_path", "no such file"),
        (with(|data| data.positive_label = Some("2".into())), "data.positive_label", "one of the labels: 0, 1"),
        (with(|data| data.label_names = vec!["a".into(), "b".into(), "c".into()]), "data.source", "has the label \"c\""),
        (with(|data| data.text_column = Some("body".into())), "data.source", "no column \"body\"; its columns are: text, label"),
    ] {
        let errors = read_as(&data).unwrap_err();
        assert!(errors.0[0].field == field && errors.0[0].remedy.contains(part), "{errors}");
    }
    let groups = |minority: &str| Groups { minority: Some(minority.into()), ..Groups::default() };
    let error = load(&data(path), &groups("2"), &environment()).unwrap_err();
    assert!(error.0[0].field == "groups.minority" && error.0[0].remedy.contains("0 (6 to train on, 2 to test on), 1 (6"), "{error}");
    assert_eq!(load(&data(path), &groups("0"), &environment()).unwrap().groups[1].group, "0");
    let by = Groups { by: GroupBy::Column, column: Some("place".into()), ..Groups::default() };
    let error = load(&data(path), &by, &environment()).unwrap_err();
    assert!(error.0[0].remedy.contains("no column \"place\"; its columns are: text, label"), "{error}");
    let by =
        Groups { by: GroupBy::Terms, terms: vec![TermGroup { name: "none".into(), words: vec!["xylophone".into()] }], ..Groups::default() };
    let error = load(&data(path), &by, &environment()).unwrap_err();
    assert!(error.0[0].field == "groups.terms" && error.0[0].remedy.contains("one group: other (12"), "{error}");
}

#[test]
fn limits_keep_the_shares_and_number_what_is_left() {
    let chosen = read_as(&Data { train_limit: Some(21), test_limit: Some(10), ..Data::default() }).unwrap();
    assert_eq!((chosen.train.len(), chosen.test.len()), (21, 10));
    assert!(chosen.train.iter().enumerate().all(|(id, text)| text.id == id as u32) && chosen.train.is_sorted_by_key(|text| text.row));
    assert!(chosen.groups.iter().all(|group| group.train >= 10 && group.test == 5), "{:?}", chosen.groups);
    assert!(chosen.notes.iter().any(|note| note.contains("only 5 test examples")), "{:?}", chosen.notes);
    let other = read_as(&Data { train_limit: Some(21), selection_seed: 1, ..Data::default() }).unwrap();
    assert_ne!(chosen.train, other.train);
    let error = read_as(&Data { test_limit: Some(1), ..Data::default() }).unwrap_err();
    assert!(error.to_string().contains("no examples to test on"), "{error}");
}
