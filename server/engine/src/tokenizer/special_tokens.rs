//! Special and added tokens as transformers' files name them, for vocabularies that come without `tokenizer.json`.

use super::text_of;
use crate::EngineError;
use serde_json::Value;
use std::{collections::BTreeMap, path::Path};
use tokenizers::{AddedToken, Tokenizer};

/// The keys of `tokenizer_config.json` and `special_tokens_map.json` that hold one token.
const ROLES: [&str; 7] = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// What the files beside a vocabulary say.
pub(super) struct SpecialTokens {
    /// `tokenizer_config.json`; null where there is none.
    pub config: Value,
    roles: BTreeMap<&'static str, AddedToken>,
    more: Vec<AddedToken>,
    /// Tokens with the number that they must have, by that number.
    numbered: BTreeMap<u32, AddedToken>,
}

impl SpecialTokens {
    /// Reads `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json`, any of which may be absent.
    pub fn read(directory: &Path) -> Result<Self, EngineError> {
        let config = read_object(&directory.join("tokenizer_config.json"))?;
        let map = read_object(&directory.join("special_tokens_map.json"))?;
        let added = read_object(&directory.join("added_tokens.json"))?;
        let mut roles = BTreeMap::new();
        let mut more = Vec::new();
        for source in [&map, &config] {
            for role in ROLES {
                if let Some(token) = token(&source[role], true) {
                    roles.insert(role, token);
                }
            }
            for key in ["additional_special_tokens", "extra_special_tokens"] {
                more.extend(source[key].as_array().into_iter().flatten().filter_map(|value| token(value, true)));
            }
        }
        let mut numbered = BTreeMap::new();
        for (content, id) in added.as_object().into_iter().flatten() {
            if let Some(id) = id.as_u64() {
                numbered.insert(id as u32, AddedToken::from(content.clone(), false));
            }
        }
        for (id, value) in config["added_tokens_decoder"].as_object().into_iter().flatten() {
            if let (Ok(id), Some(token)) = (id.parse(), token(value, false)) {
                numbered.insert(id, token);
            }
        }
        Ok(Self { config, roles, more, numbered })
    }

    /// The token of a role, or `otherwise` where the files name none.
    pub fn role(&self, role: &str, otherwise: &str) -> String {
        self.roles.get(role).map_or_else(|| otherwise.to_string(), |token| token.content.clone())
    }

    pub fn flag(&self, key: &str) -> Option<bool> {
        self.config[key].as_bool()
    }

    /// Makes them known to the tokenizer, `defaults` too, which stand for what is the same for every model of a kind. One that has neither a
    /// place in the vocabulary nor a number has no row in the embedding, and is left out.
    pub fn add_to(&self, tokenizer: &mut Tokenizer, defaults: &[&str]) -> Result<(), String> {
        for (id, token) in &self.numbered {
            tokenizer.add_tokens([token.clone()]).map_err(text_of)?;
            let found = tokenizer.token_to_id(&token.content);
            if found != Some(*id) {
                return Err(format!(
                    "the added token {:?} is numbered {id}, but the vocabulary gives it {}; the files belong to different models",
                    token.content,
                    found.map_or("no number".into(), |found| found.to_string())
                ));
            }
        }
        let named = defaults.iter().map(|content| AddedToken::from(*content, true));
        for token in named.chain(self.roles.values().cloned()).chain(self.more.iter().cloned()) {
            if tokenizer.token_to_id(&token.content).is_some() {
                tokenizer.add_special_tokens([token]).map_err(text_of)?;
            }
        }
        Ok(())
    }
}

/// A token written as its text, or with how it is to be found in a text.
fn token(value: &Value, special: bool) -> Option<AddedToken> {
    let content = value.as_str().or_else(|| value["content"].as_str()).filter(|content| !content.is_empty())?;
    let flag = |key: &str| value[key].as_bool().unwrap_or(false);
    let special = value["special"].as_bool().unwrap_or(special);
    Some(
        AddedToken::from(content, special)
            .lstrip(flag("lstrip"))
            .rstrip(flag("rstrip"))
            .single_word(flag("single_word"))
            .normalized(value["normalized"].as_bool().unwrap_or(!special)),
    )
}

/// A JSON file, or null where there is none.
fn read_object(path: &Path) -> Result<Value, EngineError> {
    if !path.is_file() {
        return Ok(Value::Null);
    }
    let text = std::fs::read_to_string(path).map_err(EngineError::io(path))?;
    serde_json::from_str(&text)
        .map_err(|error| EngineError::BadTokenizer { path: path.into(), reason: format!("not JSON ({error}); download it again") })
}
