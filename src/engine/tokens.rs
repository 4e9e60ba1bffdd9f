//! Where the model's tokens lie in the song.
//!
//! Frame 0 of the song is frame 0 of the model, wherever a recording began. So codes can be computed before
//! anyone knows where a continuation will begin, and the same stretch of a song always has the same codes.

use super::{EngineError, resample::StreamResampler};

/// Shortest stretch that is resampled at once, in seconds.
const BLOCK_SECONDS: f64 = 0.2;

/// More than the resampler's filter reaches to either side, in frames of the slower rate.
const MARGIN_FRAMES: f64 = 128.0;

/// How far from whole a number of frames may be that counts as whole.
const WHOLE: f64 = 1e-6;

/// A stretch of what was heard: mono, at the host's rate. Around it there is silence.
#[derive(Debug, Clone, Default)]
pub struct Stretch {
    /// Song position of the first frame.
    pub start: i64,
    pub frames: Vec<f32>,
}

impl Stretch {
    /// Stereo frames that end before song position `end`, brought together.
    pub fn ending_at(end: i64, frames: &[[f32; 2]]) -> Self {
        let start = end - frames.len() as i64;
        Self { start, frames: frames.iter().map(|[l, r]| 0.5 * (l + r)).collect() }
    }

    /// Song position after the last frame.
    pub fn end(&self) -> i64 {
        self.start + self.frames.len() as i64
    }

    /// The frames from song position `start` on.
    fn read(&self, start: i64, out: &mut [f32]) {
        out.fill(0.0);
        let (first, last) = (start.max(self.start), (start + out.len() as i64).min(self.end()));
        if first < last {
            let heard = &self.frames[(first - self.start) as usize..(last - self.start) as usize];
            out[(first - start) as usize..(last - start) as usize].copy_from_slice(heard);
        }
    }
}

/// The tokens of one model in songs at one rate. Tokens are counted from the song's frame 0 and may be
/// negative, as song positions.
pub struct TokenGrid {
    /// As many host frames last exactly as long as so many of the model's.
    period: (i64, i64),
    /// What is resampled at once, and how much more on either side, in periods.
    n_block: i64,
    n_margin: i64,
    hop: i64,
    resampler: StreamResampler,
    /// One block with its margins, at the host's rate and at the model's.
    input: Vec<f32>,
    output: Vec<f32>,
}

impl TokenGrid {
    /// # Errors
    /// When a rate is not one that audio has.
    pub fn new(host_rate: f64, model_rate: f64, hop: usize) -> Result<Self, EngineError> {
        let resampler = StreamResampler::new(host_rate, model_rate)?;
        let period = period(host_rate, model_rate);
        let periods = |n_frames: f64| (n_frames / period.0 as f64).ceil().max(1.0) as i64;
        let margin = if host_rate == model_rate { 0 } else { 1 };
        Ok(Self {
            period,
            n_block: periods(BLOCK_SECONDS * host_rate),
            n_margin: margin * periods(MARGIN_FRAMES * (host_rate / model_rate).max(1.0)),
            hop: hop.max(1) as i64,
            resampler,
            input: Vec::new(),
            output: Vec::new(),
        })
    }

    /// The first token that does not end before song position `frame`.
    pub fn token_at(&self, frame: i64) -> i64 {
        let (host, model) = self.period;
        let whole = frame.div_euclid(host) * model + frame.rem_euclid(host) * model / host;
        whole.div_euclid(self.hop)
    }

    /// The first token that begins at song position `frame` or later.
    pub fn token_from(&self, frame: i64) -> i64 {
        let token = self.token_at(frame);
        if self.start_of(token) < frame as f64 { token + 1 } else { token }
    }

    /// Song position where `token` begins; rarely a whole frame.
    pub fn start_of(&self, token: i64) -> f64 {
        let (host, model) = self.period;
        let at = token * self.hop;
        (at.div_euclid(model) * host) as f64
            + at.rem_euclid(model) as f64 * host as f64 / model as f64
    }

    /// Song frames that the audio of these tokens is made of.
    pub fn frames_of(&self, tokens: std::ops::Range<i64>) -> std::ops::Range<i64> {
        let blocks = self.blocks_of(tokens);
        let (block, margin) = (self.n_block * self.period.0, self.n_margin * self.period.0);
        blocks.start * block - margin..blocks.end * block + margin
    }

    /// The first token whose audio changes when more is heard than up to song position `end`.
    pub fn first_open(&self, end: i64) -> i64 {
        let (block, margin) = (self.n_block * self.period.0, self.n_margin * self.period.0);
        let n_closed = (end - margin).div_euclid(block);
        (n_closed * self.n_block * self.period.1).div_euclid(self.hop)
    }

    /// Mono audio of `tokens` at the model's rate, as many frames as their hop for each; what was not heard
    /// is silent. Depends on nothing but what was heard around each place.
    ///
    /// # Errors
    /// When the resampler fails, which it does not on finite audio.
    pub fn audio(
        &mut self,
        tokens: std::ops::Range<i64>,
        heard: &Stretch,
    ) -> Result<Vec<f32>, EngineError> {
        let blocks = self.blocks_of(tokens.clone());
        let n_model = self.n_block * self.period.1;
        let mut audio = Vec::with_capacity(((blocks.end - blocks.start) * n_model) as usize);
        for block in blocks.clone() {
            self.resample(block, heard, &mut audio)?;
        }
        let first = (tokens.start * self.hop - blocks.start * n_model) as usize;
        let n_frames = ((tokens.end - tokens.start).max(0) * self.hop) as usize;
        audio.truncate(first + n_frames);
        audio.drain(..first);
        Ok(audio)
    }

    fn resample(
        &mut self,
        block: i64,
        heard: &Stretch,
        audio: &mut Vec<f32>,
    ) -> Result<(), EngineError> {
        let (host, model) = self.period;
        let n_frames = (self.n_block + 2 * self.n_margin) * host;
        self.input.resize(n_frames as usize, 0.0);
        heard.read((block * self.n_block - self.n_margin) * host, &mut self.input);
        self.output.clear();
        self.resampler.restart();
        self.resampler.push(&self.input, &mut self.output)?;
        self.resampler.finish(&mut self.output)?;
        let first = (self.n_margin * model) as usize;
        let middle = first..first + (self.n_block * model) as usize;
        self.output.resize(self.output.len().max(middle.end), 0.0);
        audio.extend_from_slice(&self.output[middle]);
        Ok(())
    }

    fn blocks_of(&self, tokens: std::ops::Range<i64>) -> std::ops::Range<i64> {
        let n_model = self.n_block * self.period.1;
        let (first, end) = (tokens.start * self.hop, tokens.end * self.hop);
        first.div_euclid(n_model)..(end + n_model - 1).div_euclid(n_model)
    }
}

/// The shortest time that is a whole number of frames at both rates, as nearly as there is one within a
/// second.
fn period(host_rate: f64, model_rate: f64) -> (i64, i64) {
    let ratio = model_rate / host_rate;
    let off = |n: i64| (n as f64 * ratio - (n as f64 * ratio).round()).abs();
    let all = 1..=host_rate.ceil() as i64;
    let has_frames = |n: &i64| 0.5 < *n as f64 * ratio;
    let whole = all.clone().filter(has_frames).find(|n| off(*n) < WHOLE);
    let nearest = || all.filter(has_frames).min_by(|a, b| off(*a).total_cmp(&off(*b)));
    let host = whole.or_else(nearest).unwrap_or(1);
    (host, ((host as f64 * ratio).round() as i64).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(start: i64, n_frames: i64, rate: f64) -> Stretch {
        let tone = |i: i64| (std::f64::consts::TAU * 220.0 * i as f64 / rate).sin() as f32;
        Stretch { start, frames: (start..start + n_frames).map(tone).collect() }
    }

    #[test]
    fn tokens_lie_where_the_song_says() {
        let grid = TokenGrid::new(48_000.0, 44_100.0, 128).unwrap();

        assert_eq!(grid.period, (160, 147));
        assert_eq!(grid.token_at(0), 0);
        assert_eq!(grid.token_at(-1), -1);
        assert_eq!((grid.token_at(139), grid.token_at(140)), (0, 1)); // 128 frames are 139.3
        assert_eq!((grid.token_from(139), grid.token_from(140)), (1, 2));
        assert!((grid.start_of(1) - 128.0 * 160.0 / 147.0).abs() < 1e-9);
        assert_eq!(grid.start_of(147), 128.0 * 160.0);
    }

    #[test]
    fn a_stretch_sounds_the_same_from_wherever_it_was_heard() {
        for rate in [44_100.0, 48_000.0, 96_000.0, 22_050.0, 48_001.0] {
            let mut grid = TokenGrid::new(rate, 44_100.0, 128).unwrap();
            let n_frames = 4 * rate as i64;
            let whole = tone(-n_frames / 2, n_frames, rate);
            let last = grid.first_open(whole.end());

            let tokens = last - 200..last;
            let long = grid.audio(tokens.clone(), &whole).unwrap();
            let needed = grid.frames_of(tokens.clone());
            assert!(whole.start <= needed.start && needed.end <= whole.end(), "{rate} Hz");
            let part = tone(needed.start, needed.end - needed.start, rate);
            let short = grid.audio(tokens.clone(), &part).unwrap();

            assert_eq!(long.len(), 200 * 128);
            assert_eq!(long, short, "{rate} Hz");
            let wanted = tone(tokens.start * 128, 200 * 128, 44_100.0).frames;
            let worst = long.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 4e-3, "{rate} Hz: {worst} away");
        }
    }
}
