//! Puts words on a song's lead line and has them sung.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::artists::Singing;
use super::form::Kind;
use super::listing::{CorpusError, SungLyrics};
use super::score::Note;
use super::song::{Song, mixed};
use super::voice::{Singer, SungNote, Word};
use super::words;
use crate::units::MODEL_RATE;

/// Bars that a line of the lyrics has.
const LINE_BARS: f64 = 2.0;

/// Syllables of a line that can be sung without haste, and without dragging.
const LINE_SYLLABLES: std::ops::RangeInclusive<usize> = 5..=11;

/// What a line leaves of its last note, to breathe.
const BREATH: f64 = 0.82;

/// The lead line, sung: mono from the song's start, and what is sung when.
pub fn sing(
    song: &Song,
    lead: &[Note],
    singing: &Singing,
) -> Result<(Vec<f32>, SungLyrics), CorpusError> {
    let singer = Singer::new(singing.language, singing.seed)?;
    let mut stanzas: Vec<Vec<String>> = Vec::new();
    let (mut sung_words, mut notes): (Vec<Word>, Vec<Note>) = (Vec::new(), Vec::new());
    let mut n_verses = 0;
    for (kind, start, n_bars) in &song.sections {
        // a chorus comes back with its words, a verse goes on with others
        let verse = if *kind == Kind::Verse { n_verses } else { 0 };
        n_verses += usize::from(*kind == Kind::Verse);
        let lines = lines(song, lead, *start, *n_bars);
        if lines.is_empty() {
            continue;
        }
        let n_notes: usize = lines.iter().map(Vec::len).sum();
        let n_syllables =
            (n_notes / lines.len()).clamp(*LINE_SYLLABLES.start(), *LINE_SYLLABLES.end());
        let seed = mixed(song.seed, 1000 + 10 * verse as u64 + *kind as u64);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let text = words::lyrics(singing.language, &mut rng, lines.len(), n_syllables);
        let read = singer.read_all(&text)?;
        for (line, words) in lines.into_iter().zip(read) {
            let n_syllables = words.iter().map(|word| word.syllables.len()).sum();
            notes.extend(fitted(line, n_syllables));
            sung_words.extend(words);
        }
        stanzas.push(text);
    }
    let sung_notes = in_range(song, &notes, singer.timbre().midi_range);
    let sung = singer.sing(&sung_words, &sung_notes, MODEL_RATE)?;
    let text = stanzas.iter().map(|lines| lines.join("\n")).collect::<Vec<_>>().join("\n\n");
    let lyrics = SungLyrics { language: singing.language.into(), text, words: sung.words };
    Ok((sung.audio, lyrics))
}

/// The notes of each line in a section.
fn lines(song: &Song, lead: &[Note], start: f64, n_bars: usize) -> Vec<Vec<Note>> {
    let line_beats = LINE_BARS * f64::from(song.style.beats_per_bar);
    let n_lines = (n_bars as f64 / LINE_BARS).ceil() as usize;
    let line = |i: usize| {
        let from = start + i as f64 * line_beats;
        let within = |note: &&Note| (from..from + line_beats).contains(&note.beat);
        lead.iter().filter(within).copied().collect::<Vec<_>>()
    };
    (0..n_lines).map(line).filter(|line| !line.is_empty()).collect()
}

/// As many notes as there are syllables: the longest are halved, or the shortest joined to the one before.
fn fitted(mut notes: Vec<Note>, n: usize) -> Vec<Note> {
    while notes.len() < n {
        let longest = (0..notes.len()).max_by(|a, b| notes[*a].beats.total_cmp(&notes[*b].beats));
        let Some(at) = longest else { break };
        let half = notes[at].beats / 2.0;
        notes[at].beats = half;
        let second = Note { beat: notes[at].beat + half, ..notes[at] };
        notes.insert(at + 1, second);
    }
    while notes.len() > n.max(1) {
        let together = |i: &usize| notes[*i].beats + notes[i - 1].beats;
        let shortest = (1..notes.len()).min_by(|a, b| together(a).total_cmp(&together(b)));
        let Some(at) = shortest else { break };
        let gone = notes.remove(at);
        notes[at - 1].beats = gone.beat + gone.beats - notes[at - 1].beat;
    }
    notes.truncate(n);
    if let Some(last) = notes.last_mut() {
        last.beats *= BREATH;
    }
    notes
}

/// Notes in time, in the octave that suits the singer.
fn in_range(song: &Song, notes: &[Note], (lowest, highest): (f64, f64)) -> Vec<SungNote> {
    let mean = notes.iter().map(|note| note.pitch).sum::<f64>() / notes.len().max(1) as f64;
    let octaves = (((lowest + highest) / 2.0 - mean) / 12.0).round();
    let sung = |note: &Note| {
        let start_seconds = song.seconds_at(note.beat);
        SungNote {
            start_seconds,
            seconds: song.seconds_at(note.beat + note.beats) - start_seconds,
            midi_pitch: note.pitch + 12.0 * octaves,
        }
    };
    notes.iter().map(sung).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_syllable_gets_a_note_within_the_time_of_the_line() {
        let note = |beat: f64| Note { beat, beats: 1.0, pitch: 60.0, velocity: 0.8, glide: 0.0 };
        let line: Vec<Note> = (0..6).map(|i| note(f64::from(i))).collect();

        for n in 1..12 {
            let fitted = fitted(line.clone(), n);

            assert_eq!(fitted.len(), n);
            assert!(fitted.windows(2).all(|pair| pair[0].beat < pair[1].beat));
            assert!(fitted.iter().all(|note| note.beat + note.beats <= 6.0));
        }
    }
}
