//! Which arm is contrasted with which.

use super::not_there;
use rankscope_domain::comparison::{ComparedArm, Comparison};
use rankscope_domain::comparison_query::NamedArm;

/// The arm that all others are contrasted with, as the address names it; one that is not there is told.
pub(super) fn reference(comparison: &mut Comparison, named: &NamedArm, names: &[(usize, &str)]) -> Option<ComparedArm> {
    if let Some(remedy) = not_there(comparison, named, names) {
        comparison.problems.push("against", named, remedy);
        return None;
    }
    let is_meant = |study: usize| named.is_of(names[study].0, names[study].1) && comparison.studies[study].arms.contains(&named.arm);
    (0..names.len()).find(|&study| is_meant(study)).map(|study| ComparedArm { study, arm: named.arm })
}

/// Which arms are contrasted: [`pairs`], or none.
pub(super) type Pairs<'a> = dyn Fn(&Comparison, &[usize], Option<ComparedArm>) -> Vec<(ComparedArm, ComparedArm)> + 'a;

/// Contrasts of the arms that are shown of some studies (`of`, `against`), in the order of figures. With a reference, every other arm
/// against it. Else, of one study, every other arm against its first; of several, each arm against the same one of the first study, or,
/// where each of two studies shows one arm, these two.
pub(super) fn pairs(comparison: &Comparison, studies: &[usize], against: Option<ComparedArm>) -> Vec<(ComparedArm, ComparedArm)> {
    let shown: Vec<ComparedArm> = comparison.shown().into_iter().filter(|one| studies.contains(&one.study)).collect();
    let to_all = |reference: ComparedArm| shown.iter().filter(|one| **one != reference).map(|one| (*one, reference)).collect();
    if let Some(reference) = against.filter(|one| studies.contains(&one.study)) {
        return to_all(reference);
    }
    let Some(&first) = studies.first() else { return Vec::new() };
    if studies.len() == 1 {
        return shown.first().map_or_else(Vec::new, |reference| to_all(*reference));
    }
    let of_first: Vec<ComparedArm> = shown.iter().copied().filter(|one| one.study == first).collect();
    let mut pairs = Vec::new();
    for &study in &studies[1..] {
        let of_study: Vec<ComparedArm> = shown.iter().copied().filter(|one| one.study == study).collect();
        match (&of_study[..], &of_first[..]) {
            ([one], [other]) => pairs.push((*one, *other)),
            _ => pairs.extend(
                of_study.into_iter().map(|one| (one, ComparedArm { study: first, ..one })).filter(|(_, same)| of_first.contains(same)),
            ),
        }
    }
    pairs
}
