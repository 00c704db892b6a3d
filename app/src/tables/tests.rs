//! Every table of every kind of study, in every format.

use super::{
    COMPARISON_TABLES, Column, DATASET_TABLES, JUDGE_TABLES, Quantity, TABLES, Table, TableFormat, Unit, Value, comparison_table,
    dataset_table, judge_table, latex::escape, lens_data, study_table,
};
use crate::{
    CompareView, FigureView, LensView,
    class_fixture::Made,
    comparison_fixture::{class_comparison, comparison},
    inspection_fixture::{inspection, readings},
    judge_fixture::report,
};
use rankscope_domain::{
    Arm, CellId, StudyResults,
    dataset::{ColumnSummary, DatasetEntry, DatasetOrigin, DatasetSummary, SplitSummary},
    recipe::StudyKind,
    results::{ArmResult, CellResult, Contrast, Counts, GroupCounts},
};

fn cells(name: &str) -> Vec<CellResult> {
    let cell = |name: &str| {
        let id: CellId = name.parse().unwrap();
        CellResult {
            cell: id,
            arm: id.arm,
            seed: id.seed,
            failed: id.arm.is_trained().then(|| "a loss, that is \"no number\"".into()),
            learning_rate: Some(2e-4),
            weight_decay: None,
            lora_alpha: None,
            scaling: Some(2.0),
            trainable_parameters: 460_800,
            total: counts(),
            groups: Vec::new(),
            losses: vec![2.5, 1.25, f64::NAN],
            phases: Vec::new(),
        }
    };
    vec![cell("original-s0"), cell(name)]
}

fn counts() -> Counts {
    Counts { toxic: 3, judged: 40, unparsable: 1, share: Some(0.075), low: Some(0.02), high: Some(1.0 / 7.0) }
}

fn classification() -> StudyResults {
    let inside = inspection(&[Arm::Lora(2), Arm::Full], 1.3, false);
    StudyResults { inspection: Some(inside), cells: cells("full-s0-m0.5"), ..Made::default().study() }
}

fn toxicity() -> StudyResults {
    let inside = inspection(&[Arm::Lora(2), Arm::Full], 1.3, true);
    let arm = |arm: Arm| ArmResult {
        arm,
        learning_rate: None,
        seeds: 1,
        pooled: counts(),
        groups: vec![
            GroupCounts { group: "fe,male & \"x\"".into(), counts: counts() },
            GroupCounts { group: "=1".into(), counts: counts() },
        ],
        seed_low: Some(0.075),
        seed_high: None,
    };
    let contrast = Contrast {
        arm: Arm::Full,
        against: Arm::Original,
        difference: -0.05,
        seed_differences: vec![-0.05],
        low: -0.1,
        high: 0.01,
        p: 0.04,
        p_holm: 0.08,
        clusters: 12,
        detectable: Some(0.09),
    };
    StudyResults {
        kind: StudyKind::Toxicity,
        classification: None,
        inspection: Some(inside),
        cells: cells("full-s0"),
        arms: vec![arm(Arm::Original), arm(Arm::Full)],
        contrasts: vec![contrast],
        ..Made::default().study()
    }
}

fn all_tables() -> Vec<Table> {
    let of = |results: &StudyResults| -> Vec<Table> {
        TABLES.iter().filter_map(|name| study_table(name, results, &FigureView::default()).expect("a view that asks for nothing")).collect()
    };
    let lens = lens_data(readings(&[Arm::Original, Arm::Full], 3, 4), &LensView::default()).expect("a lens");
    let labels = JUDGE_TABLES.iter().filter_map(|name| judge_table(name, &toxicity(), &report()));
    let of_sets = DATASET_TABLES.iter().filter_map(|name| dataset_table(name, &set()));
    of(&toxicity()).into_iter().chain(of(&classification())).chain(lens).chain(labels).chain(compared()).chain(of_sets).collect()
}

/// Every table of comparisons of either kind, each once.
fn compared() -> Vec<Table> {
    let (toxicity, classes) = (comparison(), class_comparison());
    let made = COMPARISON_TABLES.iter().map(|(name, _)| {
        let of = |comparison| comparison_table(name, comparison, &CompareView::default());
        of(&toxicity).or_else(|| of(&classes)).unwrap_or_else(|| panic!("{name} is of no comparison"))
    });
    made.collect()
}

fn set() -> DatasetEntry {
    let split = SplitSummary {
        name: "train".into(),
        rows: 30,
        label_counts: vec![10, 20],
        length_bins: vec![20, 0, 10],
        longest: 29,
        mean_length: 9.5,
        ..SplitSummary::default()
    };
    let summary = DatasetSummary {
        labels: vec!["not_fine".into(), "rows".into()],
        other_columns: vec![ColumnSummary {
            name: "=place & more".into(),
            different: 2,
            values: vec![("no,rth".into(), 20), ("".into(), 10)],
        }],
        splits: vec![split, SplitSummary { name: "test".into(), problem: "its labels are secret".into(), ..SplitSummary::default() }],
        ..DatasetSummary::default()
    };
    DatasetEntry {
        name: "made_up".into(),
        source: "dataset:made-up".into(),
        origin: DatasetOrigin::Path,
        added_at: String::new(),
        summary: Some(summary),
        problem: String::new(),
    }
}

#[test]
fn labels_comparisons_and_sets_have_their_numbers_in_tables() {
    let text = |table: Option<Table>| table.expect("a table").write(TableFormat::Csv);
    let judges = text(judge_table("judges", &toxicity(), &report()));
    assert_eq!(judges.lines().count(), 3);
    assert!(judges.lines().nth(1).unwrap().contains("95,3,0.8,0.75,"), "{judges}");
    let counts = text(judge_table("judge_counts", &toxicity(), &report()));
    assert_eq!(counts.lines().count(), 1 + 2 * 5 * 2, "two judges, all and two groups and two arms, two labels");
    assert!(counts.contains(",group,female,toxic,20,10,1,20.4,100.6,9"), "{counts}");
    let corrected = text(judge_table("corrected", &toxicity(), &report()));
    assert!(corrected.lines().last().unwrap().starts_with("pooled,90,720,"), "{corrected}");
    let agreement = text(judge_table("agreement", &toxicity(), &report()));
    assert!(agreement.contains("Anna and Bo,cohen_kappa,80,0.9,0.75,0.7"), "{agreement}");
    let mut alone = report();
    alone.agreement.annotators.truncate(1);
    assert_eq!(judge_table("agreement", &toxicity(), &alone), None, "one annotator agrees with nobody");

    let tables = compared();
    let named = |name: &str| tables.iter().find(|table| table.name == name).unwrap_or_else(|| panic!("no {name}")).write(TableFormat::Csv);
    assert!(named("compared-toxicity").contains("\nA,original,50,240,1,"), "{}", named("compared-toxicity"));
    assert!(named("compared-toxicity-contrasts").contains("B:full,A:full,0.125,"), "{}", named("compared-toxicity-contrasts"));
    assert!(named("compared-accuracy").contains("\nB,"), "{}", named("compared-accuracy"));
    assert!(named("compared-kl").contains("A,lora-r2,prompt_end,0.03,"), "{}", named("compared-kl"));
    assert_eq!(named("compared-recipe").lines().next(), Some("part,field,study_a,study_b,differs"));
    let mut all = CompareView::default();
    all.query.all_fields = true;
    let fields = |view: &CompareView| comparison_table("recipe", &comparison(), view).expect("fields").rows.len();
    assert!(fields(&all) > fields(&CompareView::default()));
    let cells = comparison().lens.unwrap().readings.iter().flat_map(|read| read.reading.layers.iter().flatten()).count();
    assert_eq!(tables.iter().find(|table| table.name == "compared-lens").unwrap().rows.len(), cells);

    let lengths = text(dataset_table("lengths", &set()));
    assert_eq!(lengths, "split,from,to,texts\r\ntrain,0,9,20\r\ntrain,20,29,10\r\n");
    assert_eq!(text(dataset_table("splits", &set())), "split,rows,label_not_fine,label_rows\r\ntrain,30,10,20\r\n");
}

#[test]
fn captions_say_what_intervals_are_and_of_which_cells() {
    let caption = |results: &StudyResults, name: &str| {
        let table = study_table(name, results, &FigureView::default()).expect("a view that asks for nothing").expect("a table");
        table.write(TableFormat::Json)
    };
    let of_toxicity = toxicity();
    for name in ["toxicity", "groups"] {
        assert!(caption(&of_toxicity, name).contains("Wilson’s with the number of templates for its size"), "{name}");
    }
    assert!(caption(&of_toxicity, "contrasts").contains("bootstrap over templates."));
    let mut several = toxicity();
    several.contrasts[0].seed_differences.push(-0.04);
    assert!(caption(&several, "contrasts").contains("bootstrap over templates and seeds."));
    let trade = caption(&of_toxicity, "kl_trade_off");
    assert!(trade.contains("of the cells of seed 0") && trade.contains("the toxic share is pooled over all seeds"), "{trade}");
    assert!(caption(&classification(), "kl_trade_off").contains("the accuracy is a mean over all seeds"));
    assert!(caption(&classification(), "margin_trends").contains("over the samples that every rank calls"));
}

#[test]
fn every_table_is_written_in_full_and_reads_back() {
    let tables = all_tables();
    assert!(tables.len() > 20, "{:?}", tables.iter().map(|table| &table.name).collect::<Vec<_>>());
    for table in tables {
        let name = &table.name;
        assert!(table.rows.iter().all(|row| row.len() == table.columns.len()), "{name}: a row is too short");
        let json: serde_json::Value = serde_json::from_str(&table.write(TableFormat::Json)).expect("JSON");
        let fields: Vec<&str> = json["columns"].as_array().unwrap().iter().map(|column| column["name"].as_str().unwrap()).collect();
        assert!(json["columns"].as_array().unwrap().iter().all(|column| column["definition"] != ""), "{name}");
        let csv = table.write(TableFormat::Csv);
        let lines = read_csv(&csv);
        assert_eq!(lines[0], fields, "{name}");
        assert_eq!(lines.len(), table.rows.len() + 1, "{name}");
        for (line, row) in lines[1..].iter().zip(json["rows"].as_array().unwrap()) {
            assert_eq!(line.len(), fields.len(), "{name}");
            for (text, field) in line.iter().zip(&fields) {
                match &row[*field] {
                    serde_json::Value::Number(number) => {
                        assert_eq!(text.parse::<f64>().unwrap(), number.as_f64().unwrap(), "{name}: {field} loses digits");
                    }
                    serde_json::Value::String(string) => assert_eq!(text.strip_prefix('\'').unwrap_or(text), string, "{name}: {field}"),
                    other => assert!(other.is_null() && text.is_empty(), "{name}: {field} is {other}"),
                }
            }
        }
        check_latex(&table.write(TableFormat::Latex), name);
        let html = table.html();
        assert!(!html.contains("<script") && html.matches("<tr>").count() == table.rows.len() + 1, "{name}");
    }
}

/// As RFC 4180 says.
fn read_csv(text: &str) -> Vec<Vec<String>> {
    let (mut lines, mut line, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut is_quoted, mut letters) = (false, text.chars().peekable());
    while let Some(letter) = letters.next() {
        match letter {
            '"' if is_quoted && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => line.push(std::mem::take(&mut field)),
            '\r' if !is_quoted => {}
            '\n' if !is_quoted => {
                line.push(std::mem::take(&mut field));
                lines.push(std::mem::take(&mut line));
            }
            letter => field.push(letter),
        }
    }
    lines
}

/// Braces and environments close, rows have a column's worth of cells, and nothing is there that a plain LaTeX can't set.
fn check_latex(text: &str, name: &str) {
    let body: String = text.lines().filter(|line| !line.starts_with('%')).collect::<Vec<_>>().join("\n");
    let plain = body.replace("\\{", "").replace("\\}", "").replace("\\&", "");
    assert_eq!(plain.matches('{').count(), plain.matches('}').count(), "{name}: braces");
    assert_eq!(body.matches("\\begin{").count(), body.matches("\\end{").count(), "{name}: environments");
    for part in ["\\toprule", "\\midrule", "\\bottomrule", "\\caption{", "\\label{tab:rankscope-"] {
        assert!(body.contains(part), "{name}: {part}");
    }
    let cells: Vec<usize> = plain.lines().filter(|line| line.contains(" & ")).map(|line| line.matches(" & ").count()).collect();
    assert!(cells.iter().all(|count| *count == cells[0]), "{name}: {cells:?}");
    assert!(body.chars().all(|letter| letter.is_ascii() || ('À'..='ÿ').contains(&letter)), "{name}: {body}");
}

#[test]
fn a_long_table_is_parted_into_floats_that_two_columns_take() {
    let table = |rows: u64, columns: usize| {
        let of = |row: u64| (0..columns as u64).map(|column| Value::between((row * 10 + column) as f64, 0.0, 1.0)).collect();
        let columns = (0..columns).map(|index| Column::interval(&format!("c{index}"), format!("C {index}"), Unit::Ratio)).collect();
        Table::new("losses", "Losses", "What it is.", columns, (1..=rows).map(of).collect())
    };
    // with its interval beneath a row takes two lines
    for (rows, columns, parts, environment) in
        [(40, 1, 1, "table"), (41, 1, 2, "table"), (81, 1, 3, "table"), (41, 8, 3, "table*"), (1000, 1, 25, "table")]
    {
        let text = table(rows, columns).write(TableFormat::Latex);
        assert!(!text.contains("longtable"), "{text}");
        let floats: Vec<&str> = text.split(&format!("\\begin{{{environment}}}")).skip(1).collect();
        assert_eq!(floats.len(), parts, "{rows} rows of {columns}: {text}");
        let lines = |float: &&str| float.split("\\midrule").nth(1).unwrap().split("\\bottomrule").next().unwrap().matches("\\\\").count();
        assert!(floats.iter().all(|float| (1..=40).contains(&lines(float))), "{rows} rows of {columns}");
        assert_eq!(floats.iter().map(lines).sum::<usize>(), rows as usize * if columns > 4 { 2 } else { 1 }, "every row is there once");
        // one number, which is that of the label
        assert_eq!((text.matches("\\label{").count(), text.matches("\\addtocounter{table}{-1}").count()), (1, parts - 1));
        assert_eq!(text.matches(&format!(" of {rows}.")).count(), if parts > 1 { parts } else { 0 });
        let most = text.split("\\clearpage").map(|batch| batch.matches("\\begin{table").count()).max();
        assert!(most <= Some(12), "LaTeX can't keep {most:?} floats");
        check_latex(&text, "losses");
    }
}

#[test]
fn any_text_means_itself_in_latex() {
    for (text, latex) in [
        ("50 % & more_or #1 {x}", "50 \\% \\& more\\_or \\#1 \\{x\\}"),
        ("\\input{/etc/passwd}", "\\textbackslash{}input\\{/etc/passwd\\}"),
        ("$x^2$ ~", "\\$x\\textasciicircum{}2\\$ \\textasciitilde{}"),
        ("say \"yes\"", "say ``yes''"),
        ("r = 8, −3.1", "r = 8, $-$3.1"),
        ("␣nurse", "\\textvisiblespace{}nurse"),
        ("é 日", "é \\texttt{U+65E5}"),
        ("a\nb\u{7}", "a b "),
        ("--", "{-}{-}"),
    ] {
        assert_eq!(escape(text), latex, "{text:?}");
    }
}

#[test]
fn what_spreadsheets_take_for_a_formula_is_a_text() {
    let column = Column::text("group", "Group");
    for (text, field) in [
        ("=1+1", "'=1+1"),
        ("@sum", "'@sum"),
        ("-", "-"),
        ("a,b", "\"a,b\""),
        ("say \"x\"", "\"say \"\"x\"\"\""),
        ("two\nlines", "\"two\nlines\""),
        ("plain", "plain"),
    ] {
        let table = Table::new("x", "X", "X.", vec![column.clone()], vec![vec![Value::text(text)]]);
        assert_eq!(table.write(TableFormat::Csv), format!("group\r\n{field}\r\n"));
    }
}

#[test]
fn a_number_keeps_its_digits_interval_and_n() {
    let quantity = Quantity { value: Some(0.1 + 0.2), low: Some(1e-9), high: None, n: Some(40) };
    let columns = vec![Column::measured("share", "Share", Unit::Share), Column::measured("share", "Again", Unit::Share)];
    let table = Table::new("x", "X", "X.", columns, vec![vec![Value::Number(quantity), Value::none()]]);
    let csv = table.write(TableFormat::Csv);
    let header = "share,share_low,share_high,share_n,share_2,share_2_low,share_2_high,share_2_n";
    assert_eq!(csv, format!("{header}\r\n0.30000000000000004,0.000000001,,40,,,,\r\n"));
}

#[test]
fn a_view_chooses_rows_and_what_is_not_there_is_said() {
    let results = classification();
    let rows = |pairs: &[(&str, &str)], name: &str| {
        let (view, errors) = FigureView::read(|key| pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_string()));
        assert!(errors.0.is_empty());
        study_table(name, &results, &view).map(|table| table.map_or(0, |table| table.rows.len()))
    };
    let all = rows(&[], "accuracy").unwrap();
    assert!(rows(&[("arms", "lora-r2")], "accuracy").unwrap() < all);
    assert!(rows(&[("fraction", "0.25")], "accuracy").unwrap() < all);
    assert!(rows(&[("arm", "full")], "confusion").unwrap() < rows(&[], "confusion").unwrap());
    assert_eq!(rows(&[("reading", "generated_text")], "margins"), Ok(0), "generated text has no margins");
    assert!(rows(&[("fraction", "0.3")], "accuracy").unwrap_err().0[0].to_string().contains("0.3"));
    assert_eq!(rows(&[], "nothing"), Ok(0));
}
