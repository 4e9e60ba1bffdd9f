//! The head and the loss: how many bits each symbol takes, given what the layers made of those before.

use candle_core::{D, Result, Tensor, bail};

use super::buffers::Buffer;
use super::dense::add_weights;
use super::lanes::{Shared, sum_over_rows};
use super::machine::{exp, for_machine, highest_of, sum_of};
use super::node::{buffer, node, wanted};
use super::product::{Into, View, product};

/// What is to be guessed in each row, and how much it counts.
pub struct Targets {
    pub symbols: Vec<u32>,
    /// Factor of each row's bits in the loss; 0 leaves it out.
    pub weights: Vec<f32>,
}

/// The bits of each target, and the loss: their weighted sum, as a tensor of one number.
///
/// `h` is `[n, w]`; `table`, `[symbols, w]`, is the head. Logits never exist all at once, and gradients are
/// made on the way.
pub fn surprise(h: &Tensor, table: &Tensor, targets: &Targets) -> Result<(Tensor, Vec<f32>)> {
    let ((n_rows, width), n_symbols) = (h.dims2()?, table.dim(0)?);
    let Targets { symbols, weights } = targets;
    if symbols.len() != n_rows || weights.len() != n_rows {
        bail!("{} targets for {n_rows} rows", symbols.len());
    }
    if let Some(symbol) = symbols.iter().find(|symbol| n_symbols <= **symbol as usize) {
        bail!("symbol {symbol} of {n_symbols}");
    }
    if !h.device().is_cpu() {
        return composed(h, table, targets);
    }
    let asked = wanted(&[h, table]);
    let wants_any = asked.contains(&true);
    let (rows, head) = (buffer(h)?, buffer(table)?);
    let mut bits = vec![0.0; n_rows];
    let mut grad_h = vec![0.0; if wants_any { rows.len() } else { 0 }];
    let (shared_bits, shared_grad) = (Shared::new(&mut bits), Shared::new(&mut grad_h));
    let sums = sum_over_rows(
        n_rows,
        &[if wants_any { head.len() } else { 0 }],
        Buffer::default,
        |tile, sums, logits| {
            logits.fit(tile.len() * n_symbols);
            let rows = &rows[tile.start * width..tile.end * width];
            let (x, head) = (View::rows(rows, width), View::rows(&head, width));
            product(logits, n_symbols, x, head.t(), Into::Replace, 1.0);
            // SAFETY: each tile has rows of its own
            let bits = unsafe { shared_bits.slice_mut(tile.start, tile.len()) };
            surprises(logits, &symbols[tile.clone()], &weights[tile.clone()], bits);
            if wants_any {
                // SAFETY: as above
                let grad = unsafe { shared_grad.slice_mut(tile.start * width, tile.len() * width) };
                product(grad, width, View::rows(logits, n_symbols), head, Into::Replace, 1.0);
                add_weights(logits, rows, n_symbols, &mut sums[0]);
            }
        },
    );
    let loss: f64 = bits.iter().zip(weights).map(|(bits, w)| *bits as f64 * *w as f64).sum();
    let loss = node(&[h, table], vec![loss as f32], (), move |grad| {
        let scale = grad.first().copied().unwrap_or(0.0);
        let gradients = std::iter::once(grad_h).chain(sums.into_iter().map(Buffer::into_vec));
        let scaled = gradients.map(|mut gradients| {
            if scale != 1.0 {
                gradients.iter_mut().for_each(|gradient| *gradient *= scale);
            }
            gradients
        });
        asked.iter().zip(scaled).map(|(asked, gradient)| asked.then_some(gradient)).collect()
    })?;
    Ok((loss, bits))
}

for_machine! {
    /// Bits of each row's symbol, and the gradients of the logits in their place.
    fn surprises(logits: &mut [f32], symbols: &[u32], weights: &[f32], bits: &mut [f32]) {
        let n_symbols = logits.len() / symbols.len().max(1);
        let rows = logits.chunks_exact_mut(n_symbols).zip(symbols.iter().zip(weights)).zip(bits);
        for ((logits, (symbol, weight)), bits) in rows {
            let highest = highest_of(logits);
            let of_target = logits[*symbol as usize] - highest;
            logits.iter_mut().for_each(|logit| *logit = exp(*logit - highest));
            let total = sum_of(logits, logits, |share, _| share);
            *bits = (total.ln() - of_target) * std::f32::consts::LOG2_E;
            let weight = weight * std::f32::consts::LOG2_E;
            let scale = weight / total;
            logits.iter_mut().for_each(|share| *share *= scale);
            logits[*symbol as usize] -= weight;
        }
    }
}

fn composed(h: &Tensor, table: &Tensor, targets: &Targets) -> Result<(Tensor, Vec<f32>)> {
    let (device, n) = (h.device(), targets.symbols.len());
    let shares = candle_nn::ops::log_softmax(&h.matmul(&table.t()?)?, D::Minus1)?;
    let symbols = Tensor::from_slice(&targets.symbols, (n, 1), device)?;
    let bits = (shares.gather(&symbols, 1)?.squeeze(1)? * -(std::f64::consts::LOG2_E))?; // [n]
    let weights = Tensor::from_slice(&targets.weights, n, device)?;
    Ok(((&bits * weights)?.sum_all()?, bits.detach().to_vec1()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::ops::tests::{assert_same_gradients, random};

    #[test]
    fn a_loss_and_its_gradients_are_those_of_candle() {
        let vars = [random(&[300, 6], 1), random(&[40, 6], 2)];
        let targets = Targets {
            symbols: (0..300).map(|i| i * 7 % 40).collect(),
            weights: (0..300).map(|i| (i % 3) as f32).collect(),
        };

        let (ours, our_bits) = surprise(&vars[0], &vars[1], &targets).unwrap();

        let (theirs, their_bits) = composed(&vars[0], &vars[1], &targets).unwrap();
        assert!(our_bits.iter().zip(&their_bits).all(|(a, b)| (a - b).abs() < 1e-5));
        assert_same_gradients(&ours, &theirs, &vars);
    }
}
