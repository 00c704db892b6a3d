//! Observations summed by cluster, and ratios of those sums.

/// One cluster's part of a ratio: `sum` over `count` observations.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Cluster {
    pub(crate) sum: f64,
    pub(crate) count: f64,
}

/// Sum over count of all clusters.
pub(crate) fn ratio(clusters: &[Cluster]) -> f64 {
    let total =
        clusters.iter().fold(Cluster::default(), |total, part| Cluster { sum: total.sum + part.sum, count: total.count + part.count });
    total.sum / total.count
}

/// The clustered standard error of the ratio of counts. At least one observation's worth, since a sample in which nothing
/// differs does not show that nothing ever does.
pub(crate) fn standard_error(clusters: &[Cluster]) -> f64 {
    unbounded_error(clusters).max(1.0 / clusters.iter().map(|cluster| cluster.count).sum::<f64>())
}

/// The clustered standard error of the ratio, of quantities of any size; 0 with one cluster.
pub(crate) fn unbounded_error(clusters: &[Cluster]) -> f64 {
    let n = clusters.len() as f64;
    let total: f64 = clusters.iter().map(|cluster| cluster.count).sum();
    let mean = ratio(clusters);
    let squares: f64 = clusters.iter().map(|cluster| (cluster.sum - mean * cluster.count).powi(2)).sum();
    if n > 1.0 { (n / (n - 1.0) * squares).sqrt() / total } else { 0.0 }
}
