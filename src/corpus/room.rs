//! A small room: four delay lines that feed each other and grow dull.

/// The room that a band plays in.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Time to fall by 60 dB, in seconds.
    pub seconds: f64,
    /// How bright its walls are, 0 to 1.
    pub brightness: f64,
    /// Level of what comes back.
    pub gain: f64,
}

impl Room {
    pub const SMALL: Self = Self { seconds: 0.7, brightness: 0.45, gain: 0.35 };
    pub const HALL: Self = Self { seconds: 1.5, brightness: 0.35, gain: 0.4 };

    /// What comes back of `sent`.
    pub fn answer(&self, sent: &[f32], rate: f64) -> Vec<f32> {
        const LINES_SECONDS: [f64; 4] = [0.0297, 0.0371, 0.0411, 0.0437];
        let mut lines = LINES_SECONDS.map(|s| vec![0.0f32; (s * rate) as usize]);
        let gains = LINES_SECONDS.map(|s| 10f64.powf(-3.0 * s / self.seconds) as f32);
        let mut at = [0usize; 4];
        let mut dulled = [0.0f32; 4];
        let early = (0.011 * rate) as usize;
        let bright = self.brightness as f32;
        let mut heard = Vec::with_capacity(sent.len());
        for i in 0..sent.len() {
            let input = if i >= early { sent[i - early] } else { 0.0 };
            let mut out = [0.0f32; 4];
            for (l, line) in lines.iter().enumerate() {
                dulled[l] += bright * (line[at[l]] - dulled[l]);
                out[l] = dulled[l] * gains[l];
            }
            // a Householder reflection keeps the energy and mixes every line into every other
            let half = 0.5 * (out[0] + out[1] + out[2] + out[3]);
            for (l, line) in lines.iter_mut().enumerate() {
                line[at[l]] = input + out[l] - half;
                at[l] = if at[l] + 1 == line.len() { 0 } else { at[l] + 1 };
            }
            heard.push((out[0] - out[1] + out[2] - out[3]) * self.gain as f32);
        }
        heard
    }
}
