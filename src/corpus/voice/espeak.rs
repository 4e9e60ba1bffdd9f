//! The program `espeak-ng`: words in, phonemes out; a syllable's phonemes in, its sound out.
//!
//! Whatever it says depends on what it was asked and on nothing before, so everything is remembered for the
//! life of the process and asked for only once.

use std::io::{ErrorKind, Write};
use std::process::{Command, Output, Stdio};

use crate::corpus::CorpusError;

/// Rate of the sound that espeak-ng makes, in Hz.
pub const ESPEAK_RATE: u32 = 22_050;
/// Bytes of the WAV header before the samples; the lengths in it are those of a stream, so nothing to go by.
const HEADER_BYTES: usize = 44;
/// Words per minute: slow enough for clear consonants.
const SPEED: &str = "155";
/// espeak-ng's pitch setting; with it the voices we ask for speak at about 100 Hz.
const PITCH: &str = "60";

/// The phonemes of every word, as espeak-ng's mnemonics with spaces between; one process for all.
pub fn phonemes(voice: &str, words: &[&str]) -> Result<Vec<String>, CorpusError> {
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let output = run(&["-q", "-x", "--sep= ", "-v", voice], &words.join("\n"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<String> = said.lines().map(|line| line.trim().to_owned()).collect();
    if lines.len() != words.len() {
        let (n_lines, n_words) = (lines.len(), words.len());
        return Err(CorpusError::Instrument(format!(
            "espeak-ng gave {n_lines} lines of phonemes for {n_words} words, from {:?} to {:?}",
            words[0],
            words[n_words - 1],
        )));
    }
    Ok(lines)
}

/// Sound of one syllable, spoken alone on one pitch, at [`ESPEAK_RATE`].
pub fn speak(voice: &str, phonemes: &str) -> Result<Vec<f32>, CorpusError> {
    let text = format!("<speak><prosody range=\"0\">[[{phonemes}]] </prosody></speak>");
    let output = run(&["-m", "-v", voice, "-s", SPEED, "-p", PITCH, "--stdout"], &text)?;
    let wav = output.stdout;
    let rate = wav.get(24..28).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
    if rate != Some(ESPEAK_RATE) || wav.len() <= HEADER_BYTES {
        return Err(CorpusError::Instrument(format!(
            "espeak-ng gave no sound at {ESPEAK_RATE} Hz for {phonemes:?} with the voice {voice:?}"
        )));
    }
    let samples = wav[HEADER_BYTES..].chunks_exact(2);
    Ok(samples.map(|s| f32::from(i16::from_le_bytes([s[0], s[1]])) / 32_768.0).collect())
}

/// Whether the program is there.
pub fn check() -> Result<(), CorpusError> {
    run(&["--version"], "").map(|_| ())
}

fn run(args: &[&str], input: &str) -> Result<Output, CorpusError> {
    let failed = |problem: String| CorpusError::Instrument(format!("espeak-ng: {problem}"));
    let pipe = || Stdio::piped();
    let spawned =
        Command::new("espeak-ng").args(args).stdin(pipe()).stdout(pipe()).stderr(pipe()).spawn();
    let mut child = spawned.map_err(|e| {
        match e.kind() {
        ErrorKind::NotFound => CorpusError::Instrument(
            "songs are sung with espeak-ng, which is not here; install the Debian package espeak-ng"
                .into(),
        ),
        _ => failed(e.to_string()),
    }
    })?;
    let stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        // written from beside, since both pipes are short
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
        child.wait_with_output()
    });
    let output = output.map_err(|e| failed(e.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_syllable_sounds_the_same_every_time() -> Result<(), CorpusError> {
        let first = speak("en-us", "m'u:n")?;
        let second = speak("en-us", "m'u:n")?;

        assert!(first.len() > 4_000);
        assert_eq!(first, second);
        Ok(())
    }
}
