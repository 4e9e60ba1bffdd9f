//! Numbers that are none, in every form and type.

use encore::pack::checkpoint::CheckpointError;

use crate::limits::{assert_says, refusal, turn};
use crate::pickles::{Entry, View, f32s, legacy, safetensors, state_dict, zip};
use crate::programs::open;

#[test]
fn numbers_that_are_none_are_refused_with_the_tensor_and_the_number() {
    let _turn = turn();
    let f64s = |x: f64| [1.0, x].map(f64::to_le_bytes).concat();
    let u16s = |x: u16| [0, x].map(u16::to_le_bytes).concat();
    let cases: [(&str, &str, Vec<u8>, &str); 9] = [
        ("FloatStorage", "F32", f32s([1.0, f32::NAN]), "NaN"),
        ("FloatStorage", "F32", f32s([1.0, f32::INFINITY]), "has inf where"),
        ("FloatStorage", "F32", f32s([1.0, f32::NEG_INFINITY]), "has -inf where"),
        ("HalfStorage", "F16", u16s(0x7e00), "NaN"),
        ("HalfStorage", "F16", u16s(0xfc00), "-inf"),
        ("BFloat16Storage", "BF16", u16s(0x7fc0), "NaN"),
        ("BFloat16Storage", "BF16", u16s(0x7f80), "inf"),
        ("DoubleStorage", "F64", f64s(f64::NAN), "NaN"),
        ("DoubleStorage", "F64", f64s(1e300), "inf"), // more than a 32-bit float holds
    ];
    for (class, dtype, bytes, says) in cases {
        let view = View { key: "0", class, n: 2, offset: 0, shape: &[2], strides: &[1] };
        let object = state_dict(&[("encoders.0.bias", view)]);
        let end = bytes.len();
        let header = format!(
            r#"{{"encoders.0.bias":{{"dtype":"{dtype}","shape":[2],"data_offsets":[0,{end}]}}}}"#
        );
        let entries = [Entry::new("a/data.pkl", &object), Entry::new("a/data/0", &bytes)];
        for (file, whole) in [
            ("evil.pth.tar", legacy(&object, &[("0", 2, &bytes)])),
            ("evil.pth", zip(&entries)),
            ("evil.safetensors", safetensors(&header, &bytes)),
        ] {
            let case = format!("{says} as {dtype} in {file}");
            let read = move || open(file, whole).unwrap().tensor("encoders.0.bias");

            let error = refusal(&case, read);

            assert!(matches!(error, CheckpointError::NotFinite { .. }), "{case}: {error:?}");
            assert_says(&case, &error, &[file, "encoders.0.bias", says, "fetch it again"]);
        }
    }
}
