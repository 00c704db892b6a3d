//! What of a comparison is shown, as it stands in the address: the query that the server answers, and what is chosen on the page alone.

use crate::{charts::HeatPalette, form::percent_encode, lens_view::LensMode};
use rankscope_domain::{
    FieldErrors,
    comparison::{Comparison, letter},
    comparison_query::{ComparisonQuery, NamedArm},
};

/// Empty: what is shown where nothing is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompareView {
    pub query: ComparisonQuery,
    pub lens: ComparedLensView,
}

/// What the cells of the lens show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ComparedLensView {
    pub mode: LensMode,
    pub token: Option<String>,
    /// The difference is a minus b.
    pub a: Option<NamedArm>,
    pub b: Option<NamedArm>,
    pub palette: HeatPalette,
}

impl CompareView {
    /// From the decoded pairs of an address's query. What can't be read is left out and said.
    pub fn read(pairs: &[(String, String)]) -> (Self, FieldErrors) {
        let (query, mut errors) = ComparisonQuery::read(pairs);
        let text = |name: &str| {
            pairs.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
        };
        let mut lens = ComparedLensView { token: text("token"), ..ComparedLensView::default() };
        if let Some(value) = text("mode") {
            match LensMode::ALL.into_iter().find(|mode| mode.name() == value) {
                Some(mode) => lens.mode = mode,
                None => {
                    let names = LensMode::ALL.map(LensMode::name).join(", ");
                    errors.push("mode", &value, format!("There is no such mode. There are: {names}."));
                }
            }
        }
        if let Some(value) = text("palette") {
            match HeatPalette::ALL.into_iter().find(|palette| palette.name() == value) {
                Some(palette) => lens.palette = palette,
                None => errors.push("palette", &value, "There is no such palette. There are: paper, safe."),
            }
        }
        let mut arm = |name: &str| NamedArm::read(name, &text(name)?, &mut errors);
        (lens.a, lens.b) = (arm("a"), arm("b"));
        (Self { query, lens }, errors)
    }

    /// `name=value`, encoded; what is usual is left out.
    pub(crate) fn pairs(&self) -> Vec<String> {
        let encoded = |(name, value): (&str, String)| format!("{name}={}", percent_encode(&value).replace("%2C", ",").replace("%3A", ":"));
        self.plain_pairs().into_iter().map(encoded).collect()
    }

    /// The same, not encoded.
    pub(crate) fn plain_pairs(&self) -> Vec<(&'static str, String)> {
        let lens = [
            ("mode", (self.lens.mode != LensMode::default()).then(|| self.lens.mode.name().to_string())),
            ("token", self.lens.token.clone()),
            ("a", self.lens.a.as_ref().map(ToString::to_string)),
            ("b", self.lens.b.as_ref().map(ToString::to_string)),
            ("palette", (self.lens.palette != HeatPalette::default()).then(|| self.lens.palette.name().to_string())),
        ];
        let lens = lens.into_iter().filter_map(|(name, value)| Some((name, value?)));
        self.query.pairs().into_iter().chain(lens).collect()
    }

    /// The same view with the studies, arms and reference that are really shown: a link from it carries no mistake on, and letters are
    /// those of the page. The studies of a frozen copy have no ids, and its addresses no `studies`.
    pub fn settled(&self, comparison: &Comparison) -> Self {
        let mut view = self.clone();
        view.query.studies = comparison.studies.iter().map(|study| study.id.clone()).filter(|id| !id.is_empty()).collect();
        let partly = comparison.studies.iter().enumerate().filter(|(_, study)| study.shown != study.arms);
        view.query.arms = partly
            .flat_map(|(place, study)| study.shown.iter().map(move |&arm| NamedArm { study: Some(letter(place).into()), arm }))
            .collect();
        view.query.against = comparison.against.map(|one| NamedArm { study: Some(letter(one.study).into()), arm: one.arm });
        view.query.view = Some(self.shown_view(comparison));
        view
    }

    /// The view that is shown.
    pub fn shown_view(&self, comparison: &Comparison) -> rankscope_domain::comparison_query::ComparisonView {
        self.query.view.unwrap_or_else(|| comparison.usual_view())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_has_an_address_that_reads_back() {
        let pairs: Vec<(String, String)> = [
            ("studies", "X,Y"),
            ("arms", "A:lora-r8,B:full"),
            ("view", "lens"),
            ("mode", "difference"),
            ("token", "␣nurse"),
            ("a", "A:full"),
            ("b", "B:full"),
            ("palette", "safe"),
        ]
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .into();
        let (view, errors) = CompareView::read(&pairs);
        assert_eq!(errors, FieldErrors::default());
        assert_eq!(
            view.pairs().join("&"),
            "studies=X,Y&arms=A:lora-r8,B:full&view=lens&mode=difference&token=%E2%90%A3nurse&a=A:full&b=B:full&palette=safe"
        );
        for (name, value, said) in [("mode", "pie", "There are: entropy"), ("palette", "neon", "paper, safe"), ("a", "x", "names no arm")] {
            let (_, errors) = CompareView::read(&[(name.into(), value.into())]);
            assert_eq!((errors.0.len(), errors.0[0].field.as_str()), (1, name));
            assert!(errors.0[0].remedy.contains(said), "{errors}");
        }
    }
}
