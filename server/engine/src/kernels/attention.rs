//! Attention over ragged batches: the rows of each sequence stand together, nothing is padded.
//! Grouped heads: query head h reads key/value head `h / (heads / kv_heads)`. Only the log of each row's softmax sum is
//! kept; the backward pass computes the probabilities again, as in FlashAttention (Dao et al. 2022).

use super::vector;
use multiversion::multiversion;
use rayon::prelude::*;

/// Sizes of the heads.
#[derive(Debug, Clone, Copy)]
pub struct Heads {
    pub heads: usize,
    pub kv_heads: usize,
    pub width: usize,
    /// A row sees what came before it and itself; else its whole sequence.
    pub causal: bool,
}

impl Heads {
    fn query_row(self) -> usize {
        self.heads * self.width
    }
    fn kv_row(self) -> usize {
        self.kv_heads * self.width
    }
    fn scale(self) -> f32 {
        1.0 / (self.width as f32).sqrt()
    }
}

/// Splits `data` (rows of `row` values) into one slice for each length.
fn by_sequence<'a>(mut data: &'a mut [f32], lengths: &[usize], row: usize) -> Vec<&'a mut [f32]> {
    lengths
        .iter()
        .map(|length| {
            let (first, rest) = std::mem::take(&mut data).split_at_mut(length * row);
            data = rest;
            first
        })
        .collect()
}

/// Keys and values that a sequence's rows may read: `past` rows that came before, then the sequence's own.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// `[past + length, kv_heads * width]`
    pub keys: &'a [f32],
    pub values: &'a [f32],
    pub past: usize,
}

/// `queries` is `[rows, heads * width]`, its sequences having `lengths` rows each. Gives the attended values, and the log
/// of the softmax sum as `[rows, heads]`.
pub fn attention(queries: &[f32], sources: &[Source<'_>], lengths: &[usize], heads: Heads) -> (Vec<f32>, Vec<f32>) {
    let row = heads.query_row();
    let mut out = vec![0f32; queries.len()];
    let mut log_sums = vec![0f32; queries.len() / row * heads.heads];
    let starts = starts(lengths);
    by_sequence(&mut out, lengths, row)
        .into_par_iter()
        .zip(by_sequence(&mut log_sums, lengths, heads.heads))
        .zip(sources.par_iter().zip(starts.par_iter().zip(lengths)))
        .for_each(|((out, log_sums), (source, (&start, &length)))| {
            forward_sequence(out, log_sums, &queries[start * row..(start + length) * row], *source, heads);
        });
    (out, log_sums)
}

fn starts(lengths: &[usize]) -> Vec<usize> {
    lengths
        .iter()
        .scan(0, |next, length| {
            let start = *next;
            *next += length;
            Some(start)
        })
        .collect()
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn forward_sequence<'a>(out: &mut [f32], log_sums: &mut [f32], queries: &[f32], source: Source<'a>, heads: Heads) {
    let (row, kv_row, width, scale) = (heads.query_row(), heads.kv_row(), heads.width, heads.scale());
    let share = heads.heads / heads.kv_heads;
    let mut scores = vec![0f32; source.past + queries.len() / row];
    for (position, (query_row, out_row)) in queries.chunks_exact(row).zip(out.chunks_exact_mut(row)).enumerate() {
        let visible = if heads.causal { source.past + position + 1 } else { scores.len() };
        for head in 0..heads.heads {
            let query = &query_row[head * width..(head + 1) * width];
            let out = &mut out_row[head * width..(head + 1) * width];
            let kv_at = head / share * width;
            let scores = &mut scores[..visible];
            for (score, keys) in scores.iter_mut().zip(source.keys.chunks_exact(kv_row)) {
                *score = vector::dot(query, &keys[kv_at..kv_at + width]) * scale;
            }
            let highest = vector::max(scores);
            for score in scores.iter_mut() {
                *score = vector::exp(*score - highest);
            }
            let total = vector::sum(scores);
            let inverse = 1.0 / total;
            for (score, values) in scores.iter().zip(source.values.chunks_exact(kv_row)) {
                vector::add_scaled(out, &values[kv_at..kv_at + width], score * inverse);
            }
            log_sums[position * heads.heads + head] = highest + total.ln();
        }
    }
}

/// What the forward pass saw and gave, for sequences without a past.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    pub queries: &'a [f32],
    pub keys: &'a [f32],
    pub values: &'a [f32],
    pub out: &'a [f32],
    pub log_sums: &'a [f32],
}

/// Gradients of queries, keys and values.
pub fn attention_backward(d_out: &[f32], seen: Seen<'_>, lengths: &[usize], heads: Heads) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let (row, kv_row) = (heads.query_row(), heads.kv_row());
    let mut d_queries = vec![0f32; seen.queries.len()];
    let mut d_keys = vec![0f32; seen.keys.len()];
    let mut d_values = vec![0f32; seen.values.len()];
    let starts = starts(lengths);
    by_sequence(&mut d_queries, lengths, row)
        .into_par_iter()
        .zip(by_sequence(&mut d_keys, lengths, kv_row))
        .zip(by_sequence(&mut d_values, lengths, kv_row))
        .zip(starts.par_iter().zip(lengths))
        .for_each(|(((d_queries, d_keys), d_values), (&start, &length))| {
            let part = |row: usize| start * row..(start + length) * row;
            let seen = Seen {
                queries: &seen.queries[part(row)],
                keys: &seen.keys[part(kv_row)],
                values: &seen.values[part(kv_row)],
                out: &seen.out[part(row)],
                log_sums: &seen.log_sums[part(heads.heads)],
            };
            backward_sequence(d_queries, d_keys, d_values, &d_out[start * row..(start + length) * row], seen, heads);
        });
    (d_queries, d_keys, d_values)
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn backward_sequence<'a>(d_queries: &mut [f32], d_keys: &mut [f32], d_values: &mut [f32], d_out: &[f32], seen: Seen<'a>, heads: Heads) {
    let (row, kv_row, width, scale) = (heads.query_row(), heads.kv_row(), heads.width, heads.scale());
    let share = heads.heads / heads.kv_heads;
    let rows = d_out.len() / row;
    for position in 0..rows {
        for head in 0..heads.heads {
            let at = position * row + head * width;
            let query = &seen.queries[at..at + width];
            let d_out = &d_out[at..at + width];
            let d_query = &mut d_queries[at..at + width];
            let log_sum = seen.log_sums[position * heads.heads + head];
            let mean = vector::dot(d_out, &seen.out[at..at + width]);
            for other in 0..if heads.causal { position + 1 } else { rows } {
                let kv = other * kv_row + head / share * width;
                let key = &seen.keys[kv..kv + width];
                let probability = vector::exp(vector::dot(query, key) * scale - log_sum);
                let d_score = probability * (vector::dot(d_out, &seen.values[kv..kv + width]) - mean) * scale;
                vector::add_scaled(d_query, key, d_score);
                vector::add_scaled(&mut d_keys[kv..kv + width], query, d_score);
                vector::add_scaled(&mut d_values[kv..kv + width], d_out, probability);
            }
        }
    }
}
