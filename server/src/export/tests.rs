//! Figures as pictures, and the report, of the example that comes with the program.

use super::*;
use rankscope_study::Study;
use std::path::Path;

fn example() -> Study {
    Study::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("example")).expect("the example")
}

fn nothing(_: &str) -> Option<String> {
    None
}

/// The chunk of a PNG that says how large its dots are: dots a metre across and down, and the unit.
fn dots_a_metre(png: &[u8]) -> (u32, u32, u8) {
    let at = png.windows(4).position(|part| part == b"pHYs").expect("the size of dots") + 4;
    let number = |from: usize| u32::from_be_bytes(png[from..from + 4].try_into().expect("four bytes"));
    (number(at), number(at + 4), png[at + 8])
}

#[test]
fn every_figure_comes_in_every_format_and_width() {
    let results = example().results().expect("results").expect("results");
    let shown = Shown { results: &results, readings: &[] };
    let mut drawn = 0;
    for name in FIGURES {
        for width in PaperWidth::ALL {
            let query = |key: &str| (key == "width").then(|| width.name().to_string());
            let Ok(svg) = figure_file(&format!("{name}.svg"), shown, &query) else { continue };
            drawn += 1;
            let text = String::from_utf8(svg.bytes).expect("text");
            assert!(text.starts_with("<?xml") && text.contains(&format!("width=\"{}mm\"", width.millimetres())), "{name}");
            for other in ["var(", "foreignObject", "href", "<style", "<script", "0.5ex", "url("] {
                assert!(!text.contains(other), "{name}: other programs may not know {other}");
            }
            let png = figure_file(&format!("{name}.png"), shown, &query).expect("a PNG").bytes;
            assert_eq!(dots_a_metre(&png), (11_811, 11_811, 1), "{name}");
            let across = u32::from_be_bytes(png[16..20].try_into().expect("four bytes"));
            assert_eq!(f64::from(across), (width.millimetres() / 25.4 * 300.0).round(), "{name}: 300 dots an inch");
            let pdf = figure_file(&format!("{name}.pdf"), shown, &query).expect("a PDF").bytes;
            assert!(pdf.starts_with(b"%PDF-") && pdf.len() < 200_000, "{name}: {} bytes", pdf.len());
            assert_eq!(figure_file(&format!("{name}.pdf"), shown, &query).expect("a PDF").bytes, pdf, "{name}: the same again");
        }
    }
    assert!(drawn >= 8, "{drawn} drawings");
}

#[test]
fn texts_are_drawn_whatever_fonts_the_machine_has() {
    let dark = |text: &str| {
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"40\" height=\"20\" viewBox=\"0 0 40 20\"><rect width=\"40\" height=\"20\" fill=\"#FFF\"/>\
             <text x=\"2\" y=\"15\" font-family=\"Helvetica, Arial, sans-serif\" font-size=\"14\">{text}</text></svg>"
        );
        let mut reader = png::Decoder::new(std::io::Cursor::new(png(&svg).expect("a PNG"))).read_info().expect("a head");
        let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
        reader.next_frame(&mut pixels).expect("pixels");
        pixels.iter().filter(|&&value| value < 128).count()
    };
    let nothing = dark("");
    // letters, and the signs that figures and tokens use
    for text in ["n", "−", "✕", "␣", "↵", "≤", "é", "…", "“"] {
        assert!(dark(text) > nothing + 5, "{text} is not drawn");
    }
}

#[test]
fn what_is_asked_for_and_not_there_is_said() {
    let results = example().results().expect("results").expect("results");
    let shown = Shown { results: &results, readings: &[] };
    let asked = |key: &str| (key == "width").then(|| "poster".to_string());
    for (made, status, said) in [
        (figure_file("toxicity.gif", shown, &nothing), 404, "ending in .svg, .png or .pdf"),
        (figure_file("nothing.svg", shown, &nothing), 404, "There is no such figure"),
        (figure_file("accuracy.svg", shown, &nothing), 404, "nothing to show"),
        (figure_file("lens.png", shown, &nothing), 404, "nothing to show"),
        (figure_file("toxicity.png", shown, &asked), 422, "poster"),
        (table_file("toxicity.xlsx", shown, &nothing), 404, "ending in .csv, .json or .tex"),
        (table_file("accuracy.csv", shown, &nothing), 404, "nothing to show"),
        (table_file("toxicity", shown, &nothing), 404, "There is no such table"),
    ] {
        let error = made.expect_err(said);
        assert!(error.status() == status && error.to_string().contains(said), "{error}");
    }
}

#[test]
fn a_report_stands_by_itself() {
    let study = example();
    let html = crate::downloads::report_of(&study).expect("a report");
    for other in ["<script", "<link", "<img", "src=", "@import", "http://", "https://", "url("] {
        let allowed = html.matches("http://www.w3.org/2000/svg").count();
        let count = html.matches(other).count();
        assert!(count == 0 || other == "http://" && count == allowed, "a report has {other}");
    }
    let ids: Vec<&str> = html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let distinct: std::collections::HashSet<_> = ids.iter().collect();
    assert_eq!(ids.len(), distinct.len(), "an id is there twice: {ids:?}");
    for target in html.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(ids.contains(&target), "#{target} leads nowhere");
    }
    let results = study.results().expect("results").expect("results");
    for claim in &results.claims {
        assert!(html.contains(&rankscope_app::tables::escape_html(&claim.because)));
    }
    assert!(html.contains("lora_alpha") && html.contains("SHA-256"));
    let completions = study.completions(&Default::default()).expect("completions");
    let text = completions.rows[0].completions[0].completion.text.trim();
    assert!(text.len() > 10 && !html.contains(text), "completions are left out");
}

#[test]
fn hostile_names_are_no_markup_in_a_report() {
    let mut results = example().results().expect("results").expect("results");
    results.name = "</title><script>alert(1)</script>".into();
    results.groups[0] = "<img src=x>".into();
    for arm in &mut results.arms {
        arm.groups[0].group = "<img src=x>".into();
    }
    let shown = Shown { results: &results, readings: &[] };
    let html = report(&ReportSubject { shown, recipe_toml: "x = \"</pre><script>\"", provenance: None }).expect("a report");
    assert!(!html.contains("<script") && !html.contains("<img"));
}
