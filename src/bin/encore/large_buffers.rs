//! The program's allocator. (The plugin leaves its host's alone.)

use std::ffi::c_int;

/// Training asks for large buffers all the time, and fresh pages cost more than the arithmetic.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of mimalloc.h, which the crate has no name for.
const PURGE_DELAY: c_int = 15;

/// Keeps every page that was once in use: a step of training needs the same again.
pub fn keep_pages() {
    // SAFETY: sets a number that the allocator reads; it may be called at any time, from any thread.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, -1) };
}
