//! `encore align`: when each word of the lyrics is sung, as JSON and as LRC.

use std::io::Write;

use encore::engine::room;
use encore::jukebox::Song;
use encore::jukebox::song::{align, hop_tokens};
use encore::lyrics::{Word, lrc, steps_per_moment, time_words};
use encore::takes::write_whole;
use encore::units::seconds_from_frames;
use serde_json::{Value, json};

use crate::args::song::AlignArgs;
use crate::failure::{Failure, print, print_json};
use crate::progress::{SecondsBar, Spinner};
use crate::told::{Told, sheet};
use crate::{heard, open};

/// Moments of a song times characters of its lyrics: ten minutes with as many words as there are.
const MAX_PLACES: usize = 1 << 28;

pub fn run(args: &AlignArgs, as_json: bool) -> Result<(), Failure> {
    let told = Told::typed_or_beside(&args.told, &args.input)?;
    let pack = told.told_to(&open::pack(&args.load.pack)?);
    let level = pack.top_level();
    let config = pack.prior_config(level)?.clone();
    let unsung = |why: &str| Failure::BadInput(format!("{:?} {why}", pack.dir()));
    match &config.lyrics {
        None => return Err(unsung("does not sing, so no words can be found")),
        Some(sung) if sung.alignment.is_none() => {
            return Err(unsung("does not say which of its heads follows the words"));
        }
        Some(_) => {}
    }
    let wordless = || Failure::BadInput("give the words of the song with --lyrics".into());
    let lyrics = told.lyrics.as_ref().ok_or_else(wordless)?;
    let cleaned = told.read_lyrics(&config)?.ok_or_else(wordless)?;
    let codes = heard::codes(&args.input, &pack, &[level])?.remove(&level).unwrap_or_default();
    if codes.is_empty() {
        return Err(Failure::BadInput(format!("{:?} has no codes of level {level}", args.input)));
    }
    open::target_folder(&args.out)?;
    let step_seconds = seconds_from_frames(pack.hop(level)?, pack.sample_rate().into());
    let seconds = codes.len() as f64 * step_seconds;
    let tokens_per_moment = steps_per_moment(step_seconds);
    let (n_moments, n_characters) = (codes.len() / tokens_per_moment + 1, cleaned.text.len());
    if MAX_PLACES / n_moments < n_characters {
        return Err(Failure::BadInput(format!(
            "{n_characters} characters of lyrics are too many for {seconds:.0} s of music: at most {}",
            MAX_PLACES / n_moments
        )));
    }
    let song = heard::song(&pack, &config, &told, told.total_seconds(&pack, seconds)?)?;
    let song = Song { lyrics: cleaned.tokens(), ..song };

    let spinner = Spinner::new("loading the model");
    room::check(&pack, level, args.load.precision())?;
    let prior = pack.load_prior_as(level, args.load.precision())?;
    drop(spinner);
    let hop_tokens = hop_tokens(pack.manifest().sampling.hop_fraction, config.n_ctx);
    let bar = SecondsBar::new("listening", seconds);
    let aligned =
        align(&prior, &song, &codes, hop_tokens, tokens_per_moment, |n_done, n_windows| {
            bar.set_seconds(seconds * n_done as f64 / n_windows as f64);
            true
        })?;
    drop(bar);
    let moment_seconds = tokens_per_moment as f64 * step_seconds;
    let weights = aligned.map(|aligned| aligned.weights).unwrap_or_default();
    let mut words = time_words(lyrics, &cleaned, &weights, moment_seconds);
    for word in &mut words {
        word.start_seconds = word.start_seconds.min(seconds); // the last moment may be cut short
        word.end_seconds = word.end_seconds.min(seconds);
    }

    let stem = args.input.file_stem().unwrap_or_default().to_string_lossy();
    let (words_path, lrc_path) =
        (args.out.join(format!("{stem}.words.json")), args.out.join(format!("{stem}.lrc")));
    let facts = json!({
        "seconds": seconds,
        "lyrics_as_read": cleaned.text,
        "words": words.iter().map(word_json).collect::<Vec<_>>(),
    });
    write_whole(&words_path, |file| writeln!(file, "{facts:#}"))?;
    write_whole(&lrc_path, |file| file.write_all(lrc(&words).as_bytes()))?;
    if as_json {
        return print_json(&json!({
            "words": words_path, "lrc": lrc_path, "n_words": words.len(), "seconds": seconds,
            "lyrics_as_read": cleaned.text,
        }));
    }
    print(&sheet(&cleaned))?;
    let n_heard = words.iter().filter(|word| word.confidence > 0.0).count();
    print(&format!(
        "{}, {}: {n_heard} of {} words were found in {seconds:.2} s",
        words_path.display(),
        lrc_path.display(),
        words.len()
    ))
}

fn word_json(word: &Word) -> Value {
    json!({
        "text": word.text,
        "line": word.line,
        "start_seconds": word.start_seconds,
        "end_seconds": word.end_seconds,
        "confidence": word.confidence,
    })
}
