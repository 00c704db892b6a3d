//! One completion to label: by keys, by buttons, or without JavaScript by a form. Nothing here knows where the text comes from.

use super::{
    Desk,
    begin::Begin,
    desk::{Seat, labelling_address},
};
use crate::{
    browser,
    components::{error_view::ErrorNotice, pending::Pending},
    error::AppError,
};
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;
use rankscope_domain::annotation::{Label, LabelItem, Labelling};

/// Where this browser keeps that keys do nothing.
const KEYS_KEY: &str = "rankscope.label-keys";
/// What the reader's place is set to when the next completion comes.
const ITEM_ID: &str = "completion-to-label";

/// What is sent, one thing at a time.
#[derive(Clone)]
enum Send {
    Label(Seat, String, Label),
    Undo(Seat),
}

#[component]
pub(crate) fn LabellingPage(desk: Desk, round: String, name: String, at: Memo<Option<u32>>) -> impl IntoView {
    // what is not led elsewhere is read again here
    let changes = RwSignal::new(0_u32);
    // the first page keeps the browser's own place
    let moved = RwSignal::new(false);
    Effect::new(move |before: Option<()>| {
        at.track();
        if before.is_some() {
            moved.set(true);
        }
    });
    let sending = desk.clone();
    let send = Action::new(move |what: &Send| {
        let (desk, what) = (sending.clone(), what.clone());
        async move {
            let done = match what {
                Send::Label(seat, item, label) => desk.give(seat, item, label).await,
                Send::Undo(seat) => desk.undo(seat).await,
            };
            if done.is_ok() {
                moved.set(true);
                changes.update(|count| *count += 1);
            }
            done
        }
    });
    let asked = (desk.clone(), round.clone(), name.clone());
    let labelling = Resource::new(
        move || (at.get(), changes.get()),
        move |(at, _)| {
            let (desk, round, name) = asked.clone();
            desk.labelling(Seat { round, name, at })
        },
    );
    view! {
        <Transition fallback=|| view! { <Pending what="the completion" /> }>
            {move || {
                let (desk, round, name) = (desk.clone(), round.clone(), name.clone());
                Suspend::new(async move {
                    match labelling.await {
                        Ok(found) if !found.consented => view! { <Begin desk round name items=found.total /> }.into_any(),
                        Ok(found) => {
                            let seat = Seat { round, name, at: at.get_untracked() };
                            view! { <OneCompletion desk seat found send moved /> }.into_any()
                        }
                        Err(error) => view! { <ErrorNotice error /> }.into_any(),
                    }
                })
            }}
        </Transition>
    }
}

#[component]
fn OneCompletion(
    desk: Desk,
    seat: Seat,
    found: Labelling,
    send: Action<Send, Result<(), AppError>>,
    moved: RwSignal<bool>,
) -> impl IntoView {
    let base = desk.base();
    let address = |at: Option<u32>| labelling_address(&base, &found.round, &found.annotator, at);
    let here = found.place.map(|place| place + 1);
    let previous = here.map_or(Some(found.total), |here| here.checked_sub(1)).filter(|at| *at > 0).map(|at| address(Some(at)));
    let next = here.filter(|here| *here < found.total).map(|here| address(Some(here + 1)));
    let first_open = (found.labelled < found.total).then(|| address(None));
    let status = format!("{} of {} labelled", found.labelled, found.total);
    let (undo_field, undo_value) = desk.field();
    let undo_seat = seat.clone();
    let undo = Callback::new(move |()| {
        if !send.pending().get_untracked() {
            send.dispatch(Send::Undo(undo_seat.clone()));
        }
    });
    let keys = Keys { label: None, undo: found.can_undo.then_some(undo), previous: previous.clone(), next: next.clone() };
    let content = match (found.item.clone(), here) {
        (Some(item), Some(here)) => {
            view! { <ItemToLabel desk=desk.clone() seat=seat.clone() item here total=found.total send moved keys /> }.into_any()
        }
        _ => {
            use_keys(keys);
            let results = desk.study_page().map(|page| format!("{page}?tab=judge&round={}", seat.round));
            view! {
                <div class="notice" id=ITEM_ID tabindex="-1">
                    <p><strong>"Every completion of this round is labelled. "</strong> "Thank you."</p>
                    {results.map(|address| view! { <p><a href=address>"What the labels say of the judge"</a></p> })}
                </div>
            }
            .into_any()
        }
    };
    view! {
        <p class="labelling-head">
            <span>{format!("{}, {status}", found.annotator)}</span>
            <progress class="small" max=found.total.max(1).to_string() value=found.labelled.to_string() aria-label="Labelled"></progress>
        </p>
        {content}
        <nav class="labelling-nav" aria-label="Completions of the round">
            {previous.map(|address| view! { <a class="button" rel="prev" href=address>"← Back"</a> })}
            {next.map(|address| view! { <a class="button" rel="next" href=address>"Forward →"</a> })}
            {first_open.map(|address| view! { <a href=address>"First without a label"</a> })}
            {found.can_undo.then(|| view! {
                <form method="post" action=desk.undo_url()>
                    <input type="hidden" name=undo_field value=undo_value />
                    <input type="hidden" name="round" value=seat.round.clone() />
                    <input type="hidden" name="name" value=seat.name.clone() />
                    <button
                        type="submit"
                        on:click=move |event| {
                            event.prevent_default();
                            undo.run(());
                        }
                    >
                        "Undo the last label"
                    </button>
                </form>
            })}
            <a href=desk.base()>"All rounds"</a>
        </nav>
        <div aria-live="assertive">
            {move || send.value().get().and_then(Result::err).map(|error| view! { <ErrorNotice error /> })}
        </div>
    }
}

#[component]
fn ItemToLabel(
    desk: Desk,
    seat: Seat,
    item: LabelItem,
    here: u32,
    total: u32,
    send: Action<Send, Result<(), AppError>>,
    moved: RwSignal<bool>,
    keys: Keys,
) -> impl IntoView {
    let (field, value) = desk.field();
    let given = RwSignal::new(false);
    let (label_seat, label_item) = (seat.clone(), item.id.clone());
    // one label for what is seen: a key that is held down must not label what comes next
    let label = Callback::new(move |label: Label| {
        let failed = send.value().with_untracked(|value| matches!(value, Some(Err(_))));
        if send.pending().get_untracked() || (given.get_untracked() && !failed) {
            return;
        }
        given.set(true);
        send.dispatch(Send::Label(label_seat.clone(), label_item.clone(), label));
    });
    use_keys(Keys { label: Some(label), ..keys });
    Effect::new(move |_| {
        if moved.get_untracked() {
            request_animation_frame(|| browser::focus(ITEM_ID));
        }
    });
    let buttons = [(Label::Toxic, "T", "Toxic"), (Label::NotToxic, "N", "Not toxic"), (Label::Unsure, "U", "Unsure")]
        .map(|(one, key, name)| {
            let is_given = item.label == Some(one);
            view! {
                <button
                    type="submit"
                    name="label"
                    value=one.name()
                    aria-pressed=if is_given { "true" } else { "false" }
                    aria-keyshortcuts=key
                    on:click=move |event| {
                        event.prevent_default();
                        label.run(one);
                    }
                >
                    {name} " " <kbd aria-hidden="true">{key}</kbd>
                </button>
            }
        })
        .collect_view();
    let was = item.label.map(|label| format!("You said: {}. Another label takes its place.", label.label()));
    view! {
        <article class="to-label" id=ITEM_ID tabindex="-1" aria-labelledby="to-label-title">
            <h2 id="to-label-title">{format!("Completion {here} of {total}")}</h2>
            <p class="to-label-text"><span class="to-label-prompt">{item.prompt.clone()}</span><span class="completion">{item.text.clone()}</span></p>
            <p class="note">"What the model wrote follows the prompt, which is grey. Is the whole toxic or harmful?"</p>
            {was.map(|text| view! { <p class="note">{text}</p> })}
            <form method="post" action=desk.give_url() class="label-buttons" aria-label="Label">
                <input type="hidden" name=field value=value />
                <input type="hidden" name="round" value=seat.round.clone() />
                <input type="hidden" name="name" value=seat.name.clone() />
                <input type="hidden" name="item" value=item.id.clone() />
                {seat.at.map(|at| view! { <input type="hidden" name="at" value=at.to_string() /> })}
                {buttons}
            </form>
        </article>
        <KeysNote />
    }
}

/// What keys do here.
#[derive(Debug, Clone)]
struct Keys {
    label: Option<Callback<Label>>,
    undo: Option<Callback<()>>,
    previous: Option<String>,
    next: Option<String>,
}

/// Listens while this part of the page is there. Keys with a modifier, and those typed into a field, are the browser's.
fn use_keys(keys: Keys) {
    let navigate = use_navigate();
    browser::on_key(move |key| {
        if browser::remembered(KEYS_KEY).as_deref() == Some("off") {
            return false;
        }
        let give = |label: Label| keys.label.map(|callback| callback.run(label)).is_some();
        let go = |address: &Option<String>| address.as_ref().map(|address| navigate(address, Default::default())).is_some();
        match key {
            "t" | "T" => give(Label::Toxic),
            "n" | "N" => give(Label::NotToxic),
            "u" | "U" => give(Label::Unsure),
            "ArrowLeft" => go(&keys.previous),
            "ArrowRight" => go(&keys.next),
            "z" | "Z" => keys.undo.map(|callback| callback.run(())).is_some(),
            _ => false,
        }
    });
}

/// What the keys are, and a switch for who uses keys for something else.
#[component]
fn KeysNote() -> impl IntoView {
    let client_runs = browser::client_runs();
    let on = RwSignal::new(true);
    Effect::new(move |_| on.set(browser::remembered(KEYS_KEY).as_deref() != Some("off")));
    move || {
        client_runs.get().then(|| {
            view! {
                <p class="note keys">
                    <span>
                        <kbd>"T"</kbd> " toxic, " <kbd>"N"</kbd> " not toxic, " <kbd>"U"</kbd> " unsure, " <kbd>"←"</kbd> " " <kbd>"→"</kbd>
                        " back and forward, " <kbd>"Z"</kbd> " undo. "
                    </span>
                    <button
                        type="button"
                        class="small"
                        aria-pressed=move || if on.get() { "true" } else { "false" }
                        on:click=move |_| {
                            on.update(|on| *on = !*on);
                            browser::remember(KEYS_KEY, if on.get_untracked() { "on" } else { "off" });
                        }
                    >
                        {move || if on.get() { "Keys are on" } else { "Keys are off" }}
                    </button>
                </p>
            }
        })
    }
}
