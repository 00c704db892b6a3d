//! A ragged batch: the token rows of all sequences one under the other, no padding.

use crate::ops::RowDropout;
use std::ops::Range;

/// Sequences to be computed together. Sequences of one arm stand together.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Batch {
    pub tokens: Vec<u32>,
    /// Position of each row in its sequence.
    pub positions: Vec<u32>,
    /// Rows of each sequence.
    pub lengths: Vec<usize>,
    pub arms: ArmRows,
}

/// Which rows of a matrix belong to which arm; rows of no adapter are in none.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ArmRows {
    pub ranges: Vec<(usize, Range<usize>)>,
    /// One a row, or none at all.
    pub dropout: Vec<RowDropout>,
}

/// Dropout before the `A` of a sequence's arm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Dropout {
    pub p: f32,
    /// Differs by the arm's seed, the optimiser step, and the example's place in the step.
    pub key: u64,
}

impl Batch {
    /// Appends a sequence whose first row has position `past`, computed with adapter `arm`.
    pub fn push(&mut self, tokens: &[u32], past: usize, arm: Option<usize>) {
        self.push_with_dropout(tokens, past, arm, None);
    }

    /// As [`Batch::push`], with dropout in the arm's adapter.
    pub fn push_with_dropout(&mut self, tokens: &[u32], past: usize, arm: Option<usize>, dropout: Option<Dropout>) {
        let start = self.tokens.len();
        self.tokens.extend_from_slice(tokens);
        self.positions.extend((past..past + tokens.len()).map(|position| position as u32));
        self.lengths.push(tokens.len());
        if let Some(arm) = arm {
            self.arms.push(arm, start..self.tokens.len());
        }
        if let Some(Dropout { p, key }) = dropout.filter(|dropout| dropout.p > 0.0) {
            self.arms.dropout.resize(start, RowDropout::NONE);
            self.arms.dropout.extend(self.positions[start..].iter().map(|&position| RowDropout { p, key, position }));
        } else if !self.arms.dropout.is_empty() {
            self.arms.dropout.resize(self.tokens.len(), RowDropout::NONE);
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

impl ArmRows {
    /// Appends rows of an arm, as a part of its last range where they follow it.
    fn push(&mut self, arm: usize, rows: Range<usize>) {
        match self.ranges.last_mut() {
            Some((last, range)) if *last == arm && range.end == rows.start => range.end = rows.end,
            _ => self.ranges.push((arm, rows)),
        }
    }

    /// For a matrix of some of the rows.
    pub fn chosen(&self, rows: &[u32]) -> Self {
        let mut chosen = Self::default();
        for (index, &row) in rows.iter().enumerate() {
            let row = row as usize;
            if let Some((arm, _)) = self.ranges.iter().find(|(_, range)| range.contains(&row)) {
                chosen.push(*arm, index..index + 1);
            }
            if !self.dropout.is_empty() {
                chosen.dropout.push(self.dropout.get(row).copied().unwrap_or(RowDropout::NONE));
            }
        }
        chosen
    }

    /// Every row, in order, in pieces of one arm or of none.
    pub fn pieces(&self, rows: usize) -> Vec<(Option<usize>, Range<usize>)> {
        let mut pieces = Vec::new();
        let mut next = 0;
        for (arm, range) in &self.ranges {
            if range.start > next {
                pieces.push((None, next..range.start));
            }
            pieces.push((Some(*arm), range.clone()));
            next = range.end;
        }
        if next < rows {
            pieces.push((None, next..rows));
        }
        pieces
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
        assert_eq!(batch.arms.ranges, [(0, 2..5), (1, 5..6)]);
        assert_eq!(batch.positions, [0, 1, 4, 0, 1, 0]);
        assert_eq!(batch.starts(), [0, 2, 3, 5]);
        assert_eq!(batch.arms.pieces(7), [(None, 0..2), (Some(0), 2..5), (Some(1), 5..6), (None, 6..7)]);
        assert_eq!(batch.arms.chosen(&[1, 3, 4, 5]).ranges, [(0, 1..3), (1, 3..4)]);
    }

    #[test]
    fn rows_without_dropout_stand_beside_those_with() {
        let mut batch = Batch::default();
        batch.push(&[1, 2], 0, Some(0));
        batch.push_with_dropout(&[3, 4], 0, Some(1), Some(Dropout { p: 0.5, key: 7 }));
        batch.push(&[5], 0, Some(2));
        let dropped = |position| RowDropout { p: 0.5, key: 7, position };
        assert_eq!(batch.arms.dropout, [RowDropout::NONE, RowDropout::NONE, dropped(0), dropped(1), RowDropout::NONE]);
        assert_eq!(batch.arms.chosen(&[1, 3]).dropout, [RowDropout::NONE, dropped(1)]);
    }
}
