//! The numbers of tensors in the processor's memory, read without copying them.

use candle_core::{CpuStorage, Error, Layout, Result, Storage, Tensor};

/// Calls `f` with all numbers of an f32 tensor.
pub fn with<R>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => Ok(f(of(storage, layout)?)),
        _ => Err(Error::Msg("numbers that are on another device".into())),
    }
}

/// The numbers of an operation's argument.
pub fn of<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let (start, end) = layout
        .contiguous_offsets()
        .ok_or_else(|| Error::Msg("numbers that are not side by side".into()))?;
    Ok(&storage.as_slice::<f32>()?[start..end])
}
