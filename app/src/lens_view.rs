//! What of the logit lens is shown, as it stands in the address: `?prompt=1&mode=difference&a=full&b=lora-r2`; and from it to the heatmap.

#[cfg(test)]
mod tests;

use crate::{
    charts::{HeatPalette, HeatScale, LensHeatmap, LensPanel, Width, lens_sheet},
    form::percent_encode,
};
use rankscope_domain::{
    Arm, FieldErrors,
    inspection::{LensCellView, LensReading},
};

/// What a cell's colour is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LensMode {
    #[default]
    Entropy,
    /// Of one token, where it is among those that the cell lists.
    Probability,
    Kl,
    /// Of two arms' entropies.
    Difference,
}

impl LensMode {
    pub const ALL: [Self; 4] = [Self::Entropy, Self::Probability, Self::Kl, Self::Difference];

    /// As in an address.
    pub fn name(self) -> &'static str {
        match self {
            Self::Entropy => "entropy",
            Self::Probability => "probability",
            Self::Kl => "kl",
            Self::Difference => "difference",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Entropy => "entropy",
            Self::Probability => "probability of a token",
            Self::Kl => "KL to the original",
            Self::Difference => "difference of two arms",
        }
    }
}

/// Empty: what is shown where nothing is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LensView {
    /// Which of the prompts, from 0.
    pub prompt: u32,
    pub mode: LensMode,
    /// As cells show it.
    pub token: Option<String>,
    /// The difference is a minus b.
    pub a: Option<Arm>,
    pub b: Option<Arm>,
    pub palette: HeatPalette,
    /// Panels that are shown; empty: all.
    pub arms: Vec<Arm>,
}

impl LensView {
    /// From the query of an address; `get` gives a parameter's value. What can't be read is left out and said.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> (Self, FieldErrors) {
        let mut errors = FieldErrors::default();
        let text = |name: &str| get(name).filter(|value| !value.is_empty());
        let mut view = Self { token: text("token"), ..Self::default() };
        if let Some(value) = text("prompt") {
            match value.parse() {
                Ok(number) => view.prompt = number,
                Err(_) => errors.push("prompt", &value, "Write the number of a prompt, from 0 up."),
            }
        }
        if let Some(value) = text("mode") {
            match LensMode::ALL.into_iter().find(|mode| mode.name() == value) {
                Some(mode) => view.mode = mode,
                None => errors.push(
                    "mode",
                    &value,
                    format!("There is no such mode. There are: {}.", LensMode::ALL.map(LensMode::name).join(", ")),
                ),
            }
        }
        if let Some(value) = text("palette") {
            match HeatPalette::ALL.into_iter().find(|palette| palette.name() == value) {
                Some(palette) => view.palette = palette,
                None => errors.push("palette", &value, "There is no such palette. There are: paper, safe."),
            }
        }
        let mut arm = |name: &str| -> Option<Arm> {
            let value = text(name)?;
            value.parse().map_err(|error| errors.push(name, &value, format!("{error}."))).ok()
        };
        (view.a, view.b) = (arm("a"), arm("b"));
        for name in text("arms").iter().flat_map(|arms| arms.split(',')) {
            match name.parse() {
                Ok(arm) => view.arms.push(arm),
                Err(error) => errors.push("arms", name, format!("{error}; separate several by commas.")),
            }
        }
        (view, errors)
    }

    /// With what the study has in place of what was not asked for, and of what it has not: the latter is said. `prompts`: how many there
    /// are; `readings`: those of the prompt that is shown. The token is then the likeliest one at the original's end, the arms all, and the
    /// difference that of the last and the first.
    pub fn resolve(&self, prompts: usize, readings: &[LensReading]) -> (Self, FieldErrors) {
        let mut errors = FieldErrors::default();
        let all = lens_arms(readings);
        let names = || all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let mut prompt = self.prompt;
        if prompt as usize >= prompts {
            errors.push("prompt", prompt, format!("This study has {prompts} prompts, counted from 0."));
            prompt = 0;
        }
        let mut known = |field: &str, arm: Option<Arm>| {
            let arm = arm?;
            let found = all.contains(&arm);
            if !found {
                errors.push(field, arm, format!("There is no lens of that arm. There are: {}.", names()));
            }
            found.then_some(arm)
        };
        let (a, b) = (known("a", self.a), known("b", self.b));
        let arms: Vec<Arm> = self.arms.iter().filter_map(|arm| known("arms", Some(*arm))).collect();
        let usual_token = readings.first().and_then(last_cell).and_then(|cell| cell.top.first()).map(|token| token.text.clone());
        let resolved = Self {
            prompt,
            token: self.token.clone().or(usual_token),
            a: a.or_else(|| all.last().copied()),
            b: b.or_else(|| all.first().copied()),
            arms: all.iter().copied().filter(|arm| arms.is_empty() || arms.contains(arm)).collect(),
            ..self.clone()
        };
        (resolved, errors)
    }

    /// As the query of an address, with its question mark; empty where nothing is asked for.
    pub fn query(&self) -> String {
        crate::figure_view::query_of(&self.pairs())
    }

    /// `name=value`, encoded; what is usual is left out.
    pub(crate) fn pairs(&self) -> Vec<String> {
        let encoded = |(name, value): (&str, String)| format!("{name}={}", percent_encode(&value).replace("%2C", ","));
        self.raw_pairs().into_iter().map(encoded).collect()
    }

    /// The same, as a form sends it.
    pub(crate) fn raw_pairs(&self) -> Vec<(&'static str, String)> {
        let arms = self.arms.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        [
            ("prompt", (self.prompt > 0).then(|| self.prompt.to_string())),
            ("mode", (self.mode != LensMode::default()).then(|| self.mode.name().to_string())),
            ("token", self.token.clone()),
            ("a", self.a.map(|arm| arm.to_string())),
            ("b", self.b.map(|arm| arm.to_string())),
            ("palette", (self.palette != HeatPalette::default()).then(|| self.palette.name().to_string())),
            ("arms", (!arms.is_empty()).then_some(arms)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }
}

/// Arms that have a reading, in the order of figures.
pub(crate) fn lens_arms(readings: &[LensReading]) -> Vec<Arm> {
    let mut arms: Vec<Arm> = readings.iter().map(|reading| reading.cell.arm).collect();
    arms.sort();
    arms.dedup();
    arms
}

/// The prompts, in the order in which the first arm has them.
pub(crate) fn lens_prompts(readings: &[LensReading]) -> Vec<String> {
    let mut prompts: Vec<String> = Vec::new();
    for reading in readings {
        if !prompts.contains(&reading.prompt) {
            prompts.push(reading.prompt.clone());
        }
    }
    prompts
}

/// One prompt's readings, arms in the order of figures; none where there is no such prompt.
pub(crate) fn of_prompt(readings: &[LensReading], prompt: u32) -> Vec<LensReading> {
    let Some(prompt) = lens_prompts(readings).into_iter().nth(prompt as usize) else { return Vec::new() };
    // a study's readings are large: those of its other prompts are left where they are
    let mut readings: Vec<LensReading> = readings.iter().filter(|reading| reading.prompt == prompt).cloned().collect();
    readings.sort_by_key(|reading| reading.cell.arm);
    readings
}

/// The last layer's guess of what follows the prompt.
pub(crate) fn last_cell(reading: &LensReading) -> Option<&LensCellView> {
    reading.layers.last()?.last()
}

/// The heatmap as a file of its own: `None` where there is nothing to draw. An error names what the view asks for and the study has not.
pub fn lens_svg(readings: impl AsRef<[LensReading]>, view: &LensView, width: Width) -> Result<Option<String>, FieldErrors> {
    let readings = readings.as_ref();
    let prompts = lens_prompts(readings).len();
    if prompts == 0 {
        return Ok(None);
    }
    let shown = of_prompt(readings, view.prompt);
    let (resolved, errors) = view.resolve(prompts, &shown);
    let view = errors.into_result(resolved)?;
    Ok(lens_sheet(&lens_map(&shown, &view), width))
}

/// `readings` of one prompt; `view` resolved. The scale is that of all arms, whichever are shown.
pub(crate) fn lens_map(readings: &[LensReading], view: &LensView) -> LensHeatmap {
    let tokens = readings.first().map(|reading| reading.tokens.clone()).unwrap_or_default();
    let measure = match view.mode {
        LensMode::Entropy => "entropy, nats".into(),
        LensMode::Kl => "KL(original || arm), nats".into(),
        LensMode::Probability => format!("probability of “{}”", view.token.as_deref().unwrap_or_default()),
        LensMode::Difference => {
            let name = |arm: Option<Arm>| arm.map(Arm::label).unwrap_or_default();
            format!("entropy of {} minus that of {}, nats", name(view.a), name(view.b))
        }
    };
    if view.mode == LensMode::Difference {
        let of = |arm: Option<Arm>| readings.iter().find(|reading| Some(reading.cell.arm) == arm);
        let panels: Vec<LensPanel> = of(view.a).zip(of(view.b)).map(|(a, b)| difference(a, b)).into_iter().collect();
        let most = round_up(largest(&panels));
        return LensHeatmap { tokens, panels, scale: HeatScale { low: -most, high: most, palette: view.palette }, measure };
    }
    let all: Vec<(Arm, LensPanel)> = readings.iter().map(|reading| (reading.cell.arm, panel(reading, view))).collect();
    let panels: Vec<LensPanel> = all.iter().map(|(_, panel)| panel.clone()).collect();
    let high = if view.mode == LensMode::Probability { 1.0 } else { round_up(largest(&panels)) };
    let panels = all.into_iter().filter(|(arm, _)| view.arms.contains(arm)).map(|(_, panel)| panel).collect();
    LensHeatmap { tokens, panels, scale: HeatScale { low: 0.0, high, palette: view.palette }, measure }
}

pub(crate) fn panel(reading: &LensReading, view: &LensView) -> LensPanel {
    let value = |cell: &LensCellView| match view.mode {
        LensMode::Probability => cell.top.iter().find(|token| Some(&token.text) == view.token.as_ref()).map(|token| token.probability),
        LensMode::Kl => Some(cell.kl),
        _ => Some(cell.entropy),
    };
    let text = |cell: &LensCellView| cell.top.first().map(|token| token.text.clone()).unwrap_or_default();
    LensPanel {
        title: reading.cell.arm.label(),
        values: reading.layers.iter().map(|row| row.iter().map(value).collect()).collect(),
        texts: reading.layers.iter().map(|row| row.iter().map(text).collect()).collect(),
    }
}

/// Entropy of a minus that of b; the cells say a's token, and b's after it where that is another.
pub(crate) fn difference(a: &LensReading, b: &LensReading) -> LensPanel {
    let cells = || a.layers.iter().zip(&b.layers).map(|(a, b)| a.iter().zip(b));
    let text = |cell: &LensCellView| cell.top.first().map(|token| token.text.clone()).unwrap_or_default();
    LensPanel {
        title: format!("{} − {}", a.cell.arm.label(), b.cell.arm.label()),
        values: cells().map(|row| row.map(|(a, b)| Some(a.entropy - b.entropy)).collect()).collect(),
        texts: cells()
            .map(|row| {
                row.map(|(a, b)| {
                    let (a, b) = (text(a), text(b));
                    if a == b { a } else { format!("{a}/{b}") }
                })
                .collect()
            })
            .collect(),
    }
}

pub(crate) fn largest(panels: &[LensPanel]) -> f64 {
    let values = panels.iter().flat_map(|panel| panel.values.iter().flatten()).flatten();
    values.copied().filter(|value| value.is_finite()).map(f64::abs).fold(0.0, f64::max)
}

/// To two digits, so that the ends of a scale can be read.
pub(crate) fn round_up(value: f64) -> f64 {
    if value <= 1e-12 {
        return 1.0;
    }
    let unit = 10f64.powf(value.log10().floor() - 1.0);
    (value / unit - 1e-9).ceil() * unit
}
