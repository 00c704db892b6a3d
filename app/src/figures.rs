//! The figures of a study by name, from its results.

use crate::{
    charts::{SharePanel, SharePoint, Width, group_bars, loss_curves, share_by_arm, share_panels, toxicity_bars},
    class_figures::draw_class_figure,
    figure_view::FigureView,
    inspection_figures::{INSPECTION_FIGURES, draw_inspection_figure},
};
use rankscope_domain::{
    Arm, FieldErrors, StudyResults,
    results::{CellResult, Counts},
    view::LossCurve,
};

/// Names that [`figure_svg`] knows: those of a toxicity study, of every study, of a classification study, of models' insides.
pub const FIGURES: &[&str] = &[
    "toxicity",
    "share",
    "groups",
    "arm_groups",
    "seeds",
    "loss",
    "accuracy",
    "margins",
    "reliability",
    "confusion",
    "worst_group_error",
    "harmful_bias_gap",
    // what is inside of models, of either kind of study
    LENS_FIGURE,
    "kl",
    "kl_density",
    "kl_density_continuation",
    "kl_by_rank",
    "kl_trade_off",
    "weight_distance",
];

/// It is drawn from a study's readings, by [`crate::lens_svg`]; all others from its results.
pub const LENS_FIGURE: &str = "lens";

/// The figure as a file of its own: `None` where there is no such figure or nothing to draw. An error names what the view asks for
/// and the study does not have.
pub fn figure_svg(name: &str, results: &StudyResults, view: &FigureView, width: Width) -> Result<Option<String>, FieldErrors> {
    let view = match &results.classification {
        Some(classification) => {
            let (resolved, errors) = view.resolve(classification);
            errors.into_result(resolved)?
        }
        None => view.clone(),
    };
    if name == "arm_groups"
        && results.classification.is_none()
        && let Some(arm) = view.arm.filter(|arm| results.arms.iter().all(|result| result.arm != *arm))
    {
        let names = results.arms.iter().map(|result| result.arm.to_string()).collect::<Vec<_>>().join(", ");
        return Err(FieldErrors::one("arm", arm, format!("This study does not have it. It has: {names}.")));
    }
    Ok(draw_figure(name, results, &view, width))
}

/// `view` is resolved.
pub(crate) fn draw_figure(name: &str, results: &StudyResults, view: &FigureView, width: Width) -> Option<String> {
    const TOXIC: &str = "toxic completions, %";
    match (name, &results.classification) {
        _ if INSPECTION_FIGURES.contains(&name) => draw_inspection_figure(name, results, view, width),
        ("loss", _) => loss_curves(&curves(results), width),
        (_, Some(classification)) => draw_class_figure(name, classification, view, width),
        ("toxicity", None) => toxicity_bars(&results.arms, width),
        ("share", None) => share_by_arm(&SharePanel { title: String::new(), points: points(results) }, width),
        ("groups", None) => share_panels("groups", "Share of toxic completions by group and arm", TOXIC, &group_panels(results), width),
        // of the first arm where none is asked for
        ("arm_groups", None) => {
            let arm = results.arms.iter().find(|result| view.arm.is_none_or(|arm| arm == result.arm))?;
            group_bars(arm, width)
        }
        ("seeds", None) => share_panels("seeds", "Share of toxic completions by seed and arm", TOXIC, &seed_panels(results), width),
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
