use super::*;
use crate::train::ops::node::node;
use crate::train::ops::tests::{assert_same_gradients, random};
use candle_core::Tensor;

fn split(x: &Tensor, heads: usize) -> Vec<Tensor> {
    let parts = x.reshape((x.dim(0).unwrap(), x.dim(1).unwrap(), 3, heads, ())).unwrap();
    let part = |i| parts.narrow(2, i, 1).unwrap().squeeze(2).unwrap().transpose(1, 2).unwrap();
    (0..3).map(|i| part(i).contiguous().unwrap()).collect()
}

fn side_by_side(numbers: &[f32], width: usize) -> Asked<'_> {
    let columns = |first| Columns { numbers, row_len: 3 * width, first };
    Asked { queries: columns(0), keys: columns(width), values: columns(2 * width) }
}

#[test]
fn attention_and_its_gradients_are_those_of_the_reference() {
    use Attention::*;
    let (n_sequences, heads, c, block_len) = (2, 2, 5, 8);
    let width = heads * c;
    for n_steps in [64, 29, 100] {
        for attention in [Dense, Block, Column, PreviousBlock, Prime { n: 16 }, Prime { n: 70 }] {
            let qkv = random(&[n_sequences, n_steps, 3 * width], 7);
            let sight =
                Sight { attention, n_sequences, n_steps, n_keys: n_steps, block_len, heads, width };
            let numbers: Vec<f32> = qkv.flatten_all().unwrap().to_vec1().unwrap();
            let mut out = vec![0.0; numbers.len() / 3];
            attend(&sight, side_by_side(&numbers, width), &mut out);
            let shape = (n_sequences, n_steps, width);
            let ours = node(&[qkv.as_tensor()], out, shape, move |grad| {
                let mut grad_qkv = vec![0.0; numbers.len()];
                let to = Shared::new(&mut grad_qkv);
                let columns = |first| SharedColumns { numbers: to, row_len: 3 * width, first };
                let gradients = Gradients {
                    queries: columns(0),
                    keys: columns(width),
                    values: columns(2 * width),
                };
                let asked = side_by_side(&numbers, width);
                attend_back(&sight, asked, grad, &gradients);
                vec![Some(grad_qkv)]
            });

            let parts = split(&qkv, heads);
            let a = attention.of_sequence(&parts[0], &parts[1], &parts[2], block_len).unwrap();
            let theirs = a.transpose(1, 2).unwrap().contiguous().unwrap().reshape(shape).unwrap();
            println!("{attention:?} over {n_steps}");
            assert_same_gradients(&ours.unwrap(), &theirs, &[qkv]);
        }
    }
}
