//! Shape of a prior and of the networks that tell it things.

use serde::{Deserialize, Serialize};

use super::{one, yes};

/// Shape of a prior: an autoregressive transformer over one level's codes (SPEC §3, §4).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriorConfig {
    /// The level whose codes it writes.
    pub level: usize,
    /// Music tokens in a window.
    pub n_ctx: usize,
    /// Channels of the transformer.
    pub width: usize,
    pub depth: usize,
    pub heads: usize,
    /// Which attention function each layer uses (SPEC §3.4).
    pub attn_order: usize,
    /// Blocks that a window is cut into for attention functions 1 to 3.
    pub blocks: usize,
    /// Width of queries, keys and values, as a share of `width`.
    pub m_attn: f64,
    /// Hidden width of the MLP, as a share of `width`.
    pub m_mlp: f64,
    /// The head is a matrix of its own and the conditioning is added only once.
    pub merged_decoder: bool,
    /// Residual branches divided by the depth (off in every released model).
    #[serde(default)]
    pub res_scale: bool,
    /// Codes in the vocabulary.
    pub l_bins: usize,
    /// Labels and timing; without them a learned start token is used.
    #[serde(default)]
    pub labels: Option<LabelConfig>,
    /// What is sung.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lyrics: Option<LyricsConfig>,
    /// How the codes of the level above are heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditioner: Option<ConditionerConfig>,
}

/// What a labelled prior is told about the song (SPEC §4.1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelConfig {
    /// Rows of the genre table.
    pub genre_bins: usize,
    /// Rows of the artist table.
    pub artist_bins: usize,
    /// Genre words that may be given at once.
    pub max_genre_words: usize,
    /// Rows of each timing table.
    pub t_bins: usize,
    pub min_duration_seconds: f64,
    pub max_duration_seconds: f64,
    /// Rate in which lengths and offsets are counted, in Hz.
    pub sample_rate: u32,
    /// Audio frames per token of this prior.
    pub hop: usize,
    /// Whether timing is told (top level only).
    #[serde(default = "yes")]
    pub timing: bool,
}

/// The lyrics that a window is told (SPEC §4.3, §4.6, §4.7).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LyricsConfig {
    /// Characters in a window.
    pub n_tokens: usize,
    /// Characters that there are, the padding included.
    pub n_vocab: usize,
    pub kind: LyricsKind,
    /// Where the model looks at the character that it sings, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alignment: Option<AlignmentConfig>,
    /// Weight of the lyrics in the training loss.
    #[serde(default)]
    pub prime_loss_fraction: f64,
}

/// How lyrics reach the music.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LyricsKind {
    /// They stand before the music in one sequence, with symbols of their own.
    SingleSequence,
    /// A transformer of their own reads them, and some layers look at its states.
    SeparateEncoder(EncoderConfig),
}

/// Shape of the transformer that reads lyrics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderConfig {
    pub width: usize,
    pub depth: usize,
    pub heads: usize,
    pub attn_order: usize,
    pub blocks: usize,
    pub m_attn: f64,
    pub m_mlp: f64,
    #[serde(default)]
    pub res_scale: bool,
}

/// An attention head that follows the singing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlignmentConfig {
    pub layer: usize,
    pub head: usize,
}

/// Shape of the network that turns the codes of the level above into conditioning (SPEC §4.8).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConditionerConfig {
    pub width: usize,
    /// Residual blocks in a stack.
    pub depth: usize,
    /// Hidden channels of a residual block, as a share of its width.
    #[serde(default = "one")]
    pub m_conv: f64,
    /// Dilation of block `i` is `dilation_growth_rate` to the power of `i`.
    pub dilation_growth_rate: usize,
    /// Where set, the power starts again after this many blocks.
    #[serde(default)]
    pub dilation_cycle: Option<usize>,
    /// Residual branches divided by the square root of the depth.
    #[serde(default)]
    pub res_scale: bool,
    /// Down-sampling layers between this level and the one above.
    pub downs_t: usize,
    /// Stride of each of those layers.
    pub strides_t: usize,
    /// Codes of the level above.
    pub l_bins: usize,
}

impl ConditionerConfig {
    /// Tokens of this level for each one above.
    pub fn hop(&self) -> usize {
        self.strides_t.pow(self.downs_t as u32)
    }

    fn problem(&self) -> Option<String> {
        let sizes =
            [self.width, self.depth, self.dilation_growth_rate, self.strides_t, self.l_bins];
        if sizes.contains(&0) || self.dilation_cycle == Some(0) {
            return Some("the conditioner has a size of 0".into());
        }
        if !self.strides_t.is_multiple_of(2) {
            return Some(format!("the conditioner has a stride of {} (even)", self.strides_t));
        }
        let hop = self.downs_t.try_into().ok().and_then(|downs| self.strides_t.checked_pow(downs));
        match hop {
            Some(hop) if 0 < self.downs_t && hop <= 1 << 16 => None,
            _ => Some("the conditioner has no step up, or more than 65536 tokens in one".into()),
        }
    }
}

/// Shape of one transformer: a prior's own, or the one that reads its lyrics.
#[derive(Debug, Clone, PartialEq)]
pub struct StackShape {
    /// Positions of a sequence.
    pub n_positions: usize,
    pub width: usize,
    pub depth: usize,
    pub heads: usize,
    pub attn_order: usize,
    pub blocks: usize,
    pub m_attn: f64,
    pub m_mlp: f64,
    pub res_scale: bool,
    /// Lyrics at the start of the sequence itself.
    pub n_lyrics: Option<usize>,
    /// States of lyrics that were read elsewhere.
    pub n_states: Option<usize>,
}

impl StackShape {
    /// Channels of queries, of keys and of values.
    pub fn attn_width(&self) -> usize {
        (self.m_attn * self.width as f64) as usize
    }

    /// Hidden channels of the MLP.
    pub fn mlp_width(&self) -> usize {
        (self.m_mlp * self.width as f64) as usize
    }

    /// Positions in one attention block.
    pub fn block_len(&self) -> usize {
        self.n_positions / self.blocks
    }

    fn problem(&self) -> Option<String> {
        let sizes = [self.n_positions, self.width, self.depth, self.heads, self.blocks];
        if sizes.contains(&0) || self.attn_width() == 0 || self.mlp_width() == 0 {
            return Some("a size of 0".into());
        }
        if !self.n_positions.is_multiple_of(self.blocks) {
            return Some(format!(
                "{} tokens do not divide into {} blocks",
                self.n_positions, self.blocks
            ));
        }
        if !self.attn_width().is_multiple_of(self.heads) {
            return Some(format!(
                "{} attention channels do not divide into {} heads",
                self.attn_width(),
                self.heads
            ));
        }
        (12 < self.attn_order)
            .then(|| format!("attn_order {} is unknown (0 to 12)", self.attn_order))
    }
}

impl PriorConfig {
    /// Shape of the transformer that writes the music.
    pub fn stack(&self) -> StackShape {
        let separate = self.encoder().is_some();
        let n_tokens = self.lyrics.as_ref().map(|lyrics| lyrics.n_tokens);
        StackShape {
            n_positions: self.n_ctx + self.n_before(),
            width: self.width,
            depth: self.depth,
            heads: self.heads,
            attn_order: self.attn_order,
            blocks: self.blocks,
            m_attn: self.m_attn,
            m_mlp: self.m_mlp,
            res_scale: self.res_scale,
            n_lyrics: n_tokens.filter(|_| !separate),
            n_states: n_tokens.filter(|_| separate),
        }
    }

    /// Shape of the transformer that reads the lyrics, where there is one.
    pub fn encoder_stack(&self) -> Option<StackShape> {
        let encoder = self.encoder()?;
        Some(StackShape {
            n_positions: self.n_lyric_tokens(),
            width: encoder.width,
            depth: encoder.depth,
            heads: encoder.heads,
            attn_order: encoder.attn_order,
            blocks: encoder.blocks,
            m_attn: encoder.m_attn,
            m_mlp: encoder.m_mlp,
            res_scale: encoder.res_scale,
            n_lyrics: None,
            n_states: None,
        })
    }

    /// Channels of queries, of keys and of values.
    pub fn attn_width(&self) -> usize {
        self.stack().attn_width()
    }

    /// Hidden channels of the MLP.
    pub fn mlp_width(&self) -> usize {
        self.stack().mlp_width()
    }

    /// Characters of lyrics in a window.
    pub fn n_lyric_tokens(&self) -> usize {
        self.lyrics.as_ref().map_or(0, |lyrics| lyrics.n_tokens)
    }

    /// Lyric symbols that stand before the music in the same sequence.
    pub fn n_before(&self) -> usize {
        if self.encoder().is_some() { 0 } else { self.n_lyric_tokens() }
    }

    /// The symbol of code 0: those before it stand for lyrics.
    pub fn first_code(&self) -> usize {
        match &self.lyrics {
            Some(LyricsConfig { kind: LyricsKind::SingleSequence, n_vocab, .. }) => *n_vocab,
            _ => 0,
        }
    }

    /// Symbols that the transformer reads and writes.
    pub fn n_symbols(&self) -> usize {
        self.first_code() + self.l_bins
    }

    /// Code of a symbol; lyric symbols in the middle of music become code 0 (SPEC §4.6).
    pub fn code_of(&self, symbol: u32) -> u32 {
        symbol.saturating_sub(self.first_code() as u32)
    }

    fn encoder(&self) -> Option<&EncoderConfig> {
        match &self.lyrics.as_ref()?.kind {
            LyricsKind::SeparateEncoder(encoder) => Some(encoder),
            LyricsKind::SingleSequence => None,
        }
    }

    /// Why these numbers cannot describe a network, if they cannot.
    pub fn problem(&self) -> Option<String> {
        if self.n_ctx == 0 || self.l_bins == 0 {
            return Some("a size of 0".into());
        }
        if let Some(lyrics) = &self.lyrics
            && (lyrics.n_tokens == 0 || lyrics.n_vocab == 0)
        {
            return Some("lyrics of 0 tokens or 0 characters".into());
        }
        let encoder = || {
            let problem = self.encoder_stack()?.problem()?;
            Some(format!("the lyric encoder: {problem}"))
        };
        let conditioner = || {
            let conditioner = self.conditioner.as_ref()?;
            conditioner.problem().or_else(|| {
                let hop = conditioner.hop();
                (!self.n_ctx.is_multiple_of(hop))
                    .then(|| format!("{} tokens are not whole tokens of {hop} above", self.n_ctx))
            })
        };
        self.stack().problem().or_else(encoder).or_else(conditioner)
    }
}
