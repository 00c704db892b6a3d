//! Addresses of what else of a comparison can be shown: each a link, so that a choice works without JavaScript and can be sent to someone.

use crate::{comparison_view::CompareView, figure_view::query_of};
use leptos::prelude::*;
use rankscope_domain::{
    Arm,
    comparison::{Comparison, letter},
    comparison_query::{ComparisonQuery, ComparisonView, NamedArm},
};

/// Where a comparison is shown, and as what.
#[derive(Debug, Clone)]
pub(crate) struct CompareLinks {
    /// `/compare`, or the address of a frozen copy.
    base: String,
    view: CompareView,
    /// Of a frozen copy the views that are in it: its studies, arms and reference are what they are, and nothing leads to a study.
    frozen: Option<Vec<ComparisonView>>,
}

impl CompareLinks {
    pub(crate) fn new(base: &str, view: &CompareView, comparison: &Comparison) -> Self {
        Self { base: base.into(), view: view.settled(comparison), frozen: None }
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// Of a copy that stands by itself at `base`, with the views that are in it.
    pub(crate) fn frozen(base: &str, view: &CompareView, comparison: &Comparison, views: Vec<ComparisonView>) -> Self {
        let mut links = Self { frozen: Some(views), ..Self::new(base, view, comparison) };
        // what can't be chosen stands in no address
        let ComparisonQuery { studies, arms, against, .. } = &mut links.view.query;
        (*studies, *arms, *against) = Default::default();
        links
    }

    /// The views that there are.
    pub(crate) fn views(&self) -> Vec<ComparisonView> {
        self.frozen.clone().unwrap_or_else(|| ComparisonView::ALL.into())
    }

    /// Where a link to what is shown is made: of the studies, their arms and the reference.
    pub(crate) fn to_share(&self) -> String {
        let ComparisonQuery { studies, arms, against, .. } = self.view.query.clone();
        let query = ComparisonQuery { studies, arms, against, ..ComparisonQuery::default() };
        format!("/shares{}", query_of(&CompareView { query, ..CompareView::default() }.pairs()))
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The address of what is shown with one thing changed.
    pub(crate) fn to(&self, change: impl FnOnce(&mut CompareView)) -> String {
        let mut view = self.view.clone();
        change(&mut view);
        format!("{}{}", self.base, query_of(&view.pairs()))
    }

    /// The address of another view: it keeps the studies and arms, and none of the view's own choices.
    pub(crate) fn to_view(&self, target: ComparisonView) -> String {
        self.to(|view| {
            let ComparisonQuery { studies, arms, against, .. } = std::mem::take(&mut view.query);
            view.query = ComparisonQuery { studies, arms, against, view: Some(target), ..ComparisonQuery::default() };
            view.lens = Default::default();
        })
    }

    /// What is shown, as the query of an address.
    pub(crate) fn query(&self) -> String {
        query_of(&self.view.pairs())
    }

    /// Other arms of one of the studies.
    pub(crate) fn to_arms(&self, comparison: &Comparison, study: usize, shown: &[Arm]) -> String {
        self.to(|view| {
            let name = String::from(letter(study));
            view.query.arms.retain(|named| named.study.as_ref() != Some(&name));
            let of_study = &comparison.studies[study].arms;
            if !shown.is_empty() && shown.len() < of_study.len() {
                view.query.arms.extend(shown.iter().map(|&arm| NamedArm { study: Some(name.clone()), arm }));
                // in the order of the studies, so that equal views have one address
                view.query.arms.sort_by(|one, other| (&one.study, one.arm).cmp(&(&other.study, other.arm)));
            }
            view.query.page = 0;
        })
    }

    /// Without one of the studies: those after it move up, and so do their letters.
    pub(crate) fn without(&self, comparison: &Comparison, left_out: usize) -> String {
        let mut rest = comparison.clone();
        rest.studies.remove(left_out);
        rest.against = rest
            .against
            .filter(|one| one.study != left_out)
            .map(|one| rankscope_domain::comparison::ComparedArm { study: one.study - usize::from(one.study > left_out), ..one });
        let mut view = self.view.settled(&rest);
        (view.query.page, view.lens.a, view.lens.b) = (0, None, None);
        format!("{}{}", self.base, query_of(&view.pairs()))
    }

    /// A row of links: label, address, whether it is shown.
    pub(crate) fn row(&self, label: &'static str, choices: Vec<(String, String, bool)>) -> impl IntoView + use<> {
        (choices.len() > 1).then(|| {
            let items = choices
                .into_iter()
                .map(|(text, address, is_shown)| view! { <li><a href=address aria-current=is_shown.then_some("true") data-noscroll="">{text}</a></li> })
                .collect_view();
            view! { <nav class="choices" aria-label=label><span aria-hidden="true">{label}</span><ul>{items}</ul></nav> }
        })
    }

    /// What a form of the page must send along to keep what is shown, but for the fields named.
    pub(crate) fn hidden_fields(&self, but: &[&str]) -> impl IntoView + use<> {
        let mut view = self.view.clone();
        view.query.page = 0;
        let pairs = view.plain_pairs().into_iter().filter(|(name, _)| !but.contains(name));
        pairs.map(|(name, value)| view! { <input type="hidden" name=name value=value /> }).collect_view()
    }
}
