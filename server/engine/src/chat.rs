//! Chat templates: how a model wants a user's turn to be written.

use crate::EngineError;
use minijinja::{Environment, ErrorKind, context};

/// How a user's turn is put to a model. Those by name leave the token that begins every text to the tokenizer; a model's own Jinja
/// writes it itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatTemplate {
    /// The model's own Jinja template, with its special tokens.
    Jinja { template: String, bos: String, eos: String },
    /// Tulu's `<|user|>` and `<|assistant|>`, as in the paper's Appendix C.
    Tulu,
    /// `<|im_start|>user`, without a system turn.
    ChatMl,
    /// Llama 2's `[INST]`, without a system turn.
    Llama2,
    /// Llama 3's headers, without a system turn.
    Llama3,
    /// No chat model: the text as it is.
    Plain,
}

impl ChatTemplate {
    /// The text that the model continues with its answer.
    pub fn user_turn(&self, text: &str) -> Result<String, EngineError> {
        Ok(match self {
            ChatTemplate::Plain => text.to_string(),
            ChatTemplate::Tulu => format!("<|user|>\n{text}\n<|assistant|>\n"),
            ChatTemplate::ChatMl => format!("<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"),
            ChatTemplate::Llama2 => format!("[INST] {} [/INST]", text.trim()),
            ChatTemplate::Llama3 => format!(
                "<|start_header_id|>user<|end_header_id|>\n\n{}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
                text.trim()
            ),
            ChatTemplate::Jinja { template, bos, eos } => {
                let mut environment = Environment::new();
                environment.set_trim_blocks(true);
                environment.set_lstrip_blocks(true);
                environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
                environment.add_function("raise_exception", |message: String| -> Result<String, minijinja::Error> {
                    Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
                });
                environment
                    .render_str(
                        template,
                        context! { messages => [context! { role => "user", content => text }], add_generation_prompt => true, bos_token => bos, eos_token => eos },
                    )
                    .map_err(|error| {
                        EngineError::Input(format!(
                            "the model's chat template can't be used ({error}); choose one by name (chat_template = \"chatml\", say)"
                        ))
                    })?
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn a_turn_in_each_template_is_as_transformers_writes_it() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference/chat/figures.json");
        let figures: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for (name, built_in) in [
            ("tulu", ChatTemplate::Tulu),
            ("chatml", ChatTemplate::ChatMl),
            ("llama-2", ChatTemplate::Llama2),
            ("llama-3", ChatTemplate::Llama3),
        ] {
            let row = &figures["templates"][name];
            let text = |key: &str| row[key].as_str().unwrap().to_string();
            let own = ChatTemplate::Jinja { template: text("template"), bos: text("bos_token"), eos: text("eos_token") };
            let beginning = if row["template_writes_beginning"] == true { text("bos_token") } else { String::new() };
            for turn in row["turns"].as_array().unwrap() {
                let (text, expected) = (turn["text"].as_str().unwrap(), turn["rendered"].as_str().unwrap());
                assert_eq!(own.user_turn(text).unwrap(), expected, "{name}");
                assert_eq!(format!("{beginning}{}", built_in.user_turn(text).unwrap()), expected, "{name}");
            }
        }
    }

    #[test]
    fn templates_that_models_have_are_rendered_or_refused() {
        let chatml = "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nBe kind<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
        let jinja = |template: &str| ChatTemplate::Jinja { template: template.into(), bos: String::new(), eos: String::new() };
        let expected = "<|im_start|>system\nBe kind<|im_end|>\n<|im_start|>user\nHi {{x}}<|im_end|>\n<|im_start|>assistant\n";
        assert_eq!(jinja(chatml).user_turn("Hi {{x}}").unwrap(), expected);
        assert_eq!(ChatTemplate::Plain.user_turn("Hi {{x}}").unwrap(), "Hi {{x}}");
        for (template, reason) in [("{{ raise_exception('no users here') }}", "no users here"), ("{% if %}", "choose one by name")] {
            let error = jinja(template).user_turn("x").unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
