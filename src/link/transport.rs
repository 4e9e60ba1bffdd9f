//! What a host tells about time.

/// A host's transport at the first frame of a block. Hosts leave out any of these, so each is optional.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Transport {
    pub playing: bool,
    pub recording: bool,
    /// Song position in frames; negative before the song's start.
    pub frames: Option<i64>,
    pub seconds: Option<f64>,
    pub beats: Option<f64>,
    pub tempo_bpm: Option<f64>,
    pub time_signature: Option<(u16, u16)>,
    /// Start and end of an active loop, in beats.
    pub loop_beats: Option<(f64, f64)>,
}

impl Transport {
    /// The same transport `n_frames` later, at `rate` Hz.
    pub fn advanced(&self, n_frames: usize, rate: f64) -> Self {
        if n_frames == 0 || !self.playing {
            return *self;
        }
        let seconds = n_frames as f64 / rate;
        let beats = self.tempo_bpm.map(|bpm| seconds * bpm / 60.0);
        Self {
            frames: self.frames.map(|f| f + n_frames as i64),
            seconds: self.seconds.map(|s| s + seconds),
            beats: self.beats.map(|b| b + beats.unwrap_or(0.0)),
            ..*self
        }
    }
}
