//! Whole sequences at once, each position given the tokens before it.
//!
//! What scoring, aligning and the tests ask for. The layers run as in a prefill, chunk by chunk.

use candle_core::{Device, Tensor};

use super::attention::Attention;
use super::{Conditioning, Prior};
use crate::jukebox::JukeboxError;
use crate::jukebox::kernels::Observer;

/// Positions that run at once.
const CHUNK: usize = 128;

/// How surprising each token was, in bits, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenBits {
    pub music: Vec<Vec<f64>>,
    /// Empty where the model has no lyrics.
    pub lyrics: Vec<Vec<f64>>,
    lyrics_fraction: f64,
}

impl TokenBits {
    /// Mean of the music (`gen_loss` of the reference).
    pub fn music_mean(&self) -> f64 {
        mean(&self.music)
    }

    /// Mean of the lyrics (`prime_loss` of the reference); 0 without lyrics.
    pub fn lyrics_mean(&self) -> f64 {
        mean(&self.lyrics)
    }

    /// What training makes small: both, each for its share of the sequence (SPEC §9).
    pub fn loss(&self) -> f64 {
        let per_row = |rows: &[Vec<f64>]| rows.first().map_or(0, Vec::len) as f64;
        let (n_music, n_lyrics) = (per_row(&self.music), per_row(&self.lyrics));
        let lyrics = self.lyrics_fraction * self.lyrics_mean() * n_lyrics;
        (lyrics + self.music_mean() * n_music) / (n_lyrics + n_music)
    }
}

impl Prior {
    /// Logits of each symbol given those before it: `[b, t]` codes to `[b, t, symbols]`.
    ///
    /// Where lyrics stand before the music, theirs come first: `[b, n + t, symbols]`.
    pub fn logits(&self, codes: &Tensor, cond: &Conditioning) -> Result<Tensor, JukeboxError> {
        let symbols = self.whole_sequence(&codes.to_vec2()?, cond)?;
        let (b, n_symbols) = (symbols.len(), self.config.n_symbols());
        let mut parts = Vec::new();
        self.each_logits(&symbols, cond, |n_steps, logits| {
            let shape = (b, n_steps, n_symbols);
            parts.push(Tensor::from_slice(logits, shape, &Device::Cpu)?);
            Ok(())
        })?;
        Ok(Tensor::cat(&parts, 1)?)
    }

    /// Bits of each token of these codes, `[b][t]`, and of the lyrics.
    pub fn token_bits(
        &self,
        codes: &[Vec<u32>],
        cond: &Conditioning,
    ) -> Result<TokenBits, JukeboxError> {
        let symbols = self.whole_sequence(codes, cond)?;
        let n_symbols = self.config.n_symbols();
        let mut bits: Vec<Vec<f64>> = vec![Vec::new(); symbols.len()];
        self.each_logits(&symbols, cond, |n_steps, logits| {
            for (idx, logits) in logits.chunks_exact(n_symbols).enumerate() {
                let row = idx / n_steps;
                let target = symbols[row][bits[row].len()];
                bits[row].push(surprise(logits, target)?);
            }
            Ok(())
        })?;
        let music = bits.iter_mut().map(|bits| bits.split_off(cond.n_before())).collect();
        let lyrics = match (self.lyric_encoder(), &cond.lyric_states) {
            (Some(encoder), Some(states)) => {
                let logits = encoder.logits(states)?.to_vec3::<f32>()?;
                let row = |(logits, lyrics): (&Vec<Vec<f32>>, &Vec<u32>)| {
                    let each = logits.iter().zip(lyrics);
                    each.map(|(logits, target)| surprise(logits, *target)).collect()
                };
                logits.iter().zip(&cond.lyrics).map(row).collect::<Result<_, _>>()?
            }
            _ => bits, // those before the music
        };
        let lyrics_fraction =
            self.config.lyrics.as_ref().map_or(0.0, |lyrics| lyrics.prime_loss_fraction);
        Ok(TokenBits { music, lyrics, lyrics_fraction })
    }

    /// The output of each layer, `[b, t, w]`; lyrics that stand before the music included.
    pub fn hidden_states(
        &self,
        codes: &Tensor,
        cond: &Conditioning,
    ) -> Result<Vec<Tensor>, JukeboxError> {
        let symbols = self.whole_sequence(&codes.to_vec2()?, cond)?;
        let mut states = States { parts: vec![Vec::new(); self.config.depth] };
        let mut n_each = Vec::new();
        self.run_whole(&symbols, cond, &mut states, |_, n_steps, _| {
            n_each.push(n_steps);
            Ok(())
        })?;
        let (b, w) = (symbols.len(), self.config.width);
        let layer = |parts: Vec<Vec<f32>>| -> Result<Tensor, JukeboxError> {
            let parts = parts.into_iter().zip(&n_each);
            let parts = parts.map(|(part, n)| Tensor::from_vec(part, (b, *n, w), &Device::Cpu));
            Ok(Tensor::cat(&parts.collect::<Result<Vec<_>, _>>()?, 1)?)
        };
        states.parts.into_iter().map(layer).collect()
    }

    /// How much each token of these codes looks at each character of its window's lyrics:
    /// `[b][t * n]`, as the model's alignment head sees it.
    pub fn lyric_attention(
        &self,
        codes: &[Vec<u32>],
        cond: &Conditioning,
    ) -> Result<Vec<Vec<f32>>, JukeboxError> {
        let mut watch = self.alignment_head(codes.len())?;
        let symbols = self.whole_sequence(codes, cond)?;
        self.run_whole(&symbols, cond, &mut watch, |_, _, _| Ok(()))?;
        Ok(watch.rows)
    }

    /// Where to look for what is sung, or why this model cannot say.
    fn alignment_head(&self, b: usize) -> Result<Watch, JukeboxError> {
        let lyrics = self.config.lyrics.as_ref();
        let Some(at) = lyrics.and_then(|lyrics| lyrics.alignment) else {
            return Err(JukeboxError::Config("it has no alignment head".into()));
        };
        if self.config.depth <= at.layer || self.config.heads <= at.head {
            let value = format!("head {} of layer {}", at.head, at.layer);
            let (depth, heads) = (self.config.depth, self.config.heads);
            let allowed = format!("{heads} heads in {depth} layers");
            return Err(JukeboxError::range("the alignment head", value, allowed));
        }
        match Attention::of_layer(self.transformer.shape(), at.layer)? {
            Attention::Lyrics { .. } | Attention::Prime { .. } | Attention::Dense => {}
            other => {
                let problem = format!("layer {} has {other:?} and sees no lyrics", at.layer);
                return Err(JukeboxError::Config(problem));
            }
        }
        Ok(Watch {
            layer: at.layer,
            head: at.head,
            n_before: self.config.n_before(),
            n_lyrics: self.config.n_lyric_tokens(),
            rows: vec![Vec::new(); b],
        })
    }

    /// The symbols of codes, with the lyrics that stand before them.
    pub(super) fn whole_sequence(
        &self,
        codes: &[Vec<u32>],
        cond: &Conditioning,
    ) -> Result<Vec<Vec<u32>>, JukeboxError> {
        let n = codes.first().map_or(0, Vec::len);
        if codes.len() != cond.n_rows() || codes.iter().any(|row| row.len() != n) {
            let allowed = format!("{}, each with a sequence of the same length", codes.len());
            return Err(JukeboxError::range("the number of label rows", cond.n_rows(), allowed));
        }
        if n == 0 || self.config.n_ctx < n {
            let allowed = format!("1 to {} tokens", self.config.n_ctx);
            return Err(JukeboxError::range("the sequence", n, allowed));
        }
        codes.iter().try_for_each(|row| self.check_codes(row))?;
        let first_code = self.config.first_code() as u32;
        let row = |(codes, lyrics): (&Vec<u32>, &Vec<u32>)| -> Vec<u32> {
            let before = lyrics[..cond.n_before()].iter().copied();
            before.chain(codes.iter().map(|code| first_code + code)).collect()
        };
        Ok(codes.iter().zip(&cond.lyrics).map(row).collect())
    }

    /// `each` gets a number of positions and their logits, `[b, n_steps, symbols]`, in order.
    fn each_logits(
        &self,
        symbols: &[Vec<u32>],
        cond: &Conditioning,
        mut each: impl FnMut(usize, &[f32]) -> Result<(), JukeboxError>,
    ) -> Result<(), JukeboxError> {
        let mut logits = Vec::new();
        self.run_whole(symbols, cond, &mut (), |first, n_steps, h| {
            logits.resize(symbols.len() * n_steps * self.config.n_symbols(), 0.0);
            self.head(cond, first, n_steps, h, &mut logits)?;
            each(n_steps, &logits)
        })
    }

    /// `each` gets the first position of a chunk, how many there are, and what the layers made of
    /// them, `[b, n_steps, w]`.
    fn run_whole(
        &self,
        symbols: &[Vec<u32>],
        cond: &Conditioning,
        observer: &mut dyn Observer,
        mut each: impl FnMut(usize, usize, &mut [f32]) -> Result<(), JukeboxError>,
    ) -> Result<(), JukeboxError> {
        let (b, w, n) = (symbols.len(), self.config.width, symbols[0].len());
        let mut backend = self.transformer.start(b, &cond.state_numbers()?);
        for first in (0..n).step_by(CHUNK) {
            let n_steps = CHUNK.min(n - first);
            let mut rows = vec![0.0; b * n_steps * w];
            for (idx, out) in rows.chunks_exact_mut(w).enumerate() {
                let (row, position) = (idx / n_steps, first + idx % n_steps);
                let before = position.checked_sub(1).map_or(0, |before| symbols[row][before]);
                self.input(cond, row, position, before, out)?;
            }
            backend.run(&mut rows, n_steps, observer)?;
            each(first, n_steps, &mut rows)?;
        }
        Ok(())
    }
}

/// Keeps what every layer made.
struct States {
    parts: Vec<Vec<Vec<f32>>>, // [layers][chunks]
}

impl Observer for States {
    fn after_layer(&mut self, layer_idx: usize, rows: &[f32]) {
        self.parts[layer_idx].push(rows.to_vec());
    }
}

/// Keeps what one head gives to the lyrics.
struct Watch {
    layer: usize,
    head: usize,
    n_before: usize,
    n_lyrics: usize,
    rows: Vec<Vec<f32>>, // [b][t * n_lyrics]
}

impl Observer for Watch {
    fn wants_weights(&self, layer_idx: usize) -> bool {
        layer_idx == self.layer
    }

    fn weights(&mut self, head: usize, row: usize, position: usize, weights: &[f32]) {
        if head == self.head && self.n_before <= position {
            self.rows[row].extend_from_slice(&weights[..self.n_lyrics]);
        }
    }
}

/// Bits that a symbol takes, given these logits.
fn surprise(logits: &[f32], symbol: u32) -> Result<f64, JukeboxError> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max) as f64;
    let total: f64 = logits.iter().map(|logit| (*logit as f64 - highest).exp()).sum();
    let bits = (total.ln() + highest - logits[symbol as usize] as f64) / std::f64::consts::LN_2;
    if bits.is_finite() { Ok(bits) } else { Err(JukeboxError::NotFinite("logits")) }
}

fn mean(rows: &[Vec<f64>]) -> f64 {
    let n: usize = rows.iter().map(Vec::len).sum();
    rows.iter().flatten().sum::<f64>() / n.max(1) as f64
}
