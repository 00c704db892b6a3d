//! Arithmetic on f32 slices for the CPU: what candle has no fused form of, or no backward for.
//! Plain functions, data in and data out; rows are spread over rayon's threads.

pub mod activation;
pub mod adamw;
pub mod attention;
pub mod cross_entropy;
pub mod norm;
pub mod product;
pub mod rope;
pub mod vector;

/// Rows handed to a thread at a time, so that small batches don't drown in scheduling.
pub(crate) const ROWS_PER_TASK: usize = 8;
