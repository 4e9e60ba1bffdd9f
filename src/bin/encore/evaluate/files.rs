//! What an evaluation leaves behind: takes, pictures, and every figure.

use std::path::Path;

use encore::takes::{picture, wav, write_whole};
use encore::units::seconds_from_frames;
use serde_json::{Value, json};

use super::compose::Take;
use super::primes::Prime;
use super::songs::Artist;
use super::verdict::Verdict;
use crate::failure::Failure;

/// Takes that are drawn, of as many artists as there are.
const N_DRAWN: usize = 6;

/// Writes takes as WAV and draws some of them. What is no sound is left out.
pub fn takes(
    out: &Path,
    kind: &str,
    primes: &[Prime],
    takes: &[Take],
    artists: &[Artist],
    rate_hz: u32,
) -> Result<(), Failure> {
    for (number, (prime, take)) in primes.iter().zip(takes).enumerate() {
        if take.audio.iter().any(|x| !x.is_finite()) {
            continue;
        }
        let name = format!("{kind}-{:02}", number + 1);
        wav::write(&out.join(format!("{name}.wav")), &take.audio, rate_hz)?;
        if number < N_DRAWN {
            let seam_seconds = seconds_from_frames(take.seam_frame, rate_hz.into());
            let artist = &artists[prime.artist_idx].name;
            let title = format!("{artist}   ·   {} from {:.1} s", prime.song, prime.at_seconds);
            let path = out.join(format!("{name}.png"));
            picture::write(&path, &take.audio, rate_hz.into(), Some(seam_seconds), &title)?;
        }
    }
    Ok(())
}

/// The figures of each take, with names.
pub fn verdicts(verdicts: &[Verdict], artists: &[Artist]) -> Vec<Value> {
    let name = |idx: Option<usize>| idx.and_then(|idx| artists.get(idx)).map(|artist| &artist.name);
    let with_names = |(number, verdict): (usize, &Verdict)| {
        let mut value = json!(verdict);
        value["take"] = json!(number + 1);
        value["artist"] = json!(name(Some(verdict.artist_idx)));
        value["sounds_like"] = json!(name(verdict.sounds_like_idx));
        if let Some(fields) = value.as_object_mut() {
            fields.retain(|key, _| !key.ends_with("_idx"));
        }
        value
    };
    verdicts.iter().enumerate().map(with_names).collect()
}

/// Writes everything as JSON.
pub fn report(path: &Path, report: &Value) -> Result<(), Failure> {
    let text = format!("{report:#}\n");
    Ok(write_whole(path, |file| std::io::Write::write_all(file, text.as_bytes()))?)
}
