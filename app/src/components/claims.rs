//! The paper's claims that a study can speak to, each with what it says and why.

use leptos::prelude::*;
use rankscope_domain::results::{Claim, Finding};

#[component]
pub(crate) fn Claims(claims: Vec<Claim>) -> impl IntoView {
    if claims.is_empty() {
        return ().into_any();
    }
    let rows = claims
        .into_iter()
        .map(|Claim { claim, finding, because }| {
            let sign = match finding {
                Finding::Reproduced => "✓",
                Finding::Contradicted => "✕",
                Finding::Inconclusive => "~",
            };
            view! {
                <div class="claim">
                    <p class="finding"><span aria-hidden="true">{sign}</span> " " {finding.label()}</p>
                    <div>
                        <p class="claim-text">{claim}</p>
                        <p>{because}</p>
                    </div>
                </div>
            }
        })
        .collect_view();
    view! {
        <section class="claims" aria-labelledby="claims-title">
            <h2 id="claims-title">"What the paper claims, and what this study says"</h2>
            {rows}
        </section>
    }
    .into_any()
}
