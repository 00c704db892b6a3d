//! Area under the ROC curve.

/// Scores in their order, sorted once and weighed as often as a bootstrap asks.
#[derive(Debug, Clone)]
pub(crate) struct RocAuc {
    /// Places of the examples, by rising score, in runs of equal scores; `None` where a score is not finite.
    runs: Option<Vec<Vec<usize>>>,
    positive: Vec<bool>,
}

impl RocAuc {
    /// `score`: of the positive option, higher for more likely; a probability or any number that orders as it does.
    pub(crate) fn new(score: &[f64], positive: &[bool]) -> Self {
        assert_eq!(score.len(), positive.len(), "one entry an example");
        let runs = score.iter().all(|score| score.is_finite()).then(|| {
            let mut order: Vec<usize> = (0..score.len()).collect();
            order.sort_by(|&one, &other| score[one].total_cmp(&score[other]));
            order.chunk_by(|&one, &other| score[one] == score[other]).map(<[usize]>::to_vec).collect()
        });
        Self { runs, positive: positive.to_vec() }
    }

    /// P(a positive example scores above another) + P(they tie) / 2: the Mann-Whitney U by midranks over the number of
    /// pairs; scikit-learn's `roc_auc_score`. `None` where no example or every one is positive, or a score is not finite.
    pub(crate) fn area(&self, weights: &[u32]) -> Option<f64> {
        assert_eq!(weights.len(), self.positive.len(), "one entry an example");
        let (mut positives, mut negatives, mut doubled_wins) = (0_u64, 0_u64, 0_u64);
        for run in self.runs.as_ref()? {
            let (mut tied_positives, mut tied_negatives) = (0, 0);
            for &place in run {
                *(if self.positive[place] { &mut tied_positives } else { &mut tied_negatives }) += u64::from(weights[place]);
            }
            doubled_wins += tied_positives * (2 * negatives + tied_negatives);
            positives += tied_positives;
            negatives += tied_negatives;
        }
        let pairs = positives * negatives;
        (pairs > 0).then(|| doubled_wins as f64 / (2 * pairs) as f64)
    }
}

/// Mean area of every option against the rest, one `RocAuc` an option; scikit-learn's `multi_class="ovr"`. `None` where
/// one is undefined.
pub(crate) fn macro_roc_auc(options: &[RocAuc], weights: &[u32]) -> Option<f64> {
    let areas: Vec<f64> = options.iter().map(|option| option.area(weights)).collect::<Option<_>>()?;
    (!areas.is_empty()).then(|| areas.iter().sum::<f64>() / areas.len() as f64)
}
