//! Keys and values of the tokens that were computed before, for generation.

use crate::{
    layout::Layout,
    ops::{Ops, Reads},
    slices::{change, values},
};
use candle_core::{DType, Device, Result, Tensor};

/// One slot a sequence, `capacity` tokens each.
pub(crate) struct KvCache {
    /// Keys and values by layer, `[slots * capacity, kv_width]`.
    layers: Vec<(Tensor, Tensor)>,
    /// Tokens in each slot.
    lengths: Vec<usize>,
    capacity: usize,
    row: usize,
    ops: Ops,
}

impl KvCache {
    pub fn new(layout: &Layout, slots: usize, capacity: usize, ops: Ops, device: &Device) -> Result<Self> {
        let row = layout.config.kv_width();
        let empty = || Tensor::zeros((slots * capacity, row), DType::F32, device);
        let layers = layout.layers.iter().map(|_| Ok((empty()?, empty()?))).collect::<Result<Vec<_>>>()?;
        Ok(Self { layers, lengths: vec![0; slots], capacity, row, ops })
    }

    /// Tokens in a slot.
    pub fn length(&self, slot: usize) -> usize {
        self.lengths[slot]
    }

    /// Puts a batch's keys and values behind what the slots hold.
    pub fn write(&mut self, layer: usize, slots: &[usize], lengths: &[usize], keys: &Tensor, new_values: &Tensor) -> Result<()> {
        for (&slot, &length) in slots.iter().zip(lengths) {
            assert!(self.lengths[slot] + length <= self.capacity, "the cache's slot is full");
        }
        let (all_keys, all_values) = &self.layers[layer];
        for (into, from) in [(all_keys, keys), (all_values, new_values)] {
            let targets = slots.iter().map(|&slot| slot * self.capacity + self.lengths[slot]).zip(lengths);
            match self.ops {
                Ops::Fused => {
                    let row = self.row;
                    let from = values(from)?;
                    change(into, |into| {
                        let mut next = 0;
                        for (target, length) in targets {
                            let count = length * row;
                            into[target * row..][..count].copy_from_slice(&from[next..next + count]);
                            next += count;
                        }
                    })?;
                }
                Ops::Candle => {
                    let mut next = 0;
                    for (target, &length) in targets {
                        into.slice_set(&from.narrow(0, next, length)?.copy()?, 0, target)?;
                        next += length;
                    }
                }
            }
        }
        Ok(())
    }

    /// What each sequence may read, the rows just written included.
    pub fn reads(&self, layer: usize, slots: &[usize]) -> Reads {
        let (keys, values) = &self.layers[layer];
        let sequences = slots.iter().map(|&slot| (slot * self.capacity, self.lengths[slot])).collect();
        Reads { keys: keys.clone(), values: values.clone(), sequences }
    }

    /// After the last layer: the rows written are there to stay.
    pub fn advance(&mut self, slots: &[usize], lengths: &[usize]) {
        for (&slot, length) in slots.iter().zip(lengths) {
            self.lengths[slot] += length;
        }
    }

    /// Forgets what a slot holds behind its first `count` tokens.
    pub fn truncate(&mut self, slot: usize, count: usize) {
        self.lengths[slot] = self.lengths[slot].min(count);
    }

    /// Makes slot `into` begin with the first `count` tokens of slot `from`.
    pub fn copy(&mut self, from: usize, into: usize, count: usize) -> Result<()> {
        let (source, target) = (from * self.capacity, into * self.capacity);
        for tensor in self.layers.iter().flat_map(|(keys, values)| [keys, values]) {
            match self.ops {
                Ops::Fused => {
                    let row = self.row;
                    change(tensor, |all| all.copy_within(source * row..(source + count) * row, target * row))?;
                }
                Ops::Candle => tensor.slice_set(&tensor.narrow(0, source, count)?.copy()?, 0, target)?,
            }
        }
        self.lengths[into] = count;
        Ok(())
    }
}
