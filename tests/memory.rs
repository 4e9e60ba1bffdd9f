//! Loading and converting take little more memory than what they keep. Alone in its process, because the
//! allocator is the process's.

#[path = "common/checkpoints.rs"]
mod checkpoints;
#[path = "common/pickles.rs"]
mod pickles;

use encore::pack::checkpoint::Model;
use encore::pack::convert::{StoredAs, convert};
use encore::pack::shapes::prior_tensors;
use encore::pack::{Pack, Precision};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const MIB: usize = 1 << 20;

/// What a job leaves allocated, and how much more it had at its peak.
fn measured<T>(job: impl FnOnce() -> T) -> (T, usize, usize) {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let result = job();
    let (kept, peak) = (MEMORY.current_usage() - before, MEMORY.peak_usage() - before);
    (result, kept, peak - kept)
}

#[test]
fn loading_and_converting_take_one_tensor_beyond_what_they_keep() {
    let dir = tempfile::tempdir().unwrap();
    let (given, out) = (dir.path().join("given"), dir.path().join("pack"));
    for config in [checkpoints::prior(1536, 2), checkpoints::upsampler(768, 2)] {
        checkpoints::write(&given, &config);
        let model = Model::open(&given).unwrap();
        assert_eq!(model.priors[0].config, config);

        for stored_as in
            [StoredAs::Given, StoredAs::F32, StoredAs::BF16, StoredAs::Q4, StoredAs::Q8]
        {
            let ((), _, extra) = measured(|| convert(&model, &out, stored_as, |_| {}).unwrap());
            assert!(extra <= 8 * MIB, "converting to {stored_as:?} took {extra} bytes");
        }

        let largest = prior_tensors(&config).iter().map(|tensor| 4 * tensor.n_values()).max();
        let (packed, kept, _) = measured(|| Pack::open(&out).unwrap());
        assert!(kept < MIB);
        let given = Pack::open(&given).unwrap();
        for (pack, precision) in [
            (&given, Precision::F32),
            (&given, Precision::Q8),
            (&given, Precision::Q4),
            (&packed, Precision::F32), // stored as q8
        ] {
            let (_networks, kept, extra) = measured(|| {
                (pack.load_vqvae().unwrap(), pack.load_prior_as(0, precision).unwrap())
            });

            let limit = largest.unwrap() as f64 * 1.1;
            assert!(extra as f64 <= limit, "{precision:?} took {extra} bytes more than it keeps");
            let (kept, told) = (kept as f64, pack.memory_bytes(precision) as f64);
            assert!((kept / told - 1.0).abs() < 0.02, "{precision:?} keeps {kept}, not {told}");
        }
    }
}
