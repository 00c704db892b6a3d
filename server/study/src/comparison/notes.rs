//! What a reader must know before a difference is read as one of models.

use super::Side;
use rankscope_domain::comparison::{Pairing, letter};

/// `A, C: lexicon; B: an endpoint`, where the studies do not all have the same; `None` where they do.
fn apart(values: &[(usize, String)]) -> Option<String> {
    let mut kinds: Vec<(&str, Vec<String>)> = Vec::new();
    for (study, value) in values {
        match kinds.iter_mut().find(|(known, _)| known == value) {
            Some((_, studies)) => studies.push(letter(*study).to_string()),
            None => kinds.push((value, vec![letter(*study).to_string()])),
        }
    }
    let told = kinds.iter().map(|(value, studies)| format!("{}: {value}", studies.join(", "))).collect::<Vec<_>>().join("; ");
    (kinds.len() > 1).then_some(told)
}

fn of_each(studies: &[usize], sides: &[Side], value: impl Fn(&Side) -> Option<String>) -> Vec<(usize, String)> {
    studies.iter().filter_map(|&study| Some((study, value(&sides[study])?))).collect()
}

/// That their models are not the same, or can't be told to be.
pub(super) fn models(studies: &[usize], sides: &[Side]) -> Option<String> {
    let named = |side: &Side| {
        let model = &side.results.as_ref()?.model;
        let name = if model.name.is_empty() { &model.source } else { &model.name };
        Some(format!("{name} ({})", model.sha256.get(..8).unwrap_or("no hash")))
    };
    let told = apart(&of_each(studies, sides, named))?;
    Some(format!("The base models are not the same. {told}."))
}

/// That other judges called completions toxic.
pub(super) fn judges(studies: &[usize], sides: &[Side]) -> Option<String> {
    let named = |side: &Side| {
        let judge = &side.results.as_ref()?.judge;
        let hash = judge.sha256.get(..8).map(|hash| format!(" ({hash})")).unwrap_or_default();
        let question = side.recipe.judge.prompt.as_ref().map(|_| ", with a question of its own").unwrap_or_default();
        Some(format!("{}{hash}{question}", judge.description))
    };
    let told = apart(&of_each(studies, sides, named))?;
    Some(format!("The judges are not the same, so a difference of shares is theirs as well as the models’. {told}."))
}

/// That completions were drawn otherwise.
pub(super) fn generation(studies: &[usize], sides: &[Side]) -> Option<String> {
    let told = apart(&of_each(studies, sides, |side| {
        let with = &side.recipe.generation;
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
    let told = apart(&of_each(studies, sides, |side| {
        let measured = side.results.as_ref()?.classification.as_ref()?;
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
