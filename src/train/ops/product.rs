//! Products of matrices that lie in memory row by row, or the other way, or with gaps.

use gemm::Parallelism;

/// A matrix within some numbers: where an element lies follows from two strides.
#[derive(Clone, Copy)]
pub struct View<'a> {
    numbers: &'a [f32],
    n_rows: usize,
    n_columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> View<'a> {
    /// Rows of `n_columns` numbers, one after the other.
    pub fn rows(numbers: &'a [f32], n_columns: usize) -> Self {
        let n_rows = numbers.len() / n_columns.max(1);
        Self::strided(numbers, n_rows, n_columns, n_columns)
    }

    /// Rows of `n_columns` numbers that begin `row_stride` numbers apart.
    pub fn strided(numbers: &'a [f32], n_rows: usize, n_columns: usize, row_stride: usize) -> Self {
        Self { numbers, n_rows, n_columns, row_stride, column_stride: 1 }
    }

    /// The same with rows and columns swapped.
    pub fn t(self) -> Self {
        Self {
            n_rows: self.n_columns,
            n_columns: self.n_rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    fn is_within(&self) -> bool {
        let last = |n: usize, stride: usize| n.saturating_sub(1) * stride;
        let last = last(self.n_rows, self.row_stride) + last(self.n_columns, self.column_stride);
        self.n_rows * self.n_columns == 0 || last < self.numbers.len()
    }
}

/// What a product does with the numbers that are there.
#[derive(Clone, Copy, PartialEq)]
pub enum Into {
    Replace,
    Add,
}

/// `out = a · b`, or `out += a · b`, on this thread; `out` has rows `row_stride` apart.
///
/// # Panics
/// When the matrices do not fit each other or the numbers that they are in: a mistake of the caller.
pub fn product(out: &mut [f32], row_stride: usize, a: View, b: View, into: Into, scale: f32) {
    let (m, n, k) = (a.n_rows, b.n_columns, a.n_columns);
    let shape = View::strided(out, m, n, row_stride);
    assert!(a.n_columns == b.n_rows && a.is_within() && b.is_within() && shape.is_within());
    // SAFETY: every element of the three matrices lies within its slice, as was just checked
    unsafe { product_at(out.as_mut_ptr(), row_stride, a, b, k, into, scale) }
}

/// The same where others write to the gaps between the rows of `out` at the same time.
///
/// # Safety
/// `out` points to a matrix of as many rows as `a` and columns as `b`, `row_stride` apart, that nobody else
/// reads or writes.
pub unsafe fn product_into(
    out: *mut f32,
    row_stride: usize,
    a: View,
    b: View,
    into: Into,
    scale: f32,
) {
    assert!(a.n_columns == b.n_rows && a.is_within() && b.is_within());
    // SAFETY: the caller vouches for `out`; the others were just checked
    unsafe { product_at(out, row_stride, a, b, a.n_columns, into, scale) }
}

unsafe fn product_at(
    out: *mut f32,
    row_stride: usize,
    a: View,
    b: View,
    k: usize,
    into: Into,
    scale: f32,
) {
    if a.n_rows * b.n_columns == 0 {
        return;
    }
    let [out_row, a_row, a_column, b_row, b_column] =
        [row_stride, a.row_stride, a.column_stride, b.row_stride, b.column_stride]
            .map(|stride| stride as isize);
    // SAFETY: as the caller vouches
    unsafe {
        gemm::gemm(
            a.n_rows,
            b.n_columns,
            k,
            out,
            1,
            out_row,
            into == Into::Add,
            a.numbers.as_ptr(),
            a_column,
            a_row,
            b.numbers.as_ptr(),
            b_column,
            b_row,
            1.0,
            scale,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_of_swapped_matrices_is_the_swapped_product() {
        let a: Vec<f32> = (0..6).map(|i| i as f32).collect(); // [2, 3]
        let b: Vec<f32> = (0..12).map(|i| 1.0 - i as f32).collect(); // [3, 4]
        let (mut ab, mut swapped) = (vec![1.0; 8], vec![0.0; 8]);

        product(&mut ab, 4, View::rows(&a, 3), View::rows(&b, 4), Into::Add, 2.0);
        product(&mut swapped, 2, View::rows(&b, 4).t(), View::rows(&a, 3).t(), Into::Replace, 1.0);

        for (i, j) in (0..2).flat_map(|i| (0..4).map(move |j| (i, j))) {
            let want: f32 = (0..3).map(|k| a[i * 3 + k] * b[k * 4 + j]).sum();
            assert_eq!(ab[i * 4 + j], 1.0 + 2.0 * want);
            assert_eq!(swapped[j * 2 + i], want);
        }
    }
}
