//! What an arm made of each example, and differences of two arms' means, paired by the example's text or not at all.

use crate::{
    results::arm_number,
    seeds,
    statistics::{self, Cluster},
};
use rankscope_domain::comparison::{ComparedArm, ComparedContrast, ContrastFamily, ContrastTest};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const POWER: f64 = 0.8;

/// What is averaged. A share that differs nowhere in a sample is not shown never to differ; nats have no such least step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantity {
    Share,
    Nats,
}

/// One example's numbers, summed over seeds and samples.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Observation {
    pub(super) sum: f64,
    pub(super) count: f64,
    /// What examples that resemble each other share.
    pub(super) cluster: String,
}

/// By the example's text.
pub(super) type Observations = BTreeMap<String, Observation>;

/// Adds a number of an example.
pub(super) fn observe(observations: &mut Observations, text: &str, cluster: &str, number: f64) {
    let seen = observations.entry(text.into()).or_insert_with(|| Observation { cluster: cluster.into(), ..Observation::default() });
    seen.sum += number;
    seen.count += 1.0;
}

/// `of` less `against`. Paired where they share examples: each example that both answered counts once, by the mean of its numbers.
/// `None` where one of them has none.
pub(super) fn contrast(
    of: (ComparedArm, &Observations),
    against: (ComparedArm, &Observations),
    quantity: Quantity,
) -> Option<ComparedContrast> {
    let drawing = seed_of(of.0, against.0);
    let clusters = shared_clusters(of.1, against.1);
    if clusters.is_empty() {
        return unpaired(of, against, drawing);
    }
    let difference = statistics::ratio(&clusters);
    let of_equals = || statistics::of_equals(difference, clusters.len(), (-1.0, 1.0));
    let interval = statistics::bootstrap(&clusters, drawing);
    let (low, high) = interval.or_else(|| (quantity == Quantity::Share && clusters.len() > 1).then(of_equals)).unzip();
    let p = statistics::sign_flip(&clusters.iter().map(|cluster| cluster.sum).collect::<Vec<_>>(), drawing);
    let examples = clusters.iter().map(|cluster| cluster.count).sum::<f64>() as u32;
    let error = match quantity {
        Quantity::Share => statistics::standard_error(&clusters),
        Quantity::Nats => statistics::unbounded_error(&clusters),
    };
    Some(ComparedContrast {
        of: of.0,
        against: against.0,
        difference,
        low,
        high,
        p: Some(p),
        p_holm: Some(p),
        test: if clusters.len() == examples as usize { ContrastTest::SignFlipExamples } else { ContrastTest::SignFlipTemplates },
        examples,
        examples_against: examples,
        clusters: clusters.len() as u32,
        detectable: (clusters.len() > 1 && error > 0.0).then(|| statistics::detectable(error, POWER, 1)),
    })
}

/// Differences of the examples that both answered, summed by cluster. Examples that either side has in one cluster are in one here too, and so
/// are those that are bound over others: whichever arm is named first, the clusters are the same.
fn shared_clusters(of: &Observations, against: &Observations) -> Vec<Cluster> {
    let both: Vec<(&Observation, &Observation)> = of.iter().filter_map(|(text, one)| Some((one, against.get(text)?))).collect();
    // each example points at an earlier one that it is bound to, or at itself
    let mut bound: Vec<usize> = (0..both.len()).collect();
    let mut first_of_one: BTreeMap<&str, usize> = BTreeMap::new();
    let mut first_of_other: BTreeMap<&str, usize> = BTreeMap::new();
    for (place, (one, other)) in both.iter().enumerate() {
        for first in [*first_of_one.entry(&one.cluster).or_insert(place), *first_of_other.entry(&other.cluster).or_insert(place)] {
            let (here, there) = (root(&mut bound, place), root(&mut bound, first));
            bound[here.max(there)] = here.min(there);
        }
    }
    let mut clusters: BTreeMap<usize, Cluster> = BTreeMap::new();
    for (place, (one, other)) in both.iter().enumerate() {
        let cluster = clusters.entry(root(&mut bound, place)).or_default();
        cluster.sum += one.sum / one.count - other.sum / other.count;
        cluster.count += 1.0;
    }
    clusters.into_values().collect()
}

/// The first example of those that one is bound to.
fn root(bound: &mut [usize], mut place: usize) -> usize {
    while bound[place] != place {
        bound[place] = bound[bound[place]];
        place = bound[place];
    }
    place
}

/// Other examples: each arm is resampled for itself, and nothing is tested.
fn unpaired(of: (ComparedArm, &Observations), against: (ComparedArm, &Observations), drawing: u64) -> Option<ComparedContrast> {
    if of.1.is_empty() || against.1.is_empty() {
        return None;
    }
    let own = |observations: &Observations| {
        let mut clusters: BTreeMap<&str, Cluster> = BTreeMap::new();
        for seen in observations.values() {
            let cluster = clusters.entry(&seen.cluster).or_default();
            cluster.sum += seen.sum;
            cluster.count += seen.count;
        }
        clusters.into_values().collect::<Vec<_>>()
    };
    let (clusters, clusters_against) = (own(of.1), own(against.1));
    let draws = draws_of(&clusters, drawing).into_iter().zip(draws_of(&clusters_against, drawing.wrapping_add(1)));
    let (low, high) = statistics::percentile_interval(&draws.map(|(one, other)| Some(one? - other?)).collect::<Vec<_>>()).unzip();
    Some(ComparedContrast {
        of: of.0,
        against: against.0,
        difference: statistics::ratio(&clusters) - statistics::ratio(&clusters_against),
        low,
        high,
        p: None,
        p_holm: None,
        test: ContrastTest::Unpaired,
        examples: of.1.len() as u32,
        examples_against: against.1.len() as u32,
        clusters: clusters.len() as u32,
        detectable: None,
    })
}

/// The ratio in each draw of clusters with replacement.
fn draws_of(clusters: &[Cluster], drawing: u64) -> Vec<Option<f64>> {
    let mut values = Vec::new();
    statistics::two_way_draws(clusters.len(), 1, drawing, |weights, _| {
        let (sum, count) = clusters.iter().zip(weights).fold((0.0, 0.0), |(sum, count), (cluster, &weight)| {
            (sum + cluster.sum * f64::from(weight), count + cluster.count * f64::from(weight))
        });
        values.push((count > 0.0).then(|| sum / count));
    });
    values
}

/// Of a contrast's draws. The other way round it is the same, so that nothing but the sign changes.
pub(super) fn seed_of(of: ComparedArm, against: ComparedArm) -> u64 {
    let (one, other) = (arm_number(of.arm), arm_number(against.arm));
    seeds::derive("comparison", &[one.min(other), one.max(other)])
}

/// The contrasts with Holm's correction over those that were tested, and what each could have shown after it.
pub(super) fn family(measure: &str, mut contrasts: Vec<ComparedContrast>) -> ContrastFamily {
    let tested: Vec<f64> = contrasts.iter().filter_map(|contrast| contrast.p).collect();
    let mut corrected = statistics::holm(&tested).into_iter();
    for contrast in contrasts.iter_mut().filter(|contrast| contrast.p.is_some()) {
        contrast.p_holm = corrected.next();
        let factor = statistics::detectable(1.0, POWER, tested.len()) / statistics::detectable(1.0, POWER, 1);
        let is_enough = contrast.clusters >= statistics::least_clusters(tested.len());
        contrast.detectable = contrast.detectable.filter(|_| is_enough).map(|alone| alone * factor);
    }
    ContrastFamily { measure: measure.into(), contrasts }
}

/// Texts that are in both, and how many there are in each.
pub(super) fn shared<'a>(one: impl Iterator<Item = &'a str>, other: impl Iterator<Item = &'a str>) -> (u32, u32, u32) {
    let (one, other): (BTreeSet<_>, BTreeSet<_>) = (one.collect(), other.collect());
    (one.intersection(&other).count() as u32, one.len() as u32, other.len() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rankscope_domain::Arm;

    #[test]
    fn clusters_are_the_same_whichever_arm_is_named_first() {
        // one study has all texts in templates of two; the other the first eight by themselves, the others in templates of four
        let observations = |of: &dyn Fn(u32) -> u32, number: &dyn Fn(u32) -> f64| {
            let mut all = Observations::new();
            for text in 0..16 {
                observe(&mut all, &format!("text {text:02}"), &format!("template {}", of(text)), number(text));
            }
            all
        };
        let one = observations(&|text| text / 2, &|_| 1.0);
        let other = observations(&|text| if text < 8 { 100 + text } else { 200 + text / 4 }, &|text| f64::from(u8::from(text % 5 == 0)));
        let arm = |study| ComparedArm { study, arm: Arm::Full };
        let (first, second) = ((arm(0), &one), (arm(1), &other));
        let (there, back) = (contrast(first, second, Quantity::Share).unwrap(), contrast(second, first, Quantity::Share).unwrap());
        // 0..8 in the pairs of the first, 8..16 in the fours of the second
        assert_eq!((there.clusters, back.clusters), (6, 6));
        assert_eq!((there.p, there.detectable), (back.p, back.detectable));
        assert_eq!(there.difference, -back.difference);
        assert!((there.low.unwrap() + back.high.unwrap()).abs() < 1e-12, "{there:?} {back:?}");
    }
}
