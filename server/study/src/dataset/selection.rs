//! Draws of examples: a limit, a share for testing, and the part of a minority that is kept.

use crate::seeds;
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use rankscope_domain::{MinorityFraction, dataset::LabelledText};
use std::collections::BTreeMap;

/// `count` of the places of `texts`, ascending, spread over labels and groups as in the whole: each gets its share, rounded
/// by the largest remainders, and one at least where there are enough.
pub(super) fn stratified(texts: &[LabelledText], count: usize, purpose: &str, seed: u64) -> Vec<usize> {
    if count >= texts.len() {
        return (0..texts.len()).collect();
    }
    let mut strata: BTreeMap<(u32, &str), Vec<usize>> = BTreeMap::new();
    for (place, text) in texts.iter().enumerate() {
        strata.entry((text.label, &text.group)).or_default().push(place);
    }
    let sizes: Vec<usize> = strata.values().map(Vec::len).collect();
    let quotas = quotas(&sizes, count);
    let mut chosen = Vec::with_capacity(count);
    for (number, (places, quota)) in strata.into_values().zip(quotas).enumerate() {
        let mut places = places;
        places.shuffle(&mut ChaCha8Rng::seed_from_u64(seeds::derive(purpose, &[seed, number as u64])));
        chosen.extend(places.into_iter().take(quota));
    }
    chosen.sort_unstable();
    chosen
}

/// How many of each come to `count` together; `count` is less than the sum of `sizes`.
fn quotas(sizes: &[usize], count: usize) -> Vec<usize> {
    let whole: usize = sizes.iter().sum();
    let exact = |size: usize| size as u128 * count as u128;
    let mut quotas: Vec<usize> = sizes.iter().map(|&size| (exact(size) / whole as u128) as usize).collect();
    if count >= sizes.len() {
        quotas.iter_mut().for_each(|quota| *quota = (*quota).max(1));
    }
    let mut by_remainder: Vec<usize> = (0..sizes.len()).collect();
    by_remainder.sort_by_key(|&index| (std::cmp::Reverse(exact(sizes[index]) % whole as u128), index));
    let mut sum: usize = quotas.iter().sum();
    // the ones that were given beyond their share are taken from the largest
    while sum > count {
        let Some(largest) = (0..quotas.len()).max_by_key(|&index| (quotas[index], std::cmp::Reverse(index))) else { break };
        quotas[largest] -= 1;
        sum -= 1;
    }
    for index in by_remainder.into_iter().cycle() {
        if sum >= count {
            break;
        }
        if quotas[index] < sizes[index] {
            quotas[index] += 1;
            sum += 1;
        }
    }
    quotas
}

/// Ids to train on, ascending: all of the others, and the fraction of the minority. The same seed draws nested parts: each is
/// a beginning of one permutation of the minority.
pub(crate) fn subset(train: &[LabelledText], minority: &str, fraction: MinorityFraction, seed: u64) -> Vec<u32> {
    let (few, many): (Vec<&LabelledText>, Vec<&LabelledText>) = train.iter().partition(|text| text.group == minority);
    let mut few: Vec<u32> = few.into_iter().map(|text| text.id).collect();
    few.sort_unstable();
    few.shuffle(&mut ChaCha8Rng::seed_from_u64(seeds::derive("minority", &[seed])));
    few.truncate(fraction.of(few.len()));
    let mut ids: Vec<u32> = many.into_iter().map(|text| text.id).chain(few).collect();
    ids.sort_unstable();
    ids
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn texts(counts: &[(u32, &str, usize)]) -> Vec<LabelledText> {
        let rows = counts.iter().flat_map(|&(label, group, count)| std::iter::repeat_n((label, group), count));
        rows.enumerate()
            .map(|(id, (label, group))| LabelledText { id: id as u32, row: id as u64, text: id.to_string(), label, group: group.into() })
            .collect()
    }

    fn counts(texts: &[LabelledText], places: &[usize]) -> BTreeMap<(u32, String), usize> {
        let mut counts = BTreeMap::new();
        for &place in places {
            *counts.entry((texts[place].label, texts[place].group.clone())).or_default() += 1;
        }
        counts
    }

    #[test]
    fn a_limit_keeps_the_shares_of_labels_and_groups() {
        let texts = texts(&[(0, "a", 600), (1, "a", 300), (0, "b", 99), (1, "b", 1)]);
        let chosen = stratified(&texts, 100, "train_limit", 0);
        let expected = [((0, "a"), 60), ((1, "a"), 30), ((0, "b"), 9), ((1, "b"), 1)];
        let expected: BTreeMap<_, _> = expected.into_iter().map(|((label, group), count)| ((label, group.to_string()), count)).collect();
        assert_eq!(counts(&texts, &chosen), expected);
        assert!(chosen.is_sorted() && chosen.len() == 100);
        assert_eq!(chosen, stratified(&texts, 100, "train_limit", 0));
        assert_ne!(chosen, stratified(&texts, 100, "train_limit", 1));
        for count in [0, 1, 2, 3, 4, 5, 17, 999, 1000, 2000] {
            let chosen = stratified(&texts, count, "train_limit", 3);
            assert_eq!(chosen.len(), count.min(1000), "{count}");
            assert_eq!(chosen.iter().collect::<BTreeSet<_>>().len(), chosen.len());
        }
    }

    #[test]
    fn parts_of_a_minority_are_nested() {
        let texts = texts(&[(0, "many", 50), (1, "few", 41)]);
        let parts: Vec<Vec<u32>> =
            [1.0, 0.5, 0.25, 0.1, 0.0001].map(|value| subset(&texts, "few", MinorityFraction::new(value).unwrap(), 7)).into();
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [91, 50 + 21, 50 + 11, 50 + 5, 50 + 1]);
        for pair in parts.windows(2) {
            let larger: BTreeSet<_> = pair[0].iter().collect();
            assert!(pair[1].iter().all(|id| larger.contains(id)) && pair[1].is_sorted());
        }
        assert!((0..50).all(|id| parts[4].contains(&id)), "the others are all there");
        assert_ne!(parts[2], subset(&texts, "few", MinorityFraction::new(0.25).unwrap(), 8));
    }
}
