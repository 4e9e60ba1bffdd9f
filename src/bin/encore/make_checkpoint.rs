//! `encore make-checkpoint`: random weights in a released shape, in PyTorch's legacy format.
//!
//! Not for making music: it stands in for the released files where reading, converting or running
//! models of their size is to be measured. Hidden from help.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use encore::pack::checkpoint::released::{self, Released};
use encore::pack::shapes::{TensorShape, n_parameters};
use half::f16;

use crate::args::MakeCheckpointArgs;
use crate::failure::{Failure, print};
use crate::progress::BytesBar;

/// Bytes that are written at once.
const PART_BYTES: usize = 1 << 20;

pub fn run(args: &MakeCheckpointArgs) -> Result<(), Failure> {
    let Some(Released { tensors, half_dense }) = released::by_name(&args.shape) else {
        return Err(Failure::BadInput(format!("there is no released model {:?}", args.shape)));
    };
    let write_error =
        |e: io::Error| Failure::Failed(format!("{:?} cannot be written: {e}", args.out));
    let mut file =
        BufWriter::with_capacity(PART_BYTES, File::create(&args.out).map_err(write_error)?);
    file.write_all(&pickles(&tensors, half_dense)).map_err(write_error)?;
    let bar = BytesBar::new("writing");
    let (mut dice, mut n_done) = (1u64, 0);
    let n_total = n_parameters(&tensors);
    for tensor in &tensors {
        let is_half = half_dense && is_dense(tensor);
        write_storage(&mut file, tensor, is_half, &mut dice).map_err(write_error)?;
        n_done += n_parameters(std::slice::from_ref(tensor));
        bar.set(n_done, n_total);
    }
    file.flush().map_err(write_error)?;
    drop(bar);
    print(&format!("{}: {n_total} parameters", args.out.display()))
}

/// Weights of dense layers, which the large models store in half precision.
fn is_dense(tensor: &TensorShape) -> bool {
    tensor.name.ends_with(".w")
}

/// The five pickles before the storages: one storage for each tensor, named by its number.
fn pickles(tensors: &[TensorShape], half_dense: bool) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.");
    out.extend(b"\x80\x02M\xe9\x03.");
    out.extend(b"\x80\x02}X\x0d\x00\x00\x00little_endian\x88s.");
    out.extend(b"\x80\x02}(X\x05\x00\x00\x00model}(");
    for (key, tensor) in tensors.iter().enumerate() {
        let n_values: usize = tensor.shape.iter().product();
        let class = if half_dense && is_dense(tensor) { "HalfStorage" } else { "FloatStorage" };
        text(&mut out, &tensor.name);
        out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(&mut out, "storage");
        out.extend(format!("ctorch\n{class}\n").bytes());
        text(&mut out, &key.to_string());
        text(&mut out, "cpu");
        integer(&mut out, n_values);
        out.extend(b"NtQK\x00("); // the storage, and the offset in it
        tensor.shape.iter().for_each(|n| integer(&mut out, *n));
        out.extend(b"t(");
        let strides = (0..tensor.shape.len()).map(|i| tensor.shape[i + 1..].iter().product());
        strides.for_each(|stride| integer(&mut out, stride));
        out.extend(b"t\x89ccollections\nOrderedDict\n)RtR");
    }
    out.extend(b"uX\x04\x00\x00\x00stepK\x01u.");
    out.extend(b"\x80\x02](");
    (0..tensors.len()).for_each(|key| text(&mut out, &key.to_string()));
    out.extend(b"e.");
    out
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'X');
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.bytes());
}

fn integer(out: &mut Vec<u8>, value: usize) {
    out.extend(b"\x8a\x08");
    out.extend((value as u64).to_le_bytes());
}

/// A storage: how many numbers, then the numbers, spread like a trained model's.
fn write_storage(
    out: &mut impl Write,
    tensor: &TensorShape,
    is_half: bool,
    dice: &mut u64,
) -> io::Result<()> {
    let n_values: usize = tensor.shape.iter().product();
    out.write_all(&(n_values as u64).to_le_bytes())?;
    let is_gain = tensor.name.contains("ln") && tensor.name.ends_with("weight");
    let (middle, spread) = if is_gain { (1.0, 0.0) } else { (0.0, 0.04) };
    for _ in 0..n_values {
        *dice =
            dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let value = middle + spread * ((*dice >> 40) as f32 / (1 << 23) as f32 - 1.0);
        match is_half {
            true => out.write_all(&f16::from_f32(value).to_le_bytes())?,
            false => out.write_all(&value.to_le_bytes())?,
        }
    }
    Ok(())
}
