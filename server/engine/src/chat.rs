//! Chat templates: how a model wants a user's turn to be written.

use crate::EngineError;
use minijinja::{Environment, ErrorKind, context};

/// How a user's turn is put to a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatTemplate {
    /// The model's own Jinja template, with its special tokens.
    Jinja { template: String, bos: String, eos: String },
    /// Tulu's `<|user|>` and `<|assistant|>`, as in the paper's Appendix C.
    Tulu,
    /// No chat model: the text as it is.
    Plain,
}

impl ChatTemplate {
    /// The text that the model continues with its answer.
    pub fn user_turn(&self, text: &str) -> Result<String, EngineError> {
        match self {
            ChatTemplate::Plain => Ok(text.to_string()),
            ChatTemplate::Tulu => Ok(format!("<|user|>\n{text}\n<|assistant|>\n")),
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
                    .map_err(|error| EngineError::Input(format!("the model's chat template can't be used: {error}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_in_each_template() {
        let chatml = "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nBe kind<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
        let jinja = ChatTemplate::Jinja { template: chatml.into(), bos: String::new(), eos: String::new() };
        for (template, expected) in [
            (jinja, "<|im_start|>system\nBe kind<|im_end|>\n<|im_start|>user\nHi {{x}}<|im_end|>\n<|im_start|>assistant\n"),
            (ChatTemplate::Tulu, "<|user|>\nHi {{x}}\n<|assistant|>\n"),
            (ChatTemplate::Plain, "Hi {{x}}"),
        ] {
            assert_eq!(template.user_turn("Hi {{x}}").unwrap(), expected);
        }
        let broken =
            ChatTemplate::Jinja { template: "{{ raise_exception('no users here') }}".into(), bos: String::new(), eos: String::new() };
        assert!(broken.user_turn("x").unwrap_err().to_string().contains("no users here"));
    }
}
