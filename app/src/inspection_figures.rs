//! From what was looked at inside of models to the data of its figures.

#[cfg(test)]
mod tests;

use crate::{
    charts::{
        DensityRidge, HeatPalette, HeatScale, MeasurePanel, TradeAxes, TradePoint, WeightPanel, Width, density_ridges, measure_dots,
        trade_off, weight_heatmap,
    },
    figure_view::FigureView,
};
use rankscope_domain::{
    Arm, StudyResults,
    class_results::Measure,
    inspection::{DivergenceSummary, InspectionResults, MatrixDistance},
};

/// Names of these figures.
pub(crate) const INSPECTION_FIGURES: [&str; 6] =
    ["kl", "kl_density", "kl_density_continuation", "kl_by_rank", "kl_trade_off", "weight_distance"];

/// How far a matrix is said to have moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WeightMeasure {
    #[default]
    Relative,
    EffectiveRank,
    StableRank,
    Frobenius,
}

impl WeightMeasure {
    pub const ALL: [Self; 4] = [Self::Relative, Self::EffectiveRank, Self::StableRank, Self::Frobenius];

    /// As in an address.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relative => "relative",
            Self::EffectiveRank => "effective_rank",
            Self::StableRank => "stable_rank",
            Self::Frobenius => "frobenius",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Relative => "relative distance",
            Self::EffectiveRank => "effective rank",
            Self::StableRank => "stable rank",
            Self::Frobenius => "Frobenius norm",
        }
    }

    /// What a legend says.
    fn measure(self) -> &'static str {
        match self {
            Self::Relative => "Frobenius norm of the update over that of the original",
            Self::EffectiveRank => "effective rank of the update",
            Self::StableRank => "stable rank of the update",
            Self::Frobenius => "Frobenius norm of the update",
        }
    }

    pub(crate) fn of(self, matrix: &MatrixDistance) -> f64 {
        match self {
            Self::Relative => matrix.relative,
            Self::EffectiveRank => matrix.effective_rank,
            Self::StableRank => matrix.stable_rank,
            Self::Frobenius => matrix.frobenius,
        }
    }
}

/// `None` where there is no such figure or nothing to draw.
pub(crate) fn draw_inspection_figure(name: &str, results: &StudyResults, view: &FigureView, width: Width) -> Option<String> {
    let inspection = results.inspection.as_ref()?;
    match name {
        "kl" => measure_dots(
            name,
            "Mean KL divergence from the original by arm, with 95 % intervals",
            "KL(original || arm), nats",
            &kl_panels(inspection),
            width,
        ),
        "kl_density" => densities(name, "at the end of the prompt", &prompt_end_ridges(inspection), width),
        "kl_density_continuation" => densities(name, "over continuations", &continuation_ridges(inspection), width),
        "kl_by_rank" => {
            let points = rank_points(inspection);
            let axes = TradeAxes {
                x: "LoRA rank, logarithmic",
                y: "mean KL(original || arm), nats",
                x_is_rank: true,
                slope: inspection.kl_trend.map(|trend| trend.slope).filter(|slope| slope.is_finite()),
            };
            trade_off(name, "Mean KL divergence at the end of the prompt by rank, with 95 % intervals", &axes, &points, width)
        }
        "kl_trade_off" => {
            let (y, points) = trade_points(results, inspection, view)?;
            let axes = TradeAxes { x: "mean KL(original || arm), nats", y: &y, x_is_rank: false, slope: None };
            trade_off(name, &format!("{y} against KL divergence by arm, with 95 % intervals"), &axes, &points, width)
        }
        "weight_distance" => {
            let measure = view.weights.unwrap_or_default();
            let panels = weight_panels(inspection, measure);
            let values = panels.iter().flat_map(|panel| &panel.cells).map(|cell| cell.2).filter(|value| value.is_finite());
            let high = values.fold(0.0, f64::max).max(1e-9);
            weight_heatmap(measure.measure(), &panels, HeatScale { low: 0.0, high, palette: HeatPalette::Safe }, width)
        }
        _ => None,
    }
}

fn kl_panels(inspection: &InspectionResults) -> Vec<MeasurePanel> {
    let rows = |of: &dyn Fn(&rankscope_domain::inspection::ArmDivergence) -> Option<Measure>| {
        inspection.divergences.iter().filter_map(|one| Some((one.arm, of(one)?))).collect::<Vec<_>>()
    };
    let panels = [
        MeasurePanel { title: "at the end of the prompt".into(), rows: rows(&|one| Some(one.prompt_end.kl)) },
        MeasurePanel {
            title: "over the arm’s own continuation".into(),
            rows: rows(&|one| one.continuation.as_ref().map(|summary| summary.kl)),
        },
    ];
    panels.into_iter().filter(|panel| !panel.rows.is_empty()).collect()
}

fn ridge(arm: Arm, summary: &DivergenceSummary) -> Option<DensityRidge> {
    Some(DensityRidge { arm, density: summary.density.clone()?, mean: summary.kl.value })
}

pub(crate) fn prompt_end_ridges(inspection: &InspectionResults) -> Vec<DensityRidge> {
    inspection.divergences.iter().filter_map(|one| ridge(one.arm, &one.prompt_end)).collect()
}

pub(crate) fn continuation_ridges(inspection: &InspectionResults) -> Vec<DensityRidge> {
    inspection.divergences.iter().filter_map(|one| ridge(one.arm, one.continuation.as_ref()?)).collect()
}

fn densities(name: &str, place: &str, ridges: &[DensityRidge], width: Width) -> Option<String> {
    density_ridges(name, &format!("Density of examples by KL {place}, by arm"), "KL(original || arm), nats", ridges, width)
}

/// x is log2 of the rank.
fn rank_points(inspection: &InspectionResults) -> Vec<TradePoint> {
    let point = |arm: Arm, y: Measure| {
        let rank = f64::from(arm.rank()?).log2();
        Some(TradePoint { arm, x: Measure { value: Some(rank), ..Measure::default() }, y })
    };
    inspection.divergences.iter().filter_map(|one| point(one.arm, one.prompt_end.kl)).collect()
}

/// What stands on the upright axis, in percent, and the arms. The original is at no divergence.
pub(crate) fn trade_points(results: &StudyResults, inspection: &InspectionResults, view: &FigureView) -> Option<(String, Vec<TradePoint>)> {
    let none = Measure { value: Some(0.0), low: None, high: None, n: 0 };
    let kl = |arm: Arm| match arm {
        Arm::Original => Some(none),
        _ => inspection.divergences.iter().find(|one| one.arm == arm).map(|one| one.prompt_end.kl),
    };
    let percent = |measure: Measure| Measure {
        value: measure.value.map(|value| value * 100.0),
        low: measure.low.map(|value| value * 100.0),
        high: measure.high.map(|value| value * 100.0),
        n: measure.n,
    };
    let points = |shares: Vec<(Arm, Measure)>| {
        shares.into_iter().filter_map(|(arm, y)| Some(TradePoint { arm, x: kl(arm)?, y: percent(y) })).collect::<Vec<_>>()
    };
    if let Some(class) = &results.classification {
        let reading = view.reading.and_then(|reading| class.reading(reading)).or(class.readings.first())?;
        let shares = crate::figure_view::arms_of(class)
            .into_iter()
            .filter_map(|arm| {
                let fraction = inspection.fraction.filter(|_| arm.is_trained());
                Some((arm, reading.arm(arm, fraction)?.group(&class.minority)?.accuracy))
            })
            .collect();
        return Some((format!("accuracy on {}, %", class.minority), points(shares)));
    }
    let shares = results
        .arms
        .iter()
        .map(|arm| {
            let counts = &arm.pooled;
            (arm.arm, Measure { value: counts.share, low: counts.low, high: counts.high, n: counts.judged })
        })
        .collect();
    Some(("toxic completions, %".into(), points(shares)))
}

fn weight_panels(inspection: &InspectionResults, measure: WeightMeasure) -> Vec<WeightPanel> {
    let panel = |one: &rankscope_domain::inspection::ArmWeights| WeightPanel {
        title: one.arm.label(),
        cells: one.matrices.iter().map(|matrix| (matrix.layer, matrix.matrix.clone(), measure.of(matrix))).collect(),
    };
    inspection.weights.iter().map(panel).collect()
}
