//! The order in which an arm sees the examples: a function of its seed and the step, so that a run that goes on finds its place.

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use std::{cmp::Reverse, sync::Arc};

/// Most optimiser steps that examples are sorted by length within, as transformers has it.
const MOST_STEPS_SORTED: usize = 50;

/// How the examples are put in order.
#[derive(Debug, Clone)]
pub(crate) struct DataOrder {
    pub seed: u64,
    /// False: the examples as they stand, every epoch.
    pub shuffle: bool,
    /// Examples of like length into one step.
    pub group_by_length: bool,
    /// Examples of an optimiser step; the last of an epoch may have fewer.
    pub step_size: usize,
    /// Tokens of each example.
    pub lengths: Arc<Vec<usize>>,
}

impl DataOrder {
    pub fn steps_per_epoch(&self) -> usize {
        self.lengths.len().div_ceil(self.step_size)
    }

    /// The examples of optimiser step `step`, from 0: never over an epoch's end, the epochs one after another without end.
    pub fn of_step(&self, step: usize, cache: &mut Option<(usize, Vec<usize>)>) -> Vec<usize> {
        let (epoch, place) = (step / self.steps_per_epoch(), step % self.steps_per_epoch() * self.step_size);
        if cache.as_ref().is_none_or(|(known, _)| *known != epoch) {
            *cache = Some((epoch, self.of_epoch(epoch)));
        }
        let order = cache.as_ref().map_or(&[][..], |(_, order)| order);
        order[place..(place + self.step_size).min(order.len())].to_vec()
    }

    fn of_epoch(&self, epoch: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.lengths.len()).collect();
        if self.shuffle {
            let mut random = ChaCha8Rng::seed_from_u64(self.seed);
            random.set_stream(epoch as u64 + 1);
            order.shuffle(&mut random);
        }
        if self.group_by_length {
            self.sort_within_parts(&mut order);
        }
        order
    }

    /// As transformers' `LengthGroupedSampler`: parts of the shuffled order, each sorted from long to short, and the longest example
    /// of all first, so that memory that runs out does so at once.
    fn sort_within_parts(&self, order: &mut [usize]) {
        let steps = (order.len() / (4 * self.step_size)).clamp(1, MOST_STEPS_SORTED);
        let part = steps * self.step_size;
        for part in order.chunks_mut(part) {
            part.sort_by_key(|&example| Reverse(self.lengths[example]));
        }
        // the first of the longest: `max_by_key` gives the last
        let longest = (0..order.len()).step_by(part).rev().max_by_key(|&first| self.lengths[order[first]]);
        if let Some(longest) = longest {
            order.swap(0, longest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(lengths: Vec<usize>, step_size: usize, group_by_length: bool) -> DataOrder {
        DataOrder { seed: 7, shuffle: true, group_by_length, step_size, lengths: Arc::new(lengths) }
    }

    fn steps(order: &DataOrder, from: usize, count: usize) -> Vec<Vec<usize>> {
        let mut cache = None;
        (from..from + count).map(|step| order.of_step(step, &mut cache)).collect()
    }

    #[test]
    fn an_epoch_has_every_example_once_and_the_next_another_order() {
        for group_by_length in [false, true] {
            let order = order((0..21).map(|index| 5 + index * 7 % 13).collect(), 4, group_by_length);
            assert_eq!(order.steps_per_epoch(), 6);
            let epochs: Vec<Vec<usize>> = [0, 6].map(|from| steps(&order, from, 6).concat()).into();
            for epoch in &epochs {
                let mut sorted = epoch.clone();
                sorted.sort_unstable();
                assert_eq!(sorted, (0..21).collect::<Vec<_>>());
            }
            assert_ne!(epochs[0], epochs[1]);
            // any step is found without those before it
            assert_eq!(steps(&order, 8, 3), steps(&order, 0, 12)[8..11]);
        }
    }

    #[test]
    fn grouped_examples_of_a_step_are_of_like_length_and_the_longest_comes_first() {
        let lengths: Vec<usize> = (0..64).map(|index| 1 + index * 37 % 64).collect();
        let spread = |group_by_length| {
            let order = order(lengths.clone(), 4, group_by_length);
            let steps = steps(&order, 0, 16);
            assert!(!group_by_length || lengths[steps[0][0]] == 64);
            let spread = |step: &Vec<usize>| {
                let of = |index: &usize| lengths[*index];
                step.iter().map(of).max().unwrap() - step.iter().map(of).min().unwrap()
            };
            steps.iter().map(spread).sum::<usize>()
        };
        assert!(spread(true) * 2 < spread(false), "{} against {}", spread(true), spread(false));
    }
}
