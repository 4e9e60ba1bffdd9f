//! `encore corpus`: composes and renders music to train on.

use std::time::Instant;

use encore::corpus::{MakeConfig, make};
use serde_json::json;

use crate::args::corpus::CorpusArgs;
use crate::failure::{Failure, print, print_json};
use crate::progress::SecondsBar;

pub fn run(args: &CorpusArgs, as_json: bool) -> Result<(), Failure> {
    let config = MakeConfig {
        seed: args.seed,
        hours: args.hours,
        held_out_share: args.held_out,
        artists: args.artists.clone(),
        song_seconds: args.song_seconds.clone(),
        sung: !args.no_singing,
        soundfont: args.soundfont.clone(),
    };
    let started = Instant::now();
    let bar = SecondsBar::new("rendering", config.hours * 3600.0);
    let listing = make(&config, &args.out, &|done, total| bar.set_seconds_of(done, total))?;
    drop(bar);
    let took_seconds = started.elapsed().as_secs_f64();
    let seconds: f64 = listing.songs.iter().map(|song| song.seconds).sum();
    let n_held_out = listing.songs.iter().filter(|song| song.held_out).count();
    let n_cores = std::thread::available_parallelism().map_or(1, usize::from);
    let times_per_core = seconds / took_seconds / n_cores as f64;
    let hours = seconds / 3600.0;
    if as_json {
        return print_json(&json!({
            "dir": args.out,
            "artists": listing.artists,
            "songs": listing.songs.len(),
            "held_out": n_held_out,
            "hours": hours,
            "took_seconds": took_seconds,
            "times_real_time_per_core": times_per_core,
            "credits": listing.credits,
        }));
    }
    print(&format!(
        "{} songs by {} artists, {hours:.2} hours, {n_held_out} of them held out, in {took_seconds:.0} s: \
         {times_per_core:.0} times real time per core",
        listing.songs.len(),
        listing.artists.len(),
    ))
}
