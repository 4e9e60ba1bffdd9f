//! `encore corpus`: composes and renders music to train on.

use std::time::SystemTime;

use encore::corpus::listing::SongEntry;
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
    let started = SystemTime::now();
    let bar = SecondsBar::new("rendering", config.hours * 3600.0);
    let listing = make(&config, &args.out, &|done, total| bar.set_seconds_of(done, total))?;
    drop(bar);
    let took_seconds = started.elapsed().map_or(0.0, |took| took.as_secs_f64());
    let seconds: f64 = listing.songs.iter().map(|song| song.seconds).sum();
    let n_held_out = listing.songs.iter().filter(|song| song.held_out).count();
    let n_cores = std::thread::available_parallelism().map_or(1, usize::from);
    // what an earlier run had done says nothing of this one's speed
    let is_new = |song: &&SongEntry| {
        let written = args.out.join(&song.file).metadata().and_then(|file| file.modified());
        written.is_ok_and(|written| written >= started)
    };
    let new_seconds: f64 = listing.songs.iter().filter(is_new).map(|song| song.seconds).sum();
    let times_per_core = new_seconds / took_seconds.max(1e-3) / n_cores as f64;
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
