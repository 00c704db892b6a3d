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

/// The example with so many groups of prompts that they make a column too high for a PNG.
fn of_many_groups(groups: usize) -> StudyResults {
    let mut results = example().results().expect("results").expect("results");
    // two arms are enough, and much faster drawn
    results.arms.truncate(2);
    results.groups = (0..groups).map(|index| format!("group {index}")).collect();
    for arm in &mut results.arms {
        let counts = arm.groups[0].counts.clone();
        let of = |group: &String| rankscope_domain::results::GroupCounts { group: group.clone(), counts: counts.clone() };
        arm.groups = results.groups.iter().map(of).collect();
    }
    results
}

#[test]
fn a_drawing_that_is_too_large_is_refused_with_its_own_words() {
    let results = of_many_groups(110);
    let shown = Shown { results: &results, readings: &[] };
    let column = |key: &str| (key == "width").then(|| "column".to_string());
    let refused = figure_file("groups.png", shown, &column).expect_err("it is too large");
    assert_eq!(refused.status(), 422);
    assert!(refused.to_string().contains("992 x ") && refused.to_string().contains("Take the SVG or the PDF"), "{refused}");
    for (file, query) in [("groups.svg", &column as Query<'_>), ("groups.pdf", &column), ("groups.png", &nothing)] {
        figure_file(file, shown, query).unwrap_or_else(|error| panic!("{file}: {error}"));
    }
}

#[test]
fn a_study_of_many_groups_is_packed_without_the_picture_that_is_too_large() {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("study");
    copy_folder(example().directory(), &copy);
    // the lens has nothing to do with groups, and takes long to draw
    for cell in std::fs::read_dir(copy.join("cells")).expect("cells") {
        drop(std::fs::remove_file(cell.expect("a cell").path().join("lens.json")));
    }
    std::fs::write(copy.join("results.json"), serde_json::to_vec(&of_many_groups(110)).expect("JSON")).expect("a file");
    let mut bytes = Vec::new();
    write_bundle(&Study::open(&copy).expect("a study"), BundleOptions::default(), None, &mut bytes).expect("an archive");
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).expect("an archive");
    let mut text = String::new();
    std::io::Read::read_to_string(&mut zip.by_name("README.txt").expect("a README"), &mut text).expect("text");
    assert!(text.contains("figures/groups-column.png is not in this archive"), "{text}");
    assert!(zip.by_name("figures/groups-column.png").is_err());
    for there in ["figures/groups-column.svg", "figures/groups-column.pdf", "figures/groups.png", "figures/toxicity-column.png"] {
        assert!(zip.by_name(there).is_ok(), "{there}");
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("a kind").is_dir() {
            copy_folder(&entry.path(), &to.join(entry.file_name()));
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
        }
    }
}

#[test]
fn two_files_of_a_study_have_two_names_and_say_of_which_study_they_are() {
    let study = example();
    let results = study.results().expect("results").expect("results");
    let lens = study.lens().expect("a lens");
    let shown = Shown { results: &results, readings: &lens };
    let part = rankscope_app::tables::file_part(&results.name);
    assert!(part.len() > 3);
    let mut queries: Vec<Vec<(&'static str, String)>> = vec![Vec::new(), vec![("width", "column".into())]];
    for arm in &results.arms[1..] {
        queries.push(vec![("arm", arm.arm.to_string())]);
        queries.push(vec![("arm", arm.arm.to_string()), ("width", "column".into())]);
    }
    let mut names = std::collections::BTreeMap::new();
    let mut take = |file: String, query: &[(&'static str, String)]| {
        let made = if file.ends_with(".svg") { figure_file } else { table_file }(&file, shown, &variants::lookup(query));
        let Ok(made) = made else { return };
        assert!(made.name.starts_with(&format!("{part}-")), "{} does not say of which study it is", made.name);
        let signs = made.name.chars().all(|letter| letter.is_ascii_alphanumeric() || ".-_".contains(letter));
        assert!(signs && made.name.len() < 220, "{}", made.name);
        if let Some(other) = names.insert(made.name.clone(), made.bytes.clone()) {
            assert!(other == made.bytes, "two different files are called {}", made.name);
        }
    };
    for query in &queries {
        for name in FIGURES.iter().filter(|name| **name != LENS_FIGURE) {
            take(format!("{name}.svg"), query);
        }
        for name in TABLES.iter().filter(|name| **name != "lens") {
            take(format!("{name}.tex"), query);
        }
    }
    for prompt in 0..variants::prompts(shown).len() {
        for mode in ["entropy", "kl", "probability", "difference"] {
            for width in ["page", "column"] {
                take("lens.svg".into(), &[("prompt", prompt.to_string()), ("mode", mode.into()), ("width", width.into())]);
            }
        }
        take("lens.tex".into(), &[("prompt", prompt.to_string())]);
    }
    for expected in ["toxicity-column.svg", "arm_groups-original.svg", "arm_groups-full-column.svg", "lens-1-kl.svg", "lens-1.tex"] {
        assert!(names.contains_key(&format!("{part}-{expected}")), "{expected} is not among {:?}", names.keys());
    }
    let tex = String::from_utf8(names.remove(&format!("{part}-lens-1.tex")).expect("a table")).expect("text");
    assert!(tex.contains(&format!("\\label{{tab:rankscope-{part}-lens-1}}")), "{tex}");
    assert!(tex.lines().next().expect("a line").contains("recipe.toml with SHA-256"), "the file says of which study it is");
}
