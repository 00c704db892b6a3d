//! A study as one page that stands by itself: no script, nothing that is loaded, nothing to be masked. Completions are left out.

use super::{
    Shown, figure_file,
    variants::{lookup, prompts, variants},
};
use rankscope_app::{
    FIGURES, LENS_FIGURE, LensView, PaperWidth,
    error::AppError,
    tables::{LENS_TABLE, TABLES, Table, escape_html as escape, lens_data, study_table, table_of_figure},
};
use rankscope_domain::{estimate::ModelSummary, provenance::Provenance, recipe::StudyKind, results::Finding};

/// What a report is of. Without a recipe or a provenance their parts are left out.
#[derive(Debug, Clone, Copy)]
pub struct ReportSubject<'a> {
    pub shown: Shown<'a>,
    /// Empty: none.
    pub recipe_toml: &'a str,
    pub provenance: Option<&'a Provenance>,
}

/// Longer tables stand in the archive's files alone.
const MOST_ROWS: usize = 500;
/// Longer tables are folded.
const FOLDED_ROWS: usize = 40;

/// The page's HTML.
pub fn report(subject: &ReportSubject<'_>) -> Result<String, AppError> {
    let results = subject.shown.results;
    let figures = figures(subject.shown)?;
    let tables = tables(subject.shown)?;
    let mut parts: Vec<(&str, &str, String)> = vec![
        ("claims", "What the paper claims, and what this study says", claims(subject)),
        ("conditions", "Conditions", conditions(subject)),
        ("figures", "Figures", figures),
        ("tables", "Tables", tables),
        ("recipe", "Recipe", recipe(subject.recipe_toml)),
        ("provenance", "Provenance", subject.provenance.map(provenance).unwrap_or_default()),
    ];
    parts.retain(|(.., html)| !html.is_empty());
    let links: String = parts.iter().map(|(id, title, _)| format!("<li><a href=\"#{id}\">{title}</a></li>")).collect();
    let sections: String = parts.iter().map(|(id, title, html)| format!("<section id=\"{id}\"><h2>{title}</h2>{html}</section>")).collect();
    let name = escape(&results.name);
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{name}</title>\n<style>\n{}</style>\n</head>\n<body>\n\
         <header><h1>{name}</h1><p class=\"lead\">{}</p><nav aria-label=\"Parts of the report\"><ul>{links}</ul></nav></header>\n\
         <main>{sections}</main>\n<footer>Written by Rankscope {} from results.json. Completions are left out: they may be harmful, and are in \
         the study’s own files.</footer>\n</body>\n</html>\n",
        include_str!("report.css"),
        lead(subject),
        env!("CARGO_PKG_VERSION"),
    ))
}

fn lead(subject: &ReportSubject<'_>) -> String {
    let results = subject.shown.results;
    let arms = {
        let mut arms: Vec<_> = results.cells.iter().map(|cell| cell.arm).collect();
        arms.sort_unstable();
        arms.dedup();
        arms.into_iter().map(|arm| arm.label()).collect::<Vec<_>>().join(", ")
    };
    let ran = subject.provenance.map(|provenance| format!(" · ran {}", provenance.started_at)).unwrap_or_default();
    escape(&format!("{} · {} · {arms}{ran}", results.kind.label(), model_name(&results.model)))
}

fn model_name(model: &ModelSummary) -> &str {
    if model.name.is_empty() { &model.source } else { &model.name }
}

fn claims(subject: &ReportSubject<'_>) -> String {
    let claims = &subject.shown.results.claims;
    let one = |claim: &rankscope_domain::results::Claim| {
        let sign = match claim.finding {
            Finding::Reproduced => "✓",
            Finding::Contradicted => "✕",
            Finding::Inconclusive => "~",
        };
        format!(
            "<div class=\"claim\"><p class=\"finding\">{sign} {}</p><div><p class=\"what\">{}</p><p>{}</p></div></div>",
            claim.finding.label(),
            escape(&claim.claim),
            escape(&claim.because),
        )
    };
    claims.iter().map(one).collect()
}

/// What every claim depends on.
fn conditions(subject: &ReportSubject<'_>) -> String {
    let results = subject.shown.results;
    let mut facts: Vec<(&str, String)> = Vec::new();
    let mut rates: Vec<(String, f64)> = Vec::new();
    for cell in &results.cells {
        if let Some(rate) = cell.learning_rate
            && !rates.iter().any(|(arm, _)| *arm == cell.arm.label())
        {
            rates.push((cell.arm.label(), rate));
        }
    }
    let mut seeds: Vec<u64> = results.cells.iter().map(|cell| cell.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    facts.push(("Model", model_name(&results.model).to_string()));
    if !rates.is_empty() {
        facts.push(("Learning rate", rates.iter().map(|(arm, rate)| format!("{arm}: {rate}")).collect::<Vec<_>>().join("; ")));
    }
    facts.push(("Alpha policy", results.alpha_policy.clone()));
    facts.push(("Seeds", seeds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")));
    if results.kind == StudyKind::Toxicity {
        facts.push(("Judge", results.judge.description.clone()));
        let (prompts, templates, each) = (results.prompts, results.clusters, results.completions_per_prompt);
        facts.push(("Sample", format!("{prompts} prompts from {templates} templates, completions a prompt and seed: {each}")));
    }
    if let Some(class) = &results.classification {
        facts.push(("Data set", format!("{}: {} training and {} test examples", class.dataset, class.train_examples, class.test_examples)));
        facts.push(("Labels", format!("{}; the positive one is {}", class.labels.join(", "), class.positive_label)));
        facts.push(("Groups", format!("by {}; majority {}, minority {}", class.grouped_by, class.majority, class.minority)));
        let fraction = |at: &rankscope_domain::class_results::FractionCount| {
            format!("{}: {} of {} training examples", at.fraction, at.minority_examples, at.train_examples)
        };
        facts.push(("Minority fractions", class.fractions.iter().map(fraction).collect::<Vec<_>>().join("; ")));
        if !class.prompt.is_empty() {
            facts.push(("Prompt", class.prompt.clone()));
        }
    }
    list(&facts)
}

fn list(facts: &[(&str, String)]) -> String {
    let facts: String = facts.iter().map(|(name, text)| format!("<dt>{}</dt><dd>{}</dd>", escape(name), escape(text))).collect();
    format!("<dl>{facts}</dl>")
}

fn title_of(figure: &str) -> &'static str {
    match figure {
        "toxicity" => "Toxic and non-toxic completions",
        "share" => "Share of toxic completions",
        "groups" => "Share of toxic completions by group",
        "seeds" => "Share of toxic completions by seed",
        "loss" => "Training loss",
        "accuracy" => "Accuracy by minority fraction",
        "margins" => "Decision margins",
        "reliability" => "Reliability",
        "confusion" => "Confusion by group",
        "worst_group_error" => "Error of the worst group",
        "harmful_bias_gap" => "Harmful bias gap by rank",
        LENS_FIGURE => "Logit lens",
        "kl" => "KL divergence from the original",
        "kl_density" => "Spread of the divergence at the end of the prompt",
        "kl_density_continuation" => "Spread of the divergence over continuations",
        "kl_by_rank" => "KL against rank",
        "kl_trade_off" => "What is gained, and how far the model goes for it",
        "weight_distance" => "Update of each matrix",
        _ => "Figure",
    }
}

/// What tells this of several ways to show a figure or a table.
fn variant_note(query: &[(&'static str, String)], shown: Shown<'_>) -> String {
    let note = |(name, value): &(&'static str, String)| match *name {
        "prompt" => value.parse().ok().and_then(|index: usize| Some(format!("prompt “{}”", prompts(shown).get(index)?))),
        _ => {
            let readings = shown.results.classification.iter().flat_map(|class| &class.readings);
            let mut named = readings.filter(|one| one.reading.name() == value);
            named.next().map(|one| format!("read by {}", one.reading.label()))
        }
    };
    query.iter().filter_map(note).map(|note| format!(", {}", escape(&note))).collect()
}

fn figures(shown: Shown<'_>) -> Result<String, AppError> {
    let mut html = String::new();
    // how it was trained comes after what was found; one arm's groups are among all arms'
    let found = FIGURES.iter().copied().filter(|name| !["loss", "arm_groups"].contains(name));
    for name in found.chain(["loss"]) {
        for (suffix, query) in variants(name, shown) {
            let drawn = |width: PaperWidth| {
                let mut query = query.clone();
                query.push(("width", width.name().into()));
                figure_file(&format!("{name}.svg"), shown, &lookup(&query))
            };
            let wide = match drawn(PaperWidth::Page) {
                Ok(file) => file,
                Err(AppError::NotFound(_)) => continue,
                Err(error) => return Err(error),
            };
            let narrow = drawn(PaperWidth::Column)?;
            let table = table_of_figure(name);
            html.push_str(&format!(
                "<div class=\"figure {name}\"><h3>{}{}</h3><div class=\"wide\">{}</div><div class=\"narrow\">{}</div>\
                 <p class=\"note\"><a href=\"#table-{table}{suffix}\">Its numbers</a></p></div>",
                title_of(name),
                variant_note(&query, shown),
                inline(&wide.bytes),
                inline(&narrow.bytes),
            ));
        }
    }
    Ok(html)
}

/// An SVG of ours within a page: its size is the style sheet's, and its title speaks for itself, as several figures have one id.
fn inline(svg: &[u8]) -> String {
    let text = String::from_utf8_lossy(svg);
    let start = text.find("<svg").unwrap_or(0);
    let text = &text[start..];
    let mut plain = String::with_capacity(text.len());
    let Some((head, rest)) = text.split_once('>') else { return String::new() };
    plain.push_str(&without(head, "aria-labelledby"));
    plain.push('>');
    let (names, rest) = rest.split_once("</desc>").map_or(("", rest), |(names, rest)| (names, rest));
    let names: String = names.split('>').map(|part| without(part, "id")).collect::<Vec<_>>().join(">");
    plain.push_str(&names);
    if !names.is_empty() {
        plain.push_str("</desc>");
    }
    plain.push_str(rest);
    plain
}

fn without(tag: &str, attribute: &str) -> String {
    let Some((before, after)) = tag.split_once(&format!(" {attribute}=\"")) else { return tag.into() };
    let rest = after.split_once('"').map_or("", |(_, rest)| rest);
    format!("{before}{rest}")
}

fn tables(shown: Shown<'_>) -> Result<String, AppError> {
    let mut html = String::new();
    // the claims stand above
    for name in TABLES.iter().copied().filter(|name| *name != "claims") {
        for (suffix, query) in variants(name, shown) {
            let ask = lookup(&query);
            let table = if name == LENS_TABLE {
                lens_data(shown.readings, &LensView::read(&ask).0)
            } else {
                study_table(name, shown.results, &rankscope_app::FigureView::read(&ask).0)
            };
            let Some(table) = table.map_err(AppError::Invalid)? else { continue };
            html.push_str(&one_table(&table, &suffix, &variant_note(&query, shown)));
        }
    }
    Ok(html)
}

fn one_table(table: &Table, suffix: &str, note: &str) -> String {
    let rows = table.rows.len();
    let heading = format!("<h3 id=\"table-{0}{suffix}\">{1}{note} <code>{0}</code></h3>", table.name, escape(&table.title));
    if rows > MOST_ROWS {
        return format!("{heading}<p class=\"note\">{rows} rows: in tables/{}{suffix}.csv of the study’s archive.</p>", table.name);
    }
    // what scrolls must be reached by keys too
    let body =
        format!("<div class=\"scroll\" role=\"group\" tabindex=\"0\" aria-label=\"{}\">{}</div>", escape(&table.title), table.html());
    if rows > FOLDED_ROWS {
        return format!(
            "{heading}<details><summary>{rows} rows</summary>{body}</details><p class=\"paper\">{rows} rows: in tables/{}{suffix}.csv of the \
             study’s archive.</p>",
            table.name
        );
    }
    format!("{heading}{body}")
}

fn recipe(toml: &str) -> String {
    if toml.is_empty() {
        return String::new();
    }
    format!(
        "<p>The whole study in one file; <code>rankscope run recipe.toml --out DIR</code> does it again.</p>\
         <pre role=\"group\" tabindex=\"0\" aria-label=\"Recipe\">{}</pre>",
        escape(toml)
    )
}

fn provenance(provenance: &Provenance) -> String {
    let model = |model: &ModelSummary| {
        let licence = model.licence.as_ref().map(|licence| format!(", licence {licence}")).unwrap_or_default();
        format!(
            "{} ({}), {} parameters, {} layers, stored as {}{licence}; SHA-256 {}",
            model_name(model),
            model.kind,
            model.parameters,
            model.layers,
            model.dtype,
            model.sha256
        )
    };
    let host = &provenance.host;
    let mut facts = vec![
        ("Started", provenance.started_at.clone()),
        ("Rankscope", provenance.rankscope_version.clone()),
        ("Machine", format!("{} on {} {}, {} threads, device {}", host.cpu, host.os, host.arch, host.threads, host.device)),
        ("recipe.toml", format!("SHA-256 {}", provenance.recipe_sha256)),
        ("Base model", model(&provenance.model)),
    ];
    facts.extend(provenance.counterfactual_model.as_ref().map(|one| ("Writer of counterfactuals", model(one))));
    facts.extend(provenance.judge_model.as_ref().map(|one| ("Judging model", model(one))));
    for file in &provenance.files {
        facts.push(("Input file", format!("{}, SHA-256 {}", file.name, file.sha256)));
    }
    for file in &provenance.builtin {
        facts.push(("Built-in data", format!("{}, SHA-256 {}", file.name, file.sha256)));
    }
    list(&facts)
}
