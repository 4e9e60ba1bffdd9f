//! One layer, forwards and backwards, on plain numbers.

use candle_core::{Result, bail};

use super::LayerTensors;
use crate::jukebox::config::StackShape;
use crate::jukebox::prior::attention::Attention;
use crate::train::ops::attention::{
    Asked, Columns, Gradients, SharedColumns, Sight, attend, attend_back,
};
use crate::train::ops::buffers::Buffer;
use crate::train::ops::dense::{self, add_rows, add_scaled, add_weights};
use crate::train::ops::gelu::{quick_gelu, quick_gelu_back};
use crate::train::ops::lanes::{Shared, sum_over_rows};
use crate::train::ops::machine::add;
use crate::train::ops::node;
use crate::train::ops::norm::{normalise, normalise_back};

/// Places in the list of a layer's tensors.
const LN_0: usize = 0;
const C_ATTN: usize = 2;
const C_PROJ: usize = 4;
const LN_1: usize = 6;
const FC: usize = 8;
const OUT: usize = 10;
const ENC_KV: usize = 12;

/// A layer's weights, and what it keeps for the way back.
pub struct Layer {
    sight: Sight,
    width: usize,
    mlp_width: usize,
    branch_scale: f32,
    weights: Vec<Buffer>,
    /// Which of them have a gradient that somebody asks for.
    asked: Vec<bool>,
    kept: Kept,
}

/// Rows of all sequences.
#[derive(Default)]
struct Kept {
    x: Buffer,
    /// Queries, keys and values side by side; queries alone where the layer looks at lyrics.
    qkv: Buffer,
    /// Keys and values of lyrics.
    lyrics_kv: Buffer,
    attended: Buffer,
    /// `x + a`.
    middle: Buffer,
    /// Hidden channels of the MLP before the activation.
    hidden: Buffer,
}

impl Layer {
    /// Copies the weights of a layer that runs `[b, t]` positions.
    pub fn new(
        shape: &StackShape,
        layer: &LayerTensors,
        asked: &[bool],
        [n_sequences, n_steps]: [usize; 2],
        states: Option<&[f32]>,
    ) -> Result<Self> {
        let (width, s, mlp_width) = (shape.width, shape.attn_width(), shape.mlp_width());
        let (n_keys, n_attn) = match (layer.attention, states) {
            (Attention::Lyrics { .. }, None) => {
                bail!("a layer that looks at lyrics without lyrics")
            }
            (Attention::Lyrics { .. }, Some(states)) => (states.len() / width / n_sequences, s),
            _ => (n_steps, 3 * s),
        };
        let weights =
            layer.tensors.iter().map(|tensor| node::buffer(tensor)).collect::<Result<Vec<_>>>()?;
        let lengths = [
            width,
            width,
            width * n_attn,
            n_attn,
            s * width,
            width,
            width,
            width,
            width * mlp_width,
            mlp_width,
            mlp_width * width,
            width,
            2 * s * width,
            2 * s,
        ];
        let n_tensors = if n_attn == s { 14 } else { 12 };
        let found: Vec<_> = weights.iter().map(|numbers| numbers.len()).collect();
        if found != lengths[..n_tensors] {
            bail!("a layer with tensors of {found:?} numbers");
        }
        Ok(Self {
            sight: Sight {
                attention: layer.attention,
                n_sequences,
                n_steps,
                n_keys,
                block_len: shape.block_len(),
                heads: shape.heads,
                width: s,
            },
            width,
            mlp_width,
            branch_scale: if shape.res_scale { 1.0 / shape.depth as f32 } else { 1.0 },
            weights,
            asked: asked.to_vec(),
            kept: Kept::default(),
        })
    }

    fn n_rows(&self) -> usize {
        self.sight.n_sequences * self.sight.n_steps
    }

    /// Columns of what `c_attn` makes.
    fn n_attn(&self) -> usize {
        self.weights[C_ATTN + 1].len()
    }

    fn looks_at_lyrics(&self) -> bool {
        ENC_KV < self.weights.len()
    }

    /// What the layer makes of `x`; keeps what the way back needs.
    pub fn forward(&mut self, x: Buffer, states: Option<&[f32]>, is_kept: bool) -> Buffer {
        let qkv = self.ask(&x);
        let lyrics_kv = match states.filter(|_| self.looks_at_lyrics()) {
            None => Buffer::default(),
            Some(states) => {
                let [w, b] = [&self.weights[ENC_KV], &self.weights[ENC_KV + 1]];
                let mut kv = Buffer::any(states.len() / self.width * b.len());
                dense::apply(states, w, b, &mut kv);
                kv
            }
        };
        let mut attended = Buffer::zeros(self.n_rows() * self.sight.width);
        attend(&self.sight, self.asked_of(&qkv, &lyrics_kv), &mut attended);
        let (middle, hidden, out) = self.add_branches(&x, &attended, is_kept);
        if is_kept {
            self.kept = Kept { x, qkv, lyrics_kv, attended, middle, hidden };
        }
        out
    }

    /// Queries, keys and values of `x`.
    fn ask(&self, x: &[f32]) -> Buffer {
        let (w, n_attn) = (self.width, self.n_attn());
        let mut qkv = Buffer::any(self.n_rows() * n_attn);
        let shared = Shared::new(&mut qkv);
        sum_over_rows(self.n_rows(), &[], Buffer::default, |tile, _, h| {
            h.fit(tile.len() * w);
            let x = &x[tile.start * w..tile.end * w];
            normalise(x, &self.weights[LN_0], &self.weights[LN_0 + 1], h);
            // SAFETY: each tile has rows of its own
            let out = unsafe { shared.slice_mut(tile.start * n_attn, tile.len() * n_attn) };
            dense::apply(h, &self.weights[C_ATTN], &self.weights[C_ATTN + 1], out);
        });
        qkv
    }

    fn asked_of<'a>(&self, qkv: &'a [f32], lyrics_kv: &'a [f32]) -> Asked<'a> {
        let s = self.sight.width;
        let columns = |numbers, row_len, first| Columns { numbers, row_len, first };
        match self.looks_at_lyrics() {
            true => Asked {
                queries: columns(qkv, s, 0),
                keys: columns(lyrics_kv, 2 * s, 0),
                values: columns(lyrics_kv, 2 * s, s),
            },
            false => Asked {
                queries: columns(qkv, 3 * s, 0),
                keys: columns(qkv, 3 * s, s),
                values: columns(qkv, 3 * s, 2 * s),
            },
        }
    }

    /// `x + a`, the MLP's hidden channels (if they are kept), and the result.
    fn add_branches(&self, x: &[f32], attended: &[f32], is_kept: bool) -> (Buffer, Buffer, Buffer) {
        let (w, s, m, n) = (self.width, self.sight.width, self.mlp_width, self.n_rows());
        let (mut middle, mut out) = (Buffer::any(n * w), Buffer::any(n * w));
        let mut hidden = Buffer::any(if is_kept { n * m } else { 0 });
        let shared = [&mut middle, &mut out, &mut hidden].map(|numbers| Shared::new(numbers));
        let weights = &self.weights;
        let scratch = <[Buffer; 3]>::default;
        sum_over_rows(n, &[], scratch, |tile, _, [h, own_hidden, active]| {
            let span = |n: usize| tile.start * n..tile.end * n;
            // SAFETY: each tile has rows of its own
            let [middle, out] =
                [0, 1].map(|idx| unsafe { shared[idx].slice_mut(tile.start * w, tile.len() * w) });
            let x = &x[span(w)];
            dense::apply(&attended[span(s)], &weights[C_PROJ], &weights[C_PROJ + 1], middle);
            add(middle, x);
            h.fit(middle.len());
            normalise(middle, &weights[LN_1], &weights[LN_1 + 1], h);
            let hidden = match is_kept {
                // SAFETY: as above
                true => unsafe { shared[2].slice_mut(tile.start * m, tile.len() * m) },
                false => {
                    own_hidden.fit(tile.len() * m);
                    &mut **own_hidden
                }
            };
            dense::apply(h, &weights[FC], &weights[FC + 1], hidden);
            active.fit(hidden.len());
            quick_gelu(hidden, active);
            dense::apply(active, &weights[OUT], &weights[OUT + 1], out);
            add(out, middle);
            if self.branch_scale != 1.0 {
                for (out, x) in out.iter_mut().zip(x) {
                    *out = x + self.branch_scale * (*out - x);
                }
            }
        });
        (middle, hidden, out)
    }

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
            add_scaled(grad, h, 1.0);
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
