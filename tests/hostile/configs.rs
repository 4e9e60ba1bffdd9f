//! `config.json` and indexes of shards beside weights that are sound.

use std::fs;
use std::path::{Path, PathBuf};

use encore::pack::checkpoint::{Checkpoint, CheckpointError, HfConfig, Model};
use serde_json::{Value, json};

use crate::limits::{assert_says, refusal, refused, turn, watched};
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
    fs::File::create(&path).unwrap().set_len(100 << 20).unwrap(); // sparse
    let open = move || HfConfig::open(&path);
    refused!(
        "100 MiB",
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
    for file in ["one.safetensors", "folder/one.safetensors"] {
        fs::write(dir.path().join(file), &shard).unwrap();
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
        &long,
    ] {
        let case = format!("a shard {:.30?}", file);
        fs::write(&path, json!({"weight_map": {"a": file}}).to_string()).unwrap();
        let index = path.clone();
        let open = move || Checkpoint::open_sharded(&index);
        let says = ["index.json", "leads out of the folder"];
        refused!(&case, open, CheckpointError::Json { .. }, &says);
    }
    let twice = json!({"a": "one.safetensors", "module.a": "one.safetensors"});
    for (case, map, says) in [
        ("a shard that is not there", json!({"a": "two.safetensors"}), "two.safetensors"),
        (
            "a shard that is the index",
            json!({"a": "model.safetensors.index.json"}),
            "no checkpoint",
        ),
        ("a shard that is a folder", json!({"a": "folder"}), "not a file"),
        ("a tensor that is not there", json!({"b": "one.safetensors"}), "\"b\" is in"),
        ("a tensor of a long name", json!({long: "one.safetensors"}), "but it is not"),
        ("a tensor that comes twice", twice, "is there twice"),
        ("shards that are numbers", json!({"a": 1}), "expected a string"),
        ("no map", json!(7), "expected a map"),
    ] {
        fs::write(&path, json!({"weight_map": map}).to_string()).unwrap();
        let index = path.clone();
        let open = move || Checkpoint::open_sharded(&index);
        use CheckpointError::{Io, Json, NotACheckpoint, Tensor};
        let kind = refusal(case, open);
        let is_typed =
            matches!(kind, Io { .. } | Json { .. } | NotACheckpoint { .. } | Tensor { .. });
        assert!(is_typed, "{case}: {kind:?}");
        assert_says(case, &kind, &[".", says]);
    }
}

#[test]
fn an_index_of_too_many_shards_is_refused() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let mut map = serde_json::Map::new();
    for i in 0..200 {
        let header = format!(r#"{{"w{i}":{{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}}}"#);
        let file = format!("{i}.safetensors");
        fs::write(dir.path().join(&file), safetensors(&header, &[0])).unwrap();
        map.insert(format!("w{i}"), file.into());
    }
    let path = dir.path().join("model.safetensors.index.json");
    fs::write(&path, json!({"weight_map": map}).to_string()).unwrap();
    let open = move || Checkpoint::open_sharded(&path);
    let says = ["index.json", "more than 128 files"];
    refused!("200 shards", open, CheckpointError::Json { .. }, &says);
}
