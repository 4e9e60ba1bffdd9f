//! The network that learns: the same as [`crate::jukebox::Prior`], differentiable, on whole windows.

use candle_core::Tensor;

use super::{Parameters, Window, conditioner};
use crate::jukebox::config::StackShape;
use crate::jukebox::prior::attention::Attention;
use crate::jukebox::prior::timing;
use crate::jukebox::{JukeboxError, PriorConfig};
use crate::train::TrainError;
use crate::train::ops::dense::dense;
use crate::train::ops::lookup::{Lookup, NONE, sum_of_rows};
use crate::train::ops::norm::layer_norm;
use crate::train::ops::stack::{LayerTensors, NAMES, run_stack};
use crate::train::ops::surprise::{Targets, surprise};

/// A prior's shape and tensors.
pub struct Network {
    pub config: PriorConfig,
    pub parameters: Parameters,
}

/// How surprising some windows were.
pub struct Losses {
    /// What training makes small (SPEC §9), a tensor of one number.
    pub loss: Tensor,
    /// Mean of the music's tokens, in bits.
    pub music_bits: f64,
    /// Mean of the lyrics' characters, where the network reads any.
    pub lyrics_bits: Option<f64>,
}

impl Network {
    /// Guesses every token of some windows from those before it.
    ///
    /// # Errors
    /// When a window does not fit the network.
    pub fn losses(&self, windows: &[Window]) -> Result<Losses, TrainError> {
        windows.iter().try_for_each(|window| window.check(&self.config))?;
        let (b, w) = (windows.len(), self.config.width);
        let read = self.read_lyrics(windows)?;
        let (n_before, n_ctx) = (self.config.n_before(), self.config.n_ctx);
        let n_steps = n_before + n_ctx;
        let symbols: Vec<Vec<u32>> =
            windows.iter().map(|window| window.symbols(&self.config)).collect();
        let told = self.told(windows)?; // [b, n_steps, w]
        let mut h = self.embed(windows, &symbols, told.is_none())?; // [b, n_steps, w]
        if let Some(told) = &told {
            h = (h + told)?;
        }
        let shape = self.config.stack();
        let layers = self.layers("prior", &shape)?;
        h = run_stack(&shape, &layers, &h, read.as_ref().map(|read| &read.states))?;
        if let (false, Some(told)) = (self.config.merged_decoder, &told) {
            h = (h + told)?;
        }
        let fraction =
            self.config.lyrics.as_ref().map_or(0.0, |lyrics| lyrics.prime_loss_fraction) as f32;
        let n_lyrics = self.config.n_lyric_tokens();
        let n_total = (n_lyrics + n_ctx) as f32;
        let n_known: usize = windows.iter().map(|window| window.codes.len()).sum();
        let music_weight = n_ctx as f32 / n_total / n_known.max(1) as f32;
        let lyrics_weight = fraction / n_total / b as f32;
        let weights = windows.iter().flat_map(|window| {
            (0..n_steps).map(|idx| match idx {
                _ if idx < n_before => lyrics_weight,
                _ if idx < n_before + window.codes.len() => music_weight,
                _ => 0.0,
            })
        });
        let targets = Targets { symbols: symbols.concat(), weights: weights.collect() };
        let head = match self.config.merged_decoder {
            true => "prior.x_out.weight",
            false => "prior.x_emb.weight",
        };
        let (mut loss, bits) =
            surprise(&h.reshape((b * n_steps, w))?, &self.parameters.get(head)?, &targets)?;
        let (mut of_music, mut of_lyrics) = (0.0, 0.0);
        for (window, bits) in windows.iter().zip(bits.chunks_exact(n_steps)) {
            let (lyrics, music) = bits.split_at(n_before);
            of_lyrics += lyrics.iter().map(|bits| *bits as f64).sum::<f64>();
            of_music += music[..window.codes.len()].iter().map(|bits| *bits as f64).sum::<f64>();
        }
        if let Some(read) = read {
            loss = (loss + (read.loss * lyrics_weight as f64)?)?;
            of_lyrics = read.bits;
        }
        let music_bits = of_music / n_known.max(1) as f64;
        let lyrics_bits = (0 < n_lyrics).then(|| of_lyrics / (b * n_lyrics) as f64);
        Ok(Losses { loss, music_bits, lyrics_bits })
    }

    /// The rows that the layers begin with; what positions are told is in them if it is not added later.
    fn embed(
        &self,
        windows: &[Window],
        symbols: &[Vec<u32>],
        with_timing: bool,
    ) -> Result<Tensor, TrainError> {
        let mut tables = Tables::default();
        let get = |name: &str| self.parameters.get(name);
        let n_steps = self.config.n_before() + self.config.n_ctx;
        tables.shifted(get("prior.x_emb.weight")?, symbols);
        tables.positions(get("prior.pos_emb.pos_emb")?, windows.len(), n_steps);
        match &self.config.labels {
            None => tables.first(get("prior.start_token")?, n_steps, windows.iter().map(|_| 0)),
            Some(labels) => {
                let artists = windows.iter().map(|window| window.labels.artist);
                tables.first(get("y_emb.artist_emb.emb.weight")?, n_steps, artists);
                for slot in 0..labels.max_genre_words {
                    let genre =
                        |window: &Window| window.labels.genres.get(slot).copied().unwrap_or(NONE);
                    let genres = windows.iter().map(genre);
                    tables.first(get("y_emb.bow_genre_emb.emb.weight")?, n_steps, genres);
                }
                if with_timing && labels.timing {
                    self.add_timing(windows, &mut tables)?;
                }
            }
        }
        let rows = tables.sum()?;
        Ok(rows.reshape((windows.len(), n_steps, self.config.width))?)
    }

    /// What positions are told where that is added again after the layers, or comes from the level above.
    fn told(&self, windows: &[Window]) -> Result<Option<Tensor>, TrainError> {
        let (b, n_before, w) = (windows.len(), self.config.n_before(), self.config.width);
        let upper = match &self.config.conditioner {
            None => None,
            Some(conditioner) => {
                let upper: Vec<&[u32]> = windows.iter().map(|window| &window.upper[..]).collect();
                let rows = conditioner::rows(&self.config, conditioner, &self.parameters, &upper)?;
                Some(if n_before == 0 { rows } else { rows.pad_with_zeros(1, n_before, 0)? })
            }
        };
        let has_timing = self.config.labels.as_ref().is_some_and(|labels| labels.timing);
        if !has_timing || (self.config.merged_decoder && upper.is_none()) {
            return Ok(upper); // what there is of timing goes with the embedding
        }
        let mut tables = Tables::default();
        self.add_timing(windows, &mut tables)?;
        let timing = tables.sum()?.reshape((b, n_before + self.config.n_ctx, w))?;
        Ok(Some(match upper {
            None => timing,
            Some(upper) => (timing + upper)?,
        }))
    }

    fn add_timing(&self, windows: &[Window], tables: &mut Tables) -> Result<(), TrainError> {
        let Some(labels) = &self.config.labels else { return Ok(()) };
        let (n_before, n_ctx) = (self.config.n_before(), self.config.n_ctx);
        let mut ids: [Vec<u32>; 3] = Default::default();
        for window in windows {
            let bins = timing::bins(labels, &window.labels, n_ctx);
            let within = |bin: i64| bin.clamp(0, labels.t_bins as i64 - 1) as u32;
            ids.iter_mut().for_each(|ids| ids.extend(std::iter::repeat_n(NONE, n_before)));
            ids[0].extend(std::iter::repeat_n(within(bins.total), n_ctx));
            ids[1].extend(bins.absolute.into_iter().map(within));
            ids[2].extend(bins.relative.into_iter().map(within));
        }
        for (table, ids) in ["total_length", "absolute_pos", "relative_pos"].iter().zip(ids) {
            let table = self.parameters.get(&format!("y_emb.{table}_emb.emb.weight"))?;
            tables.0.push((table, ids));
        }
        Ok(())
    }

    /// The layers below a name.
    fn layers(&self, at: &str, shape: &StackShape) -> Result<Vec<LayerTensors>, TrainError> {
        let attentions = Attention::of_layers(shape)?.into_iter().enumerate();
        let layer = |(d, attention): (usize, Attention)| {
            let n_tensors = if matches!(attention, Attention::Lyrics { .. }) { 14 } else { 12 };
            let get = |name: &&str| {
                self.parameters.get(&format!("{at}.transformer._attn_mods.{d}.{name}"))
            };
            let tensors = NAMES[..n_tensors].iter().map(get).collect::<Result<_, _>>()?;
            Ok(LayerTensors { attention, tensors })
        };
        attentions.map(layer).collect()
    }

    /// What an encoder of their own makes of the lyrics, if there is one.
    fn read_lyrics(&self, windows: &[Window]) -> Result<Option<ReadLyrics>, TrainError> {
        let Some(shape) = self.config.encoder_stack() else {
            return Ok(None);
        };
        let get = |name: &str| self.parameters.get(name);
        let (b, n, inner) = (windows.len(), shape.n_positions, shape.width);
        let lyrics: Vec<Vec<u32>> =
            windows.iter().map(|window| window.labels.lyrics.clone()).collect();
        let mut tables = Tables::default();
        tables.shifted(get("prime_prior.x_emb.weight")?, &lyrics);
        tables.positions(get("prime_prior.pos_emb.pos_emb")?, b, n);
        tables.first(get("prime_prior.start_token")?, n, windows.iter().map(|_| 0));
        let h = tables.sum()?.reshape((b, n, inner))?;
        let h = run_stack(&shape, &self.layers("prime_prior", &shape)?, &h, None)?;
        let h = dense(&h, &get("prime_state_proj.w")?, &get("prime_state_proj.b")?)?;
        let states = layer_norm(&h, &get("prime_state_ln.weight")?, &get("prime_state_ln.bias")?)?;
        let targets = Targets { symbols: lyrics.concat(), weights: vec![1.0; b * n] };
        let rows = states.reshape((b * n, self.config.width))?;
        let (loss, bits) = surprise(&rows, &get("prime_x_out.weight")?, &targets)?;
        let bits = bits.iter().map(|bits| *bits as f64).sum();
        Ok(Some(ReadLyrics { states, loss, bits }))
    }
}

struct ReadLyrics {
    /// `[b, n, w]`.
    states: Tensor,
    /// Of all characters together, like `bits`.
    loss: Tensor,
    bits: f64,
}

/// Tables and the row that each position takes of them.
#[derive(Default)]
struct Tables(Vec<(Tensor, Vec<u32>)>);

impl Tables {
    /// The symbol before each, and nothing before the first.
    fn shifted(&mut self, table: Tensor, symbols: &[Vec<u32>]) {
        let before = |symbols: &Vec<u32>| {
            let before = symbols.iter().take(symbols.len().saturating_sub(1)).copied();
            std::iter::once(NONE).chain(before).collect::<Vec<_>>()
        };
        self.0.push((table, symbols.iter().flat_map(before).collect()));
    }

    fn positions(&mut self, table: Tensor, b: usize, n_steps: usize) {
        self.0.push((table, (0..b).flat_map(|_| 0..n_steps as u32).collect()));
    }

    /// A row for the first position of each sequence.
    fn first(&mut self, table: Tensor, n_steps: usize, ids: impl Iterator<Item = u32>) {
        let others = std::iter::repeat_n(NONE, n_steps.saturating_sub(1));
        self.0
            .push((table, ids.flat_map(|id| std::iter::once(id).chain(others.clone())).collect()));
    }

    fn sum(self) -> Result<Tensor, TrainError> {
        let lookup = |(table, ids): &(Tensor, Vec<u32>)| (table.clone(), ids.clone());
        let tables: Vec<_> = self.0.iter().map(lookup).collect();
        let lookups = tables.iter().map(|(table, ids)| Lookup { table, ids: ids.clone() });
        Ok(sum_of_rows(lookups.collect())?)
    }
}

impl Window {
    /// The symbols of a window: lyrics that stand before the music, then the music, then padding.
    fn symbols(&self, config: &PriorConfig) -> Vec<u32> {
        let first_code = config.first_code() as u32;
        let before = self.labels.lyrics[..config.n_before()].iter().copied();
        let music = self.codes.iter().map(|code| first_code + code);
        let padding = std::iter::repeat_n(first_code, config.n_ctx - self.codes.len());
        before.chain(music).chain(padding).collect()
    }

    fn check(&self, config: &PriorConfig) -> Result<(), TrainError> {
        let range = |what, value: usize, allowed: String| {
            let value = value.to_string();
            Err(TrainError::Jukebox(JukeboxError::Range { what, value, allowed }))
        };
        if self.codes.is_empty() || config.n_ctx < self.codes.len() {
            return range("a window", self.codes.len(), format!("1 to {} tokens", config.n_ctx));
        }
        if let Some(code) = self.codes.iter().find(|code| config.l_bins <= **code as usize) {
            return range("a code", *code as usize, format!("0 to {}", config.l_bins - 1));
        }
        let n_lyrics = config.n_lyric_tokens();
        if self.labels.lyrics.len() != n_lyrics {
            let what = "the number of lyric tokens in a window";
            return range(what, self.labels.lyrics.len(), n_lyrics.to_string());
        }
        let n_upper = config.conditioner.as_ref().map_or(0, |above| config.n_ctx / above.hop());
        if self.upper.len() != n_upper {
            let what = "the number of codes of the level above in a window";
            return range(what, self.upper.len(), n_upper.to_string());
        }
        Ok(())
    }
}
