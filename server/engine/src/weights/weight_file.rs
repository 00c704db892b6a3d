//! The files that hold a model directory's weights: safetensors or PyTorch's `.bin`, one file or shards named by an index.

use super::pickle::PickleFile;
use crate::EngineError;
use candle_core::{DType, Device, Tensor, safetensors::MmapedSafetensors};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    path::{Path, PathBuf},
};

pub(super) fn bad(path: &Path, reason: impl Into<String>) -> EngineError {
    EngineError::BadWeights { path: path.into(), reason: reason.into() }
}

/// What a file's head says of a tensor.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StoredTensor {
    /// Number of its file in the list of files.
    pub file: usize,
    pub shape: Vec<usize>,
    /// As safetensors writes it: `F32`, `BF16`.
    pub dtype: String,
}

/// A model's weights, their heads read.
pub(super) struct WeightFiles {
    pub files: Vec<PathBuf>,
    pub tensors: BTreeMap<String, StoredTensor>,
    reader: Reader,
}

enum Reader {
    Safetensors(MmapedSafetensors),
    Pickles(Vec<PickleFile>),
}

impl WeightFiles {
    /// Reads the heads of a directory's weight files.
    pub fn open(directory: &Path) -> Result<Self, EngineError> {
        let files = weight_files(directory)?;
        let mut tensors = BTreeMap::new();
        let mut put = |file: usize, list: Vec<(String, Vec<usize>, String)>| {
            tensors.extend(list.into_iter().map(|(name, shape, dtype)| (name, StoredTensor { file, shape, dtype })));
        };
        let reader = if files[0].extension().is_some_and(|extension| extension == "bin") {
            let pickles = files.iter().map(|file| PickleFile::open(file)).collect::<Result<Vec<_>, _>>()?;
            for (file, pickle) in pickles.iter().enumerate() {
                put(file, pickle.heads());
            }
            Reader::Pickles(pickles)
        } else {
            for (index, file) in files.iter().enumerate() {
                put(index, safetensors_heads(file)?);
            }
            // SAFETY: the files are mapped for reading while they are copied; nobody is expected to write to a model meanwhile
            let mapped = unsafe { MmapedSafetensors::multi(&files) };
            Reader::Safetensors(mapped.map_err(|error| bad(directory, format!("corrupt safetensors ({error}); download it again")))?)
        };
        Ok(Self { files, tensors, reader })
    }

    /// Reads a tensor that is among `tensors`, as f32.
    pub fn load(&mut self, name: &str, device: &Device) -> Result<Tensor, EngineError> {
        let stored = &self.tensors[name];
        let file = &self.files[stored.file];
        let unreadable = |error: String| bad(file, format!("tensor {name} can't be read ({error}); download the file again"));
        let tensor = match &mut self.reader {
            Reader::Safetensors(mapped) => mapped.load(name, device).map_err(|error| unreadable(error.to_string()))?,
            Reader::Pickles(pickles) => {
                let values = pickles[stored.file].read(name).map_err(unreadable)?;
                Tensor::from_vec(values, stored.shape.as_slice(), device)?
            }
        };
        Ok(tensor.to_dtype(DType::F32)?)
    }

    /// The type that most of the weights have.
    pub fn dtype(&self) -> String {
        let mut by_type: BTreeMap<&str, usize> = BTreeMap::new();
        for tensor in self.tensors.values() {
            *by_type.entry(&tensor.dtype).or_default() += tensor.shape.iter().product::<usize>();
        }
        by_type.into_iter().max_by_key(|(_, count)| *count).map_or_else(String::new, |(dtype, _)| dtype.to_string())
    }
}

/// The weights' files, in the order of their names: safetensors before `.bin` where a directory has both.
pub(crate) fn weight_files(directory: &Path) -> Result<Vec<PathBuf>, EngineError> {
    for (whole, index) in [("model.safetensors", "model.safetensors.index.json"), ("pytorch_model.bin", "pytorch_model.bin.index.json")] {
        if directory.join(whole).is_file() {
            return Ok(vec![directory.join(whole)]);
        }
        if directory.join(index).is_file() {
            return indexed(directory, &directory.join(index));
        }
    }
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .map_err(EngineError::io(directory))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "safetensors"))
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("model")))
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(bad(
            directory,
            "has no model.safetensors and no pytorch_model.bin, nor an index of shards of either; copy the model's weights there, or give a GGUF file",
        ));
    }
    Ok(files)
}

/// The shards that an index names.
fn indexed(directory: &Path, index: &Path) -> Result<Vec<PathBuf>, EngineError> {
    let text = std::fs::read_to_string(index).map_err(EngineError::io(index))?;
    let json: Value = serde_json::from_str(&text).map_err(|error| bad(index, format!("not JSON ({error}); download it again")))?;
    let names: BTreeSet<&str> = json["weight_map"].as_object().into_iter().flatten().filter_map(|(_, file)| file.as_str()).collect();
    if names.is_empty() {
        return Err(bad(index, "names no shard in weight_map; download it again"));
    }
    let plain = |name: &str| Path::new(name).file_name().is_some_and(|file| file == name);
    if let Some(name) = names.iter().find(|name| !plain(name)) {
        return Err(bad(index, format!("names the shard {name:?}, which is not a file beside it; download it again")));
    }
    let files: Vec<PathBuf> = names.iter().map(|name| directory.join(name)).collect();
    match files.iter().find(|file| !file.is_file()) {
        Some(missing) => Err(bad(missing, "this shard is missing; copy it from where the others came from")),
        None => Ok(files),
    }
}

/// What to say of a file that is not what its name says: a pointer that git left is told from a broken download.
pub(super) fn not_whole(file: &Path, what: &str, found: &str) -> EngineError {
    let mut start = [0u8; 24];
    let read = std::fs::File::open(file).and_then(|mut file| file.read(&mut start)).unwrap_or(0);
    if start[..read].starts_with(b"version https://git-lfs") {
        return bad(file, "is a Git LFS pointer and not the weights; run `git lfs pull` in its repository");
    }
    bad(file, format!("not a whole {what} file: {found}; download it again"))
}

/// (name, shape, dtype) of every tensor, read from the head of the file alone.
fn safetensors_heads(file: &Path) -> Result<Vec<(String, Vec<usize>, String)>, EngineError> {
    const HEADER_CAP: u64 = 100 << 20;
    let mut reader = std::fs::File::open(file).map_err(EngineError::io(file))?;
    let length = reader.metadata().map_err(EngineError::io(file))?.len();
    let mut size = [0u8; 8];
    reader.read_exact(&mut size).map_err(|_| not_whole(file, "safetensors", "it is shorter than 8 bytes"))?;
    let size = u64::from_le_bytes(size);
    if size > HEADER_CAP || size + 8 > length {
        return Err(not_whole(file, "safetensors", &format!("its header claims {size} bytes, the file has {length}")));
    }
    let mut header = vec![0u8; size as usize];
    reader.read_exact(&mut header).map_err(EngineError::io(file))?;
    let json: Value =
        serde_json::from_slice(&header).map_err(|error| bad(file, format!("corrupt safetensors header ({error}); download it again")))?;
    let mut tensors = Vec::new();
    for (name, info) in json.as_object().into_iter().flatten().filter(|(name, _)| *name != "__metadata__") {
        let end = info["data_offsets"][1].as_u64().unwrap_or(u64::MAX);
        if end.saturating_add(size + 8) > length {
            return Err(bad(file, format!("truncated: tensor {name} ends beyond the file's {length} bytes; download it again")));
        }
        let shape = info["shape"].as_array().into_iter().flatten().map(|size| size.as_u64().unwrap_or(0) as usize).collect();
        tensors.push((name.clone(), shape, info["dtype"].as_str().unwrap_or_default().to_string()));
    }
    Ok(tensors)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(path: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference").join(path)
    }

    const SHARDS: [&str; 3] = ["pytorch_model.bin.index.json", "pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"];

    /// The weights of a reference model, with one file changed or (`None`) left out.
    fn changed(model: &str, files: &[&str], file: &str, change: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for name in files {
            std::fs::copy(reference(model).join(name), directory.path().join(name)).unwrap();
        }
        let path = directory.path().join(file);
        match change(std::fs::read(&path).unwrap_or_default()) {
            Some(bytes) => std::fs::write(path, bytes).unwrap(),
            None => std::fs::remove_file(path).unwrap(),
        }
        directory
    }

    fn read_all(directory: &Path) -> Result<usize, EngineError> {
        let mut files = WeightFiles::open(directory)?;
        let names: Vec<String> = files.tensors.iter().filter(|(_, tensor)| tensor.dtype == "F32").map(|(name, _)| name.clone()).collect();
        names.iter().try_fold(0, |read, name| Ok(read + files.load(name, &Device::Cpu)?.elem_count()))
    }

    #[test]
    fn both_formats_whole_and_in_shards_are_read() {
        // GPT-2's buffers: a mask of booleans, which is no weight, and a lone number a layer
        for (model, tensors, values, dtype) in [
            ("gpt2_tiny", 28 + 4, 23_712 + 2, "F32"),
            ("opt_tiny", 37, 25_952, "F32"),
            ("opt_350m_tiny", 0, 0, "F32"),
            ("llama_tiny_untied", 0, 0, "F32"),
            ("qwen2_tiny", 0, 0, "BF16"),
        ] {
            let files = WeightFiles::open(&reference(model)).unwrap();
            assert_eq!(files.dtype(), dtype, "{model}");
            if tensors > 0 {
                assert_eq!((files.tensors.len(), read_all(&reference(model)).unwrap()), (tensors, values), "{model}");
            }
        }
        // an lm_head that shares the embedding's storage
        let mut files = WeightFiles::open(&reference("opt_tiny")).unwrap();
        let mut values = |name: &str| files.load(name, &Device::Cpu).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(values("lm_head.weight"), values("decoder.embed_tokens.weight"));
    }

    #[test]
    fn broken_weights_are_refused_by_name_with_a_remedy() {
        let opt = |change: fn(Vec<u8>) -> Option<Vec<u8>>| changed("opt_tiny", &["pytorch_model.bin"], "pytorch_model.bin", change);
        let gpt2 = |file: &str, change: fn(Vec<u8>) -> Option<Vec<u8>>| changed("gpt2_tiny", &SHARDS, file, change);
        let pointer = |_| Some(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n".to_vec());
        let rows: Vec<(tempfile::TempDir, &[&str])> = vec![
            (opt(|bytes| Some(bytes[..bytes.len() / 2].to_vec())), &["pytorch_model.bin: not a whole PyTorch file", "download it again"]),
            (opt(|_| Some(Vec::new())), &["not a whole PyTorch file"]),
            (
                opt(|mut bytes| {
                    // in the middle of a storage: the archive's checksum finds it
                    let middle = bytes.len() / 2;
                    bytes[middle] ^= 0xff;
                    Some(bytes)
                }),
                &["pytorch_model.bin: tensor", "can't be read", "download the file again"],
            ),
            (opt(pointer), &["pytorch_model.bin: is a Git LFS pointer", "git lfs pull"]),
            (opt(|_| Some(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.".to_vec())), &["a PyTorch before 1.6", "torch.save it again"]),
            (opt(|_| Some(empty_archive())), &["zip archive without data.pkl"]),
            (gpt2(SHARDS[2], |_| None), &["pytorch_model-00002-of-00002.bin: this shard is missing"]),
            (gpt2(SHARDS[0], |_| Some(b"{".to_vec())), &["index.json: not JSON"]),
            (gpt2(SHARDS[0], |_| Some(b"{}".to_vec())), &["names no shard in weight_map"]),
            (
                gpt2(SHARDS[0], |_| Some(b"{\"weight_map\": {\"a\": \"../a.bin\"}}".to_vec())),
                &["\"../a.bin\", which is not a file beside it"],
            ),
            (changed("opt_tiny", &[], "nothing", |_| Some(Vec::new())), &["has no model.safetensors and no pytorch_model.bin"]),
            (changed("bert_tiny", &["model.safetensors"], "model.safetensors", pointer), &["model.safetensors: is a Git LFS pointer"]),
        ];
        for (directory, expected) in rows {
            let error = read_all(directory.path()).unwrap_err().to_string();
            assert!(expected.iter().all(|part| error.contains(part)), "{error} does not say {expected:?}");
        }
    }

    /// A zip archive without any file: its end-of-directory record alone.
    fn empty_archive() -> Vec<u8> {
        [b"PK\x05\x06".as_slice(), &[0; 18]].concat()
    }
}
