//! A Gaussian kernel density estimate.

/// The density of a sample, as scipy's `gaussian_kde` estimates it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KernelDensity<'a> {
    values: &'a [f64],
    /// Standard deviation of the kernel.
    pub(crate) bandwidth: f64,
}

impl<'a> KernelDensity<'a> {
    /// Scott's rule in one dimension: n^(-1/5) times the sample's standard deviation (n - 1). `None` where values do not spread, or
    /// are no finite numbers.
    pub(crate) fn new(values: &'a [f64]) -> Option<Self> {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let bandwidth = n.powf(-0.2) * (squares / (n - 1.0)).sqrt();
        // equal values differ from their mean by rounding
        let rounding = 1e-12 * values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        (bandwidth.is_finite() && bandwidth > rounding).then_some(Self { values, bandwidth })
    }

    /// Of a quantity that is never below 0, at an `x` of 0 or more: what the kernels put below 0 is reflected at it, so that the area from 0 on is
    /// 1 (Silverman 1986, section 2.10). `at` alone would lose as much as half of a kernel beside 0.
    pub(crate) fn reflected(&self, x: f64) -> f64 {
        self.at(x) + self.at(-x)
    }

    /// The mean over the sample of N(x; value, bandwidth^2).
    pub(crate) fn at(&self, x: f64) -> f64 {
        let kernel = |value: &f64| (-0.5 * ((x - value) / self.bandwidth).powi(2)).exp();
        let scale = self.values.len() as f64 * self.bandwidth * (2.0 * std::f64::consts::PI).sqrt();
        self.values.iter().map(kernel).sum::<f64>() / scale
    }
}
