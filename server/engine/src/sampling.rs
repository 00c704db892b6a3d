//! Choosing the next token: greedy, or by temperature, top-k and nucleus (Holtzman et al. 2020), in transformers' order.

use crate::{GenerationOptions, kernels::vector};
use multiversion::multiversion;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// The likeliest token; the lowest number among equals.
pub(crate) fn likeliest(logits: &[f32]) -> u32 {
    let highest = vector::max(logits);
    logits.iter().position(|&logit| logit == highest).unwrap_or(0) as u32
}

/// Draws a token. `logits` are used up.
pub(crate) fn draw(logits: &mut [f32], options: &GenerationOptions, random: &mut ChaCha8Rng) -> u32 {
    to_weights(logits, 1.0 / options.temperature as f32);
    let weights = &*logits;
    let point: f64 = random.random();
    if options.top_k == 0 && options.top_p >= 1.0 {
        let total: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
        return walk(weights.iter().enumerate().map(|(token, &weight)| (token as u32, weight)), point * total);
    }
    let mut tokens: Vec<u32> = (0..weights.len() as u32).collect();
    // the sorted head is made longer until it holds the nucleus: sorting the whole vocabulary for each token would cost
    // more than the model
    let mut head = if options.top_k > 0 { options.top_k.min(tokens.len()) } else { 64.min(tokens.len()) };
    let by_weight = |a: &u32, b: &u32| weights[*b as usize].total_cmp(&weights[*a as usize]).then(a.cmp(b));
    loop {
        if head < tokens.len() {
            tokens.select_nth_unstable_by(head - 1, by_weight);
        }
        tokens[..head].sort_unstable_by(by_weight);
        let mass = |tokens: &mut dyn Iterator<Item = u32>| tokens.map(|token| f64::from(weights[token as usize])).sum::<f64>();
        let total = if options.top_k > 0 { mass(&mut tokens[..head].iter().copied()) } else { mass(&mut (0..weights.len() as u32)) };
        let wanted = options.top_p.min(1.0) * total;
        let mut reached = 0.0;
        let nucleus = tokens[..head].iter().position(|&token| {
            reached += f64::from(weights[token as usize]);
            reached >= wanted
        });
        match nucleus {
            Some(last) => return walk(tokens[..=last].iter().map(|&token| (token, weights[token as usize])), point * reached),
            None if head == tokens.len() || options.top_k > 0 => {
                return walk(tokens[..head].iter().map(|&token| (token, weights[token as usize])), point * reached);
            }
            None => head = (head * 16).min(tokens.len()),
        }
    }
}

/// The token at which the running sum passes `point`.
fn walk(tokens: impl Iterator<Item = (u32, f32)>, point: f64) -> u32 {
    let mut sum = 0.0;
    let mut last = 0;
    for (token, weight) in tokens {
        if weight > 0.0 {
            sum += f64::from(weight);
            last = token;
            if sum > point {
                break;
            }
        }
    }
    last
}

/// Softmax without the division: the likeliest token weighs 1.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn to_weights(logits: &mut [f32], inverse_temperature: f32) {
    let highest = vector::max(logits);
    for logit in logits.iter_mut() {
        *logit = vector::exp((*logit - highest) * inverse_temperature);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn options(temperature: f64, top_p: f64, top_k: usize) -> GenerationOptions {
        GenerationOptions { max_new_tokens: 1, do_sample: true, temperature, top_p, top_k, batch_size: 1 }
    }

    /// Frequencies of 20,000 draws.
    fn shares(probabilities: &[f32], options: &GenerationOptions) -> Vec<f64> {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut counts = vec![0.0; probabilities.len()];
        for _ in 0..20_000 {
            let mut logits: Vec<f32> = probabilities.iter().map(|p| p.ln()).collect();
            counts[draw(&mut logits, options, &mut random) as usize] += 1.0 / 20_000.0;
        }
        counts
    }

    #[test]
    fn draws_follow_the_kept_probabilities() {
        let probabilities = [0.1, 0.4, 0.2, 0.3];
        for (options, expected) in [
            (options(1.0, 1.0, 0), [0.1, 0.4, 0.2, 0.3]),
            (options(1.0, 0.6, 0), [0.0, 4.0 / 7.0, 0.0, 3.0 / 7.0]),
            (options(1.0, 0.71, 0), [0.0, 4.0 / 9.0, 2.0 / 9.0, 3.0 / 9.0]),
            (options(1.0, 1.0, 2), [0.0, 4.0 / 7.0, 0.0, 3.0 / 7.0]),
            // the nucleus is of what top-k left: 0.4 of 0.7 is below 0.6, so both stay
            (options(1.0, 0.6, 2), [0.0, 4.0 / 7.0, 0.0, 3.0 / 7.0]),
            (options(0.5, 1.0, 0), [0.01 / 0.3, 0.16 / 0.3, 0.04 / 0.3, 0.09 / 0.3]),
        ] {
            for (found, expected) in shares(&probabilities, &options).into_iter().zip(expected) {
                assert!((found - expected).abs() < 0.02, "{options:?}: {found} against {expected}");
            }
        }
    }

    #[test]
    fn a_wide_nucleus_is_found_beyond_the_first_head() {
        let flat = vec![1.0 / 2000.0; 2000];
        let found = shares(&flat, &options(1.0, 0.9, 0));
        assert!(found[..1800].iter().filter(|share| **share > 0.0).count() > 1700);
        assert!(found[1801..].iter().all(|share| *share == 0.0));
    }

    #[test]
    fn the_likeliest_is_the_first_among_equals() {
        assert_eq!(likeliest(&[0.0, 3.0, 3.0, -1.0]), 1);
    }
}
