//! The way back through a layer.

use super::{C_ATTN, C_PROJ, ENC_KV, FC, Kept, LN_0, LN_1, Layer, OUT};
use crate::train::ops::attention::{Gradients, SharedColumns, attend_back};
use crate::train::ops::buffers::Buffer;
use crate::train::ops::dense::{self, add_rows, add_weights};
use crate::train::ops::gelu::quick_gelu_back;
use crate::train::ops::lanes::{Shared, sum_over_rows};
use crate::train::ops::machine::add;
use crate::train::ops::norm::{normalise, normalise_back};

impl Layer {
    /// Makes the gradient of `x` of that of the result, in place, and returns those of the weights; adds that
    /// of the states of lyrics.
    pub fn backward(
        mut self,
        grad: &mut [f32],
        states: Option<&[f32]>,
        grad_states: Option<&mut [f32]>,
    ) -> Vec<Option<Vec<f32>>> {
        let kept = std::mem::take(&mut self.kept);
        let mut sums: Vec<Option<Buffer>> = self.weights.iter().map(|_| None).collect();
        let grad_attended = self.branches_back(&kept, grad, &mut sums);
        let mut grad_qkv = Buffer::zeros(kept.qkv.len());
        let mut grad_kv = Buffer::zeros(kept.lyrics_kv.len());
        let s = self.sight.width;
        let (to, to_kv) = (Shared::new(&mut grad_qkv), Shared::new(&mut grad_kv));
        let columns = |numbers, row_len, first| SharedColumns { numbers, row_len, first };
        let gradients = match self.looks_at_lyrics() {
            true => Gradients {
                queries: columns(to, s, 0),
                keys: columns(to_kv, 2 * s, 0),
                values: columns(to_kv, 2 * s, s),
            },
            false => Gradients {
                queries: columns(to, 3 * s, 0),
                keys: columns(to, 3 * s, s),
                values: columns(to, 3 * s, 2 * s),
            },
        };
        let asked = self.asked_of(&kept.qkv, &kept.lyrics_kv);
        attend_back(&self.sight, asked, &grad_attended, &gradients);
        if let (true, Some(states), Some(grad_states)) =
            (self.looks_at_lyrics(), states, grad_states)
        {
            let w = self.width;
            let mut grad = Buffer::any(states.len());
            dense::back(&grad_kv, &self.weights[ENC_KV], w, &mut grad);
            add(grad_states, &grad);
            let mut of_w = Buffer::zeros(self.weights[ENC_KV].len());
            let mut of_b = Buffer::zeros(2 * s);
            add_weights(states, &grad_kv, w, &mut of_w);
            add_rows(&grad_kv, &mut of_b);
            (sums[ENC_KV], sums[ENC_KV + 1]) = (Some(of_w), Some(of_b));
        }
        self.ask_back(&kept.x, &grad_qkv, grad, &mut sums);
        let asked = sums.into_iter().zip(&self.asked);
        asked.map(|(sum, asked)| sum.filter(|_| *asked).map(Buffer::into_vec)).collect()
    }

    /// Through the MLP and `c_proj`: `grad` becomes that of `x` past the layer's attention; returns the
    /// gradient of what was attended.
    fn branches_back(&self, kept: &Kept, grad: &mut [f32], sums: &mut [Option<Buffer>]) -> Buffer {
        let (w, s, m, n) = (self.width, self.sight.width, self.mlp_width, self.n_rows());
        let weights = &self.weights;
        let mut grad_attended = Buffer::any(n * s);
        let (to, to_attended) = (Shared::new(grad), Shared::new(&mut grad_attended));
        let order = [C_PROJ, C_PROJ + 1, LN_1, LN_1 + 1, FC, FC + 1, OUT, OUT + 1];
        let scratch = <[Buffer; 4]>::default;
        let found = sum_over_rows(n, &self.lengths(&order), scratch, |tile, sums, scratch| {
            let span = |n: usize| tile.start * n..tile.end * n;
            // SAFETY: each tile has rows of its own
            let grad = unsafe { to.slice_mut(tile.start * w, tile.len() * w) };
            // SAFETY: as above
            let grad_attended = unsafe { to_attended.slice_mut(tile.start * s, tile.len() * s) };
            let [grad_branch, grad_hidden, active, h] = scratch;
            let [of_proj, of_proj_b, of_ln, of_ln_b, of_fc, of_fc_b, of_out, of_out_b] = sums
            else {
                return;
            };
            grad_branch.fit(grad.len());
            let scaled = grad_branch.iter_mut().zip(grad.iter());
            scaled.for_each(|(branch, grad)| *branch = grad * self.branch_scale);
            grad_hidden.fit(tile.len() * m);
            active.fit(tile.len() * m);
            h.fit(tile.len() * w);

            dense::back(grad_branch, &weights[OUT], m, grad_hidden);
            quick_gelu_back(&kept.hidden[span(m)], grad_hidden, active);
            if self.asked[OUT] {
                add_weights(active, grad_branch, m, of_out);
            }
            add_rows(grad_branch, of_out_b);
            let middle = &kept.middle[span(w)];
            if self.asked[FC] {
                normalise(middle, &weights[LN_1], &weights[LN_1 + 1], h);
                add_weights(h, grad_hidden, w, of_fc);
            }
            add_rows(grad_hidden, of_fc_b);
            dense::back(grad_hidden, &weights[FC], w, h); // of the norm's result
            normalise_back(middle, &weights[LN_1], h, of_ln, of_ln_b);
            add(grad_branch, h); // of a
            add(grad, h);
            if self.asked[C_PROJ] {
                add_weights(&kept.attended[span(s)], grad_branch, s, of_proj);
            }
            add_rows(grad_branch, of_proj_b);
            dense::back(grad_branch, &weights[C_PROJ], s, grad_attended);
        });
        order.iter().zip(found).for_each(|(place, found)| sums[*place] = Some(found));
        grad_attended
    }

    /// Through `c_attn` and the first norm, added to `grad`.
    fn ask_back(&self, x: &[f32], grad_qkv: &[f32], grad: &mut [f32], sums: &mut [Option<Buffer>]) {
        let (w, n_attn, weights) = (self.width, self.n_attn(), &self.weights);
        let to = Shared::new(grad);
        let order = [LN_0, LN_0 + 1, C_ATTN, C_ATTN + 1];
        let lengths = self.lengths(&order);
        let found = sum_over_rows(self.n_rows(), &lengths, Buffer::default, |tile, sums, h| {
            let [of_ln, of_ln_b, of_attn, of_attn_b] = sums else { return };
            // SAFETY: each tile has rows of its own
            let grad = unsafe { to.slice_mut(tile.start * w, tile.len() * w) };
            let x = &x[tile.start * w..tile.end * w];
            let grad_qkv = &grad_qkv[tile.start * n_attn..tile.end * n_attn];
            h.fit(x.len());
            if self.asked[C_ATTN] {
                normalise(x, &weights[LN_0], &weights[LN_0 + 1], h);
                add_weights(h, grad_qkv, w, of_attn);
            }
            add_rows(grad_qkv, of_attn_b);
            dense::back(grad_qkv, &weights[C_ATTN], w, h);
            normalise_back(x, &weights[LN_0], h, of_ln, of_ln_b);
            add(grad, h);
        });
        order.iter().zip(found).for_each(|(place, found)| sums[*place] = Some(found));
    }

    /// Lengths of sums over rows; large ones that nobody asks for are left out.
    fn lengths(&self, places: &[usize]) -> Vec<usize> {
        let is_matrix = |place: usize| [C_ATTN, C_PROJ, FC, OUT].contains(&place);
        let len = |place: &usize| match is_matrix(*place) && !self.asked[*place] {
            true => 0,
            false => self.weights[*place].len(),
        };
        places.iter().map(len).collect()
    }
}
