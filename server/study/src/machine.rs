//! What this machine is: for provenance and estimates.

use rankscope_domain::provenance::Host;
use rankscope_engine::Processor;
use std::fs;

pub(crate) fn host(processor: Processor) -> Host {
    Host {
        os: std::env::consts::OS.into(),
        arch: std::env::consts::ARCH.into(),
        cpu: cpu_name().unwrap_or_else(|| "unknown".into()),
        threads: std::thread::available_parallelism().map_or(1, |count| count.get() as u32),
        memory_bytes: memory_bytes(),
        memory_limit_bytes: None,
        device: device(processor),
    }
}

/// `cpu`, `cuda:0, NVIDIA H100 80GB HBM3`
fn device(processor: Processor) -> String {
    processor.gpu().map_or_else(|| processor.to_string(), |gpu| format!("{processor}, {}", gpu.name))
}

/// Of the machine, or of the container where that is less.
pub(crate) fn memory_bytes() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_of_meminfo(&text));
    let container = fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    match (machine, container) {
        (Some(machine), Some(container)) => Some(u64::min(machine, container)),
        (one, other) => one.or(other),
    }
}

/// Bytes that a study may take where nobody says: of what the machine has, a tenth, and at least half a GiB, is left to the rest.
pub fn memory_limit() -> Option<u64> {
    memory_bytes().map(less_a_margin)
}

/// The same of the GPU's own memory, where a study computes on one: models and what is trained lie there.
pub fn memory_limit_on(processor: Processor) -> Option<u64> {
    match processor {
        Processor::Cpu => memory_limit(),
        Processor::Cuda(_) => processor.gpu().map(|gpu| less_a_margin(gpu.memory_bytes)),
    }
}

fn less_a_margin(bytes: u64) -> u64 {
    bytes - (bytes / 10).max(1 << 29).min(bytes / 2)
}

fn total_of_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

fn cpu_name() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_margin_is_left() {
        assert_eq!(less_a_margin(80 << 30), 72 << 30);
        assert_eq!(less_a_margin(1 << 30), 1 << 29);
    }

    #[test]
    fn memory_is_read_in_bytes() {
        assert_eq!(total_of_meminfo("MemTotal:       24596708 kB\nMemFree: 1 kB\n"), Some(24_596_708 * 1024));
        assert_eq!(total_of_meminfo(""), None);
    }
}
