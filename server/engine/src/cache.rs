//! Keys and values of the tokens that were computed before, for generation.

use crate::{kernels::attention::Source, layout::Layout};

/// One slot a sequence, `capacity` tokens each.
pub(crate) struct KvCache {
    /// By layer: `[slots, capacity, kv_width]`.
    layers: Vec<LayerCache>,
    /// Tokens in each slot.
    lengths: Vec<usize>,
    capacity: usize,
    row: usize,
}

struct LayerCache {
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl KvCache {
    pub fn new(layout: &Layout, slots: usize, capacity: usize) -> Self {
        let row = layout.config.kv_width();
        let size = slots * capacity * row;
        let layers = (0..layout.layers.len()).map(|_| LayerCache { keys: vec![0f32; size], values: vec![0f32; size] }).collect();
        Self { layers, lengths: vec![0; slots], capacity, row }
    }

    /// Tokens in a slot.
    pub fn length(&self, slot: usize) -> usize {
        self.lengths[slot]
    }

    fn at(&self, slot: usize, token: usize) -> usize {
        (slot * self.capacity + token) * self.row
    }

    /// Puts a batch's keys and values behind what the slots hold.
    pub fn write(&mut self, layer: usize, slots: &[usize], lengths: &[usize], keys: &[f32], values: &[f32]) {
        let mut from = 0;
        for (&slot, &length) in slots.iter().zip(lengths) {
            let into = self.at(slot, self.lengths[slot]);
            let count = length * self.row;
            assert!(self.lengths[slot] + length <= self.capacity, "the cache's slot is full");
            let cache = &mut self.layers[layer];
            cache.keys[into..into + count].copy_from_slice(&keys[from..from + count]);
            cache.values[into..into + count].copy_from_slice(&values[from..from + count]);
            from += count;
        }
    }

    /// What each sequence may read, the rows just written included.
    pub fn sources(&self, layer: usize, slots: &[usize], lengths: &[usize]) -> Vec<Source<'_>> {
        let cache = &self.layers[layer];
        slots
            .iter()
            .zip(lengths)
            .map(|(&slot, length)| {
                let range = self.at(slot, 0)..self.at(slot, self.lengths[slot] + length);
                Source { keys: &cache.keys[range.clone()], values: &cache.values[range], past: self.lengths[slot] }
            })
            .collect()
    }

    /// After the last layer: the rows written are there to stay.
    pub fn advance(&mut self, slots: &[usize], lengths: &[usize]) {
        for (&slot, length) in slots.iter().zip(lengths) {
            self.lengths[slot] += length;
        }
    }

    /// Makes slot `into` hold what slot `from` holds.
    pub fn copy(&mut self, from: usize, into: usize) {
        let count = self.lengths[from] * self.row;
        let (source, target) = (self.at(from, 0), self.at(into, 0));
        for layer in &mut self.layers {
            layer.keys.copy_within(source..source + count, target);
            layer.values.copy_within(source..source + count, target);
        }
        self.lengths[into] = self.lengths[from];
    }
}
