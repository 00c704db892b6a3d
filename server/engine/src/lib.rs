//! Rankscope's engine on candle: models, weights, tokenizers, LoRA, training and generation.
//!
//! Batches are *ragged*: the token rows of all sequences stand one under the other in `[rows, width]`
//! tensors without padding, and every sequence belongs to one arm. Frozen weights see all rows in one
//! product; each arm's `A` and `B` see that arm's rows. The backward pass is explicit: nothing is tracked.

pub mod chat;
pub mod config;
pub mod error;
pub mod generate;
pub mod lora;
pub mod model;
pub mod signal;
pub mod tokenizer;
pub mod train;

pub use error::EngineError;
pub use generate::{Generated, GenerationOptions, Request, generate};
pub use lora::{Lora, LoraConfig};
pub use model::{Model, ModelInfo, hash_model, inspect};
pub use signal::{Flow, Signal};
pub use tokenizer::TextTokenizer;
pub use train::{ArmTraining, Example, Scheduler, TrainOptions, TrainReport, train_full, train_loras};
