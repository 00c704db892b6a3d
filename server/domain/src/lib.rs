//! The types that cross every border of Rankscope: between the form, the command line and the API
//! (the recipe), between the worker and the pages (events, results), and between the server and the
//! browser (views). Plain data: no candle, no tokio, no axum; builds for wasm.

pub mod annotation;
pub mod arm;
pub mod class_results;
pub mod classification;
pub mod comparison;
pub mod comparison_query;
pub mod completion;
pub mod dataset;
pub mod estimate;
pub mod event;
pub mod field_error;
pub mod inspection;
pub mod lens_question;
pub mod memory_size;
pub mod minority_fraction;
pub mod model;
pub mod preset;
pub mod provenance;
pub mod recipe;
pub mod results;
pub mod share;
pub mod snapshot;
pub mod spreadsheet;
pub mod token;
pub mod validate;
pub mod view;

pub use arm::{Arm, CellId};
pub use field_error::{FieldError, FieldErrors};
pub use memory_size::MemorySize;
pub use minority_fraction::MinorityFraction;
pub use recipe::Recipe;
pub use results::StudyResults;
