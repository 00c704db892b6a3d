//! Putting a question to an instruct model.

use crate::StudyError;
use rankscope_domain::recipe::ChatTemplateName;
use rankscope_engine::{Model, chat::ChatTemplate};

/// The tokens that the model continues: a user's turn in the template that the recipe names or else the model's own, and how its
/// answer is begun for it.
pub(crate) fn turn(model: &Model, chosen: Option<ChatTemplateName>, text: &str, answer_start: &str) -> Result<Vec<u32>, StudyError> {
    let chosen = chosen.map(built_in);
    let template = chosen.as_ref().unwrap_or(model.chat_template());
    let mut turn = template.user_turn(text).map_err(StudyError::from_engine)?;
    if *template == ChatTemplate::Plain {
        turn.push('\n');
    }
    turn.push_str(answer_start);
    // a template of the model's own writes every special token itself
    let special = !matches!(template, ChatTemplate::Jinja { .. });
    model.tokenizer().encode(&turn, special).map_err(StudyError::from_engine)
}

fn built_in(name: ChatTemplateName) -> ChatTemplate {
    match name {
        ChatTemplateName::Tulu => ChatTemplate::Tulu,
        ChatTemplateName::ChatMl => ChatTemplate::ChatMl,
        ChatTemplateName::Llama2 => ChatTemplate::Llama2,
        ChatTemplateName::Llama3 => ChatTemplate::Llama3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_in_the_chosen_template_or_the_models_own() {
        // puts <s> (0) first where special tokens are asked for; its own template writes it
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference/llama_tiny_untied");
        let model = Model::open(std::path::Path::new(path)).unwrap();
        let ids = |text: &str| model.tokenizer().encode(text, false).unwrap();
        for (chosen, expected) in [
            (None, "<s><user>\nHi</s>\n<assistant>\nYes"),
            (Some(ChatTemplateName::Tulu), "<s><|user|>\nHi\n<|assistant|>\nYes"),
            (Some(ChatTemplateName::ChatMl), "<s><|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nYes"),
            (Some(ChatTemplateName::Llama2), "<s>[INST] Hi [/INST]Yes"),
        ] {
            assert_eq!(turn(&model, chosen, "Hi", "Yes").unwrap(), ids(expected), "{chosen:?}");
        }
    }
}
