//! One layer, forwards and backwards, on plain numbers.

use candle_core::{Result, bail};

use super::LayerTensors;
use crate::jukebox::config::StackShape;
use crate::jukebox::prior::attention::Attention;
use crate::train::ops::attention::{Asked, Columns, Sight, attend};
use crate::train::ops::buffers::Buffer;
use crate::train::ops::dense;
use crate::train::ops::gelu::quick_gelu;
use crate::train::ops::lanes::{Shared, sum_over_rows};
use crate::train::ops::machine::add;
use crate::train::ops::node;
use crate::train::ops::norm::normalise;

mod back;

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
        let weights = layer.tensors.iter().map(node::buffer).collect::<Result<Vec<_>>>()?;
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
}
