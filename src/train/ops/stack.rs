//! The layers of a transformer as one node: what is between their products stays in a core's cache, and
//! only what the way back cannot make again cheaply is kept.
//!
//! Each layer is `x + a + m` with `a = attn(ln_0(x))` and `m = mlp(ln_1(x + a))` (SPEC §3.2).

use candle_core::{Result, Tensor, bail};

use self::layer::Layer;
use super::buffers::Buffer;
use super::node::{buffer, node, wanted};
use crate::jukebox::config::StackShape;
use crate::jukebox::prior::attention::Attention;

mod composed;
mod layer;

/// The tensors of a layer, by their names in checkpoints; the last two are of layers that look at lyrics.
pub const NAMES: [&str; 14] = [
    "ln_0.weight",
    "ln_0.bias",
    "attn.c_attn.w",
    "attn.c_attn.b",
    "attn.c_proj.w",
    "attn.c_proj.b",
    "ln_1.weight",
    "ln_1.bias",
    "mlp.c_fc.w",
    "mlp.c_fc.b",
    "mlp.c_proj.w",
    "mlp.c_proj.b",
    "attn.c_enc_kv.w",
    "attn.c_enc_kv.b",
];

/// A layer's tensors in the order of [`NAMES`], and what it looks at.
pub struct LayerTensors {
    pub attention: Attention,
    pub tensors: Vec<Tensor>,
}

/// Runs `[b, t, w]` through layers; `states` of lyrics are `[b, n, w]`.
///
/// # Errors
/// When tensors are misshapen, or a layer looks at lyrics and there are none.
pub fn run_stack(
    shape: &StackShape,
    layers: &[LayerTensors],
    x: &Tensor,
    states: Option<&Tensor>,
) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return composed::run(shape, layers, x, states);
    }
    let (b, n_steps, width) = x.dims3()?;
    if width != shape.width || shape.n_positions < n_steps {
        bail!(
            "{n_steps} rows of {width} for layers of {} times {}",
            shape.n_positions,
            shape.width
        );
    }
    let mut args = vec![x];
    args.extend(states);
    let n_before = args.len();
    args.extend(layers.iter().flat_map(|layer| &layer.tensors));
    let asked = wanted(&args);
    let is_kept = asked.contains(&true);
    let states = states.map(buffer).transpose()?;
    let mut made = Vec::new();
    let mut first = n_before;
    for tensors in layers {
        let asked = &asked[first..first + tensors.tensors.len()];
        made.push(Layer::new(shape, tensors, asked, [b, n_steps], states.as_deref())?);
        first += tensors.tensors.len();
    }
    let mut h = buffer(x)?;
    for layer in &mut made {
        h = layer.forward(h, states.as_deref(), is_kept);
    }
    node(&args, h.into_vec(), (b, n_steps, width), move |grad| {
        let mut grad = Buffer::of(grad);
        let mut grad_states = states.as_ref().map(|states| Buffer::zeros(states.len()));
        let mut gradients = Vec::new(); // of the last layer first
        while let Some(layer) = made.pop() {
            gradients.push(layer.backward(
                &mut grad,
                states.as_deref(),
                grad_states.as_deref_mut(),
            ));
        }
        let before = std::iter::once(grad).chain(grad_states).map(|grad| Some(grad.into_vec()));
        before.chain(gradients.into_iter().rev().flatten()).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::ops::tests::{assert_same_gradients, random};
    use candle_core::Var;

    fn shape(attn_order: usize, res_scale: bool) -> StackShape {
        StackShape {
            n_positions: 48,
            width: 12,
            depth: 4,
            heads: 2,
            attn_order,
            blocks: 6,
            m_attn: 0.5,
            m_mlp: 1.5,
            res_scale,
            n_lyrics: Some(9),
            n_states: Some(5),
        }
    }

    fn layers(shape: &StackShape) -> (Vec<LayerTensors>, Vec<Var>) {
        let (w, s, m) = (shape.width, shape.attn_width(), shape.mlp_width());
        let mut all = Vec::new();
        let layer = |(idx, attention): (usize, Attention)| {
            let (n_attn, n_tensors) = match attention {
                Attention::Lyrics { .. } => (s, 14),
                _ => (3 * s, 12),
            };
            let shapes: [&[usize]; 14] = [
                &[w],
                &[w],
                &[w, n_attn],
                &[n_attn],
                &[s, w],
                &[w],
                &[w],
                &[w],
                &[w, m],
                &[m],
                &[m, w],
                &[w],
                &[w, 2 * s],
                &[2 * s],
            ];
            let vars = shapes[..n_tensors].iter().enumerate();
            let vars: Vec<_> = vars.map(|(i, s)| random(s, (idx * 20 + i) as u64)).collect();
            all.extend(vars.iter().cloned());
            LayerTensors { attention, tensors: vars.into_iter().map(Var::into_inner).collect() }
        };
        let attentions = Attention::of_layers(shape).unwrap().into_iter().enumerate();
        (attentions.map(layer).collect(), all)
    }

    #[test]
    fn layers_and_their_gradients_are_those_of_candles_operations() {
        for (attn_order, res_scale) in [(2, false), (6, false), (2, true), (9, false)] {
            let shape = shape(attn_order, res_scale);
            let (layers, mut vars) = layers(&shape);
            let (x, states) = (random(&[2, 43, 12], 900), random(&[2, 5, 12], 901));
            vars.push(x.clone());
            if attn_order == 6 {
                vars.push(states.clone());
            }

            let ours = run_stack(&shape, &layers, &x, Some(&states)).unwrap();

            let theirs = composed::run(&shape, &layers, &x, Some(&states)).unwrap();
            assert_same_gradients(&ours, &theirs, &vars);
        }
    }

    #[test]
    fn gradients_do_not_depend_on_how_many_threads_there_are() {
        let shape = StackShape { n_positions: 3000, blocks: 30, ..shape(2, false) };
        let (layers, vars) = layers(&shape);
        let x = random(&[2, 3000, 12], 900);
        let gradients = |n_threads| -> Vec<Vec<f32>> {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            let run = || {
                let y = run_stack(&shape, &layers, &x, None).unwrap();
                y.sqr().unwrap().sum_all().unwrap().backward().unwrap()
            };
            let grads = pool.install(run);
            let of = |var: &Var| grads.get(var).unwrap().flatten_all().unwrap().to_vec1().unwrap();
            vars.iter().map(of).collect()
        };

        assert!(gradients(1) == gradients(3));
    }
}
