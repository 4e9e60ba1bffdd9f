//! Which earlier positions a layer looks at (SPEC §3.3, §3.4).
//!
//! A window of `n_ctx` positions is cut into blocks of equal length; a layer sees everything so
//! far, its block so far, its column of earlier blocks, or the block before.

use candle_core::{D, Result as TensorResult, Tensor};

use crate::jukebox::JukeboxError;
use crate::jukebox::config::StackShape;

/// What a query at position `p` attends to, with blocks of `l` positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attention {
    /// Function 0: all positions up to `p`.
    Dense,
    /// Function 1: from the start of the block of `p` to `p`.
    Block,
    /// Function 2: `p`, `p - l`, `p - 2 l` and so on.
    Column,
    /// Function 3: the whole block before that of `p`; in the first block `l` zeros instead.
    PreviousBlock,
    /// Function 6: the `n` states of lyrics that were read elsewhere.
    Lyrics { n: usize },
    /// Function 7: the positions up to `p`, but only the first `n`.
    Prime { n: usize },
}

/// One period of functions for each `attn_order` up to 10.
const PERIODS: [&[u8]; 11] = [
    &[0],
    &[1, 2],
    &[1, 2, 3],
    &[1, 4],
    &[1, 5],
    &[1, 4, 1, 1],
    &[1, 2, 3, 6],
    &[1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 6],
    &[1, 2, 3, 1, 2, 3, 1, 2, 3, 6],
    &[1, 2, 3, 0],
    &[
        1, 2, 3, 1, 2, 3, 1, 2, 3, // then seven times three rounds and a look at the lyrics
        1, 2, 3, 1, 2, 3, 1, 2, 3, 6, 1, 2, 3, 1, 2, 3, 1, 2, 3, 6, //
        1, 2, 3, 1, 2, 3, 1, 2, 3, 6, 1, 2, 3, 1, 2, 3, 1, 2, 3, 6, //
        1, 2, 3, 1, 2, 3, 1, 2, 3, 6, 1, 2, 3, 1, 2, 3, 1, 2, 3, 6, //
        1, 2, 3, 1, 2, 3, 1, 2, 3, 6,
    ],
];

/// Number of the attention function of a layer; `attn_order` is 0 to 12.
pub fn function_number(attn_order: usize, layer_idx: usize) -> u8 {
    match PERIODS.get(attn_order) {
        Some(period) => period[layer_idx % period.len()],
        None => {
            let lyrics = if attn_order == 11 { 6 } else { 7 };
            match layer_idx % 16 {
                15 => [lyrics, lyrics, 0][layer_idx % 3],
                _ => [1, 2, 3][layer_idx % 3],
            }
        }
    }
}

impl Attention {
    /// The attention of each layer, or why this model cannot be built.
    pub fn of_layers(shape: &StackShape) -> Result<Vec<Self>, JukeboxError> {
        (0..shape.depth).map(|layer_idx| Self::of_layer(shape, layer_idx)).collect()
    }

    pub fn of_layer(shape: &StackShape, layer_idx: usize) -> Result<Self, JukeboxError> {
        let function = function_number(shape.attn_order, layer_idx);
        let missing = match (function, shape.n_states, shape.n_lyrics) {
            (0, ..) => return Ok(Self::Dense),
            (1, ..) => return Ok(Self::Block),
            (2, ..) => return Ok(Self::Column),
            (3, ..) => return Ok(Self::PreviousBlock),
            (6, Some(n), _) => return Ok(Self::Lyrics { n }),
            (7, _, Some(n_lyrics)) => return Ok(Self::prime(shape, n_lyrics)),
            (6, ..) => "which looks at lyrics through an encoder of their own",
            (7, ..) => "which looks at lyrics written before the music",
            _ => "which looks at a summary of earlier blocks and is not built",
        };
        Err(JukeboxError::Config(format!(
            "layer {layer_idx} of attn_order {} needs attention function {function}, {missing}",
            shape.attn_order
        )))
    }

    /// The lyrics, rounded up beyond the next multiple of the number (not the length) of blocks:
    /// so the first notes are seen too, and the models were trained like that (SPEC §3.3).
    fn prime(shape: &StackShape, n_lyrics: usize) -> Self {
        let n = (n_lyrics / shape.blocks + 1) * shape.blocks;
        Self::Prime { n: n.min(shape.n_positions) }
    }

    /// Attention over a whole sequence from its start, `[b, heads, t, c]` three times.
    ///
    /// Without caches and differentiable: what training needs. Keys and values of function 6 are
    /// those of the lyrics.
    pub fn of_sequence(
        self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        block_len: usize,
    ) -> TensorResult<Tensor> {
        let (b, heads, n_steps, c) = q.dims4()?;
        match self {
            Self::Dense => return attend(q, k, v, true),
            Self::Lyrics { .. } => return attend(q, k, v, false),
            Self::Prime { n } => {
                let n = n.min(n_steps);
                let [k, v] = [k.narrow(2, 0, n)?, v.narrow(2, 0, n)?];
                let early = attend(&q.narrow(2, 0, n)?, &k, &v, true)?;
                if n == n_steps {
                    return Ok(early);
                }
                let late = attend(&q.narrow(2, n, n_steps - n)?, &k, &v, false)?;
                return Tensor::cat(&[early, late], 2);
            }
            Self::Block | Self::Column | Self::PreviousBlock => {}
        }
        let n_blocks = n_steps.div_ceil(block_len);
        let n_missing = n_blocks * block_len - n_steps;
        let cut = |x: &Tensor| -> TensorResult<Tensor> {
            let x = x.pad_with_zeros(2, 0, n_missing)?;
            x.reshape((b * heads, n_blocks, block_len, c)) // padding comes last, so nobody sees it
        };
        let (q, k, v) = (cut(q)?, cut(k)?, cut(v)?);
        let a = match self {
            Self::Column => {
                let column = |x: &Tensor| x.transpose(1, 2)?.contiguous(); // [_, l, n_blocks, c]
                attend(&column(&q)?, &column(&k)?, &column(&v)?, true)?.transpose(1, 2)?
            }
            Self::PreviousBlock => {
                let before = |x: &Tensor| -> TensorResult<Tensor> {
                    x.narrow(1, 0, n_blocks - 1)?.pad_with_zeros(1, 1, 0)?.contiguous()
                };
                attend(&q, &before(&k)?, &before(&v)?, false)?
            }
            _ => attend(&q, &k, &v, true)?, // within blocks
        };
        let a = a.contiguous()?.reshape((b, heads, n_blocks * block_len, c))?;
        a.narrow(2, 0, n_steps)
    }
}

/// `softmax(q · kᵀ / sqrt(c)) · v` over `[.., n_q, c]` and `[.., n_k, c]`.
///
/// Causal means that the last query sees every key and each one before it one key less.
pub fn attend(q: &Tensor, k: &Tensor, v: &Tensor, causal: bool) -> TensorResult<Tensor> {
    let (n_q, n_k, c) = (q.dim(D::Minus2)?, k.dim(D::Minus2)?, q.dim(D::Minus1)?);
    let flat = |x: &Tensor, n: usize| x.contiguous()?.reshape(((), n, c)); // one batch dimension
    let (flat_q, k, v) = (flat(q, n_q)?, flat(k, n_k)?, flat(v, n_k)?);
    let scores = (flat_q.matmul(&k.t()?)? * (1.0 / (c as f64).sqrt()))?; // [_, n_q, n_k]
    let scores = if causal && 1 < n_q {
        let n_old = n_k - n_q;
        let mask: Vec<f32> = (0..n_q)
            .flat_map(|i| (0..n_k).map(move |j| if j <= n_old + i { 0.0 } else { -1e9 }))
            .collect();
        scores.broadcast_add(&Tensor::from_vec(mask, (n_q, n_k), q.device())?)?
    } else {
        scores
    };
    candle_nn::ops::softmax(&scores, D::Minus1)?.matmul(&v)?.reshape(q.shape())
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    /// Positions that a query may see, straight from the table of SPEC §3.3.
    fn visible(attention: Attention, p: usize, l: usize) -> Vec<usize> {
        let b = p / l;
        match attention {
            Attention::Dense => (0..=p).collect(),
            Attention::Block => (b * l..=p).collect(),
            Attention::Column => (0..=p).filter(|j| j % l == p % l).collect(),
            Attention::PreviousBlock if b == 0 => vec![],
            Attention::PreviousBlock => ((b - 1) * l..b * l).collect(),
            Attention::Lyrics { n } => (0..n).collect(),
            Attention::Prime { n } => (0..n.min(p + 1)).collect(),
        }
    }

    fn shape(attn_order: usize) -> StackShape {
        StackShape {
            n_positions: 120,
            width: 8,
            depth: 16,
            heads: 1,
            attn_order,
            blocks: 8,
            m_attn: 1.0,
            m_mlp: 1.0,
            res_scale: false,
            n_lyrics: None,
            n_states: None,
        }
    }

    #[test]
    fn each_query_sees_exactly_the_positions_of_the_table() {
        // with equal keys, attention is the mean of the values it sees
        let (n_steps, l) = (11, 4);
        let zeros = Tensor::zeros((1, 1, n_steps, n_steps), candle_core::DType::F32, &Device::Cpu);
        let one_hot = Tensor::eye(n_steps, candle_core::DType::F32, &Device::Cpu).unwrap();
        let (q, v) = (zeros.unwrap(), one_hot.reshape((1, 1, n_steps, n_steps)).unwrap());
        use Attention::*;
        for attention in [Dense, Block, Column, PreviousBlock, Prime { n: 6 }, Prime { n: 20 }] {
            let a = attention.of_sequence(&q, &q, &v, l).unwrap();

            let seen = a.squeeze(0).unwrap().squeeze(0).unwrap().to_vec2::<f32>().unwrap();
            for (p, weights) in seen.iter().enumerate() {
                let seen: Vec<usize> = (0..n_steps).filter(|j| weights[*j] != 0.0).collect();
                assert_eq!(seen, visible(attention, p, l), "{attention:?} at {p}");
            }
        }
    }

    #[test]
    fn orders_give_the_functions_of_the_table() {
        let of = |order: usize, n: usize| -> Vec<u8> {
            (0..n).map(|layer| function_number(order, layer)).collect()
        };
        let where_is = |function: u8, order: usize, n: usize| -> Vec<usize> {
            (0..n).filter(|layer| function_number(order, *layer) == function).collect()
        };

        assert_eq!(of(2, 7), [1, 2, 3, 1, 2, 3, 1]);
        assert_eq!(of(9, 6), [1, 2, 3, 0, 1, 2]);
        assert_eq!(PERIODS[10].len(), 79);
        assert_eq!(where_is(6, 10, 79), [18, 28, 38, 48, 58, 68, 78]);
        assert_eq!(where_is(7, 12, 72), [15, 31, 63]);
        assert_eq!(where_is(0, 12, 72), [47]);
        assert_eq!(where_is(6, 11, 72), [15, 31, 63]);
    }

    #[test]
    fn the_prime_is_rounded_up_by_the_number_of_blocks() {
        let prime = |n_lyrics, blocks, n_positions| {
            let shape = StackShape { n_positions, blocks, n_lyrics: Some(n_lyrics), ..shape(12) };
            Attention::of_layer(&shape, 15).unwrap()
        };

        assert_eq!(prime(384, 64, 6528), Attention::Prime { n: 448 });
        assert_eq!(prime(24, 8, 120), Attention::Prime { n: 32 });
        assert_eq!(prime(12, 4, 44), Attention::Prime { n: 16 });
        assert_eq!(prime(7, 4, 8), Attention::Prime { n: 8 });
    }

    #[test]
    fn an_order_whose_lyrics_are_missing_says_what_it_needs() {
        let cross = Attention::of_layer(&shape(6), 3).unwrap_err().to_string();
        let prime = Attention::of_layer(&shape(12), 15).unwrap_err().to_string();
        let summary = Attention::of_layer(&shape(3), 1).unwrap_err().to_string();

        assert!(cross.contains("layer 3 of attn_order 6 needs attention function 6"), "{cross}");
        assert!(cross.contains("lyrics"), "{cross}");
        assert!(prime.contains("needs attention function 7"), "{prime}");
        assert!(summary.contains("attention function 4") && summary.contains("summary"));
    }
}
