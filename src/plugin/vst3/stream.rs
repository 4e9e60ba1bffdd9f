//! Whole states through COM's streams, which may move a few bytes at a time.

use ::vst3::{
    ComRef,
    Steinberg::{IBStream, IBStreamTrait, kInvalidArgument, kResultFalse, kResultOk, tresult},
};

/// Longest state that is read, in bytes.
const MAX_BYTES: usize = 1 << 30;

/// Bytes asked for or offered at once.
const PIECE_BYTES: usize = 1 << 16;

/// Everything left in the stream; `None` for a null stream or one without end.
///
/// # Safety
/// `stream` is null or a live stream.
pub unsafe fn read_all(stream: *mut IBStream) -> Option<Vec<u8>> {
    // SAFETY: the caller's promise.
    let stream = unsafe { ComRef::from_raw(stream) }?;
    let (mut all, mut piece) = (Vec::new(), vec![0u8; PIECE_BYTES]);
    while all.len() <= MAX_BYTES {
        let mut n_read = 0;
        // SAFETY: `piece` has room for as many bytes as we say.
        let result =
            unsafe { stream.read(piece.as_mut_ptr().cast(), PIECE_BYTES as i32, &mut n_read) };
        let n_read = usize::try_from(n_read).unwrap_or(0).min(PIECE_BYTES);
        all.extend_from_slice(&piece[..n_read]);
        if n_read == 0 || result != kResultOk {
            return Some(all);
        }
    }
    None
}

/// Writes all of `bytes`.
///
/// # Safety
/// `stream` is null or a live stream.
pub unsafe fn write_all(stream: *mut IBStream, mut bytes: &[u8]) -> tresult {
    // SAFETY: the caller's promise.
    let Some(stream) = (unsafe { ComRef::from_raw(stream) }) else { return kInvalidArgument };
    while !bytes.is_empty() {
        let n_offered = bytes.len().min(PIECE_BYTES);
        let mut n_written = 0;
        // SAFETY: `bytes` holds at least `n_offered`; streams do not change what they are given.
        let result = unsafe {
            stream.write(bytes.as_ptr().cast_mut().cast(), n_offered as i32, &mut n_written)
        };
        let n_written = usize::try_from(n_written).unwrap_or(0).min(n_offered);
        if result != kResultOk || n_written == 0 {
            return kResultFalse;
        }
        bytes = &bytes[n_written..];
    }
    kResultOk
}
