//! PyTorch's legacy stream, whole.

#![no_main]

use encore_fuzz::{checkpoint, model, read_all};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(checkpoint) = checkpoint("prior_level_2.pth.tar", bytes) {
        read_all(&checkpoint);
        model(checkpoint, None);
    }
});
