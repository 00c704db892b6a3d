//! The pages of Rankscope. Built twice: with `ssr` into the server, with `hydrate` into the browser.

// the types of nested views are deep
#![recursion_limit = "512"]

pub mod api;
#[cfg(feature = "ssr")]
pub mod backend;
mod browser;
pub mod charts;
mod class_figures;
#[cfg(test)]
mod class_fixture;
mod comparison_figures;
#[cfg(test)]
mod comparison_fixture;
mod comparison_view;
mod components;
mod dataset_figures;
pub mod error;
mod figure_view;
pub mod figures;
pub mod form;
mod inspection_figures;
#[cfg(test)]
mod inspection_fixture;
mod judge_figures;
#[cfg(test)]
mod judge_fixture;
mod lens_form;
mod lens_table;
mod lens_view;
mod pages;
mod paper_width;
mod quantity;
mod raw_text;
pub mod routes;
mod shell;
pub mod tables;
pub mod visitor;

#[cfg(feature = "ssr")]
pub use api::{datasets::refused_dataset_address, studies::refused_import_address};
pub use comparison_figures::{COMPARISON_FIGURES, comparison_svg};
pub use comparison_view::CompareView;
pub use dataset_figures::{DATASET_FIGURES, dataset_svg};
pub use figure_view::FigureView;
pub use figures::{FIGURES, LENS_FIGURE, figure_svg};
pub use inspection_figures::WeightMeasure;
pub use judge_figures::{Bars, JUDGE_FIGURES, judge_svg};
pub use lens_form::{LENS_PATH, LensForm, lens_address};
pub use lens_view::{LensMode, LensView, lens_svg};
pub use pages::shared::SHARED_PREFIX;
pub use paper_width::PaperWidth;
pub use routes::App;
pub use shell::shell;

/// Called by the page's script once the client is loaded.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(App);
    // tells the browser tests that the page answers now
    if let Some(root) = web_sys::window().and_then(|window| window.document()?.document_element()) {
        drop(root.set_attribute("data-hydrated", ""));
    }
}
