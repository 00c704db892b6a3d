//! Putting a question to an instruct model.

use crate::StudyError;
use rankscope_engine::{Model, chat::ChatTemplate};

/// The tokens that the model continues: a user's turn in its template, and how its answer is begun for it.
pub(crate) fn turn(model: &Model, text: &str, answer_start: &str) -> Result<Vec<u32>, StudyError> {
    let template = model.chat_template();
    let mut turn = template.user_turn(text).map_err(StudyError::from_engine)?;
    if *template == ChatTemplate::Plain {
        turn.push('\n');
    }
    turn.push_str(answer_start);
    // a template of the model's own writes every special token itself
    let special = !matches!(template, ChatTemplate::Jinja { .. });
    model.tokenizer().encode(&turn, special).map_err(StudyError::from_engine)
}
