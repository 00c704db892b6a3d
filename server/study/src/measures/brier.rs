//! The Brier score.

/// Mean squared distance of the probabilities from the label: the sum over options of (p - 1 where it is the label, else p)^2,
/// halved for two options so that it is (p(positive) - positive)^2; scikit-learn's `brier_score_loss`. 0 is best.
/// `probability`: examples x options, row-major. `None` without examples or where a probability is not finite.
pub(crate) fn brier_score(probability: &[f64], label: &[usize], options: usize, weights: &[u32]) -> Option<f64> {
    assert!(weights.len() == label.len() && probability.len() == label.len() * options, "one entry an example");
    let (mut sum, mut n) = (0.0, 0_u64);
    for ((row, &label), &weight) in probability.chunks_exact(options.max(1)).zip(label).zip(weights) {
        let squares: f64 = row.iter().enumerate().map(|(option, p)| (p - f64::from(u8::from(option == label))).powi(2)).sum();
        sum += squares * f64::from(weight);
        n += u64::from(weight);
    }
    let scale = if options == 2 { 0.5 } else { 1.0 };
    (n > 0 && sum.is_finite()).then(|| scale * sum / n as f64)
}
