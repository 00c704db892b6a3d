//! Whether a confidence of 80 % is right in 80 % of cases.

/// Equal-width bins of [0, 1], as Guo et al. 2017 take them for the calibration error.
const BINS: usize = 10;

/// Confidences in their bins, sorted in once and weighed as often as a bootstrap asks.
#[derive(Debug, Clone)]
pub(crate) struct Calibration {
    /// Bin of each example; `None` where a confidence is not finite.
    bins: Option<Vec<usize>>,
    confidence: Vec<f64>,
    correct: Vec<bool>,
}

/// One point of the reliability curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ReliabilityBin {
    /// Above `low` up to and with `high`; the first bin has its low end too.
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) n: u64,
    /// Means of the bin's confidences and of its correct predictions; `None` where n = 0.
    pub(crate) confidence: Option<f64>,
    pub(crate) accuracy: Option<f64>,
}

impl Calibration {
    /// `confidence`: the probability of the predicted option; `correct`: whether that is the label.
    pub(crate) fn new(confidence: &[f64], correct: &[bool]) -> Self {
        assert_eq!(confidence.len(), correct.len(), "one entry an example");
        let bins = confidence.iter().map(|&value| value.is_finite().then(|| (1..BINS).filter(|&place| edge(place) < value).count()));
        Self { bins: bins.collect(), confidence: confidence.to_vec(), correct: correct.to_vec() }
    }

    /// Ten bins, empty ones too, which scikit-learn's `calibration_curve(strategy="uniform")` leaves out. `None` where a
    /// confidence is not finite.
    pub(crate) fn reliability(&self, weights: &[u32]) -> Option<Vec<ReliabilityBin>> {
        let sums = self.sums(weights)?;
        let bin = |(place, sum): (usize, Sums)| {
            let mean = |total: f64| (sum.n > 0).then(|| total / sum.n as f64);
            ReliabilityBin {
                low: edge(place),
                high: edge(place + 1),
                n: sum.n,
                confidence: mean(sum.confidence),
                accuracy: mean(sum.correct as f64),
            }
        };
        Some(sums.into_iter().enumerate().map(bin).collect())
    }

    /// Expected calibration error: sum over bins of n_bin / n x |accuracy - mean confidence| (Guo et al. 2017, equation 3), as a
    /// share. `None` without examples or where a confidence is not finite. Noise alone puts it above 0, more so with few examples:
    /// compare it between arms of the same n.
    pub(crate) fn expected_error(&self, weights: &[u32]) -> Option<f64> {
        let sums = self.sums(weights)?;
        let n: u64 = sums.iter().map(|sum| sum.n).sum();
        (n > 0).then(|| sums.iter().map(|sum| (sum.correct as f64 - sum.confidence).abs()).sum::<f64>() / n as f64)
    }

    fn sums(&self, weights: &[u32]) -> Option<[Sums; BINS]> {
        assert_eq!(weights.len(), self.confidence.len(), "one entry an example");
        let mut sums = [Sums::default(); BINS];
        for (place, (&bin, &weight)) in self.bins.as_ref()?.iter().zip(weights).enumerate() {
            let sum = &mut sums[bin];
            sum.n += u64::from(weight);
            sum.correct += u64::from(weight) * u64::from(self.correct[place]);
            sum.confidence += f64::from(weight) * self.confidence[place];
        }
        Some(sums)
    }
}

#[derive(Clone, Copy, Default)]
struct Sums {
    n: u64,
    correct: u64,
    confidence: f64,
}

/// Multiples of the step, as NumPy's `linspace` rounds them; the last is 1.
fn edge(place: usize) -> f64 {
    if place == BINS { 1.0 } else { place as f64 * (1.0 / BINS as f64) }
}
