//! A safetensors file that this program wrote, read tensor by tensor: never twice in memory.

use serde_json::Value;
use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

/// Longest header that is read, bytes.
const HEADER_CAP: u64 = 100 << 20;

pub(crate) struct TensorFile {
    file: File,
    tensors: HashMap<String, Entry>,
}

struct Entry {
    dtype: String,
    shape: Vec<usize>,
    /// From the file's beginning, bytes.
    start: u64,
    length: u64,
}

impl TensorFile {
    /// Opens a file; one that is cut short or no safetensors file is refused.
    pub fn open(path: &Path) -> io::Result<Self> {
        let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_string());
        let mut file = File::open(path)?;
        let whole = file.metadata()?.len();
        let mut size = [0; 8];
        file.read_exact(&mut size)?;
        let size = u64::from_le_bytes(size);
        if size > HEADER_CAP || size + 8 > whole {
            return Err(wrong("the header is longer than the file"));
        }
        let mut header = vec![0; size as usize];
        file.read_exact(&mut header)?;
        let header: HashMap<String, Value> = serde_json::from_slice(&header)?;
        let mut tensors = HashMap::new();
        for (name, value) in header.into_iter().filter(|(name, _)| name != "__metadata__") {
            let number = |value: &Value| value.as_u64().ok_or_else(|| wrong("a tensor's place is no number"));
            let (start, end) = (number(&value["data_offsets"][0])?, number(&value["data_offsets"][1])?);
            if end < start || end.saturating_add(size + 8) > whole {
                return Err(wrong("a tensor ends beyond the file"));
            }
            let shape = value["shape"].as_array().into_iter().flatten().map(|size| size.as_u64().unwrap_or(0) as usize).collect();
            let dtype = value["dtype"].as_str().unwrap_or_default().to_string();
            tensors.insert(name, Entry { dtype, shape, start: start + size + 8, length: end - start });
        }
        Ok(Self { file, tensors })
    }

    /// Whether there is a tensor of this name, shape and kind (`F32`, `F64`).
    pub fn has(&self, name: &str, shape: &[usize], dtype: &str) -> bool {
        self.tensors.get(name).is_some_and(|entry| entry.shape == shape && entry.dtype == dtype)
    }

    pub fn has_any(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    pub fn read_f32(&mut self, name: &str) -> io::Result<Vec<f32>> {
        let bytes = self.read(name, "F32")?;
        Ok(bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }

    pub fn read_f64(&mut self, name: &str) -> io::Result<Vec<f64>> {
        let bytes = self.read(name, "F64")?;
        Ok(bytes.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
    }

    fn read(&mut self, name: &str, dtype: &str) -> io::Result<Vec<u8>> {
        let entry = self.tensors.get(name).filter(|entry| entry.dtype == dtype);
        let entry = entry.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("it has no {dtype} tensor {name}")))?;
        self.file.seek(SeekFrom::Start(entry.start))?;
        let mut bytes = vec![0; entry.length as usize];
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}
