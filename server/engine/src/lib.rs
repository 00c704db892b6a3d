//! Rankscope's engine on candle: models, weights, tokenizers, LoRA, training and generation.
//!
//! Batches are *ragged*: the token rows of all sequences stand one under the other in `[rows, width]`
//! tensors without padding, and every sequence belongs to one arm. Frozen weights see all rows in one
//! product; each arm's `A` and `B` see that arm's rows. The backward pass is explicit: nothing is tracked.

mod batch;
mod cache;
pub mod chat;
mod class_head;
pub mod classify;
pub mod config;
mod data_order;
pub mod device;
mod distribution;
pub mod divergence;
pub mod error;
mod example;
mod files;
pub mod generate;
mod gradients;
pub mod kernels;
mod layout;
pub mod lens;
pub mod lora;
mod micro_batch;
pub mod model;
mod network;
mod ops;
mod optimizer;
mod option_plan;
mod prefill;
mod sampling;
mod schedule;
pub mod score_options;
pub mod signal;
mod slices;
pub mod speed;
mod tensor_file;
pub mod tokenizer;
pub mod train;
mod train_state;
mod trainee;
mod unembedding;
pub mod weight_distance;
mod weights;

pub use classify::{ClassRequest, classify};
pub use device::Processor;
pub use distribution::{Divergence, TokenProbability};
pub use divergence::{ComparedSequence, OriginalPredictions, Reading, divergence};
pub use error::EngineError;
pub use generate::{Generated, GenerationOptions, Request, generate, generate_until};
pub use lens::{Lens, LensCell, LensOptions, LensPanel, OriginalLens, lens, lens_of_another};
pub use lora::{Lora, LoraConfig};
pub use model::{Model, ModelInfo, hash_model, inspect};
pub use score_options::{OptionRequest, score_options};
pub use signal::{Flow, Signal};
pub use tokenizer::TextTokenizer;
pub use train::{
    ArmTraining, Checkpoints, Example, Scheduler, TrainOptions, TrainReport, gradients, train_full, train_full_in_place, train_full_saving,
    train_loras, train_loras_saving,
};
pub use weight_distance::{WeightDistance, full_distances, lora_distances};
