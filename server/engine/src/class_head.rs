//! A new head over classes on a model that is there.

use crate::{
    EngineError, Model,
    config::{Head, ModelConfig},
    layout::{Layout, Parameter, ParameterId},
};
use candle_core::{Device, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};
use std::{collections::HashMap, sync::Arc};

/// Streams of the seed: the head is the same with a new pooler and without.
const HEAD_STREAM: u64 = 0;
const POOLER_STREAM: u64 = 1;

/// A parameter's values before any training, as transformers draws a head's: normal about 0 with this deviation; a bias is 0.
pub(crate) fn drawn(parameter: &Parameter, deviation: f64, random: &mut ChaCha8Rng) -> Result<Tensor, EngineError> {
    let count = parameter.shape.iter().product();
    let normal = Normal::new(0.0, deviation).map_err(|error| EngineError::Input(format!("initializer_range = {deviation}: {error}")))?;
    let values: Vec<f32> = match parameter.shape.len() {
        1 => vec![0.0; count],
        _ => (0..count).map(|_| normal.sample(random) as f32).collect(),
    };
    Ok(Tensor::from_vec(values, parameter.shape.as_slice(), &Device::Cpu)?)
}

impl Layout {
    /// Weight and bias of the encoder's pooler, where there is one.
    pub(crate) fn pooler_parameters(&self) -> Vec<ParameterId> {
        let pooler = self.classes.as_ref().and_then(|classes| classes.pooler).map(|module| &self.modules[module]);
        pooler.into_iter().flat_map(|module| [Some(module.weight), module.bias]).flatten().collect()
    }
}

impl Model {
    /// The same model with a new head over classes of these names in the place of whatever head it has: a decoder becomes a
    /// classifier (transformers' `…ForSequenceClassification`: `score.weight` `[labels, width]` on the last token, no bias, and no
    /// unembedding is left), BERT's classifier is drawn anew. All other weights are shared with `self` and cost nothing.
    ///
    /// The head is normal about 0 with the config's `initializer_range` (0.02 where it says nothing), its bias 0: the same for the same
    /// seed, labels and width. BERT's pooler is kept where the file has one or it was trained, else it is drawn from the seed too.
    ///
    /// [`crate::Lora::new`] copies the head of its model, so that arms that begin with heads of different seeds train together over one
    /// base. [`Model::save`] writes the names as `id2label`.
    ///
    /// An error for fewer than two labels, for a blank name and for a name that comes twice.
    pub fn with_class_head(&self, labels: &[String], seed: u64) -> Result<Self, EngineError> {
        check_labels(labels)?;
        let layout = Layout::new(ModelConfig { head: Head::Classes { labels: labels.to_vec() }, ..self.layout.config.clone() });
        let known: HashMap<&str, &Tensor> =
            self.layout.parameters.iter().map(|parameter| parameter.name.as_str()).zip(&self.weights).collect();
        let deviation = layout.config.initializer_range();
        let stream = |number| {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            random.set_stream(number);
            random
        };
        let (mut of_head, mut of_pooler) = (stream(HEAD_STREAM), stream(POOLER_STREAM));
        let pooler = layout.pooler_parameters();
        let head: Vec<ParameterId> = layout.classes.iter().flat_map(|classes| [Some(classes.weight), classes.bias]).flatten().collect();
        let mut weights = Vec::with_capacity(layout.parameters.len());
        for (id, parameter) in layout.parameters.iter().enumerate() {
            let before = known.get(parameter.name.as_str()).copied();
            weights.push(match before {
                _ if head.contains(&id) => drawn(parameter, deviation, &mut of_head)?.to_device(&self.device)?,
                Some(before) if self.new_pooler && pooler.contains(&id) => {
                    drawn(parameter, deviation, &mut of_pooler)?.to_dtype(before.dtype())?.to_device(&self.device)?
                }
                Some(before) => before.clone(),
                None => {
                    return Err(EngineError::Input(format!("the model has no tensor {}, which a class head stands on", parameter.name)));
                }
            });
        }
        Ok(self.with_parts(Arc::new(layout), weights))
    }

    /// Names of the classes, in the order of the logits; none where the model continues text.
    pub fn labels(&self) -> &[String] {
        match &self.layout.config.head {
            Head::Classes { labels } => labels,
            Head::Vocabulary => &[],
        }
    }
}

fn check_labels(labels: &[String]) -> Result<(), EngineError> {
    let wrong = |text: String| Err(EngineError::Input(text));
    if labels.len() < 2 {
        return wrong(format!("labels = {labels:?}: a class head tells at least two classes apart; give two names or more"));
    }
    for (index, label) in labels.iter().enumerate() {
        if label.trim().is_empty() {
            return wrong(format!("label {index} is {label:?}; give every class a name"));
        }
        if labels[..index].contains(label) {
            return wrong(format!("label {index}, {label:?}, is there twice; give every class a name of its own"));
        }
    }
    Ok(())
}
