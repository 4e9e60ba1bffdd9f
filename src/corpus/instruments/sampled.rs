//! Instruments of a SoundFont.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustysynth::{SoundFont, Synthesizer, SynthesizerSettings};

use super::Event;
use crate::corpus::listing::CorpusError;

/// Where Debian puts the SoundFont.
pub const USUAL_FONT: &str = "/usr/share/sounds/sf2/FluidR3_GM.sf2";

/// Names a SoundFont to use instead of the usual one.
pub const FONT_VARIABLE: &str = "ENCORE_SOUNDFONT";

/// A SoundFont that is read when first played.
pub struct SoundFontFile {
    path: PathBuf,
    font: OnceLock<Result<Arc<SoundFont>, String>>,
}

impl SoundFontFile {
    /// The font at `path`, else the one that the environment names, else Debian's.
    pub fn new(path: Option<&Path>) -> Self {
        let named = || std::env::var_os(FONT_VARIABLE).map(PathBuf::from);
        let path = path.map(Path::to_path_buf).or_else(named);
        Self { path: path.unwrap_or_else(|| USUAL_FONT.into()), font: OnceLock::new() }
    }

    /// The font itself, or what is wrong with it.
    pub fn font(&self) -> Result<&Arc<SoundFont>, CorpusError> {
        let read = || {
            let file = File::open(&self.path).map_err(|e| e.to_string())?;
            SoundFont::new(&mut BufReader::new(file)).map(Arc::new).map_err(|e| e.to_string())
        };
        self.font.get_or_init(read).as_ref().map_err(|problem| {
            CorpusError::Instrument(format!(
                "{:?} cannot be played from ({problem}); install Debian's package fluid-soundfont-gm, or name \
                 another General MIDI SoundFont",
                self.path
            ))
        })
    }

    /// What the font says about who made it.
    pub fn credit(&self) -> Result<String, CorpusError> {
        let info = self.font()?.get_info();
        let name = info.get_bank_name().trim();
        let by = info.get_author().trim();
        let of_fluid = "FluidR3 GM by Frank Wen and others (MIT licence)";
        Ok(match self.path.file_name().is_some_and(|name| name == "FluidR3_GM.sf2") {
            true => of_fluid.to_owned(),
            false => format!("SoundFont {name} by {by}"),
        })
    }
}

/// A General MIDI program.
#[derive(Debug, Clone, Copy)]
pub struct Sampled {
    /// 0 to 127.
    pub program: i32,
}

impl Sampled {
    pub(super) fn play(
        &self,
        events: &[Event],
        rate: f64,
        fonts: &SoundFontFile,
        out: &mut [f32],
    ) -> Result<(), CorpusError> {
        let mut settings = SynthesizerSettings::new(rate as i32);
        settings.enable_reverb_and_chorus = false;
        let mut synth = Synthesizer::new(fonts.font()?, &settings)
            .map_err(|e| CorpusError::Instrument(e.to_string()))?;
        synth.process_midi_message(0, 0xC0, self.program, 0);
        let mut left = vec![0.0; out.len()];
        let mut right = vec![0.0; out.len()];
        let mut done = 0;
        for (frame, key, velocity) in messages(events, rate) {
            let until = frame.clamp(done, out.len());
            synth.render(&mut left[done..until], &mut right[done..until]);
            done = until;
            match velocity {
                0 => synth.note_off(0, key),
                _ => synth.note_on(0, key, velocity),
            }
        }
        synth.render(&mut left[done..], &mut right[done..]);
        for (sample, (l, r)) in out.iter_mut().zip(left.iter().zip(&right)) {
            *sample += 0.5 * (l + r);
        }
        Ok(())
    }
}

/// Notes on and off in time, offs first where they meet: (frame, key, velocity or 0).
fn messages(events: &[Event], rate: f64) -> Vec<(usize, i32, i32)> {
    let frame = |seconds: f64| (seconds * rate).round().max(0.0) as usize;
    let mut messages = Vec::with_capacity(events.len() * 2);
    for event in events {
        let key = event.pitch.round() as i32;
        let velocity = (30.0 + 90.0 * event.velocity).round() as i32;
        let on = frame(event.start_seconds);
        messages.push((on, key, velocity.clamp(1, 127)));
        messages.push((frame(event.start_seconds + event.seconds).max(on + 1), key, 0));
    }
    messages.sort_by_key(|(frame, key, velocity)| (*frame, *velocity, *key));
    messages
}
