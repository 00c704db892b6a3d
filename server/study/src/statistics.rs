//! Intervals and tests. Seeded: the same counts give the same figures.

mod bootstrap;
mod cluster;
mod interval;
mod kernel_density;
mod power;
mod significance;
mod trend;

pub(crate) use bootstrap::{bootstrap, percentile_interval, two_way_bootstrap, two_way_draws};
pub(crate) use cluster::{Cluster, ratio, standard_error, unbounded_error};
pub(crate) use interval::{normal_quantile, of_equals, quantile, wilson, wilson_of_share};
pub(crate) use kernel_density::KernelDensity;
pub(crate) use power::{detectable, examples_needed, least_clusters, seeds_needed};
pub(crate) use significance::{holm, mcnemar_exact, paired_t, sign_flip};
pub(crate) use trend::{Trend, doubling_weights, slope_per_doubling, trend};

#[cfg(test)]
mod tests;
