//! Writing a window token by token.
//!
//! The input of a position is the token before it, so after `n` tokens the layers have run `n`
//! positions, and running one more gives the logits of the next token.

use candle_core::{Storage, Tensor};

use super::{Conditioning, Prior};
use crate::jukebox::JukeboxError;
use crate::jukebox::kernels::StepBackend;

/// A batch of windows that are written together.
pub struct Decoder<'m> {
    prior: &'m Prior,
    backend: Box<dyn StepBackend + 'm>,
    conditioning: Conditioning,
    b: usize,
    /// Tokens given so far, per sequence.
    n_tokens: usize,
    /// Positions that the layers have run: `n_tokens`, or one more once its logits were asked for.
    n_run: usize,
    last_tokens: Vec<u32>, // [b]
    rows: Vec<f32>,        // [b, w] input of one position
    before_head: Vec<f32>, // [b, w], empty where the head takes the layers as they are
    logits: Vec<f32>,      // [b, bins]
}

impl<'m> Decoder<'m> {
    pub(super) fn new(
        prior: &'m Prior,
        backend: Box<dyn StepBackend + 'm>,
        conditioning: Conditioning,
    ) -> Result<Self, JukeboxError> {
        let config = prior.config();
        let (b, _, _) = conditioning.y_cond.dims3()?;
        let expected = [b, config.n_ctx, config.width];
        if conditioning.y_cond.dims() != [b, 1, config.width]
            || conditioning.x_cond.dims() != expected
        {
            return Err(JukeboxError::Range {
                what: "the shape of the conditioning",
                value: format!("{:?}", conditioning.x_cond.dims()),
                allowed: format!("{expected:?}"),
            });
        }
        let rows = vec![0.0; b * config.width];
        Ok(Self {
            prior,
            backend,
            conditioning: Conditioning {
                y_cond: conditioning.y_cond.contiguous()?,
                x_cond: conditioning.x_cond.contiguous()?,
            },
            b,
            n_tokens: 0,
            n_run: 0,
            last_tokens: vec![0; b],
            before_head: if config.merged_decoder { Vec::new() } else { rows.clone() },
            rows,
            logits: vec![0.0; b * config.l_bins],
        })
    }

    /// Tokens of each sequence so far.
    pub fn n_tokens(&self) -> usize {
        self.n_tokens
    }

    /// Appends known tokens, as many to each sequence; chunks may be of any size.
    pub fn prefill(&mut self, tokens: &[Vec<u32>]) -> Result<(), JukeboxError> {
        let n_new = tokens.first().map_or(0, Vec::len);
        if tokens.len() != self.b || tokens.iter().any(|row| row.len() != n_new) {
            let lengths: Vec<usize> = tokens.iter().map(Vec::len).collect();
            return Err(JukeboxError::Range {
                what: "the chunk",
                value: format!("{lengths:?} tokens"),
                allowed: format!("{} rows of one length", self.b),
            });
        }
        tokens.iter().try_for_each(|row| self.prior.check_codes(row))?;
        self.check_room(self.n_tokens + n_new)?;
        if n_new == 0 {
            return Ok(());
        }
        let n_steps = self.n_tokens + n_new - self.n_run;
        if 0 < n_steps {
            let w = self.prior.config().width;
            let mut rows = vec![0.0; self.b * n_steps * w]; // [b, n_steps, w]
            for (idx, out) in rows.chunks_exact_mut(w).enumerate() {
                let (row, position) = (idx / n_steps, self.n_run + idx % n_steps);
                let token = match position.checked_sub(self.n_tokens + 1) {
                    Some(new_idx) => tokens[row][new_idx],
                    None => self.last_tokens[row],
                };
                self.input(row, position, token, out)?;
            }
            self.backend.prefill(&rows, n_steps)?;
            self.n_run += n_steps;
        }
        self.n_tokens += n_new;
        for (last, row) in self.last_tokens.iter_mut().zip(tokens) {
            *last = row[n_new - 1];
        }
        Ok(())
    }

    /// Appends one token to each sequence.
    pub fn push(&mut self, tokens: &[u32]) -> Result<(), JukeboxError> {
        if tokens.len() == self.b && self.n_tokens < self.n_run {
            self.prior.check_codes(tokens)?;
            self.check_room(self.n_tokens + 1)?;
            self.last_tokens.copy_from_slice(tokens);
            self.n_tokens += 1;
            return Ok(());
        }
        let rows: Vec<Vec<u32>> = tokens.iter().map(|token| vec![*token]).collect();
        self.prefill(&rows)
    }

    /// Logits of the next token, `[b, bins]`.
    pub fn logits(&mut self) -> Result<&[f32], JukeboxError> {
        if self.n_run <= self.n_tokens {
            self.check_room(self.n_tokens + 1)?;
            self.step()?;
        }
        Ok(&self.logits)
    }

    /// Runs the position whose input is known but which has not been run.
    fn step(&mut self) -> Result<(), JukeboxError> {
        let (w, position) = (self.prior.config().width, self.n_run);
        let mut rows = std::mem::take(&mut self.rows);
        for (row, out) in rows.chunks_exact_mut(w).enumerate() {
            self.input(row, position, self.last_tokens[row], out)?;
        }
        self.rows = rows;
        for (row, out) in self.before_head.chunks_exact_mut(w).enumerate() {
            let idx = row * self.prior.config().n_ctx + position;
            out.fill(0.0);
            add_row(&self.conditioning.x_cond, idx, out)?;
        }
        let before_head = Some(self.before_head.as_slice()).filter(|cond| !cond.is_empty());
        self.backend.step(&self.rows, before_head, &mut self.logits)?;
        self.n_run += 1;
        Ok(())
    }

    /// Embedded token before `position` of sequence `row`, or its labels at the start.
    fn input(
        &self,
        row: usize,
        position: usize,
        token: u32,
        out: &mut [f32],
    ) -> Result<(), JukeboxError> {
        out.fill(0.0);
        match position {
            0 => add_row(&self.conditioning.y_cond, row, out)?,
            _ => add_row(&self.prior.x_emb, token as usize, out)?,
        }
        add_row(&self.prior.pos_emb, position, out)?;
        add_row(&self.conditioning.x_cond, row * self.prior.config().n_ctx + position, out)
    }

    fn check_room(&self, n_tokens: usize) -> Result<(), JukeboxError> {
        let n_ctx = self.prior.config().n_ctx;
        if n_tokens <= n_ctx {
            return Ok(());
        }
        Err(JukeboxError::Range {
            what: "the number of tokens in a window",
            value: n_tokens.to_string(),
            allowed: format!("at most {n_ctx}"),
        })
    }
}

/// Adds row `idx` of a contiguous table, `[.., w]`, without allocating.
fn add_row(table: &Tensor, idx: usize, out: &mut [f32]) -> Result<(), JukeboxError> {
    let (storage, layout) = table.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else {
        return Err(JukeboxError::Config("decoding runs on the CPU".into()));
    };
    let start = layout.start_offset() + idx * out.len();
    let row = &storage.as_slice::<f32>()?[start..start + out.len()];
    out.iter_mut().zip(row).for_each(|(out, value)| *out += value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::jukebox::prior::tests::{random_prior, rows, tiny};
    use crate::jukebox::{JukeboxError, PriorConfig};
    use candle_core::{Device, Tensor};

    /// Orders whose functions are all built, at depths that reach each of them.
    fn models() -> Vec<PriorConfig> {
        [(0, true), (1, false), (2, true), (2, false), (9, false)]
            .into_iter()
            .map(|(attn_order, merged_decoder)| PriorConfig {
                attn_order,
                merged_decoder,
                res_scale: attn_order == 1,
                ..tiny()
            })
            .collect()
    }

    #[test]
    fn steps_prefill_and_whole_sequences_agree_on_both_backends() {
        for config in models() {
            let prior = random_prior(&config);
            let labels = rows(&config, 2);
            let cond = prior.condition(&labels).unwrap();
            let tokens: Vec<Vec<u32>> = (0..2)
                .map(|row| (0..24).map(|i| (i * i * 7 + row * 3 + i) % 12).collect())
                .collect();
            let whole = Tensor::new(tokens.clone(), &Device::Cpu).unwrap();
            let whole = prior.logits(&whole, &cond).unwrap().to_vec3::<f32>().unwrap();

            for reference in [true, false] {
                for (n_prefill, chunk) in [(0, 1), (7, 7), (13, 5), (23, 16)] {
                    let mut decoder = match reference {
                        true => prior.start_reference(cond.clone()).unwrap(),
                        false => prior.start(cond.clone()).unwrap(),
                    };
                    for first in (0..n_prefill).step_by(chunk) {
                        let last = n_prefill.min(first + chunk);
                        let part: Vec<_> = tokens.iter().map(|t| t[first..last].to_vec()).collect();
                        decoder.prefill(&part).unwrap();
                    }
                    for p in n_prefill..24 {
                        let logits = decoder.logits().unwrap();
                        for (row, logits) in logits.chunks_exact(12).enumerate() {
                            for (got, want) in logits.iter().zip(&whole[row][p]) {
                                let off = (got - want).abs();
                                assert!(off < 1e-4, "{off} at {p}, order {}", config.attn_order);
                            }
                        }
                        decoder.push(&[tokens[0][p], tokens[1][p]]).unwrap();
                    }
                }
            }
        }
    }

    #[test]
    fn a_sequence_is_the_same_alone_and_in_a_batch() {
        let prior = random_prior(&tiny());
        let labels = rows(&tiny(), 3);
        let mut together = prior.start(prior.condition(&labels).unwrap()).unwrap();
        let mut alone = prior.start(prior.condition(&labels[1..2]).unwrap()).unwrap();

        for token in 0..10 {
            together.push(&[1, token, 2]).unwrap();
            alone.push(&[token]).unwrap();

            assert_eq!(together.logits().unwrap()[12..24], *alone.logits().unwrap());
        }
    }

    #[test]
    fn tokens_beyond_the_window_or_the_vocabulary_are_refused() {
        let prior = random_prior(&tiny());
        let cond = prior.condition(&rows(&tiny(), 1)).unwrap();
        let mut decoder = prior.start(cond).unwrap();

        let unknown = decoder.push(&[12]).unwrap_err();
        decoder.prefill(&[vec![0; 24]]).unwrap();
        let full = decoder.logits().unwrap_err();

        assert_eq!(unknown.to_string(), "a code is 12, but this model takes 0 to 11");
        assert!(matches!(full, JukeboxError::Range { .. }), "{full}");
    }
}
