//! From logits to tokens without leaving the device.
//!
//! The same rule as [`choose`](crate::jukebox::sample::choose): the first token whose cumulative
//! probability exceeds the dice, in the order of the vocabulary. Sums are in double precision, or single
//! on Metal, which has no other, and are added up in another order than there. So a token can differ from
//! that of the CPU where the dice falls within rounding of the edge between two; far oftener that comes of
//! the logits, which differ by some 1e-6 themselves. Among equal logits at the edge of `top_p`, which are
//! kept is up to the device's sort.

use candle_core::{D, DType, Device, Result as TensorResult, Tensor};

use crate::jukebox::sample::{SamplerSettings, choose};

/// Numbers that are added up in one product: two small triangles take the place of one as wide as the
/// vocabulary.
const RUN: usize = 64;

/// Chooses tokens of a vocabulary.
pub struct Chooser {
    n_symbols: usize,
    sums: DType,
    /// Whether the device can sort a vocabulary: candle's sort on Metal takes 1024 numbers at most.
    sorts: bool,
    indices: Tensor,  // [1, symbols], as f32
    triangle: Tensor, // [RUN, RUN], sums of a run up to and with each number
    before: Tensor,   // [runs, runs], sums of the runs before each
}

/// Tokens, and whether the numbers they were chosen by made sense.
pub struct Chosen {
    pub tokens: Tensor, // [b], u32
    /// 0 where all logits were finite, and not a number otherwise, `[b]`.
    pub health: Tensor,
}

impl Chooser {
    pub fn new(n_symbols: usize, device: &Device) -> TensorResult<Self> {
        let sums = if device.is_metal() { DType::F32 } else { DType::F64 };
        let n_runs = n_symbols.div_ceil(RUN);
        let triangle = |n: usize, sees: fn(usize, usize) -> bool| -> TensorResult<Tensor> {
            let one = |i| (0..n).map(move |j| if sees(i, j) { 1.0f32 } else { 0.0 });
            let numbers: Vec<f32> = (0..n).flat_map(one).collect();
            Tensor::from_vec(numbers, (n, n), device)?.to_dtype(sums)
        };
        let indices: Vec<f32> = (0..n_symbols).map(|idx| idx as f32).collect();
        Ok(Self {
            n_symbols,
            sums,
            sorts: !device.is_metal(),
            indices: Tensor::from_vec(indices, (1, n_symbols), device)?,
            triangle: triangle(RUN, |i, j| i <= j)?,
            before: triangle(n_runs, |i, j| i < j)?,
        })
    }

    /// Dice for `n` steps of `b` columns, `[n, b, 1]`, in the precision of the sums.
    pub fn dice(&self, numbers: Vec<f64>, n: usize, device: &Device) -> TensorResult<Tensor> {
        let narrow = |numbers: Vec<f64>| numbers.into_iter().map(|u| u as f32).collect::<Vec<_>>();
        match self.sums {
            DType::F32 => Tensor::from_vec(narrow(numbers), (n, (), 1), device),
            _ => Tensor::from_vec(numbers, (n, (), 1), device),
        }
    }

    /// A token for each row of logits, `[b, symbols]` in single precision, by the dice `[b, 1]`.
    pub fn choose(
        &self,
        logits: &Tensor,
        settings: &SamplerSettings,
        dice: &Tensor,
    ) -> TensorResult<Chosen> {
        let filters = settings.top_k.is_some() || settings.top_p.is_some();
        if filters && !self.sorts {
            return choose_here(logits, settings, dice);
        }
        let weights = self.weights(logits, settings)?; // [b, symbols]
        let sums = self.running_sums(&weights)?;
        let total = sums.narrow(1, self.n_symbols - 1, 1)?; // [b, 1]
        let passed = sums.broadcast_gt(&(total * dice)?)?.to_dtype(DType::F32)?;
        let possible = weights.gt(0.0)?.to_dtype(DType::F32)?;
        // the first that is possible and passed; none where a sum was rounded to below the dice
        let beyond = ((passed * &possible)? * -(self.n_symbols as f64))?;
        let beyond = (beyond + self.n_symbols as f64)?;
        let first = beyond.broadcast_add(&self.indices)?.min(D::Minus1)?; // [b]
        let last = possible.broadcast_mul(&self.indices)?.max(D::Minus1)?;
        let tokens = first.minimum(&last)?.to_dtype(DType::U32)?;
        Ok(Chosen { tokens, health: (logits.sum(D::Minus1)? * 0.0)? })
    }

    /// Unnormalised probabilities after temperature and filters, `[b, symbols]`.
    fn weights(&self, logits: &Tensor, settings: &SamplerSettings) -> TensorResult<Tensor> {
        let highest = logits.max_keepdim(D::Minus1)?;
        let apart = logits.broadcast_sub(&highest)?.to_dtype(self.sums)?;
        let weights = (apart * (1.0 / settings.temperature))?.exp()?;
        if settings.top_k.is_none() && settings.top_p.is_none() {
            return Ok(weights);
        }
        let order = logits.contiguous()?.arg_sort_last_dim(false)?; // likeliest first
        let weights = match settings.top_k {
            None => weights,
            Some(k) => {
                let last = order.narrow(1, k.min(self.n_symbols) - 1, 1)?.contiguous()?;
                let kept = logits.broadcast_ge(&logits.gather(&last, 1)?)?;
                (weights * kept.to_dtype(self.sums)?)?
            }
        };
        let Some(p) = settings.top_p else { return Ok(weights) };
        let sorted = weights.gather(&order, 1)?;
        let sums = self.running_sums(&sorted)?;
        let total = sums.narrow(1, self.n_symbols - 1, 1)?;
        let before = (&sums - &sorted)?;
        let kept = before.broadcast_le(&(total * p)?)?.to_dtype(self.sums)?;
        let place = order.arg_sort_last_dim(true)?; // of each token among the likeliest
        weights * kept.gather(&place, 1)?
    }

    /// Sums of each row up to and with each number, `[b, symbols]`.
    fn running_sums(&self, x: &Tensor) -> TensorResult<Tensor> {
        let (b, n_runs) = (x.dim(0)?, self.before.dim(0)?);
        let runs = x.pad_with_zeros(1, 0, n_runs * RUN - self.n_symbols)?;
        let within = runs.reshape((b * n_runs, RUN))?.matmul(&self.triangle)?;
        let totals = within.narrow(1, RUN - 1, 1)?.contiguous()?.reshape((b, n_runs))?;
        let before = totals.matmul(&self.before)?.reshape((b * n_runs, 1))?;
        within.broadcast_add(&before)?.reshape((b, n_runs * RUN))?.narrow(1, 0, self.n_symbols)
    }
}

/// The same on the CPU, for devices that cannot: logits are read and tokens written for every step.
fn choose_here(logits: &Tensor, settings: &SamplerSettings, dice: &Tensor) -> TensorResult<Chosen> {
    let dice = dice.to_device(&Device::Cpu)?.flatten_all()?.to_dtype(DType::F64)?;
    let dice = dice.to_vec1::<f64>()?;
    let rows = logits.to_vec2::<f32>()?;
    let below_one = 1.0 - f64::EPSILON; // in single precision, dice may have been rounded up to 1
    let chosen =
        rows.iter().zip(&dice).map(|(row, u)| choose(row, settings, u.min(below_one)).ok());
    let chosen: Vec<_> = chosen.collect();
    let tokens: Vec<u32> = chosen.iter().map(|token| token.unwrap_or_default()).collect();
    let health = |token: &Option<u32>| if token.is_some() { 0.0f32 } else { f32::NAN };
    let health: Vec<f32> = chosen.iter().map(health).collect();
    Ok(Chosen {
        tokens: Tensor::from_vec(tokens, rows.len(), logits.device())?,
        health: Tensor::from_vec(health, rows.len(), logits.device())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jukebox::sample::{Dice, TokenRng};

    /// Logits of `n` symbols in a few rows, some likely and many not, some of them equal.
    fn logits(n: usize) -> Vec<Vec<f32>> {
        let row = |row: usize| -> Vec<f32> {
            let mut rng = TokenRng::new(row as u64);
            (0..n).map(|_| (rng.next_uniform() * 60.0).floor() as f32 / 4.0 - 3.0).collect()
        };
        (0..3).map(row).collect()
    }

    #[test]
    fn tokens_are_those_of_the_cpu_with_any_filter() {
        let settings = [(None, None), (Some(1), None), (Some(7), None), (None, Some(0.6))];
        let settings = settings.into_iter().chain([(Some(40), Some(0.9)), (Some(9999), Some(1.0))]);
        for (top_k, top_p) in settings {
            for (n, sorts) in
                [(1, true), (12, true), (64, false), (2048, true), (2127, true), (2127, false)]
            {
                let settings = SamplerSettings { temperature: 0.9, top_k, top_p };
                let chooser = Chooser::new(n, &Device::Cpu).unwrap();
                let (rows, chooser) = (logits(n), Chooser { sorts, ..chooser });
                let mut rng = TokenRng::new(5);
                let tensor = Tensor::new(rows.clone(), &Device::Cpu).unwrap();
                for _ in 0..60 {
                    let numbers: Vec<f64> = rows.iter().map(|_| rng.next_uniform()).collect();
                    let dice = chooser.dice(numbers.clone(), 1, &Device::Cpu).unwrap();

                    let chosen = chooser.choose(&tensor, &settings, &dice.get(0).unwrap()).unwrap();

                    let pairs = rows.iter().zip(numbers);
                    let want: Vec<u32> =
                        pairs.map(|(row, u)| choose(row, &settings, u).unwrap()).collect();
                    assert_eq!(
                        chosen.tokens.to_vec1::<u32>().unwrap(),
                        want,
                        "{settings:?} of {n}"
                    );
                    assert_eq!(chosen.health.to_vec1::<f32>().unwrap(), [0.0; 3]);
                }
            }
        }
    }

    #[test]
    fn the_ends_of_the_dice_give_tokens_that_are_possible() {
        let rows = vec![vec![-1e30f32, 0.0, 0.0, -1e30]; 2];
        let (logits, chooser) =
            (Tensor::new(rows, &Device::Cpu).unwrap(), Chooser::new(4, &Device::Cpu).unwrap());
        let dice = chooser.dice(vec![0.0, 1.0], 1, &Device::Cpu).unwrap().get(0).unwrap();

        let chosen = chooser.choose(&logits, &SamplerSettings::default(), &dice).unwrap();

        assert_eq!(chosen.tokens.to_vec1::<u32>().unwrap(), [1, 2]);
    }

    #[test]
    fn logits_that_are_none_are_noticed_and_give_tokens_of_the_vocabulary() {
        for broken in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let logits = Tensor::new(vec![vec![0.0, broken, 1.0]], &Device::Cpu).unwrap();
            let chooser = Chooser::new(3, &Device::Cpu).unwrap();
            let dice = chooser.dice(vec![0.7], 1, &Device::Cpu).unwrap().get(0).unwrap();

            let chosen = chooser.choose(&logits, &SamplerSettings::default(), &dice).unwrap();

            let top_k = SamplerSettings { top_k: Some(2), ..SamplerSettings::default() };
            let here = choose_here(&logits, &top_k, &dice).unwrap();
            for chosen in [chosen, here] {
                assert!(chosen.health.to_vec1::<f32>().unwrap()[0].is_nan());
                assert!(chosen.tokens.to_vec1::<u32>().unwrap()[0] < 3);
            }
        }
    }
}
