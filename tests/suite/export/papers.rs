//! The tables as LaTeX, set by a LaTeX where there is one.

use super::{Fixture, TABLES, TestApp, classification};
use rankscope_domain::view::StudyStatus::Finished;
use std::{
    fs,
    process::{Command, Stdio},
};

/// The first of these that this machine has.
fn latex() -> Option<&'static str> {
    let is_there = |program: &&str| {
        Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    ["pdflatex", "xelatex", "lualatex"].into_iter().find(is_there)
}

#[test]
fn every_table_is_set_by_latex() {
    let Some(latex) = latex() else {
        eprintln!("skipped: no pdflatex, xelatex or lualatex on this machine (apt-get install texlive-latex-base)");
        return;
    };
    let app = TestApp::start();
    let fixture = Fixture::new();
    let id = app.client.start(&classification(&fixture), "paper").expect("a study");
    app.client.wait_for(&id, Finished);
    let folder = tempfile::tempdir().expect("a folder");
    let mut inputs = String::new();
    for id in ["example", id.as_str()] {
        for table in TABLES {
            let answer = app.client.get(&format!("/studies/{id}/tables/{table}.tex"));
            if answer.status() == 404 {
                continue;
            }
            let name = format!("{table}-{}.tex", id.len());
            fs::write(folder.path().join(&name), answer.text().expect("text")).expect("a file");
            inputs.push_str(&format!("\\input{{{name}}}\n\\clearpage\n"));
        }
    }
    assert!(inputs.lines().count() > 30, "{inputs}");
    // as a paper of two columns has it, with nothing but what the files say they need
    let paper = format!(
        "\\documentclass[twocolumn]{{article}}\n\\usepackage[margin=18mm]{{geometry}}\n\\usepackage{{booktabs,graphicx}}\n\\begin{{document}}\n{inputs}\\end{{document}}\n"
    );
    fs::write(folder.path().join("paper.tex"), paper).expect("a file");
    let set = Command::new(latex)
        .args(["-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "paper.tex"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .expect("LaTeX");
    let log = String::from_utf8_lossy(&set.stdout);
    assert!(set.status.success(), "{log}");
    let wide: Vec<&str> = log.lines().filter(|line| line.starts_with("Overfull \\hbox")).collect();
    assert!(wide.iter().all(|line| points(line) < 40.0), "tables run out of the page: {wide:?}");
    if let Some(place) = std::env::var_os("RANKSCOPE_DRAW_TO") {
        // to look at: RANKSCOPE_DRAW_TO=FOLDER cargo test -p rankscope-tests -- set_by_latex
        fs::create_dir_all(&place).expect("a folder");
        fs::copy(folder.path().join("paper.pdf"), std::path::Path::new(&place).join("paper.pdf")).expect("a PDF");
    }
}

/// `Overfull \hbox (12.3pt too wide)`
fn points(line: &str) -> f64 {
    line.split('(').nth(1).and_then(|rest| rest.split("pt").next()).and_then(|number| number.parse().ok()).unwrap_or(f64::MAX)
}
