//! What the prompts of an arm begin with (a judge's or a question's instructions) goes through the model once.

use crate::{EngineError, batch::Batch, cache::KvCache, network::Network};

/// Prompt rows computed at a time.
pub(crate) const PREFILL_ROWS: usize = 1024;
/// Tokens that prompts must share for it to be worth computing them apart.
const SHARED_PREFIX: usize = 4;

/// A prompt and its slot in the cache.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prompt<'a> {
    pub slot: usize,
    pub tokens: &'a [u32],
    pub arm: Option<usize>,
}

/// Puts what the prompts of an arm have in common into the slots of all of them; each keeps at least one token of its own. Prompts of
/// an arm stand together, and their slots are empty.
pub(crate) fn fill_shared_prefixes(network: &Network<'_>, cache: &mut KvCache, prompts: &[Prompt<'_>]) -> Result<(), EngineError> {
    let shared: Vec<(&[Prompt<'_>], usize)> = prompts
        .chunk_by(|a, b| a.arm == b.arm)
        .map(|prompts| (prompts, common_prefix(prompts)))
        .filter(|(prompts, length)| prompts.len() > 1 && *length >= SHARED_PREFIX)
        .collect();
    let mut left = &shared[..];
    while !left.is_empty() {
        let mut batch = Batch::default();
        let mut slots = Vec::new();
        while let Some(((group, length), rest)) = left.split_first() {
            if !slots.is_empty() && batch.rows() + length > PREFILL_ROWS {
                break;
            }
            batch.push(&group[0].tokens[..*length], 0, group[0].arm);
            slots.push(group[0].slot);
            left = rest;
        }
        network.hidden(&batch, Some((cache, &slots)))?;
    }
    for (prompts, length) in shared {
        for prompt in &prompts[1..] {
            cache.copy(prompts[0].slot, prompt.slot, length)?;
        }
    }
    Ok(())
}

/// Tokens that all prompts begin with; each keeps one of its own, since something must be computed for it.
fn common_prefix(prompts: &[Prompt<'_>]) -> usize {
    let Some(first) = prompts.first() else { return 0 };
    let common = |prompt: &Prompt<'_>| {
        first.tokens.iter().zip(prompt.tokens).take_while(|(a, b)| a == b).count().min(prompt.tokens.len().saturating_sub(1))
    };
    prompts.iter().map(common).min().unwrap_or(0)
}
