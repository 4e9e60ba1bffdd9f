//! PyTorch's zip files: whole, and with any pickle and storage in a sound file.

#![no_main]

use encore_fuzz::{checkpoint, model, read_all};
use libfuzzer_sys::fuzz_target;

#[allow(unused)] // of its builders, only `zip` is needed here
#[path = "../../tests/common/pickles.rs"]
mod pickles;

fuzz_target!(|bytes: &[u8]| {
    let whole = match bytes.split_first() {
        // then the pickle's length comes first, and what is left is the storage "0"
        Some((0, rest)) if rest.len() >= 2 => {
            let n_pickle = usize::from(rest[0]) | usize::from(rest[1]) << 8;
            let (pickle, storage) = rest[2..].split_at(n_pickle.min(rest.len() - 2));
            pickles::zip(&[
                pickles::Entry::new("archive/data.pkl", pickle),
                pickles::Entry::new("archive/data/0", storage),
            ])
        }
        _ => bytes.to_vec(),
    };
    if let Some(checkpoint) = checkpoint("vqvae.pth", &whole) {
        read_all(&checkpoint);
        model(checkpoint, None);
    }
});
