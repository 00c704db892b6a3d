//! The completions that people can label, and the draw of a round: a sample stratified by arm and verdict, with known weights.

use crate::{Study, StudyError, seeds, whole_file};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use rankscope_domain::{
    Arm, CellId,
    annotation::{Allocation, RoundPlan},
    completion::{Completion, Judgement, Prompt, Verdict},
};
use std::collections::{BTreeMap, HashMap};

/// A completion with its judgement.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedItem {
    pub cell: CellId,
    pub prompt: Prompt,
    pub sample: u32,
    pub text: String,
    pub verdict: Verdict,
    /// A lexicon's matches, or a model's answer.
    pub because: String,
}

impl JudgedItem {
    /// Where it stands in its study.
    pub fn place(&self) -> (CellId, u32, u32) {
        (self.cell, self.prompt.id, self.sample)
    }
}

impl Study {
    /// Every completion that the judge has read, cells in the order of the plan. None in a classification study.
    pub fn judged_items(&self) -> Result<Vec<JudgedItem>, StudyError> {
        let prompts: HashMap<u32, Prompt> = self.prompts()?.into_iter().map(|prompt| (prompt.id, prompt)).collect();
        let mut items = Vec::new();
        for cell in self.recipe()?.cells() {
            let judgements: Vec<Judgement> = whole_file::read_lines(&self.cell_file(cell, "judgements.jsonl"))?;
            let mut judgements: HashMap<(u32, u32), Judgement> =
                judgements.into_iter().map(|judgement| ((judgement.prompt_id, judgement.sample), judgement)).collect();
            for completion in whole_file::read_lines::<Completion>(&self.cell_file(cell, "completions.jsonl"))? {
                let judgement = judgements.remove(&(completion.prompt_id, completion.sample));
                let (Some(prompt), Some(judgement)) = (prompts.get(&completion.prompt_id), judgement) else { continue };
                items.push(JudgedItem {
                    cell,
                    prompt: prompt.clone(),
                    sample: completion.sample,
                    text: completion.text,
                    verdict: judgement.verdict,
                    because: if judgement.matched.is_empty() { judgement.explanation } else { judgement.matched.join(", ") },
                });
            }
        }
        Ok(items)
    }

    /// A completion's prompt and text, and nothing else of it.
    pub fn completion_text(&self, (cell, prompt_id, sample): (CellId, u32, u32)) -> Result<Option<(String, String)>, StudyError> {
        let prompt = self.prompts()?.into_iter().find(|prompt| prompt.id == prompt_id);
        let completions = whole_file::read_lines::<Completion>(&self.cell_file(cell, "completions.jsonl"))?;
        let completion = completions.into_iter().find(|completion| completion.prompt_id == prompt_id && completion.sample == sample);
        Ok(prompt.zip(completion).map(|(prompt, completion)| (prompt.prompt, completion.text)))
    }
}

/// One drawn completion: its place among the items, and its stratum's size and weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drawn {
    pub index: usize,
    /// Completions of its stratum.
    pub population: u32,
    /// `population` over the number drawn of it.
    pub weight: f64,
}

/// Draws a round, without replacement within each stratum (arm by verdict, seeds together). The same items and plan give the same draw.
pub fn draw_round(items: &[JudgedItem], plan: RoundPlan) -> Vec<Drawn> {
    let mut strata: BTreeMap<(Arm, u8), Vec<usize>> = BTreeMap::new();
    for (index, item) in items.iter().enumerate() {
        strata.entry((item.cell.arm, verdict_number(item.verdict))).or_default().push(index);
    }
    let sizes: Vec<usize> = strata.values().map(Vec::len).collect();
    let shares = allocate(&sizes, plan.items as usize, plan.allocation);
    let mut drawn = Vec::new();
    for (number, (members, take)) in strata.into_values().zip(shares).enumerate() {
        let mut members = members;
        let population = members.len();
        members.shuffle(&mut ChaCha8Rng::seed_from_u64(seeds::derive("annotation round", &[plan.seed, number as u64])));
        drawn.extend(members.into_iter().take(take).map(|index| Drawn {
            index,
            population: population as u32,
            weight: population as f64 / take as f64,
        }));
    }
    drawn
}

pub(crate) fn verdict_number(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Toxic => 0,
        Verdict::NonToxic => 1,
        Verdict::Unparsable => 2,
    }
}

/// How many of each stratum: never more than it has, one of each at the least where there are so many to give, and all together `items`
/// or all there are.
fn allocate(sizes: &[usize], items: usize, allocation: Allocation) -> Vec<usize> {
    let total: usize = sizes.iter().sum();
    let items = items.min(total);
    let mut shares = vec![0; sizes.len()];
    let mut left = items;
    while left > 0 {
        // who is furthest behind what it should have gets the next; the first of equals
        let behind = |&stratum: &usize| {
            let got = shares[stratum] as f64;
            match allocation {
                _ if shares[stratum] == 0 => f64::NEG_INFINITY,
                Allocation::Even => got,
                Allocation::Proportional => (got + 0.5) / sizes[stratum] as f64,
            }
        };
        let open = (0..sizes.len()).filter(|&stratum| shares[stratum] < sizes[stratum]);
        let Some(next) = open.min_by(|one, other| behind(one).total_cmp(&behind(other))) else { break };
        shares[next] += 1;
        left -= 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_spread_as_it_says() {
        for (sizes, items, allocation, expected) in [
            (&[100, 100][..], 10, Allocation::Even, &[5, 5][..]),
            (&[3, 100], 20, Allocation::Even, &[3, 17]),
            (&[3, 100], 1000, Allocation::Even, &[3, 100]),
            (&[10, 90], 10, Allocation::Proportional, &[1, 9]),
            (&[1, 99], 10, Allocation::Proportional, &[1, 9]),
            (&[50, 50, 100], 4, Allocation::Proportional, &[1, 1, 2]),
            (&[5, 5, 5], 2, Allocation::Even, &[1, 1, 0]),
            (&[], 5, Allocation::Even, &[]),
        ] {
            assert_eq!(allocate(sizes, items, allocation), expected, "{sizes:?} {items} {allocation:?}");
        }
    }

    fn item(arm: Arm, prompt_id: u32, verdict: Verdict) -> JudgedItem {
        let prompt = Prompt {
            id: prompt_id,
            prompt: "p".into(),
            group: String::new(),
            category: String::new(),
            template: String::new(),
            identity: String::new(),
        };
        JudgedItem { cell: CellId::new(arm, 0), prompt, sample: 0, text: String::new(), verdict, because: String::new() }
    }

    #[test]
    fn weights_sum_to_the_study_and_the_seed_decides() {
        let mut items = Vec::new();
        for arm in [Arm::Original, Arm::Full] {
            items.extend((0..40).map(|id| item(arm, id, if id < 5 { Verdict::Toxic } else { Verdict::NonToxic })));
        }
        let plan = RoundPlan { items: 30, allocation: Allocation::Even, seed: 1 };
        let drawn = draw_round(&items, plan);
        assert_eq!(drawn.len(), 30);
        let weight: f64 = drawn.iter().map(|one| one.weight).sum();
        assert!((weight - 80.0).abs() < 1e-9, "{weight}");
        let distinct: std::collections::HashSet<_> = drawn.iter().map(|one| one.index).collect();
        assert_eq!(distinct.len(), 30);
        assert_eq!(drawn.iter().filter(|one| items[one.index].verdict == Verdict::Toxic).count(), 10, "all of the few");
        assert_eq!(draw_round(&items, plan), drawn);
        assert_ne!(draw_round(&items, RoundPlan { seed: 2, ..plan }), drawn);
    }
}
