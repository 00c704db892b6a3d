//! Batched generation with a KV cache, for many arms at once.

use crate::{
    EngineError, Flow, Lora, Model, Signal,
    batch::Batch,
    cache::KvCache,
    network::Network,
    prefill::{PREFILL_ROWS, Prompt, fill_shared_prefixes},
    sampling::{draw, likeliest},
    slices::values,
};
use candle_core::Device;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// One sequence to continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub prompt: Vec<u32>,
    /// Index into `loras`; `None`: the model alone.
    pub lora: Option<usize>,
    /// Of this sequence's draws; the result does not depend on what else is in the batch.
    pub seed: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct GenerationOptions {
    pub max_new_tokens: usize,
    /// False: greedy.
    pub do_sample: bool,
    pub temperature: f64,
    pub top_p: f64,
    /// 0: all.
    pub top_k: usize,
    /// Sequences at a time.
    pub batch_size: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// The new tokens, an end token left out.
    pub tokens: Vec<u32>,
    /// It ended by itself.
    pub finished: bool,
}

/// Continues every request until one of the model's end tokens; answers in the order of the requests.
pub fn generate(
    model: &Model,
    loras: &[&Lora],
    requests: &[Request],
    options: &GenerationOptions,
    observer: &mut dyn FnMut(Signal) -> Flow,
) -> Result<Vec<Generated>, EngineError> {
    generate_until(model, loras, requests, options, model.eos_tokens(), observer)
}

/// As [`generate`], with end tokens of the caller's: none, and every answer has `max_new_tokens`.
pub fn generate_until(
    model: &Model,
    loras: &[&Lora],
    requests: &[Request],
    options: &GenerationOptions,
    end_tokens: &[u32],
    observer: &mut dyn FnMut(Signal) -> Flow,
) -> Result<Vec<Generated>, EngineError> {
    check(model, loras, requests, options)?;
    let network = model.network(loras);
    let mut answers: Vec<Generated> = requests.iter().map(|_| Generated { tokens: Vec::new(), finished: false }).collect();
    // rows of an arm stand together, the same prompt is computed once, and prompts of like length share a batch
    let mut order: Vec<usize> = (0..requests.len()).collect();
    order.sort_by(|&a, &b| {
        let key = |index: usize| (requests[index].prompt.len(), &requests[index].prompt, requests[index].lora);
        key(a).cmp(&key(b)).then(a.cmp(&b))
    });
    let mut done = 0;
    let mut new_tokens = 0;
    for chunk in order.chunks_mut(options.batch_size) {
        chunk.sort_by(|&a, &b| {
            let key = |index: usize| (requests[index].lora, requests[index].prompt.len(), &requests[index].prompt);
            key(a).cmp(&key(b)).then(a.cmp(&b))
        });
        let mut group = Group::new(model, requests, chunk, options)?;
        group.prefill(&network)?;
        while !group.active.is_empty() {
            let (ended, picked) = group.pick(options, end_tokens, &mut answers);
            done += ended;
            new_tokens += picked;
            if observer(Signal::Generated { done, total: requests.len(), new_tokens }).is_break() {
                return Err(EngineError::Stopped);
            }
            group.step(&network, &answers)?;
        }
    }
    Ok(answers)
}

/// Sequences that are continued together.
struct Group<'a> {
    requests: &'a [Request],
    /// By slot: the request's number.
    members: &'a [usize],
    cache: KvCache,
    random: Vec<ChaCha8Rng>,
    /// Slots still going on, in the order of the arms.
    active: Vec<usize>,
    /// Next-token logits of the active slots, one row each.
    logits: Vec<f32>,
    vocabulary: usize,
}

impl<'a> Group<'a> {
    fn new(model: &Model, requests: &'a [Request], members: &'a [usize], options: &GenerationOptions) -> Result<Self, EngineError> {
        let longest = members.iter().map(|&member| requests[member].prompt.len()).max().unwrap_or(0);
        Ok(Self {
            requests,
            members,
            cache: KvCache::new(&model.layout, members.len(), longest + options.max_new_tokens, model.ops, &model.device)?,
            random: members.iter().map(|&member| ChaCha8Rng::seed_from_u64(requests[member].seed)).collect(),
            active: (0..members.len()).collect(),
            logits: Vec::new(),
            vocabulary: model.layout.config.vocab_size,
        })
    }

    fn request(&self, slot: usize) -> &'a Request {
        &self.requests[self.members[slot]]
    }

    /// Computes every prompt: a repeated one once, and what all prompts of an arm begin with (a judge's instructions) once.
    fn prefill(&mut self, network: &Network<'_>) -> Result<(), EngineError> {
        let same = |a: &Request, b: &Request| a.lora == b.lora && a.prompt == b.prompt;
        let firsts: Vec<usize> =
            (0..self.members.len()).filter(|&slot| slot == 0 || !same(self.request(slot - 1), self.request(slot))).collect();
        let prompt = |&slot: &usize| Prompt { slot, tokens: &self.request(slot).prompt, arm: self.request(slot).lora };
        let prompts: Vec<Prompt<'_>> = firsts.iter().map(prompt).collect();
        fill_shared_prefixes(network, &mut self.cache, &prompts)?;
        let mut next = 0;
        while next < firsts.len() {
            let mut batch = Batch::default();
            let start = next;
            while let Some(&slot) = firsts.get(next) {
                let (request, past) = (self.request(slot), self.cache.length(slot));
                let rest = &request.prompt[past..];
                if next > start && batch.rows() + rest.len() > PREFILL_ROWS {
                    break;
                }
                batch.push(rest, past, request.lora);
                next += 1;
            }
            let slots = &firsts[start..next];
            let hidden = network.hidden(&batch, Some((&mut self.cache, slots)))?;
            let last_rows: Vec<u32> =
                batch.starts().iter().zip(&batch.lengths).map(|(start, length)| (start + length - 1) as u32).collect();
            let logits = network.logits(&hidden, &last_rows, &batch.arms)?.to_device(&Device::Cpu)?;
            let logits = values(&logits)?;
            for (index, &first) in slots.iter().enumerate() {
                let row = &logits[index * self.vocabulary..(index + 1) * self.vocabulary];
                let repeats = firsts.get(start + index + 1).copied().unwrap_or(self.members.len()) - first;
                for repeat in 0..repeats {
                    if repeat > 0 {
                        self.cache.copy(first, first + repeat, self.cache.length(first))?;
                    }
                    self.logits.extend_from_slice(row);
                }
            }
        }
        Ok(())
    }

    /// Chooses the next token of every active slot. Gives how many slots ended and how many tokens were taken.
    fn pick(&mut self, options: &GenerationOptions, end_tokens: &[u32], answers: &mut [Generated]) -> (usize, u64) {
        let mut active = vec![false; self.members.len()];
        self.active.iter().for_each(|&slot| active[slot] = true);
        let randoms = self.random.iter_mut().zip(&active).filter(|(_, active)| **active).map(|(random, _)| random).collect::<Vec<_>>();
        let tokens: Vec<u32> = self
            .logits
            .par_chunks_mut(self.vocabulary)
            .zip(randoms)
            .map(|(logits, random)| if options.do_sample { draw(logits, options, random) } else { likeliest(logits) })
            .collect();
        let mut picked = 0;
        let before = self.active.len();
        let mut tokens = tokens.into_iter();
        let members = self.members;
        self.active.retain(|&slot| {
            let answer = &mut answers[members[slot]];
            let Some(token) = tokens.next() else { return false };
            if end_tokens.contains(&token) {
                answer.finished = true;
                return false;
            }
            answer.tokens.push(token);
            picked += 1;
            answer.tokens.len() < options.max_new_tokens
        });
        (before - self.active.len(), picked)
    }

    /// Computes the tokens just chosen.
    fn step(&mut self, network: &Network<'_>, answers: &[Generated]) -> Result<(), EngineError> {
        if self.active.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::default();
        for &slot in &self.active {
            if let Some(token) = answers[self.members[slot]].tokens.last() {
                batch.push(&[*token], self.cache.length(slot), self.request(slot).lora);
            }
        }
        let hidden = network.hidden(&batch, Some((&mut self.cache, &self.active)))?;
        let logits = network.logits(&hidden, &(0..batch.rows() as u32).collect::<Vec<_>>(), &batch.arms)?.to_device(&Device::Cpu)?;
        self.logits.clear();
        self.logits.extend_from_slice(&values(&logits)?);
        Ok(())
    }
}

fn check(model: &Model, loras: &[&Lora], requests: &[Request], options: &GenerationOptions) -> Result<(), EngineError> {
    let wrong = |text: String| Err(EngineError::Input(text));
    model.check_generates()?;
    if options.batch_size == 0 || options.max_new_tokens == 0 {
        return wrong("batch_size and max_new_tokens must be above 0".into());
    }
    if options.do_sample && !(options.temperature > 0.0 && options.top_p > 0.0) {
        return wrong(format!("temperature = {} and top_p = {} must be above 0", options.temperature, options.top_p));
    }
    for (index, request) in requests.iter().enumerate() {
        if request.prompt.is_empty() {
            return wrong(format!("prompt {index} is empty; give at least one token"));
        }
        if request.lora.is_some_and(|lora| lora >= loras.len()) {
            return wrong(format!("prompt {index} asks for adapter {:?} of {}", request.lora, loras.len()));
        }
        model.check_tokens(&request.prompt)?;
        let longest = model.info().max_position_embeddings;
        if request.prompt.len() + options.max_new_tokens > longest {
            return wrong(format!(
                "a prompt of {} tokens and max_new_tokens = {} exceed the model's {longest} positions; shorten one of them",
                request.prompt.len(),
                options.max_new_tokens
            ));
        }
    }
    Ok(())
}
