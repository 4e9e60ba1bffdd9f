//! The activation of the MLP, `x · sigmoid(1.702 x)`.

use super::machine::{for_machine, sigmoid};

const SLOPE: f32 = 1.702;

for_machine! {
    pub fn quick_gelu(x: &[f32], out: &mut [f32]) {
        for (x, out) in x.iter().zip(out) {
            *out = x * sigmoid(SLOPE * x);
        }
    }
}

for_machine! {
    /// Multiplies gradients of the result by the slope, and tells the result again.
    pub fn quick_gelu_back(x: &[f32], grad: &mut [f32], out: &mut [f32]) {
        for ((x, grad), out) in x.iter().zip(grad).zip(out) {
            let share = sigmoid(SLOPE * x);
            *out = x * share;
            *grad *= share * (1.0 + SLOPE * x * (1.0 - share));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_that_of_the_curve() {
        for i in -50..50 {
            let x = i as f32 * 0.1;
            let at = |x: f64| x / (1.0 + (-1.702 * x).exp());
            let want = (at(x as f64 + 1e-4) - at(x as f64 - 1e-4)) / 2e-4;
            let (mut grad, mut out) = ([3.0], [0.0]);

            quick_gelu_back(&[x], &mut grad, &mut out);

            assert!((grad[0] as f64 - 3.0 * want).abs() < 1e-5, "{x}: {} {want}", grad[0] / 3.0);
            assert!((out[0] as f64 - at(x as f64)).abs() < 1e-6);
        }
    }
}
