//! Under which name a file holds a tensor: published files differ from what transformers writes today.

use super::weight_file::WeightFiles;

/// What stands in front of a base model's names in a model with a head, by kind.
fn base_prefix(kind: &str) -> &'static str {
    match kind {
        "gpt2" => "transformer.",
        "bert" => "bert.",
        _ => "model.",
    }
}

/// The file's name of the tensor that the layout calls `name`: as it is, or without the base model's prefix (a file of the base
/// model alone), or with BERT's first names of a norm's parts.
pub(super) fn stored_name(kind: &str, name: &str, files: &WeightFiles) -> Option<String> {
    let bare = name.strip_prefix(base_prefix(kind));
    let first_names = |name: &str| name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta");
    let candidates = [Some(name.to_string()), bare.map(str::to_string), Some(first_names(name)), bare.map(first_names)];
    candidates.into_iter().flatten().find(|candidate| files.tensors.contains_key(candidate))
}
