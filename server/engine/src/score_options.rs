//! How likely each of some given answers is: the sum of log p of an answer's tokens behind a context, for many arms at once.

use crate::{
    EngineError, Flow, Lora, Model, Signal,
    batch::Batch,
    cache::KvCache,
    classify::check_adapters,
    network::{LOGIT_ROWS, Network},
    option_plan::{OptionPlan, Wanted},
    prefill::{Prompt, fill_shared_prefixes},
    slices::values,
};
use candle_core::{Device, Tensor};
use rayon::prelude::*;
use std::sync::Arc;

/// One context, and the answers that are weighed behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionRequest {
    /// At least one token.
    pub context: Vec<u32>,
    /// Index into `loras`; `None`: the model alone.
    pub lora: Option<usize>,
    /// Tokens of each answer, at least one each.
    pub options: Arc<Vec<Vec<u32>>>,
}

/// For every request and each of its options the sum of log p(token | all before it) over the option's tokens: nats, softmax over the
/// whole vocabulary, added in f64. In the order of the requests and of their options.
///
/// A context is read once, and so is what the contexts of an arm begin with, within a batch; options are read behind it from the cache,
/// what all of them begin with once, and an option's last token not at all: options of one token cost nothing but the logits of
/// the context's last row. Contexts go through the model without padding, about `rows_together` tokens at a time
/// ([`crate::train::ROWS_TOGETHER`] is enough for full speed; memory, that of the cache of keys and values above all, grows with it). On
/// the CPU a result is the same to the bit whatever stands beside it. [`Signal::Scored`] comes after every batch. A model whose
/// weights are not finite gives NaN.
///
/// An error where the model continues no text, for an empty context, list of options or option, for a token outside the vocabulary and for
/// a context that is too long with its options; [`EngineError::Stopped`] where the observer says so.
pub fn score_options(
    model: &Model,
    loras: &[&Lora],
    requests: &[OptionRequest],
    rows_together: usize,
    observer: &mut dyn FnMut(Signal) -> Flow,
) -> Result<Vec<Vec<f64>>, EngineError> {
    check(model, loras, requests, rows_together)?;
    let network = model.network(loras);
    let plans: Vec<OptionPlan<'_>> = requests.iter().map(|request| OptionPlan::new(&request.context, &request.options)).collect();
    let mut sums: Vec<Vec<f64>> = requests.iter().map(|request| vec![0.0; request.options.len()]).collect();
    // contexts of an arm stand together, since they share their beginning, and those of like length share a batch
    let mut order: Vec<usize> = (0..requests.len()).collect();
    order.sort_by_key(|&index| (requests[index].lora, plans[index].capacity()));
    let (mut done, mut tokens, mut left) = (0, 0, &order[..]);
    while !left.is_empty() {
        let mut capacity = 0;
        let mut count = 0;
        for &index in left {
            let wider = capacity.max(plans[index].capacity());
            if count > 0 && (count + 1) * wider > rows_together {
                break;
            }
            (capacity, count) = (wider, count + 1);
        }
        let (members, rest) = left.split_at(count);
        left = rest;
        let cache = KvCache::new(&model.layout, count, capacity, model.ops, &model.device)?;
        Group { network: &network, requests, plans: &plans, members, cache }.score(&mut sums)?;
        done += count;
        let read = |request: &OptionRequest| request.context.len() + request.options.iter().map(Vec::len).sum::<usize>();
        tokens += members.iter().map(|&member| read(&requests[member]) as u64).sum::<u64>();
        if observer(Signal::Scored { done, total: requests.len(), tokens }).is_break() {
            return Err(EngineError::Stopped);
        }
    }
    Ok(sums)
}

/// Requests that are computed together, each in a slot of the cache.
struct Group<'a> {
    network: &'a Network<'a>,
    requests: &'a [OptionRequest],
    plans: &'a [OptionPlan<'a>],
    /// By slot: the request's number.
    members: &'a [usize],
    cache: KvCache,
}

impl Group<'_> {
    fn score(mut self, sums: &mut [Vec<f64>]) -> Result<(), EngineError> {
        let prompt = |(slot, &member): (usize, &usize)| {
            let request = &self.requests[member];
            Prompt { slot, tokens: &request.context, arm: request.lora }
        };
        let prompts: Vec<Prompt<'_>> = self.members.iter().enumerate().map(prompt).collect();
        fill_shared_prefixes(self.network, &mut self.cache, &prompts)?;
        // the contexts, and what all options of each begin with
        let mut round = Round::default();
        for (slot, &member) in self.members.iter().enumerate() {
            let plan = &self.plans[member];
            round.push(slot, member, &plan.read[self.cache.length(slot)..], &self.requests[member], &plan.wanted, &self.cache);
        }
        self.compute(round, sums)?;
        // behind them one way on of each at a time, which is then forgotten again
        let ways = self.members.iter().map(|&member| self.plans[member].branches.len()).max().unwrap_or(0);
        for way in 0..ways {
            let mut round = Round::default();
            for (slot, &member) in self.members.iter().enumerate() {
                if let Some(branch) = self.plans[member].branches.get(way) {
                    round.push(slot, member, branch.tokens, &self.requests[member], &branch.wanted, &self.cache);
                }
            }
            let slots = round.slots.clone();
            self.compute(round, sums)?;
            for slot in slots {
                self.cache.truncate(slot, self.plans[self.members[slot]].read.len());
            }
        }
        Ok(())
    }

    /// Computes a batch's rows and adds what is wanted of them.
    fn compute(&mut self, round: Round<'_>, sums: &mut [Vec<f64>]) -> Result<(), EngineError> {
        let hidden = self.network.hidden(&round.batch, Some((&mut self.cache, &round.slots)))?;
        for chunk in round.rows.chunks(LOGIT_ROWS) {
            let rows: Vec<u32> = chunk.iter().map(|(row, _, _)| *row).collect();
            let logits = self.network.logits(&hidden, &rows, &round.batch.arms)?.to_device(&Device::Cpu)?;
            let found = log_probabilities(&logits, chunk)?;
            for ((_, member, wanted), found) in chunk.iter().zip(found) {
                wanted.iter().zip(found).for_each(|(wanted, log_p)| sums[*member][wanted.option] += log_p);
            }
        }
        Ok(())
    }
}

/// A row of the batch, whose request it is, and what is wanted of its logits.
type WantedRow<'a> = (u32, usize, &'a [Wanted]);

/// One batch.
#[derive(Default)]
struct Round<'a> {
    batch: Batch,
    slots: Vec<usize>,
    rows: Vec<WantedRow<'a>>,
}

impl<'a> Round<'a> {
    /// Appends tokens that continue a slot; something is wanted of their last rows.
    fn push(&mut self, slot: usize, member: usize, tokens: &[u32], request: &OptionRequest, wanted: &'a [Vec<Wanted>], cache: &KvCache) {
        self.batch.push(tokens, cache.length(slot), request.lora);
        self.slots.push(slot);
        let first = self.batch.rows() - wanted.len();
        self.rows.extend(wanted.iter().enumerate().map(|(index, wanted)| ((first + index) as u32, member, wanted.as_slice())));
    }
}

/// log p of the wanted tokens of each row, nats.
fn log_probabilities(logits: &Tensor, rows: &[WantedRow<'_>]) -> Result<Vec<Vec<f64>>, EngineError> {
    let (_, vocabulary) = logits.dims2()?;
    let logits = values(logits)?;
    let logits: &[f32] = &logits;
    let of_row = |(logits, (_, _, wanted)): (&[f32], &WantedRow<'_>)| {
        let highest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        let total: f64 = logits.iter().map(|logit| (f64::from(*logit) - highest).exp()).sum();
        let log_total = highest + total.ln();
        wanted.iter().map(|wanted| f64::from(logits[wanted.token as usize]) - log_total).collect()
    };
    Ok(logits.par_chunks(vocabulary).zip(rows).map(of_row).collect())
}

fn check(model: &Model, loras: &[&Lora], requests: &[OptionRequest], rows_together: usize) -> Result<(), EngineError> {
    let wrong = |text: String| Err(EngineError::Input(text));
    model.check_generates()?;
    check_adapters(model, loras, requests.iter().map(|request| request.lora), rows_together)?;
    for (index, request) in requests.iter().enumerate() {
        if request.context.is_empty() {
            return wrong(format!("context {index} is empty; give at least one token, the one that begins a text, say"));
        }
        if request.options.is_empty() {
            return wrong(format!("context {index} has no options; give at least one"));
        }
        let named = |error: EngineError| EngineError::Input(format!("context {index}: {error}"));
        model.check_tokens(&request.context).map_err(named)?;
        for (number, option) in request.options.iter().enumerate() {
            if option.is_empty() {
                return wrong(format!("option {number} of context {index} is empty; give it at least one token"));
            }
            let named = |error: EngineError| EngineError::Input(format!("option {number} of context {index}: {error}"));
            model.check_tokens(option).map_err(named)?;
            let longest = model.info().max_position_embeddings;
            if request.context.len() + option.len() > longest {
                return wrong(format!(
                    "context {index} of {} tokens and its option {number} of {} exceed the model's {longest} positions; shorten one of them",
                    request.context.len(),
                    option.len()
                ));
            }
        }
    }
    Ok(())
}
