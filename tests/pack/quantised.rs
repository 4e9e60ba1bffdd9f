//! Quantised packs: what is on disk, what is computed with, and what is refused.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use encore::jukebox::{LabelRow, Prior};
use encore::pack::checkpoint::Model;
use encore::pack::convert::{StoredAs, convert};
use encore::pack::{MANIFEST_FILE, Pack, PackError, Precision};
use half::bf16;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::checkpoints;

const PRIOR: &str = "prior_level_0.safetensors";
const MATRIX: &str = "prior.transformer._attn_mods.1.mlp.c_fc.w";
const FORMATS: [(StoredAs, Precision); 2] =
    [(StoredAs::Q8, Precision::Q8), (StoredAs::Q4, Precision::Q4)];

/// A folder with checkpoints in `given`, 64 wide.
fn given() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    checkpoints::write(&dir.path().join("given"), &checkpoints::prior(64, 3));
    dir
}

/// The checkpoints converted.
fn converted(dir: &TempDir, stored_as: StoredAs) -> Pack {
    let (from, to) = (dir.path().join("given"), dir.path().join("pack"));
    convert(&Model::open(&from).unwrap(), &to, stored_as, |_| {}).unwrap();
    Pack::open(&to).unwrap()
}

/// Logits of twenty tokens, the first ones through a prefill.
fn logits(prior: &Prior) -> Vec<f32> {
    let config = prior.config();
    let labels = config.labels.as_ref().unwrap();
    let row = LabelRow::clamped(labels, config.n_ctx, 80_000, 0, 1, vec![2]);
    let mut decoder = prior.start(prior.condition(&[row]).unwrap()).unwrap();
    decoder.prefill(&[vec![3, 1, 4, 1, 5, 9, 2, 6, 5, 3]]).unwrap();
    let mut all = Vec::new();
    for token in 0..10 {
        all.extend_from_slice(decoder.logits().unwrap());
        decoder.push(&[token]).unwrap();
    }
    all
}

/// Root mean square of the difference, as a share of that of `want`.
fn relative_error(got: &[f32], want: &[f32]) -> f64 {
    let square = |x: f32| f64::from(x) * f64::from(x);
    let difference: f64 = got.iter().zip(want).map(|(got, want)| square(got - want)).sum();
    (difference / want.iter().map(|want| square(*want)).sum::<f64>()).sqrt()
}

#[test]
fn quantised_logits_are_close_to_those_of_the_given_weights() {
    let dir = given();
    let pack = Pack::open(&dir.path().join("given")).unwrap();
    let want = logits(&pack.load_prior(0).unwrap());

    let q8 = logits(&pack.load_prior_as(0, Precision::Q8).unwrap());
    let q4 = logits(&pack.load_prior_as(0, Precision::Q4).unwrap());

    let (q8, q4) = (relative_error(&q8, &want), relative_error(&q4, &want));
    assert!(q8 > 0.0 && q8 < 0.02, "{q8}");
    assert!(q4 > q8 && q4 < 0.3, "{q4}");
}

#[test]
fn a_converted_pack_computes_the_same_as_quantising_while_loading() {
    let dir = given();
    let given = Pack::open(&dir.path().join("given")).unwrap();
    for (stored_as, precision) in FORMATS {
        let pack = converted(&dir, stored_as);

        let stored = logits(&pack.load_prior(0).unwrap());
        let quantised = logits(&given.load_prior_as(0, precision).unwrap());

        assert_eq!(stored, quantised, "{stored_as:?}");
        pack.verify().unwrap();
        assert_eq!(pack.memory_bytes(Precision::F32), given.memory_bytes(precision));
    }
}

#[test]
fn what_is_quantised_stays_so_and_can_be_read_as_plain_numbers() {
    let dir = given();
    let pack = converted(&dir, StoredAs::Q8);
    let want = logits(&pack.load_prior(0).unwrap());

    let asked_for_less = logits(&pack.load_prior_as(0, Precision::Q4).unwrap());
    let weights = pack.load_weights(PRIOR).unwrap();
    let plain = logits(&Prior::load(pack.prior_config(0).unwrap(), weights).unwrap());

    assert_eq!(asked_for_less, want);
    let off = relative_error(&plain, &want); // of what enters the products, which becomes integers too
    assert!(off > 0.0 && off < 0.02, "{off}");
}

#[test]
fn a_stranger_reads_the_weights_with_a_scale_for_each_32_inputs() {
    let dir = given();
    let given = Model::open(&dir.path().join("given")).unwrap();
    let given = given.prior(0).unwrap().checkpoint.tensor(MATRIX).unwrap();
    let given = given.to_vec2::<f32>().unwrap();
    for (stored_as, _) in FORMATS {
        let pack = converted(&dir, stored_as);
        let bytes = fs::read(pack.dir().join(PRIOR)).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let (ints, scales) = (file.tensor(MATRIX).unwrap(), file.tensor(&scale(MATRIX)).unwrap());

        let n_out = ints.shape()[1];
        let int = |i: usize, o: usize| match stored_as {
            StoredAs::Q8 => ints.data()[i * n_out + o] as i8,
            _ => ((ints.data()[i / 2 * n_out + o] >> (4 * (i % 2))) & 15) as i8 - 8,
        };
        let scale = |i: usize, o: usize| {
            let at = 2 * (i / 32 * n_out + o);
            bf16::from_le_bytes([scales.data()[at], scales.data()[at + 1]]).to_f32()
        };

        assert_eq!((scales.dtype(), scales.shape()), (Dtype::BF16, &[2, 64][..]));
        let expected = match stored_as {
            StoredAs::Q8 => (Dtype::I8, &[64, 64][..]),
            _ => (Dtype::U8, &[32, 64][..]),
        };
        assert_eq!((ints.dtype(), ints.shape()), expected);
        for (i, row) in given.iter().enumerate() {
            for (o, weight) in row.iter().enumerate() {
                let off = (weight - f32::from(int(i, o)) * scale(i, o)).abs();
                assert!(off <= 0.5001 * scale(i, o), "{weight} is off by {off}");
            }
        }
        let head = file.tensor("prior.x_out.weight").unwrap();
        assert_eq!(head.dtype(), Dtype::F32, "what is no layer stays as given");
    }
}

#[test]
fn matrices_whose_inputs_are_no_whole_groups_stay_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    checkpoints::write(&dir.path().join("given"), &checkpoints::prior(40, 2));
    let given = Pack::open(&dir.path().join("given")).unwrap();

    let pack = converted(&dir, StoredAs::Q8);

    let want = logits(&given.load_prior(0).unwrap());
    assert_eq!(logits(&pack.load_prior(0).unwrap()), want);
    assert_eq!(pack.memory_bytes(Precision::Q8), given.memory_bytes(Precision::F32));
}

fn scale(name: &str) -> String {
    format!("{name}.scale")
}

type Tensors = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

/// What loading a q8 pack says whose prior was changed.
fn load_with(change: impl FnOnce(&mut Tensors)) -> PackError {
    let dir = given();
    let pack = converted(&dir, StoredAs::Q8);
    let bytes = fs::read(pack.dir().join(PRIOR)).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let owned = |view: &TensorView| (view.dtype(), view.shape().to_vec(), view.data().to_vec());
    let mut tensors = file.tensors().iter().map(|(name, x)| (name.clone(), owned(x))).collect();
    change(&mut tensors);
    let views = tensors.iter().map(|(name, (dtype, shape, data))| {
        (name.as_str(), TensorView::new(*dtype, shape.clone(), data).unwrap())
    });
    fs::write(pack.dir().join(PRIOR), safetensors::serialize(views, None).unwrap()).unwrap();
    seal(pack.dir());
    Pack::open(pack.dir()).unwrap().load_prior(0).map(|_| ()).unwrap_err()
}

/// Puts the size and hash that the prior's file has now into `pack.json`.
fn seal(dir: &Path) {
    let path = dir.join(MANIFEST_FILE);
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let bytes = fs::read(dir.join(PRIOR)).unwrap();
    let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    manifest["files"][PRIOR] = json!({"sha256": sha256, "bytes": bytes.len()});
    fs::write(&path, manifest.to_string()).unwrap();
}

#[test]
fn a_scale_that_is_no_number_is_named() {
    let error = load_with(|tensors| {
        let (_, _, data) = tensors.get_mut(&scale(MATRIX)).unwrap();
        data[..2].copy_from_slice(&bf16::NAN.to_le_bytes());
    });

    let sentence = error.to_string();
    assert!(matches!(error, PackError::Network { .. }), "{sentence}");
    assert!(sentence.contains(PRIOR) && sentence.contains(&scale(MATRIX)), "{sentence}");
    assert!(sentence.contains("NaN"), "{sentence}");
}

#[test]
fn integers_without_scales_are_refused() {
    let error = load_with(|tensors| drop(tensors.remove(&scale(MATRIX))));

    let PackError::MissingTensor { name, .. } = &error else { panic!("{error}") };
    assert_eq!(*name, scale(MATRIX));
}

#[test]
fn integers_and_scales_of_another_shape_are_refused() {
    let ints = load_with(|tensors| {
        let (_, shape, data) = tensors.get_mut(MATRIX).unwrap();
        shape[0] = 32;
        data.truncate(32 * 64);
    });
    let scales = load_with(|tensors| {
        let (_, shape, _) = tensors.get_mut(&scale(MATRIX)).unwrap();
        *shape = vec![64, 2];
    });

    let shapes = |error: &PackError| match error {
        PackError::Shape { found, expected, .. } => (found.clone(), expected.clone()),
        error => panic!("{error}"),
    };
    assert_eq!(shapes(&ints), (vec![32, 64], vec![64, 64]));
    assert_eq!(shapes(&scales), (vec![64, 2], vec![2, 64]));
}

#[test]
fn integers_where_there_may_be_none_are_refused() {
    let embedding = load_with(|tensors| {
        let (dtype, _, data) = tensors.get_mut("prior.x_emb.weight").unwrap();
        (*dtype, *data) = (Dtype::I8, vec![1; data.len() / 4]);
    });
    let scales = load_with(|tensors| {
        let (dtype, ..) = tensors.get_mut(&scale(MATRIX)).unwrap();
        *dtype = Dtype::F16;
    });

    for (error, said) in [(embedding, "prior.x_emb.weight\" is I8"), (scales, "can only be BF16")] {
        assert!(matches!(error, PackError::Malformed { .. }), "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
}
