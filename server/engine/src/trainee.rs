//! What is trained: an arm's tensors, their optimiser and what has come of them so far.

use crate::{ArmTraining, EngineError, Lora, Model, TrainReport, gradients::Gradients, layout::ParameterId, ops::Ops, optimizer::AdamW};
use candle_core::Tensor;

/// One arm in training.
pub(crate) struct Trainee {
    /// Its kind, with all that isn't in its settings.
    pub what: String,
    pub settings: ArmTraining,
    pub tensors: Vec<Trainable>,
    pub optimizer: AdamW,
    pub report: TrainReport,
    /// Why it takes no more steps.
    pub failure: Option<Failure>,
}

/// The step in which an arm's loss or gradient was not finite, from 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failure {
    pub step: usize,
    pub loss: f64,
}

/// A tensor that is moved in place, and where its gradient is found.
pub(crate) struct Trainable {
    /// As the model's or the adapter's file names it.
    pub name: String,
    pub tensor: Tensor,
    pub decays: bool,
    place: Place,
}

enum Place {
    Weight(ParameterId),
    /// The arm's number, and the tensor's place in the adapter.
    Adapter(usize, usize),
}

impl Trainee {
    /// Adapter number `arm` of those that train together.
    pub fn of_adapter(model: &Model, lora: &Lora, arm: usize, settings: &ArmTraining) -> Self {
        let slots = lora.trainable_names().into_iter().zip(lora.trainable()).enumerate();
        let tensors = slots
            .filter_map(|(slot, (name, tensor))| {
                let tensor = tensor?.clone();
                Some(Trainable { name, decays: tensor.rank() > 1, tensor, place: Place::Adapter(arm, slot) })
            })
            .collect();
        Self::new(format!("{:?}", lora.config()), tensors, model.ops, settings)
    }

    /// A whole model, whose weights are moved where they are.
    pub fn of_model(model: &Model, settings: &ArmTraining) -> Self {
        let parameters = model.layout.parameters.iter().zip(&model.weights).enumerate();
        let tensors = parameters
            .map(|(id, (parameter, tensor))| Trainable {
                name: parameter.name.clone(),
                tensor: tensor.clone(),
                decays: parameter.decays,
                place: Place::Weight(id),
            })
            .collect();
        Self::new("full".into(), tensors, model.ops, settings)
    }

    fn new(what: String, tensors: Vec<Trainable>, ops: Ops, settings: &ArmTraining) -> Self {
        let optimizer = AdamW::new(tensors.len(), ops);
        Self { what, settings: settings.clone(), tensors, optimizer, report: TrainReport::default(), failure: None }
    }

    pub fn into_result(self) -> Result<TrainReport, EngineError> {
        match self.failure {
            None => Ok(self.report),
            Some(Failure { step, loss }) => Err(EngineError::LossNotFinite { step, loss, learning_rate: self.settings.learning_rate }),
        }
    }
}

impl Trainable {
    /// Its gradient, where the step's examples gave one.
    pub fn gradient<'a>(&self, gradients: &'a Gradients) -> Option<&'a Tensor> {
        match self.place {
            Place::Weight(id) => gradients.weights.as_ref()?[id].as_ref(),
            Place::Adapter(arm, slot) => gradients.adapters[arm][slot].as_ref(),
        }
    }
}
