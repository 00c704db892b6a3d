//! What of a study a figure or a page shows, as it stands in the address: `?reading=likelihood&fraction=0.5&arms=lora-r2,full`.

use crate::{form::percent_encode, inspection_figures::WeightMeasure};
use rankscope_domain::{
    Arm, FieldErrors, MinorityFraction,
    class_results::{ClassificationResults, Reading},
};

/// Empty: what is shown where nothing is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FigureView {
    /// How predictions are read off the models.
    pub reading: Option<Reading>,
    /// The arms of the curves; empty: all.
    pub arms: Vec<Arm>,
    /// The minority fraction of margins, reliability and confusion.
    pub fraction: Option<MinorityFraction>,
    /// The arm of the confusion matrices.
    pub arm: Option<Arm>,
    /// The group of the reliability curves; absent: all examples.
    pub group: Option<String>,
    /// What of a matrix's update the weights' heatmap shows.
    pub weights: Option<WeightMeasure>,
}

/// Pairs that are encoded already as the query of an address, with its question mark; empty without any.
pub(crate) fn query_of(pairs: &[String]) -> String {
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

impl FigureView {
    /// From the query of an address; `get` gives a parameter's value. What can't be read is left out and said.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> (Self, FieldErrors) {
        let mut errors = FieldErrors::default();
        let text = |name: &str| get(name).filter(|value| !value.is_empty());
        let mut view = Self { group: text("group"), ..Self::default() };
        if let Some(name) = text("reading") {
            view.reading = Reading::ALL.into_iter().find(|reading| reading.name() == name);
            if view.reading.is_none() {
                errors.push(
                    "reading",
                    &name,
                    format!("There is no such reading. There are: {}.", Reading::ALL.map(Reading::name).join(", ")),
                );
            }
        }
        for name in text("arms").iter().flat_map(|arms| arms.split(',')) {
            match name.parse() {
                Ok(arm) => view.arms.push(arm),
                Err(error) => errors.push("arms", name, format!("{error}; separate several by commas.")),
            }
        }
        if let Some(value) = text("fraction") {
            view.fraction = value.parse().map_err(|error| errors.push("fraction", &value, format!("{error}."))).ok();
        }
        if let Some(value) = text("arm") {
            view.arm = value.parse().map_err(|error| errors.push("arm", &value, format!("{error}."))).ok();
        }
        if let Some(name) = text("weights") {
            view.weights = WeightMeasure::ALL.into_iter().find(|measure| measure.name() == name);
            if view.weights.is_none() {
                let names = WeightMeasure::ALL.map(WeightMeasure::name).join(", ");
                errors.push("weights", &name, format!("There is no such measure. There are: {names}."));
            }
        }
        (view, errors)
    }

    /// With what the study has in place of what was not asked for, and of what it has not: the latter is said. The fraction is then the
    /// smallest, the arm that of the lowest rank.
    pub fn resolve(&self, results: &ClassificationResults) -> (Self, FieldErrors) {
        let mut errors = FieldErrors::default();
        let there_is = |names: Vec<String>| format!("This study does not have it. It has: {}.", names.join(", "));

        let readings: Vec<Reading> = results.readings.iter().map(|one| one.reading).collect();
        let reading = self.reading.filter(|reading| readings.contains(reading));
        if let (Some(asked), None) = (self.reading, reading) {
            errors.push("reading", asked.name(), there_is(readings.iter().map(|one| one.name().into()).collect()));
        }

        let all = arms_of(results);
        let (arms, strangers): (Vec<Arm>, Vec<Arm>) = self.arms.iter().partition(|arm| all.contains(arm));
        for arm in strangers {
            errors.push("arms", arm, there_is(all.iter().map(ToString::to_string).collect()));
        }

        let fraction = self.fraction.filter(|fraction| results.fractions.iter().any(|one| one.fraction == *fraction));
        if let (Some(asked), None) = (self.fraction, fraction) {
            errors.push("fraction", asked, there_is(results.fractions.iter().map(|one| one.fraction.to_string()).collect()));
        }

        let arm = self.arm.filter(|arm| all.contains(arm));
        if let (Some(asked), None) = (self.arm, arm) {
            errors.push("arm", asked, there_is(all.iter().map(ToString::to_string).collect()));
        }

        let group = self.group.clone().filter(|group| results.groups.iter().any(|one| one.group == *group));
        if let (Some(asked), None) = (&self.group, &group) {
            errors.push("group", asked, there_is(results.groups.iter().map(|one| one.group.clone()).collect()));
        }

        let shown = all.iter().copied().filter(|arm| arms.is_empty() || arms.contains(arm)).collect();
        let usual_arm = all.iter().copied().find(|arm| arm.rank().is_some()).or_else(|| all.last().copied());
        let resolved = Self {
            reading: reading.or_else(|| readings.first().copied()),
            arms: shown,
            fraction: fraction.or_else(|| results.fractions.iter().map(|one| one.fraction).min()),
            arm: arm.or(usual_arm),
            group,
            weights: self.weights,
        };
        (resolved, errors)
    }

    /// As the query of an address, with its question mark; empty where nothing is asked for.
    pub fn query(&self) -> String {
        query_of(&self.pairs())
    }

    /// `name=value`, encoded.
    pub(crate) fn pairs(&self) -> Vec<String> {
        let arms = self.arms.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        [
            ("reading", self.reading.map(|reading| reading.name().to_string())),
            ("arms", (!arms.is_empty()).then_some(arms)),
            ("fraction", self.fraction.map(|fraction| fraction.to_string())),
            ("arm", self.arm.map(|arm| arm.to_string())),
            ("group", self.group.clone()),
            ("weights", self.weights.map(|measure| measure.name().to_string())),
        ]
        .into_iter()
        // a comma separates, as it may
        .filter_map(|(name, value)| Some(format!("{name}={}", percent_encode(&value?).replace("%2C", ","))))
        .collect()
    }

    /// With the arm shown if it was not, and not shown if it was; of all arms none left is all again.
    pub(crate) fn with_arm_toggled(&self, arm: Arm, shown: &[Arm], all: &[Arm]) -> Self {
        let arms: Vec<Arm> = all.iter().copied().filter(|one| shown.contains(one) != (*one == arm)).collect();
        Self { arms: if arms.len() == all.len() { Vec::new() } else { arms }, ..self.clone() }
    }
}

/// Every arm that the study measured, in the order of figures.
pub(crate) fn arms_of(results: &ClassificationResults) -> Vec<Arm> {
    let mut arms: Vec<Arm> = results.readings.iter().flat_map(|reading| &reading.arms).map(|result| result.arm).collect();
    arms.sort();
    arms.dedup();
    arms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class_fixture::class_results;

    fn read(pairs: &[(&str, &str)]) -> (FigureView, FieldErrors) {
        FigureView::read(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_string()))
    }

    #[test]
    fn a_view_has_an_address_that_reads_back() {
        let pairs = [("reading", "generated_text"), ("arms", "lora-r2,full"), ("fraction", "0.25"), ("arm", "full"), ("group", "a & b")];
        let (view, errors) = read(&pairs);
        assert_eq!(errors, FieldErrors::default());
        assert_eq!(view.query(), "?reading=generated_text&arms=lora-r2,full&fraction=0.25&arm=full&group=a%20%26%20b");
        assert_eq!(FigureView::default().query(), "");
    }

    #[test]
    fn what_cannot_be_read_or_is_not_there_is_said_by_name() {
        let results = class_results();
        for (name, value, said) in [
            ("reading", "tea_leaves", "likelihood, generated_text, class_head"),
            ("reading", "class_head", "This study does not have it. It has: likelihood, generated_text."),
            ("arms", "lora-r2,best", "is not an arm"),
            ("arms", "lora-r3", "This study does not have it. It has: original, lora-r2"),
            ("fraction", "2", "is no fraction"),
            ("fraction", "0.3", "It has: 1, 0.5, 0.25, 0.1."),
            ("arm", "halb", "is not an arm"),
            ("arm", "lora-r3", "It has: original, lora-r2"),
            ("group", "nobody", "It has: positive, negative."),
        ] {
            let (view, unreadable) = read(&[(name, value)]);
            let (resolved, missing) = view.resolve(&results);
            let errors = [unreadable.0, missing.0].concat();
            assert_eq!(errors.len(), 1, "{name}={value}: {errors:?}");
            assert_eq!(errors[0].field, name);
            assert!(errors[0].to_string().contains(said), "{} lacks {said:?}", errors[0]);
            let (usual, _) = FigureView::default().resolve(&results);
            assert!(name == "arms" || resolved == usual, "{name}={value} changes what is shown");
        }
    }

    #[test]
    fn toggling_twice_changes_nothing() {
        let all = arms_of(&class_results());
        let view = FigureView::default();
        for &arm in &all {
            let without = view.with_arm_toggled(arm, &all, &all);
            assert_eq!(without.arms.len(), all.len() - 1);
            assert_eq!(without.with_arm_toggled(arm, &without.arms, &all), view);
            assert_eq!(view.with_arm_toggled(arm, &[arm], &all), view, "the last one goes: all come back");
        }
    }
}
