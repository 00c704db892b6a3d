//! PyTorch's `.bin`: a zip archive with a pickle that describes the tensors and a file for each storage. The pickle is
//! read by candle's reader, which builds a tree of what it finds and can't call anything.

use super::{
    unpickle::unpickle,
    weight_file::{bad, not_whole},
};
use crate::EngineError;
use candle_core::{DType, Device, Tensor, pickle::Object};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufReader, Read},
    path::{Path, PathBuf},
};
use zip::ZipArchive;

/// How a file begins that PyTorch wrote before version 1.6: a pickle of a magic number, and no archive.
const OLD_FORMAT: &[u8] = b"\x80\x02\x8a\x0a";

/// A `.bin` whose pickle has been read.
pub(super) struct PickleFile {
    path: PathBuf,
    archive: ZipArchive<BufReader<File>>,
    /// Of the archive's entries: `pytorch_model`.
    root: String,
    tensors: BTreeMap<String, View>,
}

/// A tensor as a view of a storage; sizes and strides in values.
#[derive(Debug, Clone, PartialEq)]
struct View {
    storage: String,
    /// PyTorch's class: `FloatStorage`.
    class: String,
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

impl PickleFile {
    pub fn open(path: &Path) -> Result<Self, EngineError> {
        let mut file = File::open(path).map_err(EngineError::io(path))?;
        let mut start = [0u8; OLD_FORMAT.len()];
        if file.read_exact(&mut start).is_ok() && start == OLD_FORMAT {
            return Err(bad(
                path,
                "was written by a PyTorch before 1.6, whose format is not read here; use the model's model.safetensors, or load the file in PyTorch and \
                 torch.save it again",
            ));
        }
        let file = File::open(path).map_err(EngineError::io(path))?;
        let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| not_whole(path, "PyTorch", &error.to_string()))?;
        let names: Vec<String> = archive.file_names().filter_map(|name| name.ok().map(|name| name.into_owned())).collect();
        let root = names
            .iter()
            .find_map(|name| name.strip_suffix("/data.pkl"))
            .ok_or_else(|| bad(path, "is a zip archive without data.pkl, so it is no PyTorch file of weights; download it again"))?
            .to_string();
        let mut read = |name: &str| read_entry(&mut archive, name).map_err(|error| not_whole(path, "PyTorch", &error));
        if names.contains(&format!("{root}/byteorder")) && read(&format!("{root}/byteorder"))? != b"little" {
            return Err(bad(path, "was written on a big-endian machine, which is not read here; use the model's model.safetensors"));
        }
        let pickle = read(&format!("{root}/data.pkl"))?;
        let found = unpickle(&pickle)
            .map_err(|error| bad(path, format!("its pickle can't be read ({error}); use the model's model.safetensors")))?;
        let Object::Dict(entries) = found else {
            return Err(bad(path, "holds no table of named tensors (a state_dict); save the model with torch.save(model.state_dict(), …)"));
        };
        let mut tensors = BTreeMap::new();
        for (name, value) in &entries {
            let Object::Unicode(name) = name else { continue };
            match view(value) {
                Some(Ok(view)) => drop(tensors.insert(name.clone(), view)),
                Some(Err(reason)) => return Err(bad(path, format!("tensor {name} is described in a way that is not read here: {reason}"))),
                // _metadata and the like
                None => {}
            }
        }
        if tensors.is_empty() {
            return Err(bad(path, "holds no tensors by name; save the model with torch.save(model.state_dict(), …)"));
        }
        Ok(Self { path: path.into(), archive, root, tensors })
    }

    /// (name, shape, dtype) of every tensor.
    pub fn heads(&self) -> Vec<(String, Vec<usize>, String)> {
        let dtype = |view: &View| safetensors_dtype(&view.class).to_string();
        self.tensors.iter().map(|(name, view)| (name.clone(), view.shape.clone(), dtype(view))).collect()
    }

    /// The values of a tensor in the order of its shape.
    pub fn read(&mut self, name: &str) -> Result<Vec<f32>, String> {
        let view = self.tensors.get(name).ok_or_else(|| format!("{} does not have it", self.path.display()))?;
        let dtype = match view.class.as_str() {
            "FloatStorage" => DType::F32,
            "HalfStorage" => DType::F16,
            "BFloat16Storage" => DType::BF16,
            "DoubleStorage" => DType::F64,
            other => return Err(format!("its values are of {other}, not floating-point numbers")),
        };
        let bytes = read_entry(&mut self.archive, &format!("{}/data/{}", self.root, view.storage))?;
        let held = bytes.len() / dtype.size_in_bytes();
        let end = view.end().ok_or("its shape has no size")?;
        if end > held {
            return Err(format!("it ends at value {end} of a storage of {held}"));
        }
        let used = &bytes[view.offset * dtype.size_in_bytes()..end * dtype.size_in_bytes()];
        let flat = Tensor::from_raw_buffer(used, dtype, &[end - view.offset], &Device::Cpu)
            .and_then(|tensor| tensor.to_dtype(DType::F32)?.to_vec1::<f32>())
            .map_err(|error| error.to_string())?;
        Ok(if view.is_contiguous() { flat } else { view.places().map(|place| flat[place]).collect() })
    }
}

impl View {
    fn values(&self) -> Option<usize> {
        self.shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size))
    }

    /// One past the last value of the storage that the view uses.
    fn end(&self) -> Option<usize> {
        if self.values()? == 0 {
            return Some(self.offset);
        }
        let mut last = self.offset;
        for (&size, &stride) in self.shape.iter().zip(&self.strides) {
            last = last.checked_add(stride.checked_mul(size - 1)?)?;
        }
        last.checked_add(1)
    }

    fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        self.shape.iter().zip(&self.strides).rev().all(|(&size, &stride)| {
            let fits = size == 1 || stride == expected;
            expected *= size;
            fits
        })
    }

    /// The place of each value in the storage, from the view's offset on, last dimension fastest.
    fn places(&self) -> impl Iterator<Item = usize> {
        (0..self.values().unwrap_or(0)).map(|mut index| {
            let mut place = 0;
            for (&size, &stride) in self.shape.iter().zip(&self.strides).rev() {
                place += index % size * stride;
                index /= size;
            }
            place
        })
    }
}

/// An entry of the archive, whole; its checksum is compared at its end.
fn read_entry(archive: &mut ZipArchive<BufReader<File>>, name: &str) -> Result<Vec<u8>, String> {
    let mut entry = archive.by_name(name).map_err(|error| format!("{name}: {error}"))?;
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(|error| format!("{name}: {error}"))?;
    Ok(bytes)
}

/// The tensor that an object of the pickle stands for; `None` where it is something else.
fn view(object: &Object) -> Option<Result<View, String>> {
    let Object::Reduce { callable, args } = object else { return None };
    let (Object::Class { module_name, class_name }, Object::Tuple(args)) = (callable.as_ref(), args.as_ref()) else { return None };
    match (module_name.as_str(), class_name.as_str(), args.as_slice()) {
        ("torch._utils", "_rebuild_tensor_v2" | "_rebuild_tensor", [storage, offset, shape, strides, ..]) => {
            Some(rebuilt(storage, offset, shape, strides).ok_or_else(|| format!("{storage:?}, offset {offset:?}, shape {shape:?}")))
        }
        ("torch._utils", "_rebuild_parameter", [tensor, ..]) => view(tensor),
        ("torch._tensor", "_rebuild_from_type_v2", [callable, _, args, ..]) => {
            view(&Object::Reduce { callable: Box::new(callable.clone()), args: Box::new(args.clone()) })
        }
        _ => None,
    }
}

fn rebuilt(storage: &Object, offset: &Object, shape: &Object, strides: &Object) -> Option<View> {
    let Object::PersistentLoad(storage) = storage else { return None };
    let Object::Tuple(storage) = storage.as_ref() else { return None };
    let [_, Object::Class { class_name, .. }, Object::Unicode(key), ..] = storage.as_slice() else { return None };
    let (shape, strides) = (sizes(shape)?, sizes(strides)?);
    let offset = size(offset)?;
    let fits = shape.len() == strides.len();
    fits.then(|| View { storage: key.clone(), class: class_name.clone(), offset, shape, strides })
}

fn size(object: &Object) -> Option<usize> {
    match object {
        Object::Int(value) => usize::try_from(*value).ok(),
        Object::Long(value) => usize::try_from(*value).ok(),
        _ => None,
    }
}

fn sizes(object: &Object) -> Option<Vec<usize>> {
    let Object::Tuple(items) = object else { return None };
    items.iter().map(size).collect()
}

/// PyTorch's storage class by the name that safetensors gives its type.
fn safetensors_dtype(class: &str) -> &str {
    match class {
        "FloatStorage" => "F32",
        "HalfStorage" => "F16",
        "BFloat16Storage" => "BF16",
        "DoubleStorage" => "F64",
        other => other.strip_suffix("Storage").unwrap_or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_finds_its_values() {
        let view = |offset, shape: &[usize], strides: &[usize]| View {
            storage: "0".into(),
            class: "FloatStorage".into(),
            offset,
            shape: shape.into(),
            strides: strides.into(),
        };
        for (view, end, contiguous, places) in [
            (view(0, &[2, 3], &[3, 1]), 6, true, vec![0, 1, 2, 3, 4, 5]),
            (view(4, &[3, 2], &[1, 3]), 10, false, vec![0, 3, 1, 4, 2, 5]),
            (view(1, &[1, 3], &[77, 1]), 4, true, vec![0, 1, 2]),
            (view(0, &[2, 2], &[0, 1]), 2, false, vec![0, 1, 0, 1]),
            (view(5, &[], &[]), 6, true, vec![0]),
            (view(5, &[0, 4], &[4, 1]), 5, true, vec![]),
        ] {
            assert_eq!((view.end(), view.is_contiguous()), (Some(end), contiguous), "{view:?}");
            assert_eq!(view.places().collect::<Vec<_>>(), places, "{view:?}");
        }
        assert_eq!(view(1, &[usize::MAX, 2], &[1, 1]).end(), None);
    }
}
