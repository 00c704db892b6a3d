//! Presets to start from: by kind, and those of the same title in one entry with a link for each variant.

use leptos::prelude::*;
use leptos_router::params::ParamsMap;
use rankscope_domain::{
    preset::{Preset, presets},
    recipe::StudyKind,
};

/// Presets of one title, in their order.
pub(super) struct Entry {
    pub(super) title: &'static str,
    /// Of the first: the others differ by their model alone.
    pub(super) description: &'static str,
    /// Id and variant of each.
    pub(super) variants: Vec<(&'static str, &'static str)>,
}

/// Each kind with its entries.
pub(super) fn entries() -> Vec<(StudyKind, Vec<Entry>)> {
    let mut kinds: Vec<(StudyKind, Vec<Entry>)> = Vec::new();
    for Preset { id, title, variant, description, recipe } in presets() {
        let index = kinds.iter().position(|(kind, _)| *kind == recipe.kind).unwrap_or_else(|| {
            kinds.push((recipe.kind, Vec::new()));
            kinds.len() - 1
        });
        let list = &mut kinds[index].1;
        match list.iter_mut().find(|entry| entry.title == title) {
            Some(entry) => entry.variants.push((id, variant)),
            None => list.push(Entry { title, description, variants: vec![(id, variant)] }),
        }
    }
    kinds
}

/// The preset that the form shows: as named, else the first, also of a kind that is named alone. None where it starts from something else.
pub(super) fn chosen_id(params: &ParamsMap) -> Option<&'static str> {
    let presets = presets();
    if let Some(wanted) = params.get("preset") {
        return presets.iter().find(|preset| preset.id == wanted).or(presets.first()).map(|preset| preset.id);
    }
    let kind = params.get("kind");
    let is_plain = params.clone().into_iter().all(|(name, _)| name == "kind");
    let is_first = |preset: &&Preset| kind.as_deref().is_none_or(|kind| crate::form::kind_word(preset.recipe.kind) == kind);
    is_plain.then(|| presets.iter().find(is_first).map(|preset| preset.id)).flatten()
}

#[component]
pub(super) fn PresetList(params: ParamsMap) -> impl IntoView {
    let chosen = chosen_id(&params);
    let link = move |id: &'static str, title: &'static str, variant: &'static str| {
        let is_chosen = (chosen == Some(id)).then_some("true");
        view! {
            <a href=format!("/studies/new?preset={id}") aria-current=is_chosen>
                {if variant.is_empty() {
                    title.into_any()
                } else {
                    view! { <span class="visually-hidden">{title} ", "</span> {variant} }.into_any()
                }}
            </a>
        }
    };
    let kinds = entries()
        .into_iter()
        .map(|(kind, entries)| {
            let (id, heading) = (format!("presets-{}", kind.label()), capital(kind.label()));
            let items = entries
                .into_iter()
                .map(|Entry { title, description, variants }| {
                    let links = match variants[..] {
                        [(id, "")] => link(id, title, "").into_any(),
                        _ => view! {
                            <strong>{title}</strong>
                            <ul class="variants">
                                {variants.into_iter().map(|(id, variant)| view! { <li>{link(id, title, variant)}</li> }).collect_view()}
                            </ul>
                        }
                        .into_any(),
                    };
                    view! { <li>{links} <p class="note">{description}</p></li> }
                })
                .collect_view();
            view! {
                <h2 class="preset-kind" id=id.clone()>{heading}</h2>
                <ul class="presets" aria-labelledby=id>{items}</ul>
            }
        })
        .collect_view();
    view! {
        <nav aria-label="Presets">
            <p class="lead">"Start from a preset, or from a recipe of your own; then change what you like."</p>
            {kinds}
        </nav>
    }
}

fn capital(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_of_a_title_stand_together_within_their_kind() {
        let told: Vec<String> = entries()
            .into_iter()
            .flat_map(|(kind, entries)| entries.into_iter().map(move |entry| (kind, entry)))
            .map(|(kind, entry)| {
                let variants: Vec<_> = entry.variants.iter().map(|(_, variant)| *variant).collect();
                format!("{}: {} {}", kind.label(), entry.title, variants.join("/"))
            })
            .collect();
        assert_eq!(
            told,
            [
                "toxicity: Quick look ",
                "toxicity: Paper: toxicity ",
                "classification: Quick classification ",
                "classification: Paper: IMDb GPT-2/BERT/OPT 1.3B",
                "classification: Paper: SST-2 GPT-2/BERT/OPT 1.3B",
            ]
        );
    }

    #[test]
    fn the_address_says_which_is_chosen() {
        for (pairs, chosen) in [
            (&[][..], Some("quick-look")),
            (&[("kind", "classification")], Some("classification-quick")),
            (&[("kind", "other")], None),
            (&[("preset", "paper-sst2-bert"), ("data.source", "x")], Some("paper-sst2-bert")),
            (&[("preset", "none")], Some("quick-look")),
            (&[("name", "A")], None),
            (&[("from", "x")], None),
        ] {
            let mut params = ParamsMap::new();
            for (name, value) in pairs {
                params.insert(*name, (*value).to_string());
            }
            assert_eq!(chosen_id(&params), chosen, "{pairs:?}");
        }
    }
}
