//! A ragged batch: the token rows of all sequences one under the other, no padding.

use std::ops::Range;

/// Sequences to be computed together. Sequences of one arm stand together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    pub tokens: Vec<u32>,
    /// Position of each row in its sequence.
    pub positions: Vec<u32>,
    /// Rows of each sequence.
    pub lengths: Vec<usize>,
    /// Which rows belong to which arm; rows of no adapter are in none.
    pub arms: Vec<(usize, Range<usize>)>,
}

impl Batch {
    /// Appends a sequence whose first row has position `past`, computed with adapter `arm`.
    pub fn push(&mut self, tokens: &[u32], past: usize, arm: Option<usize>) {
        let start = self.tokens.len();
        self.tokens.extend_from_slice(tokens);
        self.positions.extend((past..past + tokens.len()).map(|position| position as u32));
        self.lengths.push(tokens.len());
        let end = self.tokens.len();
        if let Some(arm) = arm {
            match self.arms.last_mut() {
                Some((last, rows)) if *last == arm && rows.end == start => rows.end = end,
                _ => self.arms.push((arm, start..end)),
            }
        }
    }

    pub fn rows(&self) -> usize {
        self.tokens.len()
    }

    /// First row of each sequence.
    pub fn starts(&self) -> Vec<usize> {
        let mut next = 0;
        self.lengths
            .iter()
            .map(|length| {
                let start = next;
                next += length;
                start
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_of_an_arm_become_one_range() {
        let mut batch = Batch::default();
        batch.push(&[1, 2], 0, None);
        batch.push(&[3], 4, Some(0));
        batch.push(&[4, 5], 0, Some(0));
        batch.push(&[6], 0, Some(1));
        assert_eq!(batch.arms, [(0, 2..5), (1, 5..6)]);
        assert_eq!(batch.positions, [0, 1, 4, 0, 1, 0]);
        assert_eq!(batch.starts(), [0, 2, 3, 5]);
    }
}
