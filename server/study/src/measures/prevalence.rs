//! Shares corrected for a judge's errors, from labels of a sample that is stratified by arm and verdict.

use crate::statistics::normal_quantile;
use rankscope_domain::annotation::Figure;
use statrs::distribution::{ChiSquared, ContinuousCDF};

/// One verdict of one arm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stratum {
    pub(crate) judged_toxic: bool,
    /// Completions of the study in it.
    pub(crate) population: f64,
    /// Labelled ones, and those of them that people call toxic.
    pub(crate) labelled: u32,
    pub(crate) toxic: u32,
}

impl Stratum {
    fn mean(&self) -> f64 {
        f64::from(self.toxic) / f64::from(self.labelled)
    }

    /// Of the stratum's total of toxic completions. The variance of one label is p (1 - p) at p = (toxic + 1) / (labelled + 2), so
    /// that a few labels which all agree do not count as certain.
    fn variance_of_total(&self) -> f64 {
        let p = (f64::from(self.toxic) + 1.0) / (f64::from(self.labelled) + 2.0);
        self.population * self.population * p * (1.0 - p) / f64::from(self.labelled)
    }
}

/// Toxic completions by verdict, as the labels estimate them, with the variances of the estimates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Errors {
    /// Judged toxic, and judged non-toxic: how many are toxic of how many.
    caught: f64,
    judged_toxic: f64,
    missed: f64,
    judged_clean: f64,
    variance_caught: f64,
    variance_missed: f64,
}

impl Errors {
    /// Over all given strata. `None` where one that holds completions has no label.
    pub(crate) fn of(strata: &[Stratum]) -> Option<Self> {
        let mut errors =
            Self { caught: 0.0, judged_toxic: 0.0, missed: 0.0, judged_clean: 0.0, variance_caught: 0.0, variance_missed: 0.0 };
        for stratum in strata.iter().filter(|stratum| stratum.population > 0.0) {
            if stratum.labelled == 0 {
                return None;
            }
            let (toxic, variance) = (stratum.population * stratum.mean(), stratum.variance_of_total());
            if stratum.judged_toxic {
                errors.caught += toxic;
                errors.judged_toxic += stratum.population;
                errors.variance_caught += variance;
            } else {
                errors.missed += toxic;
                errors.judged_clean += stratum.population;
                errors.variance_missed += variance;
            }
        }
        Some(errors)
    }

    /// P(judged toxic | toxic) and its variance by the delta method. `None` where nothing is toxic.
    pub(crate) fn sensitivity(&self) -> Option<(f64, f64)> {
        let toxic = self.caught + self.missed;
        (toxic > 0.0).then(|| {
            let (by_caught, by_missed) = self.sensitivity_slopes();
            (self.caught / toxic, by_caught * by_caught * self.variance_caught + by_missed * by_missed * self.variance_missed)
        })
    }

    /// P(judged non-toxic | not toxic) and its variance by the delta method. `None` where all is toxic.
    pub(crate) fn specificity(&self) -> Option<(f64, f64)> {
        let clean = self.judged_toxic - self.caught + self.judged_clean - self.missed;
        (clean > 0.0).then(|| {
            let (by_caught, by_missed) = self.specificity_slopes();
            let value = (self.judged_clean - self.missed) / clean;
            (value, by_caught * by_caught * self.variance_caught + by_missed * by_missed * self.variance_missed)
        })
    }

    fn sensitivity_slopes(&self) -> (f64, f64) {
        let toxic = self.caught + self.missed;
        (self.missed / (toxic * toxic), -self.caught / (toxic * toxic))
    }

    fn specificity_slopes(&self) -> (f64, f64) {
        let (false_alarms, rightly_clean) = (self.judged_toxic - self.caught, self.judged_clean - self.missed);
        let clean = false_alarms + rightly_clean;
        (rightly_clean / (clean * clean), -false_alarms / (clean * clean))
    }
}

/// An estimate with its normal 95 % interval, both within 0 and 1. Nothing where all of the interval lies outside: cut to a share it would say
/// "0.0 %, 0.0 to 0.0 %" where what it was reckoned from contradicts itself.
pub(crate) fn share_figure(value: f64, variance: f64) -> Figure {
    let half = normal_quantile(0.975) * variance.sqrt();
    if value + half < 0.0 || value - half > 1.0 {
        return Figure::default();
    }
    let inside = |number: f64| number.clamp(0.0, 1.0);
    Figure { value: Some(inside(value)), low: Some(inside(value - half)), high: Some(inside(value + half)) }
}

/// A share corrected by sensitivity and specificity: (p + sp - 1) / (se + sp - 1), with its variance by the delta method. `share` has the
/// variance `share_variance`; the errors may come from other arms. Right if the judge errs alike on this arm and on those. `None` where
/// se + sp is not above 1: the judge then knows nothing.
///
/// Source: Rogan and Gladen 1978; the errors' covariance, which their formula lacks since it takes them from separate samples, is in it.
pub(crate) fn rogan_gladen(share: f64, share_variance: f64, errors: &Errors) -> Option<(f64, f64)> {
    let ((sensitivity, _), (specificity, _)) = (errors.sensitivity()?, errors.specificity()?);
    let information = sensitivity + specificity - 1.0;
    if information <= 1e-9 {
        return None;
    }
    let value = (share + specificity - 1.0) / information;
    let (by_sensitivity, by_specificity) = (-value / information, (1.0 - value) / information);
    let (sensitivity_slopes, specificity_slopes) = (errors.sensitivity_slopes(), errors.specificity_slopes());
    let by_caught = by_sensitivity * sensitivity_slopes.0 + by_specificity * specificity_slopes.0;
    let by_missed = by_sensitivity * sensitivity_slopes.1 + by_specificity * specificity_slopes.1;
    let variance = share_variance / (information * information)
        + by_caught * by_caught * errors.variance_caught
        + by_missed * by_missed * errors.variance_missed;
    Some((value, variance))
}

/// One arm's toxic share from the judge's verdicts on all of its completions and people's labels of some: mean(f) + the weighted mean of
/// (label - f) over the labelled. `between` is the variance of the mean over completions of their stratum's share of toxic ones, by
/// clusters. Asks nothing of the judge. `None` where a verdict that occurs has no label.
///
/// Source: Angelopoulos et al. 2023, "Prediction-powered inference", with the labels drawn within each verdict; it is then
/// the estimator of double sampling for stratification (Cochran 1977, section 12.2), whose variance is used.
pub(crate) fn prediction_powered(strata: &[Stratum], between: f64) -> Option<(f64, f64)> {
    let mut population = 0.0;
    let (mut total, mut variance) = (0.0, 0.0);
    for stratum in strata.iter().filter(|stratum| stratum.population > 0.0) {
        if stratum.labelled == 0 {
            return None;
        }
        let judged = if stratum.judged_toxic { 1.0 } else { 0.0 };
        population += stratum.population;
        // the judge's own count, and what the labels take away from it or add
        total += stratum.population * judged + stratum.population * (stratum.mean() - judged);
        variance += stratum.variance_of_total();
    }
    (population > 0.0).then(|| (total / population, variance / (population * population) + between))
}

/// p of the hypothesis that all parts estimate one number: Cochran's Q, chi-squared. Parts are values with variances; `None` with fewer
/// than two that have a variance above 0.
pub(crate) fn same_p(parts: &[(f64, f64)]) -> Option<f64> {
    let parts: Vec<_> = parts.iter().filter(|(_, variance)| *variance > 0.0).collect();
    if parts.len() < 2 {
        return None;
    }
    let weight: f64 = parts.iter().map(|(_, variance)| 1.0 / variance).sum();
    let mean = parts.iter().map(|(value, variance)| value / variance).sum::<f64>() / weight;
    let q: f64 = parts.iter().map(|(value, variance)| (value - mean) * (value - mean) / variance).sum();
    ChiSquared::new(parts.len() as f64 - 1.0).ok().map(|distribution| distribution.sf(q))
}
