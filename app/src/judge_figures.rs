//! The figures of the labels: what judges get right and wrong by what people say, and the shares corrected for it. By name, from a round's
//! report; one drawing for the page and for files.

use crate::charts::{ConfusionPanel, SharePanel, SharePoint, Width, confusion_matrices, share_panels};
use rankscope_domain::{
    FieldErrors,
    annotation::{CorrectedArm, Correction, Figure as Estimate, JudgeFigures, JudgeReading, JudgeReport},
    results::Counts,
};

/// Names that [`judge_svg`] knows.
pub const JUDGE_FIGURES: [&str; 4] = ["judges", "judge_groups", "judge_arms", "corrected"];

/// Which bars of the corrected shares are shown, as in the address: `?bars=raw`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Bars {
    #[default]
    All,
    Raw,
    RoganGladen,
    PredictionPowered,
}

impl Bars {
    pub const ALL: [Bars; 4] = [Bars::All, Bars::Raw, Bars::RoganGladen, Bars::PredictionPowered];

    pub fn name(self) -> &'static str {
        match self {
            Bars::All => "all",
            Bars::Raw => "raw",
            Bars::RoganGladen => "rogan-gladen",
            Bars::PredictionPowered => "prediction-powered",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Bars::All => "side by side",
            Bars::Raw => "as judged",
            Bars::RoganGladen => "Rogan–Gladen",
            Bars::PredictionPowered => "prediction-powered",
        }
    }

    /// From the query of an address; `get` gives a parameter's value. Absent: all.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, FieldErrors> {
        let Some(asked) = get("bars").filter(|value| !value.is_empty()) else { return Ok(Self::default()) };
        let known = Self::ALL.into_iter().find(|bars| bars.name() == asked);
        let names = Self::ALL.map(Self::name).join(", ");
        known.ok_or_else(|| FieldErrors::one("bars", asked, format!("There are no such bars. There are: {names}.")))
    }

    fn of(self, arm: &CorrectedArm) -> Estimate {
        match self {
            Bars::All | Bars::Raw => arm.raw,
            Bars::RoganGladen => arm.rogan_gladen,
            Bars::PredictionPowered => arm.prediction_powered,
        }
    }
}

/// The figure: `None` where there is no such figure or nothing to draw. `bars`: of the corrected shares.
pub fn judge_svg(name: &str, report: &JudgeReport, bars: Bars, width: Width) -> Option<String> {
    let own = || report.judges.iter().find(|judge| judge.is_the_studys);
    match name {
        "judges" => matrices(report.judges.iter().map(|judge| (judge_name(judge), &judge.all)), width),
        "judge_groups" => matrices(own()?.groups.iter().map(|part| (part.name.clone(), part)), width),
        "judge_arms" => matrices(own()?.arms.iter().map(|part| (part.name.clone(), part)), width),
        "corrected" => share_panels(
            "corrected",
            "Toxic share as judged and corrected",
            "toxic completions, %",
            &corrected_panels(&report.correction, bars),
            width,
        ),
        _ => None,
    }
}

/// Short, for a row or a panel: "the study’s judge", "HurtLex EN 1.2, conservative".
pub(crate) fn judge_name(judge: &JudgeReading) -> String {
    if judge.is_the_studys {
        return "the study’s judge".into();
    }
    let (name, mode) = judge.description.split_once(", ").unwrap_or((&judge.description, ""));
    let name = if name.starts_with("Rankscope") { "built-in lexicon" } else { name };
    match mode.split_once(" mode") {
        Some((mode, _)) => format!("{name}, {}", mode.rsplit(' ').next().unwrap_or(mode)),
        None => name.into(),
    }
}

fn matrices<'a>(parts: impl Iterator<Item = (String, &'a JudgeFigures)>, width: Width) -> Option<String> {
    let panels: Vec<ConfusionPanel> = parts.map(|(name, figures)| panel(name, figures)).collect();
    confusion_matrices(&["toxic".into(), "not toxic".into()], &panels, width)
}

fn panel(name: String, figures: &JudgeFigures) -> ConfusionPanel {
    let columns = if figures.unparsable() > 0 { 3 } else { 2 };
    let estimated: Vec<f64> = figures.estimated.iter().flat_map(|row| &row[..columns]).copied().collect();
    ConfusionPanel { group: name, counts: whole(&estimated).chunks(columns).map(<[u32]>::to_vec).collect() }
}

/// Whole numbers that add up to what the sum rounds to: what is lost by cutting off goes to those that lost most.
fn whole(numbers: &[f64]) -> Vec<u32> {
    let mut whole: Vec<u32> = numbers.iter().map(|n| n.floor() as u32).collect();
    let missing = (numbers.iter().sum::<f64>().round() as u32).saturating_sub(whole.iter().sum());
    let mut places: Vec<usize> = (0..numbers.len()).collect();
    places.sort_by(|&one, &other| numbers[other].fract().total_cmp(&numbers[one].fract()));
    for place in places.into_iter().take(missing as usize) {
        whole[place] += 1;
    }
    whole
}

fn corrected_panels(correction: &Correction, shown: Bars) -> Vec<SharePanel> {
    let kinds = match shown {
        Bars::All => vec![Bars::Raw, Bars::RoganGladen, Bars::PredictionPowered],
        one => vec![one],
    };
    let point = |kind: Bars, arm: &CorrectedArm| {
        let estimate = kind.of(arm);
        let counts = Counts { share: estimate.value, low: estimate.low, high: estimate.high, ..Counts::default() };
        SharePoint { arm: arm.arm, counts, seeds: Vec::new() }
    };
    kinds
        .into_iter()
        .map(|kind| SharePanel { title: kind.label().into(), points: correction.arms.iter().map(|arm| point(kind, arm)).collect() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Bars, JUDGE_FIGURES, judge_svg, whole};
    use crate::{
        charts::{Width, tests::check_legible},
        judge_fixture::report,
    };

    #[test]
    fn every_figure_is_legible_at_both_widths() {
        for width in [Width::Narrow, Width::Wide] {
            for name in JUDGE_FIGURES {
                let svg = judge_svg(name, &report(), Bars::All, width).unwrap_or_else(|| panic!("{name} is not drawn"));
                check_legible(&format!("{name} {width:?}"), &svg);
            }
        }
        assert_eq!(judge_svg("toxicity", &report(), Bars::All, Width::Wide), None);
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        assert_eq!(whole(&[60.3, 0.2, 1.6, 177.9]), [60, 0, 2, 178]);
        assert_eq!(whole(&[0.5, 0.5, 59.5, 179.5]), [1, 1, 59, 179]);
        assert_eq!(whole(&[3.0, 0.0, 1.0 - 1e-12]), [3, 0, 1]);
        assert_eq!(whole(&[]), Vec::<u32>::new());
    }

    #[test]
    fn bars_are_named_in_an_address() {
        for bars in Bars::ALL {
            assert_eq!(Bars::read(|_| Some(bars.name().into())), Ok(bars));
        }
        assert_eq!(Bars::read(|_| None), Ok(Bars::All));
        let wrong = Bars::read(|_| Some("pie".into())).unwrap_err();
        assert!(wrong.to_string().contains("bars = \"pie\"") && wrong.to_string().contains("rogan-gladen"), "{wrong}");
    }
}
