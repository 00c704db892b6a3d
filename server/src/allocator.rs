//! How the C library's allocator deals with large blocks.

/// Makes glibc keep freed memory for the next tensor. As it comes, it maps and unmaps every large block,
/// and the kernel's page faults then take half of the time of a training step. Call it first in `main`.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt only sets parameters of the allocator, and no other thread runs yet.
    unsafe {
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, -1);
        libc::mallopt(libc::M_TOP_PAD, 64 << 20);
    }
}
