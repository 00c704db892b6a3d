//! Logits over classes, of many texts and many arms at once.

use crate::{EngineError, Flow, Lora, Model, Signal, batch::Batch};
use candle_core::Device;

/// One text to classify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassRequest {
    /// The whole text, with the tokens that stand around it (`encode(text, true)`).
    pub tokens: Vec<u32>,
    /// Index into `loras`; `None`: the model and its head alone.
    pub lora: Option<usize>,
}

/// Logits over the classes (not normalised; in the order of [`Model::labels`]) of every request, in the order of the requests.
///
/// Texts go through the model without padding, about `rows_together` tokens at a time ([`crate::train::ROWS_TOGETHER`] is enough for
/// full speed; memory grows with it), those of all arms together, each with its own adapter and head. On the CPU the result of a
/// text is the same to the bit whatever stands beside it. [`Signal::Scored`] comes after every batch.
///
/// An error where the model or an adapter has no head over classes ([`Model::with_class_head`] makes one), for an empty or too long text
/// and for a token outside the vocabulary; [`EngineError::Stopped`] where the observer says so.
pub fn classify(
    model: &Model,
    loras: &[&Lora],
    requests: &[ClassRequest],
    rows_together: usize,
    observer: &mut dyn FnMut(Signal) -> Flow,
) -> Result<Vec<Vec<f32>>, EngineError> {
    let Some(classes) = &model.layout.classes else {
        return Err(EngineError::Input(format!(
            "{} continues text and has no head over classes; give it one (with_class_head), or score options",
            model.info().name
        )));
    };
    check(model, loras, requests, rows_together)?;
    let network = model.network(loras);
    let mut answers: Vec<Vec<f32>> = vec![Vec::new(); requests.len()];
    // rows of an arm stand together, and texts of like length share a batch
    let mut order: Vec<usize> = (0..requests.len()).collect();
    order.sort_by_key(|&index| (requests[index].lora, requests[index].tokens.len()));
    let (mut done, mut tokens, mut left) = (0, 0, &order[..]);
    while !left.is_empty() {
        let mut batch = Batch::default();
        let mut pooled = Vec::new();
        let mut count = 0;
        for request in left.iter().map(|&index| &requests[index]) {
            if count > 0 && batch.rows() + request.tokens.len() > rows_together {
                break;
            }
            pooled.push((batch.rows() + classes.pooled_row(request.tokens.len())) as u32);
            batch.push(&request.tokens, 0, request.lora);
            count += 1;
        }
        let (members, rest) = left.split_at(count);
        left = rest;
        let hidden = network.hidden(&batch, None)?;
        let logits = network.logits(&hidden, &pooled, &batch.arms)?.to_device(&Device::Cpu)?.to_vec2::<f32>()?;
        for (&member, logits) in members.iter().zip(logits) {
            answers[member] = logits;
        }
        done += count;
        tokens += batch.rows() as u64;
        if observer(Signal::Scored { done, total: requests.len(), tokens }).is_break() {
            return Err(EngineError::Stopped);
        }
    }
    Ok(answers)
}

fn check(model: &Model, loras: &[&Lora], requests: &[ClassRequest], rows_together: usize) -> Result<(), EngineError> {
    check_adapters(model, loras, requests.iter().map(|request| request.lora), rows_together)?;
    for (index, request) in requests.iter().enumerate() {
        if request.tokens.is_empty() {
            return Err(EngineError::Input(format!("text {index} has no tokens; give at least one")));
        }
        model.check_tokens(&request.tokens).map_err(|error| EngineError::Input(format!("text {index}: {error}")))?;
    }
    Ok(())
}

/// What both ways of scoring ask of their adapters and of the batch's size.
pub(crate) fn check_adapters(
    model: &Model,
    loras: &[&Lora],
    mut asked: impl Iterator<Item = Option<usize>>,
    rows_together: usize,
) -> Result<(), EngineError> {
    let wrong = |text: String| Err(EngineError::Input(text));
    if rows_together == 0 {
        return wrong("rows_together = 0: give the tokens that a batch may have, 768 say".into());
    }
    for (index, lora) in loras.iter().enumerate() {
        if lora.factors().len() != model.layout.modules.len() {
            return wrong(format!(
                "adapter {index} belongs to another model: it knows {} linear layers of {}",
                lora.factors().len(),
                model.layout.modules.len()
            ));
        }
        let head = lora.head().map(|head| head.weight.dims());
        let expected = model.layout.classes.as_ref().map(|classes| model.weights[classes.weight].dims());
        if head != expected {
            return wrong(format!(
                "adapter {index} has a head over classes of shape {head:?}, the model {expected:?}; start it on this very model"
            ));
        }
    }
    match asked.position(|lora| lora.is_some_and(|lora| lora >= loras.len())) {
        Some(index) => wrong(format!("request {index} asks for an adapter that is not there; there are {}, counted from 0", loras.len())),
        None => Ok(()),
    }
}
