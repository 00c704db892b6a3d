//! Training examples: what is read, and which of its tokens count in the loss.

use crate::{
    EngineError, Model,
    batch::{Batch, Dropout},
    network::Target,
};

/// One training example: the loss is on `target` alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    pub context: Vec<u32>,
    pub target: Vec<u32>,
}

impl Example {
    /// Appends the example to a batch, and its target tokens, each with weight 1, to the targets. The last target token is
    /// predicted and not read.
    pub(crate) fn push_into(
        &self,
        model: &Model,
        batch: &mut Batch,
        targets: &mut Vec<Target>,
        arm: Option<usize>,
    ) -> Result<(), EngineError> {
        self.push_with_dropout_into(model, batch, targets, arm, None)
    }

    /// As [`Example::push_into`], with dropout in the arm's adapter.
    pub(crate) fn push_with_dropout_into(
        &self,
        model: &Model,
        batch: &mut Batch,
        targets: &mut Vec<Target>,
        arm: Option<usize>,
        dropout: Option<Dropout>,
    ) -> Result<(), EngineError> {
        if let Some(classes) = &model.layout.classes {
            model.check_tokens(&self.context)?;
            let token = self.class(classes.labels)?;
            targets.push(Target { row: batch.rows() + classes.pooled_row(self.context.len()), token, weight: 1.0 });
            batch.push_with_dropout(&self.context, 0, arm, dropout);
            return Ok(());
        }
        let mut tokens = self.context.clone();
        tokens.extend_from_slice(&self.target);
        model.check_tokens(&tokens)?;
        let predicted = self.target_tokens();
        if predicted == 0 {
            return Err(EngineError::Input(
                "a training example has no target token that follows another; give it a prompt and a target".into(),
            ));
        }
        let start = batch.rows();
        batch.push_with_dropout(&tokens[..tokens.len() - 1], 0, arm, dropout);
        let first = tokens.len() - predicted;
        targets.extend(tokens[first..].iter().enumerate().map(|(index, &token)| Target {
            row: start + first + index - 1,
            token,
            weight: 1.0,
        }));
        Ok(())
    }

    /// For a classifier: the whole context is read, and the one target is the class.
    fn class(&self, labels: usize) -> Result<u32, EngineError> {
        match self.target[..] {
            [label] if (label as usize) < labels && !self.context.is_empty() => Ok(label),
            _ => Err(EngineError::Input(format!(
                "an example of {} tokens has the target {:?}; a classifier needs some text and one class from 0 to {}",
                self.context.len(),
                self.target,
                labels - 1
            ))),
        }
    }

    /// Context and target tokens.
    pub fn tokens(&self) -> usize {
        self.context.len() + self.target.len()
    }

    /// Target tokens that count: a first token without anything before it can't be predicted.
    pub fn target_tokens(&self) -> usize {
        self.target.len().saturating_sub(usize::from(self.context.is_empty()))
    }

    /// Rows that go through the model.
    pub fn rows(&self) -> usize {
        self.tokens().saturating_sub(1)
    }
}
