//! `encore measure-window`: how long a prior takes to load and to write a window, and how much memory.
//!
//! Not for making music: one sequence from nothing, under arbitrary labels and lyrics. Hidden from help.

use std::fs;
use std::time::Instant;

use encore::jukebox::sample::Chooser;
use encore::jukebox::{Dice, LabelRow, PriorConfig, SamplerSettings, TokenRng};
use serde_json::json;

use crate::args::MeasureWindowArgs;
use crate::failure::{Failure, print_json};
use crate::open;
use crate::progress::Spinner;

/// Length of the song that the window is said to be of, in seconds.
const SONG_SECONDS: i64 = 180;

pub fn run(args: &MeasureWindowArgs) -> Result<(), Failure> {
    let pack = open::pack(&args.load.pack)?;
    let level = args.level.unwrap_or(pack.top_level());
    let _spinner = Spinner::new("measuring");
    let begun = Instant::now();
    let prior = pack.load_prior_as(level, args.load.precision())?;
    let load_seconds = begun.elapsed().as_secs_f64();
    let loaded_bytes = peak_bytes();
    let config = prior.config();
    let upper: Vec<_> = prior.n_upper().map(|n| vec![0; n]).into_iter().collect();

    let begun = Instant::now();
    let mut decoder = prior.start(prior.condition_on(&[row(config)], &upper)?)?;
    decoder.prefill_lyrics(usize::MAX)?;
    let lyrics_seconds = begun.elapsed().as_secs_f64();

    let n_tokens = args.tokens.unwrap_or(config.n_ctx).min(config.n_ctx);
    let mut dice = TokenRng::new(0);
    let mut chooser = Chooser::new(SamplerSettings::default())?;
    let begun = Instant::now();
    for _ in 0..n_tokens {
        let symbol = chooser.choose(decoder.logits()?, dice.next_uniform())?;
        decoder.push(&[symbol])?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    print_json(&json!({
        "level": level,
        "memory_bytes": pack.memory_bytes(args.load.precision()),
        "load_seconds": load_seconds,
        "peak_bytes_after_loading": loaded_bytes,
        "lyric_tokens": config.n_lyric_tokens(),
        "lyrics_seconds": lyrics_seconds,
        "tokens": n_tokens,
        "seconds": seconds,
        "tokens_per_second": n_tokens as f64 / seconds,
        "peak_bytes": peak_bytes(),
    }))
}

fn row(config: &PriorConfig) -> LabelRow {
    let row = config.labels.as_ref().map(|labels| {
        let n_frames = SONG_SECONDS * i64::from(labels.sample_rate);
        LabelRow::clamped(labels, config.n_ctx, n_frames, 0, 0, vec![0])
    });
    let lyrics = vec![0; config.n_lyric_tokens()];
    LabelRow { lyrics, ..row.unwrap_or_default() }
}

/// The most memory that this process ever had, where the system tells (Linux).
fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
