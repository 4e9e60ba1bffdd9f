//! What a prior is told about the song, as rows of embeddings (SPEC §4.1).

use candle_core::{Device, Tensor};
use candle_nn::VarBuilder;

use super::timing::{self, TimingBins};
use crate::jukebox::{JukeboxError, LabelConfig, PriorConfig};

/// Labels of one window of one song. Lengths are frames at the model's rate.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LabelRow {
    /// Length of the whole song, whatever is generated now.
    pub total_length: i64,
    /// Where in the song the window begins.
    pub offset: i64,
    /// Frames in a window of the prior, even when fewer are asked for.
    pub sample_length: i64,
    pub artist: u32,
    pub genres: Vec<u32>,
    /// The characters that are sung in the window, where the model reads lyrics.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lyrics: Vec<u32>,
}

impl LabelRow {
    /// Labels for a window that begins `offset` frames into the song, brought within what the model
    /// takes: first the total length, then the offset.
    pub fn clamped(
        config: &LabelConfig,
        n_ctx: usize,
        total_length: i64,
        offset: i64,
        artist: u32,
        genres: Vec<u32>,
    ) -> Self {
        let sample_length = (n_ctx * config.hop) as i64;
        let total_length = timing::Limits::new(config).total_within(total_length);
        let row = Self { total_length, sample_length, artist, genres, ..Self::default() };
        row.at(config, offset)
    }

    /// The same song, told from `offset` frames on, or from the latest place that the model takes.
    pub fn at(self, config: &LabelConfig, offset: i64) -> Self {
        let offset = match config.timing {
            false => offset, // nobody looks at it
            true => timing::Limits::new(config).offset_within(&self, offset),
        };
        Self { offset, ..self }
    }

    /// The limit that is broken, if one is; lyrics belong to the window and are not looked at.
    pub(super) fn check(&self, config: &LabelConfig) -> Result<(), JukeboxError> {
        let limits = timing::Limits::new(config);
        let range = |what, value: i64, allowed: std::ops::Range<i64>| {
            if allowed.contains(&value) {
                return Ok(());
            }
            let allowed = format!("{} to {} frames", allowed.start, allowed.end - 1);
            Err(JukeboxError::Range { what, value: format!("{value} frames"), allowed })
        };
        if config.timing {
            range("the total length", self.total_length, limits.total)?;
            range("the offset", self.offset, 0..self.total_length)?;
            let end = self.offset.saturating_add(self.sample_length);
            range("the end of the window", end, 0..limits.end_max + 1)?;
        }
        below("artist", self.artist, config.artist_bins)?;
        self.genres.iter().try_for_each(|genre| below("genre", *genre, config.genre_bins))?;
        if config.max_genre_words < self.genres.len() {
            let allowed = format!("at most {}", config.max_genre_words);
            let value = self.genres.len().to_string();
            return Err(JukeboxError::Range { what: "the number of genre words", value, allowed });
        }
        Ok(())
    }
}

fn below(what: &'static str, id: u32, n_bins: usize) -> Result<(), JukeboxError> {
    if (id as usize) < n_bins {
        return Ok(());
    }
    let allowed = format!("0 to {}", n_bins as i64 - 1);
    Err(JukeboxError::Range { what, value: id.to_string(), allowed })
}

/// The tables that labels are looked up in, or the start token of a model without labels.
pub(super) enum Embeddings {
    StartToken(Tensor), // [1, w]
    Labels { config: LabelConfig, artist: Tensor, genre: Tensor, timing: Option<TimingTables> },
}

/// Three tables, a row of `w` per bin.
pub(super) struct TimingTables {
    total: Vec<Vec<f32>>,
    absolute: Vec<Vec<f32>>,
    relative: Vec<Vec<f32>>,
}

impl Embeddings {
    /// Reads `y_emb.*`, or `prior.start_token` where the model has no labels.
    pub fn load(config: &PriorConfig, vb: VarBuilder) -> Result<Self, JukeboxError> {
        let w = config.width;
        let Some(labels) = &config.labels else {
            return Ok(Self::StartToken(vb.get((1, w), "prior.start_token")?));
        };
        let vb = vb.pp("y_emb");
        let time = |name: &str| vb.pp(name).get((labels.t_bins, w), "emb.weight")?.to_vec2::<f32>();
        let timing = match labels.timing {
            false => None,
            true => Some(TimingTables {
                total: time("total_length_emb")?,
                absolute: time("absolute_pos_emb")?,
                relative: time("relative_pos_emb")?,
            }),
        };
        Ok(Self::Labels {
            config: labels.clone(),
            artist: vb.get((labels.artist_bins, w), "artist_emb.emb.weight")?,
            genre: vb.get((labels.genre_bins, w), "bow_genre_emb.emb.weight")?,
            timing,
        })
    }

    /// `[1, w]` and `[n_ctx, w]` of one window; a model without labels looks at nothing.
    pub fn row(&self, row: &LabelRow, n_ctx: usize) -> Result<(Tensor, Tensor), JukeboxError> {
        let (config, artist, genre, tables) = match self {
            Self::StartToken(token) => {
                return Ok((token.clone(), no_timing(n_ctx, token)?));
            }
            Self::Labels { config, artist, genre, timing } => (config, artist, genre, timing),
        };
        row.check(config)?;
        let mut y_cond = lookup(artist, &[row.artist])?; // [1, w]
        if !row.genres.is_empty() {
            y_cond = (y_cond + lookup(genre, &row.genres)?.sum_keepdim(0)?)?;
        }
        let x_cond = match tables {
            None => no_timing(n_ctx, &y_cond)?,
            Some(tables) => {
                let x_cond = tables.rows(&timing::bins(config, row, n_ctx));
                Tensor::from_vec(x_cond, (n_ctx, y_cond.dim(1)?), &Device::Cpu)?
            }
        };
        Ok((y_cond, x_cond))
    }
}

impl TimingTables {
    /// The sum of three rows per position, `[n_ctx, w]`.
    fn rows(&self, bins: &TimingBins) -> Vec<f32> {
        let total = row_of(&self.total, bins.total);
        let positions = bins.absolute.iter().zip(&bins.relative);
        positions
            .flat_map(|(absolute, relative)| {
                let rows = total.iter().zip(row_of(&self.absolute, *absolute));
                let rows = rows.zip(row_of(&self.relative, *relative));
                rows.map(|((total, absolute), relative)| total + absolute + relative)
            })
            .collect()
    }
}

/// Rounding can carry the last positions of a song to the bin after the last.
fn row_of(table: &[Vec<f32>], bin: i64) -> &[f32] {
    &table[bin.clamp(0, table.len() as i64 - 1) as usize]
}

fn no_timing(n_ctx: usize, like: &Tensor) -> Result<Tensor, JukeboxError> {
    Ok(Tensor::zeros((n_ctx, like.dim(1)?), like.dtype(), like.device())?)
}

fn lookup(table: &Tensor, ids: &[u32]) -> Result<Tensor, JukeboxError> {
    Ok(table.index_select(&Tensor::from_slice(ids, ids.len(), table.device())?, 0)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn label_config() -> LabelConfig {
        LabelConfig {
            genre_bins: 5,
            artist_bins: 7,
            max_genre_words: 2,
            t_bins: 8,
            min_duration_seconds: 1.0,
            max_duration_seconds: 10.0,
            sample_rate: 44_100,
            hop: 128,
            timing: true,
        }
    }

    #[test]
    fn clamped_labels_are_always_accepted() {
        let config = label_config();
        for total in [i64::MIN, 0, 44_099, 44_100, 100_000, 440_999, 441_000, i64::MAX] {
            for offset in [i64::MIN, -1, 0, 99_999, 400_000, i64::MAX] {
                let row = LabelRow::clamped(&config, 1024, total, offset, 0, vec![1]);

                row.check(&config).unwrap();
            }
        }
    }

    #[test]
    fn a_broken_limit_is_named_with_what_is_allowed() {
        let config = label_config();
        let good = LabelRow::clamped(&config, 1024, 200_000, 0, 6, vec![4, 4]);
        let broken = |change: &dyn Fn(&mut LabelRow)| {
            let mut row = good.clone();
            change(&mut row);
            row.check(&config).unwrap_err().to_string()
        };

        let takes = "but this model takes";
        let total = broken(&|row| row.total_length = 441_000);
        let offset = broken(&|row| row.offset = 200_000);
        let end = broken(&|row| row.sample_length = 441_001);
        let artist = broken(&|row| row.artist = 7);
        let genre = broken(&|row| row.genres = vec![0, 5]);
        let words = broken(&|row| row.genres = vec![0, 0, 0]);

        assert_eq!(
            total,
            format!("the total length is 441000 frames, {takes} 44100 to 440999 frames")
        );
        assert_eq!(offset, format!("the offset is 200000 frames, {takes} 0 to 199999 frames"));
        assert_eq!(
            end,
            format!("the end of the window is 441001 frames, {takes} 0 to 441000 frames")
        );
        assert_eq!(artist, format!("artist is 7, {takes} 0 to 6"));
        assert_eq!(genre, format!("genre is 5, {takes} 0 to 4"));
        assert_eq!(words, format!("the number of genre words is 3, {takes} at most 2"));
    }
}
