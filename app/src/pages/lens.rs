//! `/lens`: a prompt of the reader's own, read by chosen arms of a finished study. The address holds the question and the view, so
//! that an answer can be linked.

mod question_form;
#[cfg(all(test, feature = "ssr"))]
mod tests;
mod waiting;

use crate::{
    api::lens::{LensPage, ask_lens, list_lens_studies},
    components::{
        cover::show_choice,
        error_view::{ErrorNotice, ErrorView},
        lens_results::{LensPlace, LensResults},
        pending::Pending,
    },
    error::AppError,
    lens_form::LensForm,
    lens_view::LensView,
};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use question_form::QuestionForm;
use rankscope_domain::lens_question::LensReply;
use waiting::Waiting;

/// What is known of the question; `None`: nothing is asked.
type Known = Option<Result<LensReply, AppError>>;

#[component]
pub(crate) fn LensQuestionPage() -> impl IntoView {
    let query = use_query_map();
    let form = Memo::new(move |_| LensForm::of(|name| query.read().get_all(name).unwrap_or_default()));
    let view = Memo::new(move |_| LensView::read(|name| query.read().get(name)));
    let show = show_choice();
    let studies = Resource::new(|| (), |()| list_lens_studies());
    // counted up when the question has ended
    let looks = RwSignal::new(0_u32);
    let known = Resource::new(
        move || (form.get(), looks.get()),
        |(form, looks)| async move {
            match form.question() {
                None => None,
                Some(Err(errors)) => Some(Err(AppError::Invalid(errors))),
                Some(Ok(question)) => Some(ask_lens(question, form.again && looks == 0).await),
            }
        },
    );
    view! {
        <Title text="Logit lens" />
        <h1>"Logit lens"</h1>
        <p class="lead">
            "Type a prompt and see what each layer of a finished study’s arms would say next, side by side."
        </p>
        <Transition fallback=|| view! { <Pending what="the studies" /> }>
            {move || Suspend::new(async move {
                match studies.await {
                    Ok(studies) => view! { <QuestionForm form=form.get_untracked() studies /> }.into_any(),
                    Err(error) => view! { <ErrorView error /> }.into_any(),
                }
            })}
        </Transition>
        <section aria-label="The answer">
            <Transition fallback=|| view! { <Pending what="the answer" /> }>
                {move || {
                    let (form, (asked, errors)) = (form.get(), view.get());
                    Suspend::new(async move {
                        match known.await {
                            Some(Ok(LensReply::Waiting { ticket, stage })) => view! { <Waiting form ticket stage looks /> }.into_any(),
                            Some(Ok(LensReply::Answered(readings))) => {
                                let prompts = vec![form.prompt_text.clone().unwrap_or_default()];
                                let (place, page) = (LensPlace::question(&form), LensPage { prompts, readings });
                                view! { <LensResults place page asked errors show /> }.into_any()
                            }
                            other => nothing_to_show(&form, other),
                        }
                    })
                }}
            </Transition>
        </section>
    }
}

/// Why there is no answer, and how to have one.
fn nothing_to_show(form: &LensForm, known: Known) -> AnyView {
    let Some(Err(error)) = known else {
        return view! {
            <p class="muted">
                "The first answer takes longest, since the model has to be read; it then stays in memory for some minutes. Answers are kept, and their addresses can be linked."
            </p>
        }
        .into_any();
    };
    // what is wrong with the question is mended in the form
    let again = (!matches!(error, AppError::Invalid(_) | AppError::LoggedOut(_))).then(|| {
        let address = LensForm { again: true, ..form.clone() }.address();
        view! { <p><a href=address rel="external">"Try again"</a></p> }
    });
    view! {
        <ErrorNotice error />
        {again}
    }
    .into_any()
}
