//! How far a cell's weights moved: `weights.json`.

use super::{Common, Opened, Told};
use crate::{StudyError, whole_file, worker::Worker};
use rankscope_domain::{CellId, inspection::MatrixDistance};
use rankscope_engine::{Signal, WeightDistance, full_distances, lora_distances};
use std::collections::HashMap;

impl Worker<'_> {
    /// No token is read.
    pub(super) fn weight_distances(&mut self, cell: CellId, common: &Common, arm: &Opened, told: &Told) -> Result<u64, StudyError> {
        let reporter = &mut self.reporter;
        let mut observer = |_: Signal| told.at(reporter, 0);
        let result = match arm {
            Opened::Original => return Ok(0),
            Opened::Lora(lora) => lora_distances(&common.base, lora, &mut observer),
            Opened::Full(model) => full_distances(&common.base, model, &mut observer),
        };
        let distances = self.reporter.finish(result.map_err(StudyError::from_engine))?;
        whole_file::write_json(&self.study.cell_file(cell, "weights.json"), &matrices(&distances))?;
        Ok(0)
    }
}

/// Under their short names where these tell a layer's matrices apart. A matrix that was zero before has no relative distance, and is
/// left out.
fn matrices(distances: &[WeightDistance]) -> Vec<MatrixDistance> {
    let short = |name: &str| name.rsplit('.').next().unwrap_or(name).to_string();
    let mut full_names: HashMap<String, &str> = HashMap::new();
    let mut shared: Vec<String> = Vec::new();
    for distance in distances {
        let known = full_names.entry(short(&distance.matrix)).or_insert(&distance.matrix);
        if *known != distance.matrix {
            shared.push(short(&distance.matrix));
        }
    }
    let matrix = |distance: &WeightDistance| MatrixDistance {
        layer: distance.layer.map(|layer| layer as u32),
        matrix: Some(short(&distance.matrix)).filter(|name| !shared.contains(name)).unwrap_or_else(|| distance.matrix.clone()),
        frobenius: distance.frobenius,
        relative: distance.relative,
        effective_rank: distance.effective_rank,
        stable_rank: distance.stable_rank,
    };
    distances.iter().map(matrix).filter(|matrix| matrix.relative.is_finite()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_where_they_tell_matrices_apart() {
        let distance = |layer: usize, matrix: &str, relative: f64| WeightDistance {
            module: format!("h.{layer}.{matrix}"),
            layer: Some(layer),
            matrix: matrix.into(),
            frobenius: 1.0,
            relative,
            effective_rank: 1.0,
            stable_rank: 1.0,
            singular_values: vec![1.0],
        };
        let names: Vec<_> = matrices(&[
            distance(0, "attn.c_attn", 0.5),
            distance(0, "attn.c_proj", 0.5),
            distance(0, "mlp.c_proj", 0.5),
            distance(1, "attn.c_attn", f64::INFINITY),
            distance(1, "attn.c_proj", 0.5),
        ])
        .into_iter()
        .map(|found| (found.layer.unwrap(), found.matrix))
        .collect();
        let expected = [(0, "c_attn"), (0, "attn.c_proj"), (0, "mlp.c_proj"), (1, "attn.c_proj")];
        assert_eq!(names, expected.map(|(layer, name)| (layer, name.to_string())));
    }
}
