//! A linear classifier: logistic regression over several classes.

/// How far weights are held back, against learning the examples by heart.
const DECAY: f64 = 1e-3;
const N_STEPS: usize = 300;
const STEP: f64 = 0.05;
/// Share of the old mean in the running means of gradients and of their squares.
const MEANS: (f64, f64) = (0.9, 0.99);

/// Tells classes apart by numbers.
pub struct Classifier {
    n_classes: usize,
    means: Vec<f64>,
    deviations: Vec<f64>,
    /// Of each class: one for each feature, and one for none.
    weights: Vec<f64>,
}

impl Classifier {
    /// Learns from examples with their classes; classes with few examples count as much as the others.
    ///
    /// The same examples make the same classifier.
    pub fn train(examples: &[(Vec<f64>, usize)], n_classes: usize) -> Self {
        let n_features = examples.first().map_or(0, |(features, _)| features.len());
        let n = examples.len().max(1) as f64;
        let mean = |i: usize| examples.iter().map(|(features, _)| features[i]).sum::<f64>() / n;
        let means: Vec<f64> = (0..n_features).map(mean).collect();
        let deviation = |i: usize| {
            let squares = examples.iter().map(|(features, _)| (features[i] - means[i]).powi(2));
            (squares.sum::<f64>() / n).sqrt().max(1e-6)
        };
        let deviations = (0..n_features).map(deviation).collect();
        let weights = vec![0.0; n_classes * (n_features + 1)];
        let mut classifier = Self { n_classes, means, deviations, weights };
        classifier.learn(examples);
        classifier
    }

    /// The logarithm of each class's chance, `[classes]`.
    pub fn log_chances(&self, features: &[f64]) -> Vec<f64> {
        self.of_scaled(&self.scaled(features))
    }

    /// Features around 0, of deviation 1, and a 1 after them.
    fn scaled(&self, features: &[f64]) -> Vec<f64> {
        let scales = self.means.iter().zip(&self.deviations);
        let scaled = features.iter().zip(scales).map(|(x, (mean, by))| (x - mean) / by);
        scaled.chain([1.0]).collect()
    }

    fn of_scaled(&self, row: &[f64]) -> Vec<f64> {
        let products = self.weights.chunks_exact(row.len());
        let logits = products.map(|w| w.iter().zip(row).map(|(w, x)| w * x).sum());
        let logits: Vec<f64> = logits.collect();
        let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logits.iter().map(|x| (x - highest).exp()).sum();
        logits.iter().map(|x| x - highest - sum.ln()).collect()
    }

    /// Descends on the cross-entropy with all examples at once, as Adam does.
    fn learn(&mut self, examples: &[(Vec<f64>, usize)]) {
        let rows: Vec<Vec<f64>> =
            examples.iter().map(|(features, _)| self.scaled(features)).collect();
        let mut n_of = vec![0.0; self.n_classes];
        examples.iter().for_each(|(_, class)| n_of[*class] += 1.0);
        let n_weights = self.weights.len();
        let (mut first, mut second) = (vec![0.0; n_weights], vec![0.0; n_weights]);
        for step in 1..=N_STEPS {
            let mut gradient: Vec<f64> = self.weights.iter().map(|weight| DECAY * weight).collect();
            for (row, (_, class)) in rows.iter().zip(examples) {
                let share = 1.0 / (n_of[*class] * self.n_classes as f64);
                let chances = self.of_scaled(row).into_iter().map(f64::exp);
                for (idx, (chance, of_class)) in
                    chances.zip(gradient.chunks_exact_mut(row.len())).enumerate()
                {
                    let error = share * (chance - f64::from(u8::from(idx == *class)));
                    of_class.iter_mut().zip(row).for_each(|(g, x)| *g += error * x);
                }
            }
            let (a, b) = MEANS;
            let (left_a, left_b) = (1.0 - a.powi(step as i32), 1.0 - b.powi(step as i32));
            for (i, g) in gradient.into_iter().enumerate() {
                first[i] = a * first[i] + (1.0 - a) * g;
                second[i] = b * second[i] + (1.0 - b) * g * g;
                self.weights[i] -=
                    STEP * (first[i] / left_a) / ((second[i] / left_b).sqrt() + 1e-8);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Points around three corners, on scales that have nothing to do with each other.
    fn points(seed: u64, n: usize) -> Vec<(Vec<f64>, usize)> {
        const CORNERS: [[f64; 2]; 3] = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]];
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let point = |i: usize| {
            let [x, y] = CORNERS[i % 3];
            let mut off = || rng.random_range(-0.4..0.4);
            (vec![1e4 * (x + off()), 1e-4 * (y + off())], i % 3)
        };
        (0..n).map(point).collect()
    }

    #[test]
    fn classes_that_lie_apart_are_told_apart() {
        let classifier = Classifier::train(&points(1, 120), 3);

        for (features, class) in points(2, 60) {
            let chances = classifier.log_chances(&features);
            assert!((chances.iter().map(|c| c.exp()).sum::<f64>() - 1.0).abs() < 1e-9);
            let likeliest = (0..3).max_by(|a, b| chances[*a].total_cmp(&chances[*b]));
            assert_eq!(likeliest, Some(class), "{features:?}");
        }
    }

    #[test]
    fn what_does_not_vary_tells_nothing() {
        let same: Vec<_> = (0..20).map(|i| (vec![1.0, 1.0], i % 2)).collect();

        let chances = Classifier::train(&same, 2).log_chances(&[1.0, 1.0]);

        assert!((chances[0] - chances[1]).abs() < 1e-6);
    }
}
