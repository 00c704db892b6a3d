//! `README.txt` of an archive: what is what.

use rankscope_domain::{StudyResults, recipe::StudyKind};
use rankscope_study::archive::{ArchivedLabels, FilesWanted, LABELS};

/// For people who open the archive without Rankscope. `labels`: what people said, where it was asked for. `too_large`: pictures that are left out.
pub(super) fn readme(results: &StudyResults, wanted: FilesWanted, labels: Option<&ArchivedLabels>, too_large: &[String]) -> String {
    let yes_no = |wanted: bool, option: &str| {
        if wanted {
            "are in this archive, where the study has them".to_string()
        } else {
            format!("are not in this archive; export it again with {option}")
        }
    };
    let labels = match labels {
        // nobody labels the answers of a classifier
        _ if results.kind == StudyKind::Classification => String::new(),
        None => "People’s labels of completions are not in this archive, so that whoever takes it in finds none; export it again with --labels.\n".into(),
        Some(labels) if labels.rounds.is_empty() => "People’s labels of completions: this study has none.\n".into(),
        Some(_) => format!(
            "People’s labels of completions are in this archive, in {LABELS}: the rounds that were drawn, who labelled, and what each said. It\n\
             names these people: ask them before you pass it on.\n"
        ),
    };
    let left_out: String = too_large
        .iter()
        .map(|path| format!("{path} is not in this archive: it would have more dots than are drawn. The SVG and the PDF of it are.\n"))
        .collect();
    format!(
        "{}\n{}\n\nA study exported by Rankscope {}. Another Rankscope takes this archive in, on its page of studies or by\n\
         `rankscope import FILE.zip`, and shows the same, but for what is left out below. Without one:\n\n\
         report.html      everything in one page, for any browser; nothing is loaded from elsewhere\n\
         figures/         each figure as SVG (to be edited), PNG (300 dots an inch) and PDF, 174 mm wide; NAME-column is 84 mm wide\n\
         tables/          each table as CSV and JSON (every number in full, with intervals and n) and as LaTeX (needs booktabs,\n\
         \u{20}                and graphicx where its first lines say so)\n\
         manifest.json    every file with its size and SHA-256\n\
         study/           the study as it was written:\n\
         \u{20} recipe.toml      all that was asked for; `rankscope run recipe.toml --out DIR` does it again\n\
         \u{20} results.json     all that figures and tables show; versioned\n\
         \u{20} provenance.json  versions, hashes of model, data and judge; the machine\n\
         \u{20} events.jsonl     the run, step by step\n\
         \u{20} stages/          one record a finished stage\n\
         \u{20} prompts.jsonl, counterfactuals.jsonl, data/   what models were given and trained on\n\
         \u{20} cells/ARM-sSEED[-mFRACTION]/\n\
         \u{20}   completions.jsonl, judgements.jsonl, predictions.jsonl   what each model wrote, and what it was taken for\n\
         \u{20}   metrics.json, train.jsonl                               how it was trained\n\
         \u{20}   divergence.jsonl, weights.json, lens.json               what was looked at inside of it\n\
         \u{20}   adapter_config.json, adapter_model.safetensors          a LoRA adapter in PEFT's format\n\
         \u{20}   model/                                                  full weights in transformers' format\n\n\
         Adapters {}. Full weights {}.\n{labels}{left_out}\n\
         Prompts and completions may be harmful. They are in study/ alone, but for the prompts of the logit lens and the tokens that\n\
         it shows, which stand in figures, tables and report.html too. recipe.toml and provenance.json name files and the\n\
         machine that the study ran on: read them before you publish them.\n",
        results.name.replace(char::is_control, " "),
        "=".repeat(results.name.chars().count().clamp(3, 78)),
        env!("CARGO_PKG_VERSION"),
        yes_no(wanted.adapters, "--adapters"),
        yes_no(wanted.full_weights, "--full-weights"),
    )
}
