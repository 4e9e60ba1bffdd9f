//! One song, from its artist and a seed to audio and labels.

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::artists::Style;
use super::form::{Kind, form};
use super::instruments::{Event, SoundFontFile};
use super::listing::{CorpusError, Section, SongLabels, SungLyrics};
use super::master::{heard, master, playing_level};
use super::scene::Scene;
use super::score::{Note, Sheet};
use super::singing::sing;
use super::theory::{Chord, Key};
use super::title::title;
use crate::units::{MODEL_RATE, gain_from_db};

/// What may ring on after the last bar, in seconds.
const TAIL_SECONDS: f64 = 2.5;

/// Frames that a beat is a whole number of. The codes of a starter pack's slowest level last as long, so that what
/// repeats in the music repeats in its codes too.
const BEAT_GRID_FRAMES: f64 = 512.0;

/// How much louder a singer is than the instrument that plays the line otherwise, in dB.
const SUNG_LIFT_DB: f64 = 3.0;

/// How long the end of a song takes to fade, in seconds.
const FADE_SECONDS: f64 = 1.2;

/// A song that is composed and not yet played.
pub struct Song {
    pub style: &'static Style,
    pub seed: u64,
    pub key: Key,
    pub tempo_bpm: f64,
    /// Kind, first beat and bars of each section.
    pub sections: Vec<(Kind, f64, usize)>,
    pub sheet: Sheet,
}

impl Song {
    /// Composes about `seconds` of music.
    pub fn compose(style: &'static Style, seed: u64, seconds: f64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let tempo_bpm = on_grid(pick(&mut rng, style.tempi));
        let tonic = pick(&mut rng, style.tonics);
        let scale = pick(&mut rng, style.scales);
        let key = Key { tonic: f64::from(tonic), scale };
        let bar_beats = f64::from(style.beats_per_bar);
        let n_bars = (seconds - TAIL_SECONDS) * tempo_bpm / 60.0 / bar_beats;
        let progressions =
            [style.verses, style.choruses, style.bridges].map(|of| pick(&mut rng, of));
        let n_players = (style.band)().len();
        let mut sheet = Sheet::new(n_players);
        let mut sections = Vec::new();
        let mut written: Vec<(Kind, Sheet)> = Vec::new();
        let mut beat = 0.0;
        for (kind, n_bars) in form(n_bars, style.phrase_bars) {
            let known = written.iter().position(|(other, _)| *other == kind);
            let at = known.unwrap_or_else(|| {
                let chords = chords(match kind {
                    Kind::Intro | Kind::Verse => progressions[0],
                    Kind::Chorus | Kind::Outro => progressions[1],
                    Kind::Bridge => progressions[2],
                });
                let seed = |salt: u64| ChaCha8Rng::seed_from_u64(mixed(seed, salt));
                let rng = seed(1 + kind as u64);
                let mut scene = Scene { key, kind, n_bars, bar_beats, chords, rng, song: seed(99) };
                let mut own = Sheet::new(n_players);
                (style.write)(&mut scene, &mut own);
                if kind == Kind::Outro {
                    come_to_rest(&mut own, n_bars as f64 * bar_beats, style.rest_beats);
                }
                written.push((kind, own));
                written.len() - 1
            });
            sheet.paste(&written[at].1, beat);
            sections.push((kind, beat, n_bars));
            beat += n_bars as f64 * bar_beats;
        }
        Self { style, seed, key, tempo_bpm, sections, sheet }
    }

    /// Time of a beat; between beats, swing moves it.
    pub fn seconds_at(&self, beat: f64) -> f64 {
        let within = beat.rem_euclid(1.0);
        let swing = self.style.swing;
        let moved = match within < 0.5 {
            true => within * 2.0 * swing,
            false => swing + (within - 0.5) * 2.0 * (1.0 - swing),
        };
        (beat.floor() + moved) * 60.0 / self.tempo_bpm
    }

    fn end_beat(&self) -> f64 {
        let bar_beats = f64::from(self.style.beats_per_bar);
        self.sections.last().map_or(0.0, |(_, beat, n_bars)| beat + *n_bars as f64 * bar_beats)
    }

    /// What is known of the song.
    pub fn labels(&self) -> SongLabels {
        let bar_beats = f64::from(self.style.beats_per_bar);
        let section = |(kind, beat, n_bars): &(Kind, f64, usize)| Section {
            name: kind.name().into(),
            start_seconds: self.seconds_at(*beat),
            end_seconds: self.seconds_at(beat + *n_bars as f64 * bar_beats),
        };
        SongLabels {
            title: title(self.seed),
            artist: self.style.name.into(),
            genre: self.style.genre.into(),
            seed: self.seed,
            tempo_bpm: self.tempo_bpm,
            beats_per_bar: self.style.beats_per_bar,
            tonic: self.key.tonic.rem_euclid(12.0) as u32,
            mode: self.key.scale.name.into(),
            sections: self.sections.iter().map(section).collect(),
            lyrics: None,
        }
    }

    /// Plays the song, and sings it where there is a singer: mono at [`MODEL_RATE`], and what was sung.
    pub fn play(
        &self,
        fonts: &SoundFontFile,
        sung: bool,
    ) -> Result<(Vec<f32>, Option<SungLyrics>), CorpusError> {
        let rate = f64::from(MODEL_RATE);
        let n = ((self.seconds_at(self.end_beat()) + TAIL_SECONDS) * rate) as usize;
        let mut mix = vec![0.0f32; n];
        let mut sent = vec![0.0f32; n];
        let mut lyrics = None;
        for (player, notes) in (self.style.band)().iter().zip(&self.sheet.0) {
            let mut part = vec![0.0f32; n];
            let singing = self.style.singing.filter(|_| sung && player.is_lead);
            let is_sung = singing.is_some();
            match singing {
                Some(singing) => {
                    let (audio, words) = sing(self, notes, &singing)?;
                    part.iter_mut().zip(audio).for_each(|(part, x)| *part = x);
                    lyrics = Some(words);
                }
                None => player.voice.play(&self.events(notes), rate, fonts, &mut part)?,
            }
            let level = playing_level(&part, rate);
            if level <= 0.0 {
                continue;
            }
            let lift_db = if is_sung { SUNG_LIFT_DB } else { 0.0 };
            let gain = (gain_from_db(player.level_db + lift_db) / level) as f32;
            let room = player.room as f32;
            for ((mix, sent), x) in mix.iter_mut().zip(&mut sent).zip(&part) {
                *mix += gain * x;
                *sent += gain * room * x;
            }
        }
        let answer = self.style.room.answer(&sent, rate);
        mix.iter_mut().zip(answer).for_each(|(mix, back)| *mix += back);
        let n_heard = heard(&mix, rate);
        mix.truncate(n_heard);
        master(&mut mix, rate, FADE_SECONDS);
        Ok((mix, lyrics))
    }

    /// A player's notes in time, each pitch ended before it sounds again.
    fn events(&self, notes: &[Note]) -> Vec<Event> {
        let mut events: Vec<Event> = Vec::with_capacity(notes.len());
        for note in notes {
            let start_seconds = self.seconds_at(note.beat);
            let seconds = self.seconds_at(note.beat + note.beats) - start_seconds;
            let Note { pitch, velocity, glide, .. } = *note;
            events.push(Event { start_seconds, seconds, pitch, velocity, glide });
        }
        events.sort_by(|a, b| a.start_seconds.total_cmp(&b.start_seconds));
        for i in 0..events.len() {
            let Event { start_seconds, seconds, pitch, .. } = events[i];
            let later =
                events[i + 1..].iter().take_while(|e| e.start_seconds < start_seconds + seconds);
            let again = later.filter(|e| e.pitch == pitch).map(|e| e.start_seconds).next();
            if let Some(again) = again {
                events[i].seconds = (again - start_seconds - 0.003).max(0.01);
            }
        }
        events.dedup_by(|b, a| a.start_seconds == b.start_seconds && a.pitch == b.pitch);
        events
    }
}

/// The nearest tempo at which a beat is a whole number of [`BEAT_GRID_FRAMES`].
fn on_grid(tempo_bpm: f64) -> f64 {
    let grids_per_minute = 60.0 * f64::from(MODEL_RATE) / BEAT_GRID_FRAMES;
    grids_per_minute / (grids_per_minute / tempo_bpm).round()
}

/// The end of a song: what is played `rest` beats before it is held, and nothing follows.
fn come_to_rest(sheet: &mut Sheet, end: f64, rest: f64) {
    let last = end - rest;
    for notes in &mut sheet.0 {
        notes.retain(|note| note.beat < last + 0.01);
        for note in notes.iter_mut().filter(|note| note.beat > last - 0.01) {
            note.beats = rest;
        }
    }
}

/// Chords of each bar from text: spaces part bars, commas part what shares a bar.
pub fn chords(text: &str) -> Vec<Vec<Chord>> {
    let bar = |bar: &str| bar.split(',').filter_map(Chord::roman).collect::<Vec<_>>();
    text.split_whitespace().map(bar).filter(|bar| !bar.is_empty()).collect()
}

/// A seed for something that belongs to another.
pub fn mixed(seed: u64, salt: u64) -> u64 {
    ChaCha8Rng::seed_from_u64(seed ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15)).random()
}

fn pick<T: Copy>(rng: &mut ChaCha8Rng, choices: &[T]) -> T {
    choices.choose(rng).copied().unwrap_or(choices[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::artists::STYLES;

    /// A section's notes, from its own start; glides over a bar line count as its own.
    fn notes_of(song: &Song, (_, start, n_bars): (Kind, f64, usize)) -> Vec<Vec<Note>> {
        let end = start + n_bars as f64 * f64::from(song.style.beats_per_bar);
        let own = |notes: &Vec<Note>| -> Vec<Note> {
            let within = notes.iter().filter(|note| note.beat >= start && note.beat < end);
            within.map(|note| Note { beat: note.beat - start, ..*note }).collect()
        };
        song.sheet.0.iter().map(own).collect()
    }

    #[test]
    fn choruses_come_back_with_the_same_notes_and_verses_are_other_music() {
        for style in STYLES {
            let song = Song::compose(style, 5, 75.0);
            let of = |kind| song.sections.iter().filter(move |section| section.0 == kind).copied();
            let choruses: Vec<_> =
                of(Kind::Chorus).map(|section| notes_of(&song, section)).collect();
            let verse = of(Kind::Verse).map(|section| notes_of(&song, section)).next();

            assert!(choruses.len() >= 2, "{}", style.name);
            assert!(choruses.iter().all(|chorus| *chorus == choruses[0]), "{}", style.name);
            assert_ne!(verse.as_ref(), choruses.first(), "{}", style.name);
        }
    }

    #[test]
    fn a_seed_is_one_song_and_another_seed_another() {
        for style in STYLES {
            let sheet = |seed| Song::compose(style, seed, 60.0).sheet;

            assert_eq!(sheet(1), sheet(1), "{}", style.name);
            assert_ne!(sheet(1), sheet(2), "{}", style.name);
        }
    }

    #[test]
    fn songs_are_about_as_long_as_asked() {
        for style in STYLES {
            for seconds in [40.0, 60.0, 90.0] {
                let song = Song::compose(style, 3, seconds);
                let labels = song.labels();
                let end_seconds = labels.sections.last().unwrap().end_seconds;

                assert!(
                    (end_seconds - seconds).abs() < 0.35 * seconds,
                    "{}: {end_seconds}",
                    style.name
                );
                assert!(
                    labels
                        .sections
                        .windows(2)
                        .all(|pair| pair[0].end_seconds == pair[1].start_seconds)
                );
            }
        }
    }

    #[test]
    fn beats_fall_on_the_grid_of_the_codes_and_tempi_stay_the_artists_own() {
        for style in STYLES {
            let song = Song::compose(style, 6, 60.0);
            let beat_frames = 60.0 * f64::from(MODEL_RATE) / song.tempo_bpm;
            let n_grids = beat_frames / BEAT_GRID_FRAMES;

            assert!((n_grids - n_grids.round()).abs() < 1e-9, "{}: {n_grids}", style.name);
            let is_near = |tempo: &f64| (song.tempo_bpm / tempo - 1.0).abs() < 0.02;
            assert!(style.tempi.iter().any(is_near), "{}: {}", style.name, song.tempo_bpm);
        }
    }

    #[test]
    fn every_chord_of_every_artist_is_one() {
        for style in STYLES {
            for text in [style.verses, style.choruses, style.bridges].concat() {
                let n_chords: usize = chords(text).iter().map(Vec::len).sum();
                let n_words = text.split([' ', ',']).count();
                assert_eq!(n_chords, n_words, "{}: {text}", style.name);
            }
        }
    }

    #[test]
    fn tunes_stay_in_their_scales_tuning() {
        let style = STYLES.iter().find(|style| style.name == "Bayt al-Nahr").unwrap();
        let song = Song::compose(style, 8, 60.0);

        let is_tuned =
            |note: &Note| (song.key.pitch(song.key.degree(note.pitch)) - note.pitch).abs() < 1e-9;

        assert!(song.sheet.0[0].iter().all(is_tuned));
        assert!(song.sheet.0[0].iter().any(|note| note.pitch.fract() == 0.5), "no quarter tone");
    }

    #[test]
    fn everybody_plays_without_clipping_clicks_or_dead_air() {
        use rayon::prelude::*;
        let fonts = SoundFontFile::new(None);
        STYLES.par_iter().for_each(|style| {
            let (audio, _) = Song::compose(style, 4, 6.0).play(&fonts, false).unwrap();

            let peak = audio.iter().fold(0.0, |peak: f32, x| peak.max(x.abs()));
            assert!(audio.iter().all(|x| x.is_finite()), "{}", style.name);
            assert!((0.3..=0.89).contains(&peak), "{}: {peak}", style.name);
            let levels = crate::corpus::master::levels(&audio, f64::from(MODEL_RATE));
            let body = &levels[..levels.len() - 24]; // the end fades
            let quiet = body.split(|level| *level > 0.003).map(<[f64]>::len).max();
            assert!(quiet.unwrap_or(0) <= 10, "{}: {quiet:?} windows of silence", style.name);
            assert!(audio[0].abs() < 0.01 && audio[audio.len() - 1].abs() < 0.01, "{}", style.name);
        });
    }
}
