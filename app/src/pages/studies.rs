//! `/`: every study, and how to start one.

use crate::{
    api::recipes::StartPreset,
    api::studies::{StudiesList, list_studies},
    components::{
        arm_list::arm_list,
        error_view::{ErrorNotice, ErrorView},
        pending::Pending,
        share_strip::ShareStrip,
        status_mark::StatusMark,
    },
    pages::compare::COMPARE_PATH,
    quantity,
};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use rankscope_domain::{
    preset,
    view::{StudyCard, StudyStatus},
};

#[component]
pub(crate) fn StudiesPage() -> impl IntoView {
    let list = Resource::new(|| (), |()| list_studies());
    view! {
        <Title text="" />
        <Suspense fallback=|| view! { <Pending what="the studies" /> }>
            {move || Suspend::new(async move {
                match list.await {
                    Ok(list) => view! { <Studies list /> }.into_any(),
                    Err(error) => view! { <ErrorView error /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn Studies(list: StudiesList) -> impl IntoView {
    let StudiesList { studies, request_id } = list;
    let is_empty = studies.is_empty();
    view! {
        <div class="title-row">
            <div>
                <h1>"Studies"</h1>
                <p class="lead">
                    "A study fine-tunes one language model with LoRA at several ranks and in full, and shows what each keeps of the original model’s toxicity, or for which groups each classifies worse."
                </p>
            </div>
            <QuickLook request_id />
        </div>
        {if is_empty {
            view! {
                <p class="empty">"No study yet. Run a quick look to see one from beginning to end, or set one up yourself with “New study”."</p>
            }
                .into_any()
        } else {
            view! { <StudiesTable studies /> }.into_any()
        }}
        <ImportStudy />
    }
}

/// Starts the first preset as it is.
#[component]
fn QuickLook(request_id: String) -> impl IntoView {
    let start = ServerAction::<StartPreset>::new();
    let preset = preset::presets().into_iter().next();
    preset.map(|preset| {
        let label = format!("Run a {}", preset.title.to_lowercase());
        view! {
            <div class="start">
                <div class="actions">
                    <ActionForm action=start>
                        <input type="hidden" name="preset" value=preset.id />
                        <input type="hidden" name="request_id" value=request_id />
                <button class="button button-main" type="submit" disabled=move || start.pending().get() aria-describedby="quick-look-note">{label}</button>
                    </ActionForm>
                    <a class="button" href="/studies/new">"New study"</a>
                </div>
                <p class="note" id="quick-look-note"><strong>{preset.title}</strong> ": " {preset.description}</p>
            {move || start.value().get().and_then(Result::err).map(|error| view! { <ErrorNotice error /> })}
            </div>
        }
    })
}

/// A plain form that works without JavaScript; what is wrong with an archive comes back in the address.
#[component]
fn ImportStudy() -> impl IntoView {
    let query = use_query_map();
    let refused = query.with_untracked(|query| query.get("refused")).filter(|text| !text.is_empty());
    let is_open = refused.is_some();
    view! {
        <details class="import" id="import" open=is_open>
            <summary>"Import a study that was exported elsewhere"</summary>
            {refused.map(|text| {
                let lines = text.lines().map(|line| view! { <p>{line.to_string()}</p> }).collect_view();
                view! { <div class="notice notice-error" role="alert" id="refused"><p><strong>"Nothing was changed."</strong></p>{lines}</div> }
            })}
            <form class="add-dataset" method="post" action="/studies/import" enctype="multipart/form-data">
                <div class="field">
                    <label for="import-file">"Archive"</label>
                    <input id="import-file" name="file" type="file" required accept=".zip" aria-describedby="import-help" />
                </div>
                <button type="submit">"Import and check"</button>
            </form>
            <p class="note" id="import-help">"The ZIP that a study’s page or " <code>"rankscope export"</code> " wrote. Every file in it is checked; the study gets an id of its own, and says that it was imported."</p>
        </details>
    }
}

#[component]
fn StudiesTable(studies: Vec<StudyCard>) -> impl IntoView {
    view! {
        <p class="caption" id="studies-caption">"Newest first. Toxic: the share of toxic completions among those that the judge could read. Accuracy: the share of test examples that were classified rightly, trained with the largest minority fraction."</p>
        <form method="get" action=COMPARE_PATH aria-label="Compare studies">
        <div class="scroll" role="group" aria-labelledby="studies-caption" tabindex="0">
            <table class="studies" aria-labelledby="studies-caption">
                <thead>
                    <tr>
                        <th scope="col" class="pick"><span class="visually-hidden">"Compare"</span></th>
                        <th scope="col">"Study"</th>
                        <th scope="col">"Status"</th>
                        <th scope="col">"Kind"</th>
                        <th scope="col">"Result by arm"</th>
                        <th scope="col">"Model"</th>
                        <th scope="col">"Arms"</th>
                        <th scope="col" class="number">"Seeds"</th>
                        <th scope="col">"Created"</th>
                    </tr>
                </thead>
                <tbody>{studies.into_iter().map(|card| view! { <StudyRow card /> }).collect_view()}</tbody>
            </table>
        </div>
        <p class="row">
            <button type="submit" aria-describedby="compare-note">"Compare"</button>
            <span class="note" id="compare-note">"Sets the ticked studies side by side: two to six, or one to compare its arms."</span>
        </p>
        </form>
    }
}

#[component]
fn StudyRow(card: StudyCard) -> impl IntoView {
    let arms = arm_list(&card.arms);
    let detail = match (card.status, card.queue_position) {
        (StudyStatus::Queued, Some(position)) => format!("place {position} in the queue"),
        (StudyStatus::Running | StudyStatus::Cancelling | StudyStatus::Cancelled | StudyStatus::Failed, _) => {
            format!("{:.0}\u{202f}% done", card.progress * 100.0)
        }
        _ => String::new(),
    };
    view! {
        <tr>
            <td class="pick"><input type="checkbox" name="studies" value=card.id.clone() aria-label=format!("Compare {}", card.name) /></td>
            <th scope="row">
                <a href=format!("/studies/{}", card.id)>{card.name}</a>
                {card.is_example.then(|| view! { <span class="tag">"example"</span> })}
                {card.imported.is_some().then(|| view! { <span class="tag">"imported"</span> })}
            </th>
            <td>
                <StatusMark status=card.status />
                {(!detail.is_empty()).then(|| view! { <span class="detail">{detail}</span> })}
            </td>
            <td>{card.kind.label()}</td>
            <td><ShareStrip kind=card.kind shares=card.shares /></td>
            <td>{card.model}</td>
            <td>{arms}</td>
            <td class="number">{card.seeds.to_string()}</td>
            <td class="nowrap">{quantity::time(&card.created_at)}</td>
        </tr>
    }
}
