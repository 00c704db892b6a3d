//! Results and estimates as text, for people.

use super::{class_table, inspection_table};
use rankscope_domain::{
    StudyResults,
    estimate::Estimate,
    results::{Contrast, Counts, Finding},
};

/// "1 h 5 min", "2 min 3 s", "0.4 s"
pub(super) fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..10 => format!("{:.1} s", seconds.max(0.0)),
        10..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// "1.2 GiB"
pub(super) fn bytes(count: u64) -> String {
    let mut size = count as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if size < 1024.0 {
            return if unit == "B" { format!("{count} B") } else { format!("{size:.1} {unit}") };
        }
        size /= 1024.0;
    }
    format!("{size:.1} TiB")
}

/// What the study measured by arm and by group, the comparisons, and what they say of the paper's claims.
pub(super) fn results(results: &StudyResults) -> String {
    let mut text = format!("{}\n", results.name);
    text += &match &results.classification {
        Some(classification) => {
            format!("model {}\nalpha: {}\n{}", results.model.name, results.alpha_policy, class_table::results(classification))
        }
        None => toxicity(results),
    };
    for cell in &results.cells {
        if let Some(reason) = &cell.failed {
            text += &format!("! {} failed: {reason}\n", cell.cell);
        }
    }
    text += &contrasts(&results.contrasts);
    text += &results.inspection.as_ref().map_or_else(String::new, inspection_table::results);
    if !results.claims.is_empty() {
        text.push('\n');
    }
    for claim in &results.claims {
        let mark = match claim.finding {
            Finding::Reproduced => "+",
            Finding::Contradicted => "-",
            Finding::Inconclusive => "?",
        };
        text += &format!("{mark} {} {}: {}\n", claim.claim, claim.finding.label(), claim.because);
    }
    text + &format!("\n{} of work\n", duration(results.work_seconds))
}

/// The toxic share by arm and by group.
fn toxicity(results: &StudyResults) -> String {
    let mut text = format!(
        "{} prompts x {} completions; model {}; judge {}\nalpha: {}\n\n",
        results.prompts, results.completions_per_prompt, results.model.name, results.judge.description, results.alpha_policy
    );
    let mut head =
        vec!["arm".to_string(), "rate".into(), "seeds".into(), "toxic".into(), "judged".into(), "unparsable".into(), "share (95 %)".into()];
    head.extend(results.groups.iter().cloned());
    let mut rows = vec![head];
    for arm in &results.arms {
        let mut row = vec![
            arm.arm.label(),
            arm.learning_rate.map_or_else(String::new, |rate| format!("{rate:e}")),
            arm.seeds.to_string(),
            arm.pooled.toxic.to_string(),
            arm.pooled.judged.to_string(),
            arm.pooled.unparsable.to_string(),
            share(&arm.pooled),
        ];
        row.extend(results.groups.iter().map(|group| {
            let counts = arm.groups.iter().find(|counts| counts.group == *group);
            counts.map_or_else(String::new, |counts| format!("{}/{}", counts.counts.toxic, counts.counts.judged))
        }));
        rows.push(row);
    }
    text += &columns(&rows);
    text
}

fn contrasts(contrasts: &[Contrast]) -> String {
    if contrasts.is_empty() {
        return String::new();
    }
    let mut rows = vec![["difference of shares", "", "(95 %)", "p (Holm)", "detectable"].map(String::from).to_vec()];
    for contrast in contrasts {
        rows.push(vec![
            format!("{} - {}", contrast.arm.label(), contrast.against.label()),
            percent_signed(contrast.difference),
            format!("({} to {})", percent_signed(contrast.low), percent_signed(contrast.high)),
            format!("{:.3}", contrast.p_holm),
            contrast.detectable.map_or_else(|| "-".into(), percent),
        ]);
    }
    format!("\n{}", columns(&rows))
}

fn share(counts: &Counts) -> String {
    match (counts.share, counts.low, counts.high) {
        (Some(share), Some(low), Some(high)) => format!("{} ({} to {})", percent(share), percent(low), percent(high)),
        _ => "nothing was judged".into(),
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn percent_signed(difference: f64) -> String {
    format!("{:+.1} %", difference * 100.0)
}

/// What a recipe takes.
pub(super) fn estimate(estimate: &Estimate) -> String {
    let mut rows: Vec<Vec<String>> = estimate
        .phases
        .iter()
        .map(|phase| vec![phase.label.clone(), duration(phase.seconds), format!("{} tokens", phase.tokens)])
        .collect();
    rows.push(vec!["all".into(), duration(estimate.total_seconds), String::new()]);
    let mut memory = format!("{} at its peak", bytes(estimate.peak_memory_bytes));
    if let Some(machine) = estimate.machine_memory_bytes {
        memory += &format!(", of {} in this machine", bytes(machine));
    }
    if let Some(limit) = estimate.memory_limit_bytes {
        memory += &format!("; the study may take {}", bytes(limit));
    }
    let mut text = format!(
        "{}\n\ntime    {}\nmemory  {memory}\ndisk    {}\nmodel   {}, {} parameters\n",
        columns(&rows).trim_end(),
        duration(estimate.total_seconds),
        bytes(estimate.disk_bytes),
        estimate.model.name,
        estimate.model.parameters
    );
    text += &match &estimate.data {
        Some(counts) => class_table::counts(counts),
        None => format!("        {} prompts, {} completions\n", estimate.prompts, estimate.completions),
    };
    let then = if estimate.data.is_some() { "classifying" } else { "completing" };
    if estimate.lora_groups.len() > 1 {
        for (number, group) in estimate.lora_groups.iter().enumerate() {
            let cells: Vec<_> = group.cells.iter().map(ToString::to_string).collect();
            let (training, completing) = (bytes(group.training_bytes), bytes(group.completing_bytes));
            text += &format!("group {}  {}: {training} training, {completing} {then}\n", number + 1, cells.join(", "));
        }
    }
    for assumption in &estimate.assumptions {
        text += &format!("- {assumption}\n");
    }
    text
}

/// Columns as wide as their widest entry; all but the first are set to the right.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in rows {
        let line: Vec<String> = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, &width))| if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") })
            .collect();
        text += line.join("  ").trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_short() {
        for (seconds, text) in
            [(-1.0, "0.0 s"), (0.44, "0.4 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3599.0, "59 min 59 s"), (7260.0, "2 h 1 min")]
        {
            assert_eq!(duration(seconds), text);
        }
        for (count, text) in [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 30, "5.0 GiB"), (3 << 40, "3.0 TiB")] {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn columns_line_up() {
        let rows = [vec!["arm".into(), "n".into()], vec!["original".into(), "1,000".into()]];
        assert_eq!(columns(&rows), "arm           n\noriginal  1,000\n");
    }
}
