//! Trains an adapter on a tiny model of `tests/reference` and writes it as studies do, with the logits that it gives and the merged
//! model, so that `tests/reference/load_in_peft.py` can hold PEFT and transformers against them.
//!
//!     cargo run -p rankscope-engine --example adapter_for_peft -- gpt2_tiny /tmp/gpt2_adapter [TARGET_MODULE ...]

#[path = "../tests/common/mod.rs"]
mod common;

use candle_core::{Device, Tensor};
use rankscope_engine::{ArmTraining, Lora, LoraConfig, Model, TrainOptions, lora::ALL_LINEAR, train_loras};
use std::{collections::HashMap, path::PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(name), Some(out)) = (arguments.next(), arguments.next().map(PathBuf::from)) else {
        return Err("give a folder of tests/reference (gpt2_tiny, say), and a directory to write".into());
    };
    let mut target_modules: Vec<String> = arguments.collect();
    if target_modules.is_empty() {
        target_modules.push(ALL_LINEAR.into());
    }
    let model = Model::open(&common::reference(&name))?;
    let figures = common::figures(&name);
    let config = LoraConfig { r: 4, lora_alpha: 8.0, use_rslora: false, target_modules };
    let mut loras = [Lora::new(&model, &config, 0)?];
    let arm = ArmTraining { learning_rate: 1e-2, weight_decay: 0.0, seed: 0 };
    let options = TrainOptions { per_device_train_batch_size: 4, ..TrainOptions::default() };
    train_loras(&model, &mut loras, &[arm], &common::examples(&figures), &options, &mut common::ignore)?.remove(0)?;
    let [lora] = loras;
    lora.save(&out, &name)?;
    lora.merge(&model)?.save(&out.join("merged"))?;
    let mut written: HashMap<String, Tensor> = HashMap::new();
    for (index, prompt) in figures["prompts"].as_array().into_iter().flatten().enumerate() {
        let ids = common::tokens(&prompt["token_ids_with_special"]);
        written.insert(format!("logits.{index}"), model.logits(Some(&lora), &ids)?);
        written.insert(format!("tokens.{index}"), Tensor::new(ids.iter().map(|id| i64::from(*id)).collect::<Vec<_>>(), &Device::Cpu)?);
    }
    candle_core::safetensors::save(&written, out.join("logits.safetensors"))?;
    Ok(())
}
