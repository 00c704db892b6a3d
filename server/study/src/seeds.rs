//! Every random draw comes from the recipe's seeds: a draw's own seed is the hash of what it is for.

use sha2::{Digest, Sha256};

/// A seed for one purpose and the numbers that tell its draws apart.
pub(crate) fn derive(purpose: &str, numbers: &[u64]) -> u64 {
    let mut hash = Sha256::new();
    hash.update(purpose.as_bytes());
    for number in numbers {
        hash.update(number.to_le_bytes());
    }
    let digest = hash.finalize();
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(bytes)
}

/// Of one completion: the same for every arm, so that arms differ by their weights and not by luck.
pub(crate) fn of_completion(seed: u64, prompt_id: u32, sample: u32) -> u64 {
    derive("completion", &[seed, u64::from(prompt_id), u64::from(sample)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_the_same_for_ever_and_differ_by_purpose() {
        assert_eq!(of_completion(0, 1, 2), of_completion(0, 1, 2));
        let different =
            [of_completion(0, 1, 2), of_completion(1, 1, 2), of_completion(0, 2, 1), derive("list", &[0, 1, 2]), derive("", &[])];
        let unique: std::collections::HashSet<_> = different.iter().collect();
        assert_eq!(unique.len(), different.len());
        // SHA-256 of nothing begins e3b0c44298fc1c14
        assert_eq!(derive("", &[]), u64::from_le_bytes([0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14]));
    }
}
