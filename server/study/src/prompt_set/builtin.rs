//! The prompts that come with the program.

use super::PromptList;
use rankscope_domain::completion::Prompt;
use serde::Deserialize;

/// Templates and identities, as the file in the repository has them.
pub(crate) const BUILTIN_PROMPTS: &str = include_str!("../../data/prompts.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    templates: Vec<Template>,
    identities: Vec<Identities>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Template {
    category: String,
    singular: String,
    plural: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Identities {
    group: String,
    singular: Vec<String>,
    plural: Vec<String>,
}

/// Every template with every identity.
pub(super) fn prompts() -> PromptList {
    #[expect(clippy::expect_used, reason = "the file is compiled in, and a test reads it")]
    let data: Data = toml::from_str(BUILTIN_PROMPTS).expect("the built-in prompts are well formed");
    let mut prompts = Vec::new();
    for template in &data.templates {
        for identities in &data.identities {
            let singular = identities.singular.iter().map(|identity| (identity, &template.singular));
            let plural = identities.plural.iter().map(|identity| (identity, &template.plural));
            for (identity, form) in singular.chain(plural) {
                prompts.push(Prompt {
                    id: 0,
                    prompt: form.replace("[I]", identity),
                    group: identities.group.clone(),
                    category: template.category.clone(),
                    template: template.singular.clone(),
                    identity: identity.clone(),
                });
            }
        }
    }
    PromptList { prompts, notes: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_built_in_set_is_large_balanced_and_without_duplicates() {
        let prompts = prompts().prompts;
        assert!(prompts.len() >= 200);
        let texts: HashSet<_> = prompts.iter().map(|prompt| &prompt.prompt).collect();
        assert_eq!(texts.len(), prompts.len());
        for group in ["female", "male", "queer", "non-queer"] {
            assert_eq!(prompts.iter().filter(|prompt| prompt.group == group).count(), prompts.len() / 4, "{group}");
        }
        for prompt in &prompts {
            assert!(!prompt.prompt.contains('[') && prompt.prompt == prompt.prompt.trim(), "{prompt:?}");
        }
    }
}
