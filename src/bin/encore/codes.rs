//! `encore encode` and `encore decode`: audio to codes and back.

use std::collections::BTreeSet;

use encore::takes::{measure, read_codes, wav, write_codes};
use encore::units::seconds_from_frames;
use serde_json::json;

use crate::args::{DecodeArgs, EncodeArgs};
use crate::failure::{Failure, print, print_json};
use crate::open;
use crate::progress::{SecondsBar, Spinner};

/// Tokens decoded between two looks at the clock.
const CHUNK_TOKENS: usize = 1024;

pub fn encode(args: &EncodeArgs, as_json: bool) -> Result<(), Failure> {
    let pack = open::pack(&args.pack.pack)?;
    let level = args.level.unwrap_or(pack.top_level());
    let hop = pack.hop(level)?;
    open::check_target(&args.out)?;
    let audio = open::track(&args.input, &pack)?;
    if audio.len() < hop {
        return Err(Failure::BadInput(format!(
            "{:?} is too short: {} frames at {} Hz, and a code of level {level} covers {hop}",
            args.input,
            audio.len(),
            pack.sample_rate()
        )));
    }

    let spinner = Spinner::new("encoding");
    let codes = pack.load_vqvae()?.encode(&audio, level)?;
    drop(spinner);
    write_codes(&args.out, &[(level, codes.clone())].into())?;

    let seconds = seconds_from_frames(codes.len() * hop, pack.sample_rate().into());
    let n_distinct = codes.iter().collect::<BTreeSet<_>>().len();
    if as_json {
        return print_json(&json!({
            "codes": args.out,
            "level": level,
            "tokens": codes.len(),
            "distinct_codes": n_distinct,
            "seconds": seconds,
        }));
    }
    print(&format!(
        "{}: {} codes of level {level} ({n_distinct} different), {seconds:.2} s",
        args.out.display(),
        codes.len()
    ))
}

pub fn decode(args: &DecodeArgs, as_json: bool) -> Result<(), Failure> {
    let pack = open::pack(&args.pack.pack)?;
    let hop = pack.hop(args.level)?;
    open::check_target(&args.out)?;
    let codes = read_codes(&args.input, args.level)?;
    if codes.is_empty() {
        return Err(Failure::BadInput(format!(
            "{:?} has 0 codes of level {}",
            args.input, args.level
        )));
    }

    let rate = pack.sample_rate();
    let vqvae = pack.load_vqvae()?;
    let seconds_of = |n_tokens: usize| seconds_from_frames(n_tokens * hop, rate.into());
    let bar = SecondsBar::new("decoding", seconds_of(codes.len()));
    let mut audio = Vec::with_capacity(codes.len() * hop);
    for start in (0..codes.len()).step_by(CHUNK_TOKENS) {
        let end = codes.len().min(start + CHUNK_TOKENS);
        audio.extend(vqvae.decode_span(&codes, start..end, args.level)?);
        bar.set_seconds(seconds_of(end));
    }
    drop(bar);
    wav::write(&args.out, &audio, rate)?;

    let (seconds, peak) = (seconds_of(codes.len()), measure::peak(&audio));
    if as_json {
        return print_json(&json!({
            "wav": args.out,
            "level": args.level,
            "tokens": codes.len(),
            "seconds": seconds,
            "sample_rate": rate,
            "peak": peak,
            "rms_db": measure::rms_db(&audio),
        }));
    }
    print(&format!("{}: {seconds:.2} s at {rate} Hz, peak {peak:.3}", args.out.display()))
}
