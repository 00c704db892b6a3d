//! Large pages for weights: with pages of 4 KiB every few rows of a matrix cost a walk through the page table.

use crate::slices::values;
use candle_core::{Result, Tensor};

/// Asks the system to put the memory that these tensors span on large pages; it may refuse, and nothing but speed depends on it.
pub(crate) fn prefer_large(tensors: &[Tensor]) -> Result<()> {
    let (mut first, mut end) = (usize::MAX, 0);
    for tensor in tensors {
        let values = values(tensor)?;
        let start = values.as_ptr() as usize;
        (first, end) = (first.min(start), end.max(start + size_of_val(&*values)));
    }
    #[cfg(target_os = "linux")]
    {
        const LARGE: usize = 2 << 20;
        let (first, end) = (first.next_multiple_of(LARGE), end / LARGE * LARGE);
        if end > first {
            // SAFETY: neither call changes what the memory holds or who may use it; where the range is not all mapped they fail
            unsafe {
                libc::madvise(first as *mut libc::c_void, end - first, libc::MADV_HUGEPAGE);
                libc::madvise(first as *mut libc::c_void, end - first, libc::MADV_COLLAPSE);
            }
        }
    }
    Ok(())
}
