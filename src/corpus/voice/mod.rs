//! Sings words: the phonemes and their sound come from espeak-ng, the melody from the caller.
//!
//! Each syllable is spoken once, alone and on one pitch, and taken apart into what the throat shapes and what
//! hisses (`analysis`). `plan` says where each part of a song sounds and `render` sounds it: the throat is excited
//! anew at the note's pitch for the note's time, and consonants are played as they were spoken.
//!
//! The same words, notes and seed give the same bytes, as long as espeak-ng is the same.

mod analysis;
mod espeak;
mod finish;
mod phonemes;
mod plan;
mod render;
mod timbre;
mod unit;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use super::listing::{CorpusError, SungWord};
use super::words::LANGUAGES;
pub use phonemes::Syllable;
use plan::{Melody, place};
pub use timbre::Timbre;
use unit::Unit;

/// A word and what it is sung on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    pub syllables: Vec<Syllable>,
}

/// A note for one syllable.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SungNote {
    pub start_seconds: f64,
    pub seconds: f64,
    /// 69 is A at 440 Hz; fractions are other tunings.
    pub midi_pitch: f64,
}

/// A sung song.
#[derive(Debug, Clone, PartialEq)]
pub struct Sung {
    /// Mono, from time 0 to the end of the last word.
    pub audio: Vec<f32>,
    pub words: Vec<SungWord>,
}

/// Someone who sings in one language.
#[derive(Debug, Clone)]
pub struct Singer {
    /// Name of espeak-ng's voice.
    voice: &'static str,
    timbre: Timbre,
}

type Read = Mutex<HashMap<(&'static str, String), Vec<Syllable>>>;
static READ: LazyLock<Read> = LazyLock::new(Read::default);

impl Singer {
    /// A singer drawn from a seed, for one of [`LANGUAGES`].
    pub fn new(language: &str, timbre_seed: u64) -> Result<Self, CorpusError> {
        let voice = voice(language).ok_or_else(|| CorpusError::Range {
            what: "language of the lyrics",
            value: language.into(),
            allowed: LANGUAGES.join(", "),
        })?;
        espeak::check()?;
        Ok(Self { voice, timbre: Timbre::new(timbre_seed) })
    }

    /// How this singer sounds; a melody is best kept in its `midi_range`.
    pub fn timbre(&self) -> &Timbre {
        &self.timbre
    }

    /// The words of a line and their syllables.
    pub fn read(&self, line: &str) -> Result<Vec<Word>, CorpusError> {
        Ok(self.read_all(&[line.to_owned()])?.remove(0))
    }

    /// The words of each line, with one call of espeak-ng for all those that are new.
    pub fn read_all(&self, lines: &[String]) -> Result<Vec<Vec<Word>>, CorpusError> {
        let known = || READ.lock().unwrap_or_else(PoisonError::into_inner);
        let new: BTreeSet<&str> = {
            let known = known();
            let all = lines.iter().flat_map(|line| words(line));
            all.filter(|word| !known.contains_key(&(self.voice, (*word).to_owned()))).collect()
        };
        let new: Vec<&str> = new.into_iter().collect();
        let phonemes =
            espeak::phonemes(self.voice, &new.iter().map(|w| spelled(w)).collect::<Vec<_>>())?;
        let mut known = known();
        for (word, phonemes) in new.iter().zip(&phonemes) {
            known.insert((self.voice, (*word).to_owned()), phonemes::syllables(phonemes));
        }
        let word = |text: &str| Word {
            text: text.to_owned(),
            syllables: known.get(&(self.voice, text.to_owned())).cloned().unwrap_or_default(),
        };
        Ok(lines.iter().map(|line| words(line).map(word).collect()).collect())
    }

    /// Sings the syllables of `words` on `notes`, one note for each, which must be in order of time.
    ///
    /// The loudest sample is 0.5. Consonants sound before their note, so a first note at 0 loses them.
    pub fn sing(&self, words: &[Word], notes: &[SungNote], rate: u32) -> Result<Sung, CorpusError> {
        let syllables: Vec<&Syllable> = words.iter().flat_map(|word| &word.syllables).collect();
        check_notes(notes, syllables.len())?;
        let units: Vec<Arc<Unit>> =
            syllables.iter().map(|s| unit::unit(self.voice, s)).collect::<Result<_, _>>()?;
        let placed = place(&units.iter().map(Arc::as_ref).collect::<Vec<_>>(), notes);
        let melody = Melody { notes, timbre: &self.timbre };
        let audio = finish::finish(&render::render(&units, &placed, &melody), rate);

        let mut next = placed.iter();
        let mut sung = Vec::with_capacity(words.len());
        for word in words.iter().filter(|word| !word.syllables.is_empty()) {
            let mut places = next.by_ref().take(word.syllables.len());
            let (Some(first), last) = (places.next(), places.last()) else { break };
            let last = last.unwrap_or(first);
            let text = word.text.clone();
            sung.push(SungWord { text, start_seconds: first.start, end_seconds: last.end });
        }
        Ok(Sung { audio, words: sung })
    }
}

/// espeak-ng's voice for a language.
fn voice(language: &str) -> Option<&'static str> {
    match language {
        "en" => Some("en-us"),
        "es" => Some("es"),
        "de" => Some("de"),
        "it" => Some("it"),
        _ => None,
    }
}

/// Words of a line, without the punctuation around them.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let bare = |word: &'_ str| !word.is_empty();
    line.split_whitespace()
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()))
        .filter(move |w| bare(w))
}

/// How a word is written for espeak-ng, which would name a letter that stands alone.
fn spelled(word: &str) -> &str {
    match word {
        "a" | "A" => "uh",
        other => other,
    }
}

fn check_notes(notes: &[SungNote], n_syllables: usize) -> Result<(), CorpusError> {
    let wrong = |what, value: String, allowed: &str| {
        Err(CorpusError::Range { what, value, allowed: allowed.into() })
    };
    if notes.len() != n_syllables {
        let allowed = format!("{n_syllables}, one for each syllable");
        return wrong("number of notes", notes.len().to_string(), &allowed);
    }
    let all_finite = |n: &SungNote| {
        n.start_seconds.is_finite() && n.seconds.is_finite() && n.start_seconds >= 0.0
    };
    if let Some(note) = notes.iter().find(|n| !all_finite(n) || n.seconds > 60.0) {
        return wrong(
            "time of a note",
            format!("{note:?}"),
            "from 0 seconds on and no longer than 60",
        );
    }
    if let Some(note) = notes.iter().find(|n| !(24.0..=96.0).contains(&n.midi_pitch)) {
        return wrong("pitch of a note", note.midi_pitch.to_string(), "24 to 96");
    }
    if let Some(pair) = notes.windows(2).find(|pair| pair[1].start_seconds < pair[0].start_seconds)
    {
        return wrong(
            "start of a note",
            pair[1].start_seconds.to_string(),
            "after that of the note before",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
