//! What convolutions are made of: rows of numbers that a place sees, put side by side a few hundred at a
//! time, and one product for each such chunk.
//!
//! Sound is channels-last, `[b, t, c]`, and an example is the numbers of one `b`. What a row of the result
//! sees lies in pieces of its example, zeros beyond the edges; a chunk of them fits into the nearest large
//! cache, so that nothing but the input and the result goes through memory.

use std::ops::Range;

use gemm::{Parallelism, gemm};
use rayon::prelude::*;

/// Rows that are put side by side at a time.
pub const CHUNK_ROWS: usize = 256;
/// Sums that are kept apart and added in order, so that a sum never depends on who was first.
const N_SUMS: usize = 8;

/// Where in an example the numbers are that a row sees; all in floats.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    pub n_taps: usize,
    /// Numbers of a tap, side by side.
    pub width: usize,
    /// From a tap to the next.
    pub tap_stride: usize,
    /// From a row's first tap to the next row's.
    pub row_stride: usize,
    /// Of the first row's first tap; negative before the example.
    pub start: isize,
}

impl Seen {
    /// Numbers that a row sees.
    pub fn n(&self) -> usize {
        self.n_taps * self.width
    }

    /// Rows `width` wide, one after the other, from `start`.
    pub fn rows(width: usize, start: isize) -> Self {
        Self { n_taps: 1, width, tap_stride: 0, row_stride: width, start }
    }

    /// Puts side by side what `rows` see of `example`, `[rows, n_taps * width]`; with `relu` nothing negative.
    pub fn gather(&self, example: &[f32], rows: Range<usize>, relu: bool, to: &mut [f32]) {
        let len = example.len() as isize;
        for (row, to) in rows.zip(to.chunks_exact_mut(self.n())) {
            let first = self.start + (row * self.row_stride) as isize;
            for (tap, to) in to.chunks_exact_mut(self.width).enumerate() {
                let start = first + (tap * self.tap_stride) as isize;
                let end = start + self.width as isize;
                let (from, until) = (start.clamp(0, len), end.clamp(0, len));
                if from == start && until == end {
                    copy(&example[start as usize..end as usize], relu, to);
                    continue;
                }
                to.fill(0.0);
                if from < until {
                    let to = &mut to[(from - start) as usize..(until - start) as usize];
                    copy(&example[from as usize..until as usize], relu, to);
                }
            }
        }
    }
}

fn copy(from: &[f32], relu: bool, to: &mut [f32]) {
    if relu {
        to.iter_mut().zip(from).for_each(|(to, x)| *to = x.max(0.0));
    } else {
        to.copy_from_slice(from);
    }
}

/// Matrix of numbers in a slice, as it is or turned.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    pub numbers: &'a [f32],
    pub row_stride: usize,
    pub column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Rows of `n_columns`, one after the other.
    pub fn of(numbers: &'a [f32], n_columns: usize) -> Self {
        Self { numbers, row_stride: n_columns, column_stride: 1 }
    }

    /// Rows for columns.
    pub fn turned(self) -> Self {
        Self { row_stride: self.column_stride, column_stride: self.row_stride, ..self }
    }
}

/// `to = a · b`, or `to += a · b`; `[m, k] · [k, n]`, on the thread that asks.
pub fn multiply((m, k, n): (usize, usize, usize), a: Matrix, b: Matrix, add: bool, to: &mut [f32]) {
    if m == 0 || n == 0 {
        return;
    }
    let reach = |matrix: Matrix, rows: usize, columns: usize| {
        (rows.max(1) - 1) * matrix.row_stride + (columns.max(1) - 1) * matrix.column_stride
    };
    assert!(reach(a, m, k) < a.numbers.len() && reach(b, k, n) < b.numbers.len());
    assert!(m * n <= to.len());
    let one = |matrix: Matrix| (matrix.column_stride as isize, matrix.row_stride as isize);
    let ((a_cs, a_rs), (b_cs, b_rs)) = (one(a), one(b));
    let (a, b, to) = (a.numbers.as_ptr(), b.numbers.as_ptr(), to.as_mut_ptr());
    let how = Parallelism::None;
    // SAFETY: the furthest number of each matrix is within its slice, as asserted.
    unsafe {
        gemm(
            m, n, k, to, 1, n as isize, add, a, a_cs, a_rs, b, b_cs, b_rs, 1.0, 1.0, false, false,
            false, how,
        );
    }
}

/// A few rows of one example.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    pub example: usize,
    pub rows: Range<usize>,
}

/// The rows of all examples, a few at a time.
pub fn chunks(n_examples: usize, n_rows: usize) -> Vec<Chunk> {
    let of = |example| {
        (0..n_rows).step_by(CHUNK_ROWS).map(move |first| {
            let rows = first..n_rows.min(first + CHUNK_ROWS);
            Chunk { example, rows }
        })
    };
    (0..n_examples).flat_map(of).collect()
}

/// Cuts numbers into pieces of the given lengths.
pub fn cut(mut numbers: &mut [f32], lens: impl Iterator<Item = usize>) -> Vec<&mut [f32]> {
    let cut_off = |len| {
        let (piece, rest) = std::mem::take(&mut numbers).split_at_mut(len);
        numbers = rest;
        piece
    };
    lens.map(cut_off).collect()
}

/// A convolution: what a row sees, times a matrix, is `n` numbers of the result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Product {
    pub n_examples: usize,
    /// Numbers of an example that is read.
    pub len_in: usize,
    /// And of one that is written.
    pub len_out: usize,
    pub n_rows: usize,
    pub seen: Seen,
    /// Numbers that a row writes.
    pub n: usize,
    /// Where the first row writes; what is beyond the edges is dropped.
    pub start_out: isize,
}

impl Product {
    /// The numbers of an example that `rows` write.
    fn written(&self, rows: &Range<usize>) -> Range<usize> {
        let at = |row: usize| {
            ((row * self.n) as isize + self.start_out).clamp(0, self.len_out as isize) as usize
        };
        at(rows.start)..at(rows.end)
    }

    /// `[n_examples, len_in]` to `[n_examples, len_out]`; the weights are `[seen, n]`, the bias `[n]`.
    pub fn run(&self, x: &[f32], weights: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
        let mut y = vec![0.0; self.n_examples * self.len_out];
        let jobs = chunks(self.n_examples, self.n_rows);
        let mut pieces = Vec::with_capacity(jobs.len());
        let mut rest = y.as_mut_slice();
        let mut at = 0;
        for job in &jobs {
            let written = self.written(&job.rows);
            let (start, end) = (
                job.example * self.len_out + written.start,
                job.example * self.len_out + written.end,
            );
            let (_, after) = rest.split_at_mut(start - at);
            let (piece, after) = after.split_at_mut(end - start);
            (rest, at) = (after, end);
            pieces.push(piece);
        }
        let n_seen = self.seen.n();
        let room = || (vec![0.0; CHUNK_ROWS * n_seen], vec![0.0; CHUNK_ROWS * self.n]);
        jobs.par_iter().zip(pieces).for_each_init(room, |(seen, clipped), (job, piece)| {
            let example = &x[job.example * self.len_in..][..self.len_in];
            let n_rows = job.rows.len();
            let seen = &mut seen[..n_rows * n_seen];
            self.seen.gather(example, job.rows.clone(), false, seen);
            let is_whole = piece.len() == n_rows * self.n;
            let to = if is_whole { &mut *piece } else { &mut clipped[..n_rows * self.n] };
            if let Some(bias) = bias {
                to.chunks_exact_mut(self.n).for_each(|to| to.copy_from_slice(bias));
            }
            let shape = (n_rows, n_seen, self.n);
            let (seen, weights) = (Matrix::of(seen, n_seen), Matrix::of(weights, self.n));
            multiply(shape, seen, weights, bias.is_some(), to);
            if !is_whole {
                let first = (job.rows.start * self.n) as isize + self.start_out;
                let skipped = self.written(&job.rows).start as isize - first;
                piece.copy_from_slice(&clipped[skipped as usize..][..piece.len()]);
            }
        });
        y
    }

    /// How the weights and the bias are to move for the result to move by `dy`: `[seen, n]` and `[n]`.
    pub fn weight_grads(&self, x: &[f32], dy: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let n_seen = self.seen.n();
        let moved = Seen::rows(self.n, self.start_out);
        let sum = |jobs: &[Chunk]| {
            let (mut weights, mut bias) = (vec![0.0; n_seen * self.n], vec![0.0; self.n]);
            let mut seen = vec![0.0; CHUNK_ROWS * n_seen];
            let mut grads = vec![0.0; CHUNK_ROWS * self.n];
            for job in jobs {
                let n_rows = job.rows.len();
                let (seen, grads) = (&mut seen[..n_rows * n_seen], &mut grads[..n_rows * self.n]);
                let example = &x[job.example * self.len_in..][..self.len_in];
                self.seen.gather(example, job.rows.clone(), false, seen);
                let example = &dy[job.example * self.len_out..][..self.len_out];
                moved.gather(example, job.rows.clone(), false, grads);
                add_rows(grads, &mut bias);
                let turned = Matrix::of(seen, n_seen).turned();
                let shape = (n_seen, n_rows, self.n);
                multiply(shape, turned, Matrix::of(grads, self.n), true, &mut weights);
            }
            vec![weights, bias]
        };
        let mut sums = summed(&chunks(self.n_examples, self.n_rows), sum).into_iter();
        (sums.next().unwrap_or_default(), sums.next().unwrap_or_default())
    }
}

/// Adds the rows of a matrix to one row.
pub fn add_rows(matrix: &[f32], to: &mut [f32]) {
    for row in matrix.chunks_exact(to.len()) {
        to.iter_mut().zip(row).for_each(|(to, x)| *to += x);
    }
}

/// Sums over all jobs, shared out among threads but added in an order that never changes.
pub fn summed<J: Sync>(jobs: &[J], sum: impl Fn(&[J]) -> Vec<Vec<f32>> + Sync) -> Vec<Vec<f32>> {
    let n_parts = N_SUMS.min(jobs.len()).max(1);
    let part = |part: usize| &jobs[part * jobs.len() / n_parts..(part + 1) * jobs.len() / n_parts];
    let sums: Vec<Vec<Vec<f32>>> = (0..n_parts).into_par_iter().map(|idx| sum(part(idx))).collect();
    let add = |mut all: Vec<Vec<f32>>, part: Vec<Vec<f32>>| {
        for (all, part) in all.iter_mut().zip(&part) {
            all.iter_mut().zip(part).for_each(|(all, x)| *all += x);
        }
        all
    };
    sums.into_iter().reduce(add).unwrap_or_default()
}
