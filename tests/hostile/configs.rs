//! `config.json` and indexes of shards beside weights that are sound.

use std::fs;
use std::path::{Path, PathBuf};

use encore::pack::checkpoint::{Checkpoint, CheckpointError, HfConfig, Model};
use serde_json::{Value, json};

use crate::limits::{assert_says, refused, turn, watched};
use crate::pickles::{f32s, safetensors};

fn fixture(set: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(set).join("hf")
}

/// What comes of a fixture's weights when one value of its config is something else.
fn open_with(set: &str, key: &str, value: &Value) -> Result<Model, CheckpointError> {
    let folder = fixture(set);
    let text = fs::read(folder.join("config.json")).unwrap();
    let mut config: Value = serde_json::from_slice(&text).unwrap();
    config[key] = value.clone();
    let text = config.to_string();
    let weights = Checkpoint::open(&folder.join("model.safetensors"))?;
    let config = HfConfig::parse(Path::new("evil/config.json"), text.as_bytes())?;
    Model::from_checkpoint(weights, Some(&config))
}

#[test]
fn absurd_values_are_refused_or_do_nothing() {
    let _turn = turn();
    let absurd = [
        json!(u64::MAX),
        json!(i64::MIN),
        json!(1e300),
        json!(0),
        json!(0.5),
        json!("many"),
        json!([]),
        json!([u64::MAX, u64::MAX, u64::MAX]),
        json!({"a": 1}),
        json!(true),
        Value::Null,
    ];
    for set in ["vqvae", "prior_unlabelled"] {
        let text = fs::read(fixture(set).join("config.json")).unwrap();
        let sound: serde_json::Map<String, Value> = serde_json::from_slice(&text).unwrap();
        let more = ["prior_config_list", "vqvae_config", "prior_0", "encoder_config"];
        for key in sound.keys().map(String::as_str).chain(more) {
            for value in &absurd {
                let case = format!("{set}: {key} = {value}");
                let (key, value) = (key.to_owned(), value.clone());

                let opened = watched(&case, move || open_with(set, &key, &value).map(drop));

                if let Err(error) = opened {
                    assert_says(&case, &error, &[]);
                    let said = error.to_string();
                    assert!(said.contains("model.safetensors") || said.contains("config.json"));
                }
            }
        }
    }
}

#[test]
fn what_no_shape_shows_is_refused_with_its_value() {
    let _turn = turn();
    let most = u64::MAX;
    for (set, key, value, says) in [
        ("prior_unlabelled", "n_heads", json!(most), "into 18446744073709551615 heads"),
        ("prior_unlabelled", "n_heads", json!(0), "a size of 0"),
        ("prior_unlabelled", "blocks", json!(most), "into 18446744073709551615 blocks"),
        ("prior_unlabelled", "level", json!(most), "which level it is for"),
        ("prior_unlabelled", "attention_multiplier", json!(1e300), "m_attn is 1"),
        ("prior_unlabelled", "mlp_multiplier", json!(-1), "m_mlp is -1"),
        ("vqvae", "res_dilation_growth_rate", json!(most), "dilations grow beyond"),
        ("vqvae", "res_convolution_multiplier", json!(1e9), "m_conv is 1000000000"),
        ("vqvae", "res_dilation_cycle", json!(0), "dilation_cycle is 0"),
    ] {
        let case = format!("{key} = {value}");
        let open = move || open_with(set, key, &value);
        use CheckpointError::{Config, Untold};
        refused!(&case, open, Config { .. } | Untold { .. }, &["model.safetensors", says]);
    }
    let priors: Vec<_> = (0..9).map(|_| json!({})).collect();
    for (key, value, says) in [
        ("attention_pattern", json!("\n".repeat(1 << 16)), "is unknown"),
        ("prior_config_list", json!(priors), "9 priors (at most 8)"),
        ("prior_config_list", json!([1]), "prior 0 is no object"),
    ] {
        // a whole model's weights have prefixes, so the VQ-VAE's are passed over here
        let open = move || open_with("prior_unlabelled", key, &value);
        refused!(key, open, CheckpointError::Json { .. }, &["evil/config.json", says]);
    }
}

#[test]
fn a_config_that_is_none_is_refused() {
    let _turn = turn();
    let deep = "[".repeat(200_000);
    for (case, text, says) in [
        ("nothing", String::new(), "EOF"),
        ("a list", "[]".into(), "invalid type"),
        ("NaN", r#"{"n_heads": NaN}"#.into(), "expected value"),
        ("deep", format!("{{\"a\":{deep}"), "recursion limit"),
        ("cut short", "{\"n_heads\": 1".into(), "EOF"),
    ] {
        let parse = move || HfConfig::parse(Path::new("config.json"), text.as_bytes());
        refused!(case, parse, CheckpointError::Json { .. }, &["config.json", says]);
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.json");
    fs::File::create(&path).unwrap().set_len(10 << 30).unwrap(); // sparse
    let open = move || HfConfig::open(&path);
    refused!(
        "10 GiB",
        open,
        CheckpointError::Json { .. },
        &["config.json", "more than 262144 bytes"]
    );
}

#[test]
fn an_index_leads_nowhere_but_to_files_beside_it() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let header = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    let shard = safetensors(header, &f32s([1.0, 2.0]));
    fs::create_dir(dir.path().join("folder")).unwrap();
    for file in ["one.safetensors", "folder/one.safetensors", "../outside.safetensors"] {
        if !file.starts_with("..") {
            fs::write(dir.path().join(file), &shard).unwrap();
        }
    }
    let path = dir.path().join("model.safetensors.index.json");
    let outside = dir.path().join("one.safetensors").display().to_string();
    let long = "x".repeat(1 << 20);
    for file in [
        "../../one.safetensors",
        "folder/one.safetensors",
        &outside,
        "..",
        "c:x",
        "a\\b",
        "",
        "a\0b",
    ] {
        let case = format!("a shard {file:?}");
        fs::write(&path, json!({"weight_map": {"a": file}}).to_string()).unwrap();
        let index = path.clone();
        let open = move || Checkpoint::open_sharded(&index);
        let says = ["index.json", "leads out of the folder"];
        refused!(&case, open, CheckpointError::Json { .. }, &says);
    }
    let many: serde_json::Map<_, _> =
        (0..2000).map(|i| (i.to_string(), json!(format!("{i}.safetensors")))).collect();
    for (case, text, says) in [
        ("a shard that is not there", json!({"weight_map": {"a": "two.safetensors"}}), "two.safet"),
        (
            "a shard that is the index",
            json!({"weight_map": {"a": "model.safetensors.index.json"}}),
            "is no checkpoint",
        ),
        ("a shard that is a folder", json!({"weight_map": {"a": "folder"}}), "not a file"),
        ("a shard of a long name", json!({"weight_map": {"a": long}}), ""),
        (
            "a tensor that is not there",
            json!({"weight_map": {"b": "one.safetensors"}}),
            "\"b\" is in",
        ),
        ("a tensor of a long name", json!({"weight_map": {long: "one.safetensors"}}), "but it is"),
        (
            "a tensor that comes twice",
            json!({"weight_map": {"a": "one.safetensors", "module.a": "one.safetensors"}}),
            "is there twice",
        ),
        ("shards that are numbers", json!({"weight_map": {"a": 1}}), "expected a string"),
        ("no map", json!({}), "missing field"),
        ("2000 shards", json!({"weight_map": many}), "0.safetensors"),
    ] {
        fs::write(&path, text.to_string()).unwrap();
        let index = path.clone();

        let opened = watched(case, move || Checkpoint::open_sharded(&index).map(drop));

        let error = opened.expect_err(case);
        let said = error.to_string();
        let says = if case.ends_with("a long name") { "" } else { says };
        assert!(said.contains(says), "{case}: {said}");
    }
}
