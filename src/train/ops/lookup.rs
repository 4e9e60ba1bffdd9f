//! Rows put together from the rows of tables: symbols, positions, labels, times.

use candle_core::{DType, Result, Tensor, bail};
use rayon::prelude::*;

use super::buffers::Buffer;
use super::machine::add;
use super::node::{buffer, node, wanted};

/// In the place of an index: nothing of this table.
pub const NONE: u32 = u32::MAX;
/// Channels whose gradients one thread adds up.
const CHANNELS: usize = 64;

/// A table, `[n, w]`, and the row of it that goes into each row of the result.
pub struct Lookup<'a> {
    pub table: &'a Tensor,
    pub ids: Vec<u32>,
}

/// The sum of one row of each table, `[n_rows, w]`.
///
/// # Errors
/// When there is no table, or an index is not of its table.
pub fn sum_of_rows(lookups: Vec<Lookup>) -> Result<Tensor> {
    let Some(first) = lookups.first() else {
        bail!("a sum of no tables");
    };
    let (n_rows, width) = (first.ids.len(), first.table.dim(1)?);
    for Lookup { table, ids } in &lookups {
        let n = table.dim(0)?;
        if let Some(id) = ids.iter().find(|id| **id != NONE && n <= **id as usize) {
            bail!("row {id} of a table of {n}");
        }
        if ids.len() != n_rows || table.dim(1)? != width {
            bail!("rows of different tables that do not fit each other");
        }
    }
    if !first.table.device().is_cpu() {
        return composed(&lookups, n_rows, width);
    }
    let tables = lookups.iter().map(|l| buffer(l.table)).collect::<Result<Vec<_>>>()?;
    let args: Vec<_> = lookups.iter().map(|lookup| lookup.table).collect();
    let asked = wanted(&args);
    let lengths: Vec<_> = tables.iter().map(|table| table.len()).collect();
    let all_ids: Vec<_> = lookups.iter().map(|lookup| lookup.ids.clone()).collect();
    let mut out = vec![0.0; n_rows * width];
    out.par_chunks_exact_mut(width).enumerate().for_each(|(row_idx, out)| {
        for (table, ids) in tables.iter().zip(&all_ids) {
            if ids[row_idx] != NONE {
                add(out, &table[ids[row_idx] as usize * width..][..width]);
            }
        }
    });
    node(&args, out, (n_rows, width), move |grad| {
        let each = asked.iter().zip(&lengths).zip(&all_ids);
        each.map(|((asked, len), ids)| asked.then(|| scattered(grad, ids, *len, width))).collect()
    })
}

/// Adds each row to the row of the table that it came of.
fn scattered(grad: &[f32], ids: &[u32], len: usize, width: usize) -> Vec<f32> {
    let strips: Vec<Buffer> = (0..width.div_ceil(CHANNELS))
        .into_par_iter()
        .map(|strip_idx| {
            let channels = strip_idx * CHANNELS..width.min((strip_idx + 1) * CHANNELS);
            let n = channels.len();
            let mut strip = Buffer::zeros(len / width * n);
            for (grad, id) in grad.chunks_exact(width).zip(ids).filter(|(_, id)| **id != NONE) {
                add(&mut strip[*id as usize * n..][..n], &grad[channels.clone()]);
            }
            strip
        })
        .collect();
    let mut out = vec![0.0; len];
    for (row_idx, out) in out.chunks_exact_mut(width).enumerate() {
        for (strip, out) in strips.iter().zip(out.chunks_mut(CHANNELS)) {
            out.copy_from_slice(&strip[row_idx * out.len()..][..out.len()]);
        }
    }
    out
}

fn composed(lookups: &[Lookup], n_rows: usize, width: usize) -> Result<Tensor> {
    let device = lookups[0].table.device();
    let mut sum = Tensor::zeros((n_rows, width), DType::F32, device)?;
    for Lookup { table, ids } in lookups {
        let known: Vec<u32> = ids.iter().map(|id| if *id == NONE { 0 } else { *id }).collect();
        let rows = table.index_select(&Tensor::from_vec(known, n_rows, device)?, 0)?;
        let is_known = ids.iter().map(|id| if *id == NONE { 0f32 } else { 1.0 }).collect();
        let is_known = Tensor::from_vec(is_known, (n_rows, 1), device)?;
        sum = (sum + rows.broadcast_mul(&is_known)?)?;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::ops::tests::{assert_same_gradients, random};

    #[test]
    fn sums_of_rows_and_their_gradients_are_those_of_candle() {
        let vars = [random(&[4, 70], 1), random(&[3, 70], 2)];
        let ids = [vec![3, 3, NONE, 0], vec![0, NONE, NONE, 2]];
        let lookups = || {
            let each = vars.iter().zip(&ids);
            each.map(|(table, ids)| Lookup { table, ids: ids.clone() }).collect::<Vec<_>>()
        };

        let ours = sum_of_rows(lookups()).unwrap();

        let theirs = composed(&lookups(), 4, 70).unwrap();
        assert_same_gradients(&ours, &theirs, &vars);
    }

    #[test]
    fn a_row_that_no_table_has_is_named() {
        let table = random(&[4, 2], 1);

        let error = sum_of_rows(vec![Lookup { table: &table, ids: vec![4] }]).unwrap_err();

        assert!(error.to_string().contains("row 4 of a table of 4"), "{error}");
    }
}
