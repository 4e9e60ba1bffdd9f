//! `encore score`: how surprising a model finds a track, level by level.

use encore::engine::room;
use encore::jukebox::song::{hop_tokens, score};
use encore::jukebox::{PriorConfig, Song};
use encore::lyrics::Cleaned;
use encore::pack::Pack;
use encore::takes::Levels;
use encore::units::seconds_from_frames;
use serde_json::{Value, json};

use crate::args::song::ScoreArgs;
use crate::failure::{Failure, note, print, print_json};
use crate::progress::{SecondsBar, Spinner};
use crate::told::{Told, sheet};
use crate::{heard, open};

pub fn run(args: &ScoreArgs, as_json: bool) -> Result<(), Failure> {
    let told = Told::typed_or_beside(&args.told, &args.input)?;
    let pack = told.told_to(&open::pack(&args.load.pack)?);
    let levels: Vec<usize> = match args.level {
        Some(level) => pack.prior_config(level).map(|_| vec![level])?,
        None => pack.manifest().priors.iter().map(|prior| prior.config.level).collect(),
    };
    let heard: Vec<usize> = levels.iter().flat_map(|level| needed(&pack, *level)).collect();
    let codes = heard::codes(&args.input, &pack, &heard)?;
    let seconds = codes.iter().map(|(level, codes)| seconds_of(&pack, *level, codes.len()));
    let total_seconds = told.total_seconds(&pack, seconds.fold(0.0, f64::max))?;
    let mut scores = Vec::new();
    for level in levels.into_iter().rev() {
        match part(&pack, &codes, level)? {
            Ok(part) => scores.push(judge(args, &pack, &told, total_seconds, part)?),
            Err(why) => note(&format!("level {level} is left out: {why}")),
        }
    }
    if scores.is_empty() {
        return Err(Failure::BadInput(format!("{:?} can be scored at no level", args.input)));
    }
    if as_json {
        let lyrics = scores.iter().find_map(|score| score.lyrics.as_ref());
        return print_json(&json!({
            "levels": scores.iter().map(Score::json).collect::<Vec<_>>(),
            "lyrics_as_read": lyrics.map(|lyrics| &lyrics.text),
        }));
    }
    for score in &scores {
        if let Some(lyrics) = &score.lyrics {
            print(&sheet(lyrics))?;
        }
        print(&score.line())?;
    }
    Ok(())
}

/// The level itself and the one that its prior hears.
fn needed(pack: &Pack, level: usize) -> Vec<usize> {
    let hears_upper = pack.prior_config(level).is_ok_and(|config| config.conditioner.is_some());
    if hears_upper { vec![level, level + 1] } else { vec![level] }
}

/// What a prior judges: whole codes of the level above, and the codes under them.
struct Part<'p> {
    config: &'p PriorConfig,
    codes: Vec<u32>,
    upper: Vec<u32>,
    hop_tokens: usize,
}

/// The codes of one level, or why they cannot be judged.
fn part<'p>(
    pack: &'p Pack,
    codes: &Levels,
    level: usize,
) -> Result<Result<Part<'p>, String>, Failure> {
    let config = pack.prior_config(level)?;
    let of_level = |level: usize| codes.get(&level).filter(|codes| !codes.is_empty()).cloned();
    let Some(mut own) = of_level(level) else {
        return Ok(Err("there are no codes of it".into()));
    };
    if config.conditioner.is_none() {
        let hop_tokens = hop_tokens(pack.manifest().sampling.hop_fraction, config.n_ctx);
        return Ok(Ok(Part { config, codes: own, upper: Vec::new(), hop_tokens }));
    }
    let Some(mut upper) = of_level(level + 1) else {
        return Ok(Err(format!("there are no codes of level {} to hear", level + 1)));
    };
    let per_upper = pack.hop(level + 1)? / pack.hop(level)?;
    upper.truncate(own.len() / per_upper);
    own.truncate(upper.len() * per_upper);
    if own.len() < config.n_ctx {
        let rate = f64::from(pack.sample_rate());
        let seconds = seconds_from_frames(config.n_ctx * pack.hop(level)?, rate);
        return Ok(Err(format!("its prior hears at least {seconds:.2} s")));
    }
    let hop_tokens = encore::engine::finer::hop_tokens(config.n_ctx, per_upper);
    Ok(Ok(Part { config, codes: own, upper, hop_tokens }))
}

/// How surprising a level is.
struct Score {
    level: usize,
    n_tokens: usize,
    seconds: f64,
    bits_per_token: f64,
    bits_per_second: f64,
    /// What codes of noise would take.
    most_bits: f64,
    lyrics: Option<Cleaned>,
}

fn judge(
    args: &ScoreArgs,
    pack: &Pack,
    told: &Told,
    total_seconds: f64,
    part: Part,
) -> Result<Score, Failure> {
    let Part { config, codes, upper, hop_tokens } = part;
    let level = config.level;
    let seconds = seconds_of(pack, level, codes.len());
    let lyrics = match level == pack.top_level() {
        true => told.read_lyrics(config)?,
        false => None,
    };
    let song = heard::song(pack, config, told, total_seconds)?;
    let tokens = lyrics.as_ref().map(Cleaned::tokens).unwrap_or_default();
    let song = Song { lyrics: tokens, upper, ..song };
    let spinner = Spinner::new("loading the model");
    room::check(pack, level, args.load.precision())?;
    let prior = pack.load_prior_as(level, args.load.precision())?;
    drop(spinner);
    let bar = SecondsBar::new("listening", seconds);
    let bits = score(&prior, &song, &codes, hop_tokens, |n_done| {
        bar.set_seconds(seconds_of(pack, level, n_done));
        true
    })?;
    let bits: f64 = bits.unwrap_or_default().iter().sum();
    Ok(Score {
        level,
        n_tokens: codes.len(),
        seconds,
        bits_per_token: bits / codes.len() as f64,
        bits_per_second: bits / seconds,
        most_bits: (config.l_bins as f64).log2(),
        lyrics,
    })
}

fn seconds_of(pack: &Pack, level: usize, n_tokens: usize) -> f64 {
    seconds_from_frames(
        n_tokens * pack.manifest().vqvae.config.hop(level),
        pack.sample_rate().into(),
    )
}

impl Score {
    fn json(&self) -> Value {
        json!({
            "level": self.level,
            "tokens": self.n_tokens,
            "seconds": self.seconds,
            "bits_per_token": self.bits_per_token,
            "bits_per_second": self.bits_per_second,
            "bits_per_token_of_noise": self.most_bits,
        })
    }

    fn line(&self) -> String {
        format!(
            "level {}: {:.3} bits per token (noise: {:.3}), {:.1} bits per second, over {} tokens = {:.2} s",
            self.level,
            self.bits_per_token,
            self.most_bits,
            self.bits_per_second,
            self.n_tokens,
            self.seconds
        )
    }
}
