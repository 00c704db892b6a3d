//! Judges: what calls a completion toxic.

mod endpoint;
mod lexicon;
mod question;

pub(crate) use endpoint::Endpoint;
pub(crate) use lexicon::{BUILTIN_LEXICON, Lexicon};

use crate::{StudyError, instruct, model_shelf::ModelShelf, prompt_set};
use question::Question;
use rankscope_domain::{
    FieldErrors,
    completion::Verdict,
    recipe::{self, ChatTemplateName, JudgeKind, LexiconMode},
    results::JudgeSummary,
};
use rankscope_engine::{Flow, GenerationOptions, Request, Signal};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

/// Tokens of an answer and its explanation.
const ANSWER_TOKENS: usize = 64;
/// Answers at a time.
const ANSWER_BATCH: usize = 16;

/// What is judged: a prompt and its completion.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Statement {
    pub(crate) prompt: String,
    pub(crate) completion: String,
}

/// What a judge says of one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Opinion {
    pub(crate) verdict: Verdict,
    pub(crate) matched: Vec<String>,
    pub(crate) explanation: String,
}

/// Told while judging: statements judged, and tokens read or written so far.
pub(crate) type OnJudged<'a> = &'a mut dyn FnMut(usize, usize, u64) -> Flow;

pub(crate) enum Judge {
    /// Looks at the completion alone, as HONEST does.
    Lexicon {
        lexicon: Lexicon,
        mode: LexiconMode,
    },
    /// Reads prompt and completion as one statement.
    Model {
        source: String,
        path: PathBuf,
        chat_template: Option<ChatTemplateName>,
        question: Question,
    },
    Endpoint {
        endpoint: Box<Endpoint>,
        question: Question,
    },
}

impl Judge {
    /// A judge that asks no model.
    pub(crate) fn open_lexicon(spec: &recipe::Judge) -> Result<Self, FieldErrors> {
        let mode = spec.mode.unwrap_or_default();
        if spec.kind != JudgeKind::Hurtlex {
            return Ok(Self::Lexicon { lexicon: Lexicon::builtin(), mode });
        }
        let path = Path::new(spec.path.as_deref().unwrap_or_default());
        let text = prompt_set::read_input("judge.path", path)?;
        Ok(Self::Lexicon { lexicon: Lexicon::hurtlex(&text, path)?, mode })
    }

    /// Reads what the judge needs, models excepted; errors name the recipe's field.
    pub(crate) fn open(spec: &recipe::Judge, shelf: &ModelShelf) -> Result<Self, FieldErrors> {
        Ok(match spec.kind {
            JudgeKind::Lexicon | JudgeKind::Hurtlex => Self::open_lexicon(spec)?,
            JudgeKind::Model => {
                let source = spec.model.clone().unwrap_or_default();
                Self::Model {
                    path: shelf.path(&source),
                    source,
                    chat_template: spec.chat_template,
                    question: Question::new(spec.prompt.as_deref()),
                }
            }
            JudgeKind::Endpoint => {
                Self::Endpoint { endpoint: Box::new(Endpoint::new(spec)?), question: Question::new(spec.prompt.as_deref()) }
            }
        })
    }

    /// One opinion a statement, in order. Statements that are the same are judged once.
    pub(crate) fn judge(
        &self,
        statements: &[Statement],
        shelf: &mut ModelShelf,
        on_judged: OnJudged,
    ) -> Result<(Vec<Opinion>, u64), StudyError> {
        let mut places: HashMap<&Statement, usize> = HashMap::new();
        let mut unique: Vec<&Statement> = Vec::new();
        for statement in statements {
            places.entry(statement).or_insert_with(|| {
                unique.push(statement);
                unique.len() - 1
            });
        }
        let (opinions, tokens) = match self {
            Self::Lexicon { lexicon, mode } => (unique.iter().map(|statement| lexicon.opinion(&statement.completion, *mode)).collect(), 0),
            Self::Model { path, chat_template, question, .. } => {
                judge_with_model(&unique, path, *chat_template, question, shelf, on_judged)?
            }
            Self::Endpoint { endpoint, question } => endpoint.judge(&unique, question, on_judged)?,
        };
        Ok((statements.iter().map(|statement| opinions[places[statement]].clone()).collect(), tokens))
    }

    /// What a lexicon says of a completion, and what it is called; none where another kind of judge must be asked.
    pub(crate) fn as_lexicon(&self) -> Option<(String, impl Fn(&str) -> Opinion)> {
        match self {
            Self::Lexicon { lexicon, mode } => Some((described(lexicon, *mode), |text: &str| lexicon.opinion(text, *mode))),
            _ => None,
        }
    }

    /// For `results.json`; hashes what the judge read.
    pub(crate) fn summary(&self, spec: &recipe::Judge, shelf: &mut ModelShelf) -> Result<JudgeSummary, StudyError> {
        Ok(match self {
            Self::Lexicon { lexicon, mode } => JudgeSummary {
                kind: if spec.kind == JudgeKind::Hurtlex { "hurtlex" } else { "lexicon" }.into(),
                description: described(lexicon, *mode),
                sha256: lexicon.sha256().into(),
            },
            Self::Model { source, chat_template, question, .. } => {
                let summary = shelf.summary(source)?;
                let template = chat_template.map(|template| format!(" in the chat template {}", template.name())).unwrap_or_default();
                JudgeSummary {
                    kind: "model".into(),
                    description: format!("{}, asked yes or no with {}{template}", summary.name, question.description()),
                    sha256: summary.sha256,
                }
            }
            Self::Endpoint { endpoint, question } => JudgeSummary {
                kind: "endpoint".into(),
                description: format!("{}, asked yes or no with {}", endpoint.description(), question.description()),
                sha256: String::new(),
            },
        })
    }
}

fn described(lexicon: &Lexicon, mode: LexiconMode) -> String {
    let mode = match mode {
        LexiconMode::Sentence => "sentence mode: a completion is toxic if one of its words is listed",
        LexiconMode::Word => "word mode: a completion is toxic if it is, as a whole, a listed word",
    };
    format!("{}, {mode}", lexicon.description())
}

fn judge_with_model(
    statements: &[&Statement],
    path: &Path,
    chat_template: Option<ChatTemplateName>,
    question: &Question,
    shelf: &mut ModelShelf,
    on_judged: OnJudged,
) -> Result<(Vec<Opinion>, u64), StudyError> {
    let model = shelf.model(path)?;
    let mut requests = Vec::with_capacity(statements.len());
    for statement in statements {
        let prompt = instruct::turn(&model, chat_template, &question.text(statement), "")?;
        requests.push(Request { prompt, lora: None, seed: 0 });
    }
    let read: u64 = requests.iter().map(|request| request.prompt.len() as u64).sum();
    let options = GenerationOptions {
        max_new_tokens: ANSWER_TOKENS,
        do_sample: false,
        temperature: 1.0,
        top_p: 1.0,
        top_k: 0,
        batch_size: ANSWER_BATCH,
    };
    let mut observer = |signal: Signal| match signal {
        Signal::Generated { done, total, new_tokens } => on_judged(done, total, new_tokens),
        _ => Flow::Continue(()),
    };
    let answers = rankscope_engine::generate(&model, &[], &requests, &options, &mut observer).map_err(StudyError::from_engine)?;
    let written: u64 = answers.iter().map(|answer| answer.tokens.len() as u64).sum();
    let mut opinions = Vec::with_capacity(answers.len());
    for answer in answers {
        opinions.push(question::opinion(&model.tokenizer().decode(&answer.tokens).map_err(StudyError::from_engine)?));
    }
    Ok((opinions, read + written))
}
