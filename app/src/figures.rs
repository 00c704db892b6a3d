//! The figures of a study by name, from its results.

use crate::charts::{SharePanel, SharePoint, Width, loss_curves, share_by_arm, share_panels, toxicity_bars};
use rankscope_domain::{
    Arm, StudyResults,
    results::{CellResult, Counts},
    view::LossCurve,
};

/// Names that [`figure_svg`] knows.
pub const FIGURES: &[&str] = &["toxicity", "share", "groups", "seeds", "loss"];

/// The figure as a file of its own: `None` where there is no such figure or nothing to draw.
pub fn figure_svg(name: &str, results: &StudyResults) -> Option<String> {
    draw_figure(name, results, Width::Wide)
}

pub(crate) fn draw_figure(name: &str, results: &StudyResults, width: Width) -> Option<String> {
    match name {
        "toxicity" => toxicity_bars(&results.arms, width),
        "share" => share_by_arm(&SharePanel { title: String::new(), points: points(results) }, width),
        "groups" => share_panels("groups", "Share of toxic completions by group and arm", &group_panels(results), width),
        "seeds" => share_panels("seeds", "Share of toxic completions by seed and arm", &seed_panels(results), width),
        "loss" => loss_curves(&curves(results), width),
        _ => None,
    }
}

fn points(results: &StudyResults) -> Vec<SharePoint> {
    results
        .arms
        .iter()
        .map(|arm| {
            let seeds: Vec<f64> = cells_of(results, arm.arm).filter_map(|cell| cell.total.share).collect();
            SharePoint { arm: arm.arm, counts: arm.pooled.clone(), seeds: if seeds.len() > 1 { seeds } else { Vec::new() } }
        })
        .collect()
}

fn group_panels(results: &StudyResults) -> Vec<SharePanel> {
    let counts_of = |group: &str, arm: &rankscope_domain::results::ArmResult| {
        arm.groups.iter().find(|counts| counts.group == group).map_or_else(Counts::default, |counts| counts.counts.clone())
    };
    results
        .groups
        .iter()
        .map(|group| SharePanel {
            title: group.clone(),
            points: results.arms.iter().map(|arm| SharePoint { arm: arm.arm, counts: counts_of(group, arm), seeds: Vec::new() }).collect(),
        })
        .collect()
}

fn seed_panels(results: &StudyResults) -> Vec<SharePanel> {
    seeds(results)
        .into_iter()
        .map(|seed| SharePanel {
            title: format!("seed {seed}"),
            points: results
                .cells
                .iter()
                .filter(|cell| cell.seed == seed)
                .map(|cell| SharePoint { arm: cell.arm, counts: cell.total.clone(), seeds: Vec::new() })
                .collect(),
        })
        .collect()
}

/// Seeds that have cells, ascending.
pub(crate) fn seeds(results: &StudyResults) -> Vec<u64> {
    let mut seeds: Vec<u64> = results.cells.iter().map(|cell| cell.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    seeds
}

fn cells_of(results: &StudyResults, arm: Arm) -> impl Iterator<Item = &CellResult> {
    results.cells.iter().filter(move |cell| cell.arm == arm)
}

/// The cells' losses, one a step.
pub(crate) fn curves(results: &StudyResults) -> Vec<LossCurve> {
    results
        .cells
        .iter()
        .filter(|cell| !cell.losses.is_empty())
        .map(|cell| LossCurve {
            cell: cell.cell,
            steps_total: cell.losses.len() as u32,
            points: (1..).zip(cell.losses.iter().copied()).collect(),
        })
        .collect()
}
