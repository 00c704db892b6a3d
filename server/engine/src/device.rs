//! What a model computes on: the processor or an NVIDIA GPU, and how its weights lie there.

use crate::{
    EngineError,
    layout::{Layout, ParameterId},
    slices::values,
};
use candle_core::{DType, Device, Tensor};
use std::{fmt, path::Path};

/// The processor that a model computes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Processor {
    #[default]
    Cpu,
    /// The GPU of this number, as `nvidia-smi` and CUDA_VISIBLE_DEVICES count them.
    Cuda(usize),
}

/// A GPU, as its driver describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    pub name: String,
    pub memory_bytes: u64,
}

impl fmt::Display for Processor {
    /// `cpu`, `cuda:0`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Processor::Cpu => f.write_str("cpu"),
            Processor::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

impl Processor {
    /// From `cpu`, `cuda:N`, `cuda` (the first GPU) or `auto` (the first GPU where this program and the machine have CUDA, else the
    /// CPU). The error says what to write instead; a GPU that is not there is an error.
    pub fn choose(text: &str) -> Result<Self, String> {
        let number = match text {
            "cpu" => return Ok(Processor::Cpu),
            "auto" => return Ok(gpus().ok().filter(|gpus| !gpus.is_empty()).map_or(Processor::Cpu, |_| Processor::Cuda(0))),
            "cuda" => Some(0),
            other => other.strip_prefix("cuda:").and_then(|number| number.parse().ok()),
        };
        let number =
            number.ok_or("Write cpu, cuda:0 (or another GPU's number), or auto: the first GPU where there is one, else the CPU.")?;
        let count = gpus()?.len();
        if number < count {
            return Ok(Processor::Cuda(number));
        }
        Err(format!("The driver knows {count} GPUs here, counted from cuda:0. Write one of them, auto or cpu."))
    }

    /// The GPU that it is; `None` for the CPU, and where the driver no longer answers.
    pub fn gpu(self) -> Option<Gpu> {
        match self {
            Processor::Cpu => None,
            Processor::Cuda(number) => gpus().ok()?.into_iter().nth(number),
        }
    }

    fn device(self) -> Result<Device, EngineError> {
        let Processor::Cuda(number) = self else { return Ok(Device::Cpu) };
        let unusable = |reason: String| EngineError::Device { device: self.to_string(), reason: reason.trim_end_matches('.').into() };
        // candle would panic where the driver's library can't be loaded
        Self::choose(&self.to_string()).map_err(unusable)?;
        // where a backtrace is asked for, candle's error has it behind the first line
        let first_line = |error: candle_core::Error| error.to_string().lines().next().unwrap_or_default().to_string();
        Device::new_cuda(number).map_err(|error| unusable(format!("it can't be used ({}). Free it, or choose cpu.", first_line(error))))
    }
}

/// The GPUs that the driver knows; an error says why there can't be any.
#[cfg(not(feature = "cuda"))]
pub fn gpus() -> Result<Vec<Gpu>, String> {
    Err("This program is built without CUDA. `make cuda` builds one with it; or choose cpu.".into())
}

/// The GPUs that the driver knows; an error says why there can't be any.
#[cfg(feature = "cuda")]
pub fn gpus() -> Result<Vec<Gpu>, String> {
    driver::gpus()
}

/// The few functions of the driver that say what is there, without taking a GPU into use.
#[cfg(feature = "cuda")]
mod driver {
    use super::Gpu;
    use libloading::{Library, Symbol};
    use std::ffi::{CStr, c_char, c_int, c_uint};

    type Result<T> = std::result::Result<T, String>;

    pub fn gpus() -> Result<Vec<Gpu>> {
        // SAFETY: the driver's library sets itself up when it is loaded, which every program that uses CUDA relies on
        let library = unsafe { Library::new("libcuda.so.1") }
            .map_err(|_| "libcuda.so.1, NVIDIA's driver, can't be loaded here. Install the driver, or choose cpu.".to_string())?;
        // SAFETY: the signatures are those of cuda.h; pointers are to values that outlive the calls
        unsafe {
            call(&library, "cuInit", |init: Symbol<'_, unsafe extern "C" fn(c_uint) -> c_int>| init(0))?;
            let mut count = 0;
            call(&library, "cuDeviceGetCount", |get: Symbol<'_, unsafe extern "C" fn(*mut c_int) -> c_int>| get(&mut count))?;
            (0..count).map(|number| gpu(&library, number)).collect()
        }
    }

    /// # Safety
    /// `library` is the driver's.
    unsafe fn gpu(library: &Library, number: c_int) -> Result<Gpu> {
        let (mut device, mut memory_bytes, mut name) = (0, 0usize, [0 as c_char; 256]);
        // SAFETY: as above; the name's length is given
        unsafe {
            let device = &mut device;
            call(library, "cuDeviceGet", |get: Symbol<'_, unsafe extern "C" fn(*mut c_int, c_int) -> c_int>| get(device, number))?;
            let device = *device;
            call(library, "cuDeviceGetName", |get: Symbol<'_, unsafe extern "C" fn(*mut c_char, c_int, c_int) -> c_int>| {
                get(name.as_mut_ptr(), name.len() as c_int - 1, device)
            })?;
            call(library, "cuDeviceTotalMem_v2", |get: Symbol<'_, unsafe extern "C" fn(*mut usize, c_int) -> c_int>| {
                get(&mut memory_bytes, device)
            })?;
            Ok(Gpu { name: CStr::from_ptr(name.as_ptr()).to_string_lossy().into_owned(), memory_bytes: memory_bytes as u64 })
        }
    }

    /// # Safety
    /// `F` is the function's type.
    unsafe fn call<'a, F: 'a>(library: &'a Library, name: &str, with: impl FnOnce(Symbol<'a, F>) -> c_int) -> Result<()> {
        // SAFETY: as the caller says
        let function =
            unsafe { library.get(name) }.map_err(|_| format!("NVIDIA's driver here has no {name}. Update it, or choose cpu."))?;
        match with(function) {
            0 => Ok(()),
            100 => Err("NVIDIA's driver finds no GPU here (is CUDA_VISIBLE_DEVICES as you want it?). Choose cpu.".into()),
            code => Err(format!(
                "NVIDIA's driver doesn't work here ({name} gave error {code}). See whether nvidia-smi does, reboot after an update of the driver, or choose cpu."
            )),
        }
    }
}

/// Where weights go as they are read.
pub(crate) struct Placement {
    pub device: Device,
    /// Of the matrices that most of a model is; biases, norms, positions and class heads are f32.
    matrices: DType,
}

impl Placement {
    /// On a GPU the matrices are bf16: half the memory, and products at twice the speed and more.
    pub fn on(processor: Processor) -> Result<Self, EngineError> {
        let device = processor.device()?;
        let matrices = if device.is_cpu() { DType::F32 } else { DType::BF16 };
        Ok(Self { device, matrices })
    }

    /// As on a GPU, on the CPU: for tests.
    pub fn halved(device: &Device) -> Self {
        Self { device: device.clone(), matrices: DType::BF16 }
    }

    /// Puts a parameter's values (f32 on the CPU) where they belong; values that are not finite are refused.
    pub fn place(&self, path: &Path, layout: &Layout, id: ParameterId, tensor: &Tensor) -> Result<Tensor, EngineError> {
        if !values(tensor)?.iter().all(|value| value.is_finite()) {
            return Err(EngineError::BadWeights {
                path: path.into(),
                reason: format!("tensor {} holds a value that is not a number; download the file again", layout.parameters[id].name),
            });
        }
        Ok(self.placed(layout, id, tensor)?)
    }

    pub fn placed(&self, layout: &Layout, id: ParameterId, tensor: &Tensor) -> candle_core::Result<Tensor> {
        let dtype = if layout.is_base_matrix(id) { self.matrices } else { DType::F32 };
        // narrowed before it travels
        tensor.to_dtype(dtype)?.to_device(&self.device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_is_chosen_by_name() {
        assert_eq!(Processor::choose("cpu"), Ok(Processor::Cpu));
        for wrong in ["gpu", "cuda:", "cuda:x", "cuda:-1", "CPU", ""] {
            assert!(Processor::choose(wrong).unwrap_err().contains("Write cpu, cuda:0"), "{wrong}");
        }
        assert_eq!(Processor::Cuda(3).to_string(), "cuda:3");
    }

    #[test]
    fn without_a_gpu_auto_is_the_cpu_and_cuda_is_refused_with_a_remedy() {
        match gpus() {
            Ok(gpus) if !gpus.is_empty() => {
                assert_eq!(Processor::choose("auto"), Ok(Processor::Cuda(0)));
                assert!(Processor::choose("cuda:999").unwrap_err().contains("Write one of them"));
            }
            _ => {
                assert_eq!(Processor::choose("auto"), Ok(Processor::Cpu));
                for text in ["cuda", "cuda:0"] {
                    assert!(Processor::choose(text).unwrap_err().contains("cpu"), "{text}");
                }
                let error = Placement::on(Processor::Cuda(0)).map(|_| ()).unwrap_err().to_string();
                assert!(error.starts_with("device = \"cuda:0\": "), "{error}");
            }
        }
    }
}
