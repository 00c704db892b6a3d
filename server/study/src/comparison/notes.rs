//! What a reader must know before a difference is read as one of models.

use super::Side;
use rankscope_domain::{
    Recipe, StudyResults,
    comparison::{Pairing, letter},
    snapshot::HIDDEN,
};

/// By the place of a study, what it has, and that in the words in which it is told.
type Values = Vec<(usize, String, String)>;

/// `A, C: lexicon; B: an endpoint`, where the studies do not all have the same; `None` where they do.
fn apart(values: &Values) -> Option<String> {
    let mut kinds: Vec<(&str, &str, Vec<String>)> = Vec::new();
    for (study, value, told) in values {
        match kinds.iter_mut().find(|(known, ..)| known == value) {
            Some((.., studies)) => studies.push(letter(*study).to_string()),
            None => kinds.push((value, told, vec![letter(*study).to_string()])),
        }
    }
    let told = kinds.iter().map(|(_, told, studies)| format!("{}: {told}", studies.join(", "))).collect::<Vec<_>>().join("; ");
    (kinds.len() > 1).then_some(told)
}

/// `value` is given a recipe and results: the study's own, and as they are told.
fn of_each(studies: &[usize], sides: &[Side], value: impl Fn(&Recipe, &StudyResults) -> Option<String>) -> Values {
    let of = |study: usize| {
        let side = &sides[study];
        Some((study, value(&side.recipe, side.results.as_ref()?)?, value(side.told_recipe(), side.told_results()?)?))
    };
    studies.iter().filter_map(|&study| of(study)).collect()
}

/// That their models are not the same, or can't be told to be.
pub(super) fn models(studies: &[usize], sides: &[Side]) -> Option<String> {
    let named = |_: &Recipe, results: &StudyResults| {
        let model = &results.model;
        let name = if model.name.is_empty() { &model.source } else { &model.name };
        if name == HIDDEN {
            return Some(name.clone());
        }
        Some(format!("{name} ({})", model.sha256.get(..8).unwrap_or("no hash")))
    };
    let told = apart(&of_each(studies, sides, named))?;
    Some(format!("The base models are not the same. {told}."))
}

/// That other judges called completions toxic.
pub(super) fn judges(studies: &[usize], sides: &[Side]) -> Option<String> {
    let named = |recipe: &Recipe, results: &StudyResults| {
        let judge = &results.judge;
        let hash = judge.sha256.get(..8).map(|hash| format!(" ({hash})")).unwrap_or_default();
        let question = recipe.judge.prompt.as_ref().map(|_| ", with a question of its own").unwrap_or_default();
        Some(format!("{}{hash}{question}", judge.description))
    };
    let told = apart(&of_each(studies, sides, named))?;
    Some(format!("The judges are not the same, so a difference of shares is theirs as well as the models’. {told}."))
}

/// That completions were drawn otherwise.
pub(super) fn generation(studies: &[usize], sides: &[Side]) -> Option<String> {
    let told = apart(&of_each(studies, sides, |recipe, _| {
        let with = &recipe.generation;
        let drawn = if with.do_sample {
            format!("sampled at temperature {}, top_p {}, top_k {}", with.temperature, with.top_p, with.top_k)
        } else {
            "greedy".into()
        };
        Some(format!("{drawn}, {} a prompt, at most {} tokens", with.num_return_sequences, with.max_new_tokens))
    }))?;
    Some(format!("Completions were drawn in other ways. {told}."))
}

/// That classifiers were trained on other data.
pub(super) fn training_data(studies: &[usize], sides: &[Side]) -> Option<String> {
    let told = apart(&of_each(studies, sides, |_, results| {
        let measured = results.classification.as_ref()?;
        Some(format!("{}, {} training examples, minority {}", measured.dataset, measured.train_examples, measured.minority))
    }))?;
    Some(format!("The training data are not the same. {told}."))
}

/// Whether two studies' examples are the same, in words. `what`: "prompts"; `counted`: in both, in the one, in the other.
pub(super) fn pairing(study: usize, against: usize, what: &str, unit: &str, (common, of_study, of_against): (u32, u32, u32)) -> Pairing {
    let (one, other) = (letter(study), letter(against));
    let statement = if study == against {
        format!("Arms of {one} are paired: they answer the same {common} {what}.")
    } else if common == 0 {
        format!(
            "{one} and {other} have no {what} in common: nothing is paired. Each arm is resampled for itself, by {unit}, for the interval of \
             the difference; and nothing is tested, since a p-value could not tell other {what} from other models."
        )
    } else if common == of_study && common == of_against {
        format!("{one} and {other} answer the same {common} {what}: their arms are paired.")
    } else {
        format!("{one} has {of_study} {what} and {other} {of_against}; {common} are in both. Contrasts are of these alone, paired.")
    };
    Pairing { study, against, common, of_study, of_against, statement }
}
