//! A table for a paper: booktabs' rules, intervals small beneath or beside their values, definitions in a note. Compiles with pdfLaTeX,
//! XeLaTeX and LuaLaTeX, whatever the texts hold.

use super::{Table, TableFormat, Unit, Value};

/// A page takes about so many lines; of a longer table each part is a float of its own. (longtable would break the rows itself, but refuses
/// to work in a paper of two columns.)
const LINES_OF_A_PAGE: usize = 40;
/// LaTeX keeps no more than 18 floats that have no place yet; after so many all are set.
const FLOATS_AT_ONCE: usize = 12;
/// Letters that fit into a line at LaTeX's sizes, from the largest on.
const SIZES: [(usize, &str); 3] = [(84, "\\small"), (96, "\\footnotesize"), (116, "\\scriptsize")];
/// Wider tables than this don't fit into a column.
const COLUMN: usize = 42;
/// Longest text in a cell before it is broken into lines.
const LONG_TEXT: usize = 40;

pub(super) fn write(table: &Table) -> String {
    let shown = table.shown_columns();
    let heads: Vec<Vec<String>> = shown.iter().map(|&index| heading_lines(&table.columns[index].full_heading())).collect();
    let has_n: Vec<bool> = shown.iter().map(|&index| table.n_differs(index)).collect();
    let of_row = |row: &[Value], beneath: bool| -> Vec<(String, String)> {
        let cells = shown.iter().zip(&has_n);
        cells.map(|(&index, &with_n)| cell(&row[index], table.columns[index].unit, with_n, beneath)).collect()
    };
    // beside their values where that is narrow enough, else beneath
    let beside = width(table, &heads, &shown, &of_row, false);
    let is_beneath = beside > SIZES[0].0;
    let wide = if is_beneath { width(table, &heads, &shown, &of_row, true) } else { beside };
    let rows_of_a_page = LINES_OF_A_PAGE / if is_beneath { 2 } else { 1 };
    let parts = table.rows.len().div_ceil(rows_of_a_page).max(1);
    // as many in each: no row stands alone on the last page
    let rows_of_a_part = table.rows.len().div_ceil(parts).max(1);
    let size = SIZES.iter().find(|(letters, _)| wide <= *letters).map_or("\\scriptsize", |(_, size)| size);
    let is_scaled = wide > SIZES[2].0;

    let specification: String = shown.iter().map(|&index| specification(table, index)).collect();
    let stacked = |(lines, &index): (&Vec<String>, &usize)| match lines.as_slice() {
        [line] => line.clone(),
        lines => format!("\\shortstack[{}]{{{}}}", if is_text(table, index) { "l" } else { "r" }, lines.join("\\\\")),
    };
    let head = format!("\\toprule\n{} \\\\\n\\midrule\n", heads.iter().zip(&shown).map(stacked).collect::<Vec<_>>().join(" & "));
    let body_of = |rows: &[Vec<Value>]| {
        let mut body = String::new();
        for row in rows {
            let cells = of_row(row, is_beneath);
            let values: Vec<&str> = cells.iter().map(|(value, _)| value.as_str()).collect();
            let details: Vec<&str> = cells.iter().map(|(_, detail)| detail.as_str()).collect();
            body.push_str(&format!("{} \\\\\n", values.join(" & ")));
            if details.iter().any(|detail| !detail.is_empty()) {
                let small = |detail: &&str| if detail.is_empty() { String::new() } else { format!("{{\\scriptsize {detail}}}") };
                body.push_str(&format!("{} \\\\[2pt]\n", details.iter().map(small).collect::<Vec<_>>().join(" & ")));
            }
        }
        body
    };
    let (caption, label) = (caption(table, &shown), format!("tab:rankscope-{}", table.file.replace('_', "-")));
    let mut text = comment(table, parts, is_scaled);
    let environment = if wide > COLUMN { "table*" } else { "table" };
    for (part, rows) in table.rows.chunks(rows_of_a_part).enumerate() {
        let (first, last) = (part * rows_of_a_part + 1, part * rows_of_a_part + rows.len());
        let place = format!("rows {first} to {last} of {}", table.rows.len());
        let tabular = format!("\\begin{{tabular}}{{@{{}}{specification}@{{}}}}\n{head}{}\\bottomrule\n\\end{{tabular}}", body_of(rows));
        let tabular = if is_scaled { format!("\\resizebox{{\\textwidth}}{{!}}{{%\n{tabular}}}") } else { tabular };
        let (caption, beneath) = match (part, parts) {
            (0, 1) => (format!("\\caption{{{caption}}}\n\\label{{{label}}}"), note(table, &shown)),
            (0, _) => (format!("\\caption{{{caption} This part: {place}.}}\n\\label{{{label}}}"), note(table, &shown)),
            // under the number of the first
            _ => (format!("\\addtocounter{{table}}{{-1}}\n\\caption{{{}, continued: {place}.}}", escape(&table.title)), String::new()),
        };
        if part > 0 && part % FLOATS_AT_ONCE == 0 {
            text.push_str("\\clearpage\n");
        }
        text.push_str(&format!(
            "\\begin{{{environment}}}[t]\n\\centering\n{caption}\n\\smallskip\n{size}\\setlength{{\\tabcolsep}}{{4pt}}\n{tabular}\n{beneath}\\end{{{environment}}}\n"
        ));
    }
    text
}

/// A heading of several words on two lines, the longer one as short as can be.
fn heading_lines(heading: &str) -> Vec<String> {
    const SHORT: usize = 9;
    let length = heading.chars().count();
    let longer = |at: usize| heading[..at].chars().count().max(heading[at + 1..].chars().count());
    let breaks = heading.char_indices().filter(|(_, letter)| *letter == ' ').map(|(at, _)| at);
    match breaks.min_by_key(|&at| longer(at)).filter(|_| length > SHORT) {
        Some(at) => vec![escape(&heading[..at]), escape(&heading[at + 1..])],
        None => vec![escape(heading)],
    }
}

fn is_text(table: &Table, index: usize) -> bool {
    table.rows.first().is_some_and(|row| row[index].is_text())
}

/// What the file is, of which study, and what it needs.
fn comment(table: &Table, parts: usize, is_scaled: bool) -> String {
    let packages = if is_scaled { "booktabs, graphicx" } else { "booktabs" };
    let long = match parts {
        1 => String::new(),
        _ => format!("% {} rows in {parts} parts, each a float of its own, for papers of one column and of two.\n", table.rows.len()),
    };
    let plain =
        |text: &str| text.chars().map(|letter| if letter.is_control() || !letter.is_ascii() { '?' } else { letter }).collect::<String>();
    format!(
        "% {}, by Rankscope {}: {}\n% Needs the packages {packages}. Every number in full: the file of this name that ends in .{}.\n{long}",
        plain(&table.title),
        env!("CARGO_PKG_VERSION"),
        plain(&table.source),
        TableFormat::Csv.extension(),
    )
}

fn caption(table: &Table, shown: &[usize]) -> String {
    let mut caption = escape(&table.caption);
    for (index, said) in table.constants() {
        caption.push_str(&format!(" {}: {}.", escape(&table.columns[index].heading), escape(&said)));
    }
    for (n, headings) in table.common_n(shown) {
        caption.push_str(&format!(" {}: $n = {n}$.", escape(&headings.join(", "))));
    }
    caption
}

/// Definitions beneath the table.
fn note(table: &Table, shown: &[usize]) -> String {
    let definitions: Vec<String> = shown
        .iter()
        .map(|&index| &table.columns[index])
        .filter(|column| !column.definition.is_empty())
        .map(|column| format!("\\textit{{{}}}: {}", escape(&column.heading), escape(&column.definition)))
        .collect();
    if definitions.is_empty() {
        return String::new();
    }
    format!("\\par\\smallskip\\noindent\n\\parbox{{\\linewidth}}{{\\footnotesize {}}}\n", definitions.join(" "))
}

/// A value and what stands beneath it; beside it where `beneath` is false.
fn cell(value: &Value, unit: Unit, with_n: bool, beneath: bool) -> (String, String) {
    let shown = escape(&value.shown(unit));
    let Some((low, high)) = value.shown_interval(unit) else { return (shown, String::new()) };
    let n = value.n().filter(|_| with_n).map(|n| format!(", $n={n}$")).unwrap_or_default();
    let detail = format!("{{[}}{}, {}{{]}}{n}", escape(&low), escape(&high));
    if beneath { (shown, detail) } else { (format!("{shown} {{\\scriptsize {detail}}}"), String::new()) }
}

fn specification(table: &Table, index: usize) -> String {
    let is_text = is_text(table, index);
    let longest = longest_text(table, index);
    match () {
        () if is_text && longest > 120 => "p{0.45\\linewidth}".into(),
        () if is_text && longest > LONG_TEXT => "p{0.22\\linewidth}".into(),
        () if is_text => "l".into(),
        () => "r".into(),
    }
}

fn longest_text(table: &Table, index: usize) -> usize {
    table.rows.iter().map(|row| row[index].shown(table.columns[index].unit).chars().count()).max().unwrap_or(0)
}

/// A row's cells: what stands there, and what stands beneath.
type OfRow<'a> = dyn Fn(&[Value], bool) -> Vec<(String, String)> + 'a;

/// About how many letters wide the table is.
fn width(table: &Table, heads: &[Vec<String>], shown: &[usize], of_row: &OfRow<'_>, beneath: bool) -> usize {
    let mut widths: Vec<usize> = heads.iter().map(|lines| lines.iter().map(|line| letters(line)).max().unwrap_or(0)).collect();
    for row in &table.rows {
        for (place, (value, detail)) in of_row(row, beneath).iter().enumerate() {
            // small letters are three quarters as wide
            widths[place] = widths[place].max(letters(value)).max(letters(detail) * 3 / 4).min(LONG_TEXT);
        }
    }
    widths.iter().sum::<usize>() + 2 * shown.len()
}

/// Letters without commands and braces.
fn letters(latex: &str) -> usize {
    let mut count = 0;
    let mut letters = latex.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                while letters.next_if(|next| next.is_ascii_alphabetic()).is_some() {}
                count += 1;
            }
            '{' | '}' | '$' => {}
            _ => count += 1,
        }
    }
    count
}

/// Text that means itself in LaTeX. What a font of pdfLaTeX may not have is named by its number.
pub(super) fn escape(text: &str) -> String {
    let mut latex = String::new();
    let mut is_opening = true;
    for letter in text.chars() {
        match letter {
            '\\' => latex.push_str("\\textbackslash{}"),
            '{' | '}' | '$' | '&' | '#' | '_' | '%' => latex.extend(['\\', letter]),
            '^' => latex.push_str("\\textasciicircum{}"),
            '~' => latex.push_str("\\textasciitilde{}"),
            '<' => latex.push_str("$<$"),
            '>' => latex.push_str("$>$"),
            '|' => latex.push_str("$|$"),
            '[' => latex.push_str("{[}"),
            ']' => latex.push_str("{]}"),
            // alone they are ligatures' beginnings or a star of \\
            '`' => latex.push_str("\\textasciigrave{}"),
            '*' => latex.push_str("{*}"),
            '"' => {
                latex.push_str(if is_opening { "``" } else { "''" });
                is_opening = !is_opening;
            }
            '-' => latex.push_str("{-}"),
            '–' => latex.push_str("--"),
            '—' => latex.push_str("---"),
            '−' => latex.push_str("$-$"),
            '’' => latex.push('\''),
            '‘' => latex.push('`'),
            '“' => latex.push_str("``"),
            '”' => latex.push_str("''"),
            '…' => latex.push_str("\\ldots{}"),
            '×' => latex.push_str("$\\times$"),
            '·' => latex.push_str("$\\cdot$"),
            '±' => latex.push_str("$\\pm$"),
            'Σ' => latex.push_str("$\\Sigma$"),
            '₀' => latex.push_str("$_0$"),
            '≤' => latex.push_str("$\\leq$"),
            '≥' => latex.push_str("$\\geq$"),
            '\u{2423}' => latex.push_str("\\textvisiblespace{}"),
            '\u{202f}' | '\u{a0}' => latex.push_str("\\,"),
            letter if letter.is_ascii() && !letter.is_ascii_control() => latex.push(letter),
            letter if letter.is_whitespace() || letter.is_control() => latex.push(' '),
            // letters with accents, which LaTeX's oldest fonts can put together
            'À'..='ÿ' if !matches!(letter, 'Ð' | 'ð' | 'Þ' | 'þ' | '÷') => latex.push(letter),
            letter => latex.push_str(&format!("\\texttt{{U+{:04X}}}", u32::from(letter))),
        }
    }
    latex
}
