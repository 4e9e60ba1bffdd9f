//! What real checkpoints do that fixtures do not.

use std::path::Path;

use encore::pack::checkpoint::Checkpoint;
use encore::pack::source::Source;

use crate::pickles::{Entry, Pickle, View, f32s, legacy, safetensors, state_dict, zip};

fn open(bytes: Vec<u8>) -> Checkpoint {
    Checkpoint::from_source(Source::from_memory(Path::new("odd.pth"), bytes)).unwrap()
}

fn values(checkpoint: &Checkpoint, name: &str) -> Vec<f32> {
    checkpoint.tensor(name).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

fn view<'a>(key: &'a str, n: i64, offset: i64, shape: &'a [i64], strides: &'a [i64]) -> View<'a> {
    View { key, class: "FloatStorage", n, offset, shape, strides }
}

#[test]
fn tensors_that_share_a_storage_are_cut_from_it_by_offset_and_strides() {
    let numbers = f32s((0..12).map(|i| i as f32));
    let object = state_dict(&[
        ("rows", view("0", 12, 0, &[3, 4], &[4, 1])),
        ("transposed", view("0", 12, 0, &[4, 3], &[1, 4])),
        ("column", view("0", 12, 1, &[3], &[4])),
        ("corner", view("0", 12, 5, &[2, 2], &[4, 1])),
        ("repeated", view("0", 12, 7, &[2, 3], &[0, 1])),
        ("odd stride of an axis of one", view("0", 12, 2, &[1, 2], &[99, 1])),
        ("nothing", view("0", 12, 12, &[0, 4], &[4, 1])),
        ("scalar", view("0", 12, 11, &[], &[])),
    ]);

    let checkpoint = open(legacy(&object, &[("0", 12, &numbers)]));

    assert_eq!(values(&checkpoint, "rows"), (0..12).map(|i| i as f32).collect::<Vec<_>>());
    let transposed = [0., 4., 8., 1., 5., 9., 2., 6., 10., 3., 7., 11.];
    assert_eq!(values(&checkpoint, "transposed"), transposed);
    assert_eq!(values(&checkpoint, "column"), [1., 5., 9.]);
    assert_eq!(values(&checkpoint, "corner"), [5., 6., 9., 10.]);
    assert_eq!(values(&checkpoint, "repeated"), [7., 8., 9., 7., 8., 9.]);
    assert_eq!(values(&checkpoint, "odd stride of an axis of one"), [2., 3.]);
    assert_eq!(values(&checkpoint, "nothing"), [0.0; 0]);
    assert_eq!(values(&checkpoint, "scalar"), [11.]);
    assert_eq!(checkpoint.shape("transposed"), Some([4, 3].as_slice()));
}

#[test]
fn large_transposed_tensors_come_out_in_order() {
    let (rows, columns) = (300, 700); // several windows of the reader
    let numbers = f32s((0..rows * columns).map(|i| i as f32));
    let n = rows * columns;
    let object = state_dict(&[
        ("w", view("0", n, 0, &[columns, rows], &[1, columns])),
        ("every other", view("0", n, 1, &[rows, columns / 2], &[columns, 2])),
    ]);

    let checkpoint = open(legacy(&object, &[("0", n, &numbers)]));

    let transposed = (0..columns).flat_map(|c| (0..rows).map(move |r| (r * columns + c) as f32));
    assert!(values(&checkpoint, "w") == transposed.collect::<Vec<_>>());
    let odd =
        (0..rows).flat_map(|r| (0..columns / 2).map(move |c| (r * columns + 2 * c + 1) as f32));
    assert!(values(&checkpoint, "every other") == odd.collect::<Vec<_>>());
}

#[test]
fn every_type_of_number_is_widened() {
    let of = |class: &'static str, key: &'static str| View {
        key,
        class,
        n: 2,
        offset: 0,
        shape: &[2],
        strides: &[1],
    };
    let object = state_dict(&[
        ("f16", of("HalfStorage", "a")),
        ("bf16", of("BFloat16Storage", "b")),
        ("f64", of("DoubleStorage", "c")),
        ("i64", of("LongStorage", "d")),
        ("i32", of("IntStorage", "e")),
        ("i16", of("ShortStorage", "f")),
        ("i8", of("CharStorage", "g")),
        ("u8", of("ByteStorage", "h")),
        ("bool", of("BoolStorage", "i")),
    ]);
    let halves = [0x3c00u16, 0xc100].map(u16::to_le_bytes).concat(); // 1 and -2.5
    let brains = [0x3f80u16, 0xc020].map(u16::to_le_bytes).concat();
    let doubles = [1.0f64, -2.5].map(f64::to_le_bytes).concat();
    let storages: [(&str, i64, &[u8]); 9] = [
        ("a", 2, &halves),
        ("b", 2, &brains),
        ("c", 2, &doubles),
        ("d", 2, &[1i64, -2].map(i64::to_le_bytes).concat()),
        ("e", 2, &[1i32, -2].map(i32::to_le_bytes).concat()),
        ("f", 2, &[1i16, -2].map(i16::to_le_bytes).concat()),
        ("g", 2, &[1, 0xfe]),
        ("h", 2, &[1, 0xfe]),
        ("i", 2, &[1, 0]),
    ];

    let checkpoint = open(legacy(&object, &storages));

    for name in ["f16", "bf16", "f64"] {
        assert_eq!(values(&checkpoint, name), [1.0, -2.5], "{name}");
    }
    for name in ["i64", "i32", "i16", "i8"] {
        assert_eq!(values(&checkpoint, name), [1.0, -2.0], "{name}");
    }
    assert_eq!(values(&checkpoint, "u8"), [1.0, 254.0]);
    assert_eq!(values(&checkpoint, "bool"), [1.0, 0.0]);
}

#[test]
fn a_trainers_checkpoint_opens_with_its_prefix_its_optimiser_and_its_numpy_numbers() {
    let scalar = |pickle: Pickle, dtype: &str, bytes: &str| {
        let pickle = pickle.global("numpy.core.multiarray", "scalar").raw(b"(");
        let pickle = pickle.global("numpy", "dtype").raw(b"(").text(dtype).raw(b"K\x00K\x01tR");
        let state =
            pickle.raw(b"(K\x03").text("<").raw(b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb");
        state.global("_codecs", "encode").raw(b"(").text(bytes).text("latin1").raw(b"tRtR")
    };
    let pickle = Pickle::new().raw(b"}(").text("hps");
    let pickle = pickle.global("jukebox.hparams", "Hyperparams").raw(b")\x81(").text("heads");
    let pickle = scalar(pickle, "i8", "\u{2}\0\0\0\0\0\0\0").text("lr");
    let pickle = scalar(pickle, "f8", "\0\0\0\0\0\0\u{f8}?").text("m_attn");
    let pickle = scalar(pickle, "f4", "333?").text("labels");
    let pickle = scalar(pickle, "b1", "\u{1}").text("name").text("x").raw(b"u");
    let pickle = pickle.text("model").global("collections", "OrderedDict").raw(b")R(");
    let pickle = pickle.text("module.w").tensor(&view("0", 2, 0, &[2], &[1])).raw(b"u}");
    let pickle = pickle.text("_metadata").raw(b"}sb"); // BUILD, as the state dictionary's attribute
    let pickle = pickle.text("opt").raw(b"}(").text("state").raw(b"}(K\x00}").text("exp_avg");
    let pickle = pickle.tensor(&view("1", 2, 0, &[2], &[1])).raw(b"su");
    let pickle = pickle.text("scaler").global("apex.amp", "LossScaler").raw(b")\x81}");
    let pickle = pickle.text("scale").raw(b"G\x40\x00\x00\x00\x00\x00\x00\x00sbu");
    let pickle = pickle.text("metrics").raw(b"\x96\x02\0\0\0\0\0\0\0xy"); // bytes to be written to
    let pickle = pickle.text("rng").raw(b"\x8a\x11").raw(&[0x80; 16]).raw(b"\0"); // of 128 bits
    let object = pickle.text("step").raw(b"M\x10\x27u").stop();
    let numbers = f32s([1.0, 2.0]);

    let checkpoint = open(legacy(&object, &[("1", 2, &f32s([8.0, 9.0])), ("0", 2, &numbers)]));

    assert_eq!(checkpoint.tensors().map(|(name, ..)| name).collect::<Vec<_>>(), ["w"]);
    assert_eq!(values(&checkpoint, "w"), [1.0, 2.0]);
    let hps = serde_json::Value::Object(checkpoint.hps().clone());
    let want = serde_json::json!({
        "heads": 2, "lr": 1.5, "m_attn": 0.7, "labels": true, "name": "x",
    });
    assert_eq!(hps, want);
}

#[test]
fn a_storage_that_is_part_of_another_lies_inside_it() {
    let pickle = Pickle::new().raw(b"}(").text("model").raw(b"}(").text("w");
    let pickle = pickle.global("torch._utils", "_rebuild_tensor_v2").raw(b"((").text("storage");
    let pickle = pickle.global("torch", "FloatStorage").text("root").text("cpu").int(4).raw(b"(");
    let pickle = pickle.text("part").int(1).int(2).raw(b"ttQ").int(0).tuple(&[2]).tuple(&[1]);
    let object = pickle.raw(b"\x89}tRuu").stop();

    let checkpoint = open(legacy(&object, &[("root", 4, &f32s([0.0, 1.0, 2.0, 3.0]))]));

    assert_eq!(values(&checkpoint, "w"), [1.0, 2.0]);
}

#[test]
fn a_zip_file_opens_whatever_its_root_is_called() {
    let object = state_dict(&[("w", view("0", 2, 0, &[2], &[1]))]);
    let numbers = f32s([1.0, 2.0]);
    for root in ["archive/", "my model.pth/", ""] {
        let names =
            ["data.pkl", "byteorder", "data/0", "version"].map(|name| format!("{root}{name}"));
        let bytes: [&[u8]; 4] = [&object, b"little", &numbers, b"3\n"];
        let entries: Vec<_> =
            names.iter().zip(bytes).map(|(name, b)| Entry::new(name, b)).collect();

        let checkpoint = open(zip(&entries));

        assert_eq!(values(&checkpoint, "w"), [1.0, 2.0], "{root:?}");
    }
}

#[test]
fn a_plain_state_dictionary_and_protocol_4_are_read_too() {
    let mut pickle = Pickle(b"\x80\x04\x95\0\0\0\0\0\0\0\0}\x94\x8c\x01w\x94".to_vec());
    pickle = pickle.raw(b"\x8c\x0ctorch._utils\x94\x8c\x12_rebuild_tensor_v2\x93(");
    pickle = pickle.storage("0", "FloatStorage", 2).int(0).tuple(&[2]).tuple(&[1]);
    let object = pickle.raw(b"\x89}tRs").stop();
    let numbers = f32s([1.0, 2.0]);

    let checkpoint =
        open(zip(&[Entry::new("a/data.pkl", &object), Entry::new("a/data/0", &numbers)]));

    assert_eq!(values(&checkpoint, "w"), [1.0, 2.0]);
}

#[test]
fn a_legacy_stream_may_be_of_any_protocol() {
    let object = state_dict(&[("w", view("0", 2, 0, &[2], &[1]))]);
    let protocol_2 = legacy(&object, &[("0", 2, &f32s([1.0, 2.0]))]);
    let magic = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";
    let rest = &protocol_2[2 + magic.len()..];
    let framed =
        |protocol: u8| [&[0x80, protocol, 0x95, 13, 0, 0, 0, 0, 0, 0, 0][..], magic].concat();
    for first in [[&[0x80, 3][..], magic].concat(), framed(4), framed(5)] {
        let checkpoint = open([&first, rest].concat());

        assert_eq!(values(&checkpoint, "w"), [1.0, 2.0]);
    }
}

#[test]
fn shards_are_found_through_their_index() {
    let dir = tempfile::tempdir().unwrap();
    let header =
        |name: &str| format!(r#"{{"{name}":{{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}}}"#);
    let write = |file: &str, bytes: &[u8]| std::fs::write(dir.path().join(file), bytes).unwrap();
    write("one.safetensors", &safetensors(&header("a"), &f32s([1.0, 2.0])));
    write("two.safetensors", &safetensors(&header("b"), &f32s([3.0, 4.0])));
    let index = r#"{"metadata":{},"weight_map":{"a":"one.safetensors","b":"two.safetensors"}}"#;
    write("model.safetensors.index.json", index.as_bytes());

    let path = dir.path().join("model.safetensors.index.json");
    let checkpoint = Checkpoint::open_sharded(&path).unwrap();

    assert_eq!(values(&checkpoint, "a"), [1.0, 2.0]);
    assert_eq!(values(&checkpoint, "b"), [3.0, 4.0]);
}
