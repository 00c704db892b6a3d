//! The f32 values of a candle tensor as a slice, to read and to change in place.

use candle_core::{CpuStorage, Device, InplaceOp1, Layout, Result, Storage, StorageRef, Tensor, bail};
use std::{ops::Deref, sync::Mutex};

/// Values of a contiguous f32 tensor on the CPU.
pub(crate) struct Values<'a> {
    guard: StorageRef<'a>,
    start: usize,
    end: usize,
}

impl Deref for Values<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &*self.guard {
            Storage::Cpu(CpuStorage::F32(values)) => &values[self.start..self.end],
            _ => unreachable!("checked when it was made"),
        }
    }
}

/// Borrows a tensor's values; an error where they are not contiguous f32 on the CPU.
pub(crate) fn values(tensor: &Tensor) -> Result<Values<'_>> {
    let (guard, layout) = tensor.storage_and_layout();
    let Some((start, end)) = layout.contiguous_offsets() else { bail!("tensor of shape {:?} is not contiguous", tensor.shape()) };
    match &*guard {
        Storage::Cpu(CpuStorage::F32(_)) => Ok(Values { guard, start, end }),
        _ => bail!("expected f32 on the CPU, found {:?} on {:?}", tensor.dtype(), tensor.device().location()),
    }
}

/// A matrix that takes over `values`.
pub(crate) fn matrix(values: Vec<f32>, rows: usize, columns: usize) -> Result<Tensor> {
    Tensor::from_vec(values, (rows, columns), &Device::Cpu)
}

struct Change<F>(Mutex<Option<F>>);

impl<F: FnOnce(&mut [f32]) + Send> InplaceOp1 for Change<F> {
    fn name(&self) -> &'static str {
        "change"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let (CpuStorage::F32(values), Some((start, end))) = (storage, layout.contiguous_offsets()) else {
            bail!("only contiguous f32 tensors are changed in place")
        };
        if let Some(change) = self.0.lock().ok().and_then(|mut change| change.take()) {
            change(&mut values[start..end]);
        }
        Ok(())
    }
}

/// Changes a tensor's values where they are; every holder of the tensor sees it.
pub(crate) fn change(tensor: &Tensor, with: impl FnOnce(&mut [f32]) + Send) -> Result<()> {
    tensor.inplace_op1(&Change(Mutex::new(Some(with))))
}
