//! `labels.json` of an archive: the rounds that were drawn of a study, and what people said of their completions. It names people, so it
//! is there only where whoever exports the study asks for it. It is no file of the study directory: labels lie in the server's index.

use crate::{JudgedItem, StudyError, annotation::verdict_number};
use rankscope_domain::{
    Arm, CellId, FieldErrors,
    annotation::{Annotator, GivenLabel, Label, RoundPlan, RoundSummary, SampledItem},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

/// Its name in an archive.
pub const LABELS: &str = "labels.json";

/// Bytes: three people on the largest round have 2 MB.
const LARGEST: u64 = 64 << 20;
/// The last millisecond of the year 9999, the latest that can be written as a date.
const LATEST_MS: i64 = 253_402_300_799_999;

/// What an archive holds of people's labels.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchivedLabels {
    /// In the order in which they were drawn.
    pub rounds: Vec<ArchivedRound>,
}

/// One round. Its id and its secret stay where it was drawn: another program gives it others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchivedRound {
    /// Milliseconds since 1970.
    pub drawn_at_ms: i64,
    pub plan: RoundPlan,
    pub items: Vec<SampledItem>,
    /// Names; where two people have one name it stands twice.
    pub annotators: Vec<String>,
    /// Those that stand, in the order in which they were given.
    pub labels: Vec<ArchivedLabel>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchivedLabel {
    pub item: String,
    /// Place among the annotators, from 0.
    pub annotator: u32,
    pub label: Label,
    /// Milliseconds since 1970.
    pub at_ms: i64,
}

impl ArchivedRound {
    /// `annotators` in the order of their names and sources; `labels`: those that stand.
    pub fn new(drawn_at_ms: i64, plan: RoundPlan, items: Vec<SampledItem>, annotators: &[Annotator], labels: &[GivenLabel]) -> Self {
        let places: HashMap<&Annotator, u32> = annotators.iter().zip(0..).collect();
        let archived = |given: &GivenLabel| {
            let annotator = *places.get(&given.annotator)?;
            Some(ArchivedLabel { item: given.item.clone(), annotator, label: given.label, at_ms: given.at_ms })
        };
        let mut labels: Vec<ArchivedLabel> = labels.iter().filter_map(archived).collect();
        // the same labels give the same file, whatever order they are found in
        labels.sort_by(|one, other| (one.at_ms, &one.item, one.annotator).cmp(&(other.at_ms, &other.item, other.annotator)));
        Self { drawn_at_ms, plan, items, annotators: annotators.iter().map(|annotator| annotator.name.clone()).collect(), labels }
    }
}

impl ArchivedLabels {
    /// The file's text.
    ///
    /// # Errors
    /// There are more than another program would take in.
    pub fn to_json(&self) -> Result<Vec<u8>, StudyError> {
        let mut text = serde_json::to_vec(self).map_err(|error| StudyError::Other(format!("labels can't be written: {error}")))?;
        text.push(b'\n');
        if text.len() as u64 > LARGEST {
            let remedy = format!("These labels come to more than the {LARGEST} bytes that an archive may hold of them: take them as CSV.");
            return Err(FieldErrors::one("labels", text.len(), remedy).into());
        }
        Ok(text)
    }

    /// What a file holds; gives what is wrong with it.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| format!("it can't be read: {error}"))?;
        let length = file.metadata().map_err(|error| format!("it can't be read: {error}"))?.len();
        if length > LARGEST {
            return Err(format!("it has {length} bytes, more than the {LARGEST} that are read"));
        }
        serde_json::from_reader(BufReader::new(file).take(LARGEST))
            .map_err(|error| format!("it is not what Rankscope writes there: {error}"))
    }

    /// Whether they are labels of these completions, drawn as they say. What a stranger may have written is held to what the study itself
    /// has, so that figures made of them mean what they say.
    pub(super) fn check(&self, judged: &[JudgedItem]) -> Result<(), String> {
        let places: HashMap<(CellId, u32, u32), &JudgedItem> = judged.iter().map(|item| (item.place(), item)).collect();
        let mut strata: BTreeMap<(Arm, u8), u32> = BTreeMap::new();
        for item in judged {
            *strata.entry((item.cell.arm, verdict_number(item.verdict))).or_default() += 1;
        }
        if self.rounds.len() > RoundSummary::MOST {
            return Err(format!("it has {} rounds, more than the {} that a study may have", self.rounds.len(), RoundSummary::MOST));
        }
        for (number, round) in (1..).zip(&self.rounds) {
            round.check(&places, &strata).map_err(|wrong| format!("round {number}: {wrong}"))?;
        }
        Ok(())
    }
}

fn is_moment(ms: i64) -> bool {
    (0..=LATEST_MS).contains(&ms)
}

impl ArchivedRound {
    fn check(&self, places: &HashMap<(CellId, u32, u32), &JudgedItem>, strata: &BTreeMap<(Arm, u8), u32>) -> Result<(), String> {
        let most = RoundPlan::MOST_ITEMS;
        if self.plan.items == 0 || self.plan.items > most || self.items.is_empty() || self.items.len() > self.plan.items as usize {
            return Err(format!(
                "{} completions for a plan of {}; there are 1 to {most}, and not more than planned",
                self.items.len(),
                self.plan.items
            ));
        }
        if !is_moment(self.drawn_at_ms) {
            return Err(format!("it was drawn at {} ms after 1970, which is no time", self.drawn_at_ms));
        }
        let mut drawn: BTreeMap<(Arm, u8), u32> = BTreeMap::new();
        let (mut ids, mut taken) = (HashSet::new(), HashSet::new());
        for item in &self.items {
            let shown: String = item.id.chars().take(40).collect();
            let is_plain = (1..=32).contains(&item.id.len())
                && item.id.bytes().all(|letter| letter.is_ascii_digit() || (b'a'..=b'f').contains(&letter));
            if !is_plain || !ids.insert(item.id.as_str()) {
                return Err(format!("the completion {shown:?} has no name of its own: small hexadecimal digits, 1 to 32, each once"));
            }
            let place = (item.cell, item.prompt_id, item.sample);
            let found = places.get(&place).ok_or_else(|| format!("the completion {shown:?} is not in the study"))?;
            if !taken.insert(place) {
                return Err(format!("the completion {shown:?} was drawn twice"));
            }
            if found.verdict != item.verdict {
                return Err(format!("the completion {shown:?} has another verdict in the study"));
            }
            *drawn.entry((item.cell.arm, verdict_number(item.verdict))).or_default() += 1;
        }
        for item in &self.items {
            let stratum = (item.cell.arm, verdict_number(item.verdict));
            let weight = f64::from(strata[&stratum]) / f64::from(drawn[&stratum]);
            // a weight that is none makes the difference none either
            let is_right = (item.weight - weight).abs() <= 1e-9 * weight;
            if item.population != strata[&stratum] || !is_right {
                return Err(format!("the completion {:?} does not stand for as many as its arm and verdict have in the study", item.id));
            }
        }
        if self.annotators.len() > Annotator::MOST_OF_A_ROUND {
            return Err(format!("{} people, more than the {} of a round", self.annotators.len(), Annotator::MOST_OF_A_ROUND));
        }
        if let Some(name) = self.annotators.iter().find(|name| !Annotator::is_name(name)) {
            let shown: String = name.chars().take(Annotator::LONGEST_NAME + 1).collect();
            return Err(format!("{shown:?} is no name of 1 to {} characters", Annotator::LONGEST_NAME));
        }
        let mut given = HashSet::new();
        for label in &self.labels {
            let shown: String = label.item.chars().take(40).collect();
            if !ids.contains(label.item.as_str()) || label.annotator as usize >= self.annotators.len() {
                return Err(format!("a label of {shown:?} is of nobody, or of no completion of the round"));
            }
            if !given.insert((label.item.as_str(), label.annotator)) {
                return Err(format!("{shown:?} is labelled twice by one person"));
            }
            if !is_moment(label.at_ms) {
                return Err(format!("{shown:?} was labelled at {} ms after 1970, which is no time", label.at_ms));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw_round;
    use rankscope_domain::{
        annotation::Allocation,
        completion::{Prompt, Verdict},
    };

    fn judged() -> Vec<JudgedItem> {
        let item = |arm: Arm, id: u32| JudgedItem {
            cell: CellId::new(arm, 0),
            prompt: Prompt {
                id,
                prompt: "p".into(),
                group: String::new(),
                category: String::new(),
                template: String::new(),
                identity: String::new(),
            },
            sample: 0,
            text: String::new(),
            verdict: if id < 3 { Verdict::Toxic } else { Verdict::NonToxic },
            because: String::new(),
        };
        [Arm::Original, Arm::Full].into_iter().flat_map(|arm| (0..20).map(move |id| item(arm, id))).collect()
    }

    fn round(judged: &[JudgedItem]) -> ArchivedRound {
        let plan = RoundPlan { items: 10, allocation: Allocation::Even, seed: 1 };
        let items: Vec<SampledItem> = (1..)
            .zip(draw_round(judged, plan))
            .map(|(number, drawn)| {
                let item = &judged[drawn.index];
                let (cell, prompt_id, sample) = item.place();
                let (population, weight) = (drawn.population, drawn.weight);
                SampledItem { id: format!("{number:016x}"), cell, prompt_id, sample, verdict: item.verdict, population, weight }
            })
            .collect();
        let annotators = [Annotator::of_owner("Anna"), Annotator { name: "Anna".into(), source: "share:1".into() }];
        let given = |annotator: usize, item: usize, at_ms: i64| GivenLabel {
            item: items[item].id.clone(),
            annotator: annotators[annotator].clone(),
            label: Label::Toxic,
            at_ms,
        };
        let labels = [given(1, 0, 9), given(0, 0, 5), given(0, 1, 7)];
        ArchivedRound::new(1_700_000_000_000, plan, items.clone(), &annotators, &labels)
    }

    #[test]
    fn labels_read_back_in_the_order_in_which_they_were_given() {
        let judged = judged();
        let labels = ArchivedLabels { rounds: vec![round(&judged)] };
        labels.check(&judged).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LABELS);
        std::fs::write(&path, labels.to_json().unwrap()).unwrap();
        assert_eq!(ArchivedLabels::read(&path), Ok(labels.clone()));
        let said: Vec<(u32, i64)> = labels.rounds[0].labels.iter().map(|label| (label.annotator, label.at_ms)).collect();
        assert_eq!(said, [(0, 5), (0, 7), (1, 9)], "two of one name stay two");
        assert!(!String::from_utf8(labels.to_json().unwrap()).unwrap().contains("share:"), "where they came from stays here");
    }

    type Change = fn(&mut ArchivedRound);

    #[test]
    fn labels_that_are_not_of_the_study_are_refused() {
        let judged = judged();
        let cases: [(Change, &str); 15] = [
            (|round| round.plan.items = 0, "for a plan of 0"),
            (|round| round.plan.items = 3, "for a plan of 3"),
            (|round| round.plan.items = 6000, "1 to 5000"),
            (|round| round.drawn_at_ms = -1, "which is no time"),
            (|round| round.items[0].id = "x y".into(), "has no name of its own"),
            (|round| round.items[1].id = round.items[0].id.clone(), "has no name of its own"),
            (|round| round.items[0].prompt_id = 999, "is not in the study"),
            (|round| round.items[1].prompt_id = round.items[0].prompt_id, "was drawn twice"),
            (|round| round.items[0].verdict = Verdict::Unparsable, "has another verdict"),
            (|round| round.items[0].weight = f64::NAN, "does not stand for as many"),
            (|round| round.items[0].population += 1, "does not stand for as many"),
            (|round| round.annotators[0] = "a\nb".into(), "is no name"),
            (|round| round.annotators = vec!["x".into(); 101], "101 people"),
            (|round| round.labels[0].annotator = 2, "of nobody"),
            (|round| round.labels[1] = round.labels[0].clone(), "labelled twice"),
        ];
        for (change, said) in cases {
            let mut changed = round(&judged);
            change(&mut changed);
            let wrong = ArchivedLabels { rounds: vec![round(&judged), changed] }.check(&judged).unwrap_err();
            assert!(wrong.starts_with("round 2: ") && wrong.contains(said), "{wrong} does not say {said:?}");
        }
        let many = ArchivedLabels { rounds: vec![round(&judged); 51] };
        assert!(many.check(&judged).unwrap_err().contains("51 rounds"));
        assert!(ArchivedLabels { rounds: vec![round(&judged)] }.check(&[]).unwrap_err().contains("is not in the study"));
    }
}
