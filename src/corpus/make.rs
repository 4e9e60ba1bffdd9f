//! Renders a whole corpus into a folder.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::artists::{STYLES, Style};
use super::instruments::SoundFontFile;
use super::listing::{Artist, CorpusError, Listing, SongEntry, SongLabels};
use super::song::{Song, mixed};
use crate::units::MODEL_RATE;

/// Folder of the songs, in that of the corpus.
const SONGS_DIR: &str = "songs";

/// What corpus to make.
#[derive(Debug, Clone)]
pub struct MakeConfig {
    pub seed: u64,
    /// How much music, about.
    pub hours: f64,
    /// Share of the songs that is kept from training, 0 to 0.5.
    pub held_out_share: f64,
    /// Whose songs; empty for everybody's.
    pub artists: Vec<String>,
    /// Lengths of the songs; each song's form comes as near as it can.
    pub song_seconds: Range<f64>,
    /// Do those who can, sing?
    pub sung: bool,
    /// The SoundFont to play from; left out, Debian's.
    pub soundfont: Option<PathBuf>,
}

/// Every artist; the order does not change.
pub fn artists() -> Vec<Artist> {
    STYLES
        .iter()
        .map(|style| Artist { name: style.name.into(), genre: style.genre.into() })
        .collect()
}

/// One song: mono audio at [`MODEL_RATE`], and what is known of it.
///
/// The same artist, seed and length give the same song.
pub fn render(
    artist: &str,
    seed: u64,
    seconds: f64,
    sung: bool,
    fonts: &SoundFontFile,
) -> Result<(Vec<f32>, SongLabels), CorpusError> {
    let song = Song::compose(style(artist)?, seed, seconds);
    let (audio, lyrics) = song.play(fonts, sung)?;
    Ok((audio, SongLabels { lyrics, ..song.labels() }))
}

/// Renders a corpus, on all threads, and lists it; songs that are there already are kept.
///
/// `told` hears how many seconds of music are done, and of how many.
pub fn make(
    config: &MakeConfig,
    dir: &Path,
    told: &(dyn Fn(f64, f64) + Sync),
) -> Result<Listing, CorpusError> {
    check(config)?;
    let styles = match config.artists.is_empty() {
        true => STYLES.to_vec(),
        false => config.artists.iter().map(|name| style(name)).collect::<Result<_, _>>()?,
    };
    let fonts = SoundFontFile::new(config.soundfont.as_deref());
    let credits = vec![fonts.credit()?];
    let songs_dir = dir.join(SONGS_DIR);
    std::fs::create_dir_all(&songs_dir)
        .map_err(|source| CorpusError::Io { path: songs_dir.clone(), source })?;
    let jobs = jobs(config, &styles);
    let total: f64 = jobs.iter().map(|job| job.seconds).sum();
    let done = Mutex::new(0.0);
    let make_one = |job: &Job| {
        let entry = job.make(config, dir, &fonts)?;
        if let Ok(mut done) = done.lock() {
            *done += job.seconds;
            told(*done, total);
        }
        Ok(entry)
    };
    let songs: Result<Vec<SongEntry>, CorpusError> =
        jobs.par_iter().with_max_len(1).map(make_one).collect();
    let known =
        |style: &&'static Style| Artist { name: style.name.into(), genre: style.genre.into() };
    let listing = Listing {
        seed: config.seed,
        sample_rate: MODEL_RATE,
        artists: styles.iter().map(known).collect(),
        songs: songs?,
        credits,
    };
    listing.write(dir)?;
    Ok(listing)
}

/// A song to be rendered.
struct Job {
    idx: usize,
    style: &'static Style,
    seed: u64,
    seconds: f64,
    held_out: bool,
}

/// The songs of a corpus; song `k` depends on the seed and on `k` alone.
fn jobs(config: &MakeConfig, styles: &[&'static Style]) -> Vec<Job> {
    let held_every = match config.held_out_share > 0.0 {
        true => (1.0 / config.held_out_share).round().max(2.0) as usize,
        false => usize::MAX,
    };
    let mut jobs: Vec<Job> = Vec::new();
    let mut seconds = 0.0;
    // every artist has as many songs as every other
    while seconds < config.hours * 3600.0 || !jobs.len().is_multiple_of(styles.len()) {
        let idx = jobs.len();
        let seed = mixed(config.seed, idx as u64);
        let length = &config.song_seconds;
        let mut rng = ChaCha8Rng::seed_from_u64(mixed(seed, 7));
        let (round, who) = (idx / styles.len(), idx % styles.len());
        let job = Job {
            idx,
            style: styles[who],
            seed,
            seconds: rng.random_range(length.start..=length.end),
            held_out: held_every != usize::MAX && round % held_every == 1,
        };
        seconds += job.seconds;
        jobs.push(job);
    }
    jobs
}

impl Job {
    fn make(
        &self,
        config: &MakeConfig,
        dir: &Path,
        fonts: &SoundFontFile,
    ) -> Result<SongEntry, CorpusError> {
        let file = format!("{SONGS_DIR}/{:04}_{}.wav", self.idx, self.style.slug());
        let path = dir.join(&file);
        let mut entry = SongEntry {
            file,
            artist: self.style.name.into(),
            seconds: 0.0,
            held_out: self.held_out,
        };
        if let (Ok(labels), Ok(wav)) = (entry.labels(dir), hound::WavReader::open(&path)) {
            // the labels are written last, so that audio they stand beside is whole
            if labels.seed == self.seed {
                entry.seconds = f64::from(wav.duration()) / f64::from(MODEL_RATE);
                return Ok(entry);
            }
        }
        let (audio, labels) = render(self.style.name, self.seed, self.seconds, config.sung, fonts)?;
        write_wav(&path, &audio)?;
        labels.write_beside(&path)?;
        entry.seconds = audio.len() as f64 / f64::from(MODEL_RATE);
        Ok(entry)
    }
}

fn write_wav(path: &Path, audio: &[f32]) -> Result<(), CorpusError> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: MODEL_RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let write = || {
        let mut writer = hound::WavWriter::create(path, spec)?;
        for sample in audio {
            writer.write_sample((sample.clamp(-1.0, 1.0) * 32_767.0).round() as i16)?;
        }
        writer.finalize()
    };
    write().map_err(|e| CorpusError::Io { path: path.into(), source: std::io::Error::other(e) })
}

fn style(artist: &str) -> Result<&'static Style, CorpusError> {
    let names = || STYLES.iter().map(|style| style.name).collect::<Vec<_>>().join(", ");
    STYLES.iter().find(|style| style.name == artist).copied().ok_or_else(|| CorpusError::Range {
        what: "the artist",
        value: artist.into(),
        allowed: names(),
    })
}

fn check(config: &MakeConfig) -> Result<(), CorpusError> {
    let length = &config.song_seconds;
    let wrong = |what, value: String, allowed: &str| {
        Err(CorpusError::Range { what, value, allowed: allowed.into() })
    };
    if !(config.hours > 0.0 && config.hours <= 1000.0) {
        return wrong("hours", config.hours.to_string(), "above 0, to 1000");
    }
    if !(0.0..=0.5).contains(&config.held_out_share) {
        return wrong("the share held out", config.held_out_share.to_string(), "from 0 to 0.5");
    }
    if !(length.start >= 5.0 && length.end >= length.start && length.end <= 600.0) {
        return wrong("the length of songs", format!("{length:?}"), "A..B seconds, from 5 to 600");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(hours: f64, artists: &[&str]) -> MakeConfig {
        MakeConfig {
            seed: 1,
            hours,
            held_out_share: 0.25,
            artists: artists.iter().map(|name| (*name).to_owned()).collect(),
            song_seconds: 5.0..8.0,
            sung: false,
            soundfont: None,
        }
    }

    #[test]
    fn songs_do_not_depend_on_how_many_there_are_and_every_artist_has_as_many() {
        let of = |hours| jobs(&config(hours, &[]), &STYLES);
        let (few, many) = (of(0.1), of(0.3));

        let told = |job: &Job| (job.seed, job.style.name, job.seconds.to_bits(), job.held_out);
        assert!(few.iter().zip(&many).all(|(a, b)| told(a) == told(b)));
        assert_eq!(many.len() % STYLES.len(), 0);
        let held = many.iter().filter(|job| job.held_out).count() as f64 / many.len() as f64;
        assert!((0.1..0.4).contains(&held), "{held}");
    }

    #[test]
    fn a_corpus_is_made_again_with_the_same_bytes_and_taken_up_where_it_was() {
        let [one, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let config = config(0.003, &["Pocket Arcade"]);
        let first = make(&config, one.path(), &|_, _| ()).unwrap();
        make(&config, other.path(), &|_, _| ()).unwrap();
        let bytes = |dir: &Path, file: &str| std::fs::read(dir.join(file)).unwrap();
        assert!(first.songs.len() >= 2 && first.songs.iter().any(|song| song.held_out));
        for song in &first.songs {
            assert_eq!(bytes(one.path(), &song.file), bytes(other.path(), &song.file));
        }

        // what is there already is left alone
        let kept = one.path().join(&first.songs[0].file);
        let written = std::fs::metadata(&kept).unwrap().modified().unwrap();
        std::fs::remove_file(one.path().join(&first.songs[1].file)).unwrap();
        let again = make(&config, one.path(), &|_, _| ()).unwrap();

        assert_eq!(again, first);
        assert_eq!(std::fs::metadata(&kept).unwrap().modified().unwrap(), written);
        assert_eq!(Listing::open(one.path()).unwrap(), first);
    }

    #[test]
    fn a_missing_soundfont_is_told_with_the_package_to_install() {
        let nowhere = SoundFontFile::new(Some(Path::new("/nowhere.sf2")));

        let told = render("Klara Winter", 1, 10.0, false, &nowhere).unwrap_err().to_string();

        assert!(told.contains("/nowhere.sf2") && told.contains("fluid-soundfont-gm"), "{told}");
    }

    #[test]
    fn an_unknown_artist_is_told_with_those_there_are() {
        let told = style("Nobody").unwrap_err().to_string();

        assert!(told.contains("Nobody") && told.contains("Neon Harbour"), "{told}");
    }
}
