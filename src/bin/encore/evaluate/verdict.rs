//! What is thought of a take, beside how the song really goes on.

use encore::judge::chroma::{chroma, keeps_key};
use encore::judge::defects::{Defect, Findings};
use encore::judge::seam::Seam;
use encore::judge::style::{StyleClassifier, pieces};
use encore::judge::tempo::{same_tempo, tempo_bpm};
use serde::Serialize;

use super::compose::Take;
use super::primes::Prime;

/// How far a tempo may be off and still be the same.
const TEMPO_TOLERANCE: f64 = 0.01;

/// The figures of one take.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    pub song: String,
    pub at_seconds: f64,
    pub artist_idx: usize,
    pub seed: u64,
    /// Whose music the continuation sounds like; none where nobody asks.
    pub sounds_like_idx: Option<usize>,
    pub song_bpm: Option<f64>,
    pub tempo_bpm: Option<f64>,
    pub keeps_tempo: bool,
    pub keeps_key: bool,
    pub seam_jump_db: f64,
    pub prime_jump_db: f64,
    pub seam_flux_z: f64,
    pub defects: Vec<Defect>,
    /// Whether the song itself does, as far as it can be heard.
    pub song_keeps_tempo: Option<bool>,
    pub song_keeps_key: Option<bool>,
}

impl Verdict {
    /// `real` is what real songs of the artist do.
    pub fn new(
        prime: &Prime,
        take: &Take,
        classifier: Option<&StyleClassifier>,
        real: &Findings,
        rate: f64,
    ) -> Self {
        let findings = Findings::new(&take.continuation, rate);
        let sound = if findings.is_finite { take.continuation.as_slice() } else { &[] };
        let before = chroma(&prime.before, rate);
        let in_key = |sound: &[f32]| keeps_key(&chroma(sound, rate), &before);
        let in_time = |bpm: Option<f64>| {
            bpm.zip(prime.tempo_bpm)
                .is_some_and(|(bpm, song)| same_tempo(bpm, song, TEMPO_TOLERANCE))
        };
        let seam = match findings.is_finite {
            true => Seam::new(&take.audio, take.seam_frame, rate),
            false => Seam { jump_db: f64::MAX, prime_jump_db: 0.0, flux_z: f64::MAX },
        };
        let tempo_bpm = tempo_bpm(sound, rate);
        let after = prime.after.as_deref();
        Self {
            song: prime.song.clone(),
            at_seconds: prime.at_seconds,
            artist_idx: prime.artist_idx,
            seed: prime.seed,
            sounds_like_idx: classifier.and_then(|judge| judge.artist_of(&pieces(sound, rate))),
            song_bpm: prime.tempo_bpm,
            tempo_bpm,
            keeps_tempo: in_time(tempo_bpm),
            keeps_key: in_key(sound),
            seam_jump_db: seam.jump_db,
            prime_jump_db: seam.prime_jump_db,
            seam_flux_z: seam.flux_z,
            defects: findings.defects(real),
            song_keeps_tempo: after
                .map(|after| in_time(encore::judge::tempo::tempo_bpm(after, rate))),
            song_keeps_key: after.map(in_key),
        }
    }
}
