//! Reading a tensor's numbers in order, however they lie in the file.

use std::io;

use super::places::Layout;
use crate::pack::source::Source;

/// Bytes fetched at once where numbers do not lie one after another.
const WINDOW_BYTES: u64 = 1 << 16;

/// Replaces `out` by the tensor's numbers, one after another, as they are stored.
///
/// Beyond `out` this takes one small window, whatever the strides: the file is gone through in the
/// order in which the numbers lie there, and each goes to its place.
pub fn read(source: &Source, layout: &Layout, out: &mut Vec<u8>) -> io::Result<()> {
    out.clear();
    out.resize(layout.n_bytes() as usize, 0);
    if layout.n_values() == 0 {
        return Ok(());
    }
    let start = layout.start();
    if layout.is_contiguous() {
        return source.read_exact_at(start, out);
    }
    scatter(source, layout, start, out)
}

/// One axis: its length, the step in the file and the step in the output, in bytes.
struct Axis {
    n: usize,
    step_in: u64,
    step_out: u64,
}

fn scatter(source: &Source, layout: &Layout, start: u64, out: &mut [u8]) -> io::Result<()> {
    let size = layout.dtype.size() as usize;
    let mut axes = Vec::new();
    let mut step_out = size as u64;
    // an axis of length 1 is never stepped along, whatever its stride says
    let steps = layout.shape.iter().zip(&layout.strides).filter(|(n, _)| **n > 1);
    for (n, stride) in steps.rev() {
        axes.push(Axis { n: *n, step_in: stride * size as u64, step_out });
        step_out *= *n as u64;
    }
    axes.sort_by_key(|axis| std::cmp::Reverse(axis.step_in));
    let mut window = Window::new(source, layout, &axes);
    let mut index = vec![0; axes.len()];
    let (mut from, mut to) = (start, 0u64);
    loop {
        let bytes = window.at(from, size)?;
        out[to as usize..to as usize + size].copy_from_slice(bytes);
        // the next index, innermost axis first
        let mut axis = axes.len();
        loop {
            let Some(inner) = axis.checked_sub(1) else {
                return Ok(());
            };
            axis = inner;
            let Axis { n, step_in, step_out } = axes[axis];
            index[axis] += 1;
            from += step_in;
            to += step_out;
            if index[axis] < n {
                break;
            }
            from -= step_in * n as u64;
            to -= step_out * n as u64;
            index[axis] = 0;
        }
    }
}

/// The part of the file that was read last.
struct Window<'a> {
    source: &'a Source,
    start: u64,
    bytes: Vec<u8>,
    /// Bytes worth fetching at once, and where the storage ends.
    length: u64,
    end: u64,
}

impl<'a> Window<'a> {
    fn new(source: &'a Source, layout: &Layout, axes: &[Axis]) -> Self {
        // Where the next row lies further away than a window, no more than a row is fetched.
        let mut length = layout.dtype.size();
        for axis in axes.iter().rev() {
            if axis.step_in > WINDOW_BYTES {
                break;
            }
            length = (length + axis.step_in * (axis.n as u64 - 1)).min(WINDOW_BYTES);
        }
        let end = layout.place.start + layout.place.n_bytes;
        Self { source, start: 0, bytes: Vec::new(), length, end }
    }

    fn at(&mut self, offset: u64, n: usize) -> io::Result<&[u8]> {
        let is_inside =
            self.start <= offset && offset + n as u64 <= self.start + self.bytes.len() as u64;
        if !is_inside {
            let n_bytes = self.length.min(self.end - offset);
            self.bytes.resize(n_bytes as usize, 0);
            self.source.read_exact_at(offset, &mut self.bytes)?;
            self.start = offset;
        }
        let at = (offset - self.start) as usize;
        Ok(&self.bytes[at..at + n])
    }
}
