//! `encore-stress`: a host that does everything a host may do, and much that none should, a million times
//! and at random, while Encore composes. It looks at every sample, and says in one line what it found.
//!
//! `lives` is the host's main thread, `stage` its audio threads, `voice` one instance on them; `dice` draws,
//! `song` and `input` are what is told and heard; `tally` and `memory` count.

mod callbacks;
mod dice;
mod host;
mod input;
mod lives;
mod memory;
mod song;
mod stage;
mod tally;
mod voice;

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

use host::{Encore, HostError};
use lives::Lives;
use memory::Growth;
use stage::Stage;
use tally::{Tally, Times};

#[global_allocator]
static ALLOCATOR: tally::Counting = tally::Counting;

/// Audio threads.
const N_STAGES: usize = 2;

/// Times in a run that all instances go, and memory and threads are looked at.
const N_LULLS: u64 = 16;

/// Most bytes per 1000 mutations by which memory may grow before it counts as lost.
const MAX_SLOPE_BYTES: f64 = 16_384.0;

/// Mutates everything a host can, while Encore generates, and prints what broke. Exits with 1 if anything did.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Random mutations to make: parameters, transport, blocks, buffers, states, lives.
    #[arg(long, default_value_t = 1_000_000)]
    mutations: u64,

    /// What the mutations are drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Measure callback times under so many generating instances instead.
    #[arg(long, value_name = "INSTANCES")]
    callbacks: Option<usize>,

    /// A built CLAP plugin to load; otherwise the one in this program, whose allocations and panics count.
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
}

fn main() -> ExitCode {
    memory::give_back_at_once();
    let args = Args::parse();
    if std::env::var_os("ENCORE_PACKS").is_none() {
        let models = concat!(env!("CARGO_MANIFEST_DIR"), "/../models");
        // SAFETY: no other thread runs yet
        unsafe { std::env::set_var("ENCORE_PACKS", models) };
    }
    let done = Encore::load(args.plugin.as_deref()).and_then(|encore| match args.callbacks {
        Some(n) => callbacks::measure(&encore, n).map(|line| (line, true)),
        None => stress(&encore, &args),
    });
    match done {
        Ok((line, is_clean)) => {
            println!("{line}");
            if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("encore-stress: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The whole run; its line of figures, and whether everything held.
fn stress(encore: &Encore, args: &Args) -> Result<(String, bool), HostError> {
    let tally = Arc::new(Tally::default());
    count_panics(&tally);
    let begun = Instant::now();
    let room = args.mutations as usize / 2;
    let stages: Vec<_> =
        (0..N_STAGES).filter_map(|_| Stage::open(Arc::clone(&tally), room).ok()).collect();
    let bar = ProgressBar::new(args.mutations);
    let style = "{bar:40} {human_pos}/{human_len} mutations, {elapsed} gone, {eta} left";
    bar.set_style(ProgressStyle::with_template(style).unwrap_or(ProgressStyle::default_bar()));
    bar.tick();
    let before = memory::threads();

    let mut lives = Lives::new(encore, &stages, &tally, args.seed);
    let (mut resident, mut heap) = (Growth::default(), Growth::default());
    for lull in 1..=N_LULLS {
        let until = args.mutations * lull / N_LULLS;
        lives.go_on(until, || bar.set_position(tally.n_mutations().min(args.mutations)))?;
        lives.end();
        let n_leaked = memory::threads().len().saturating_sub(before.len()) as u64;
        tally.leaked_threads.fetch_max(n_leaked, Relaxed);
        let n_mutations = tally.n_mutations();
        heap.sample(n_mutations, tally::live_bytes() as f64);
        if let Some(bytes) = memory::resident_bytes() {
            resident.sample(n_mutations, bytes as f64);
        }
    }
    drop(lives);
    bar.finish_and_clear();
    let mut times = Times::default();
    for stage in stages {
        match stage.close() {
            Some(measured) => times.extend(measured),
            None => tally.crashed(),
        }
    }
    tally.crashes.fetch_add(host::N_MISBEHAVED.load(Relaxed), Relaxed);
    let slopes = [resident.slope(), heap.slope()];
    let grows = slopes.iter().flatten().any(|slope| *slope > MAX_SLOPE_BYTES);
    let line = figures(args.seed, &tally, slopes, &mut times, begun);
    Ok((line, tally.is_clean() && !grows))
}

/// Every panic counts, wherever it is caught.
fn count_panics(tally: &Arc<Tally>) {
    let (tally, usual) = (Arc::clone(tally), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        tally.crashed();
        usual(panic);
    }));
}

fn figures(
    seed: u64,
    tally: &Tally,
    slopes: [Option<f64>; 2],
    times: &mut Times,
    begun: Instant,
) -> String {
    let count = |n: &std::sync::atomic::AtomicU64| n.load(Relaxed);
    let slope = |slope: Option<f64>| slope.map_or("?".into(), |bytes| format!("{bytes:+.0}"));
    let [p50, p99, p9999, max] = times.spread_us();
    let takes = encore::engine::takes_so_far();
    format!(
        "seed {seed}: {} mutations, {} blocks, {} requests, takes {} begun {} finished, crashes {}, non-finite samples {}, samples changed by bypass {}, allocations in callbacks {}, leaked threads {}, memory slope {} (heap {}) bytes per 1000 mutations, callback p50 {p50:.1} p99 {p99:.1} p99.99 {p9999:.1} max {max:.1} µs, {:.0} s",
        count(&tally.mutations),
        count(&tally.blocks),
        count(&tally.asked),
        takes.n_begun,
        takes.n_whole,
        count(&tally.crashes),
        count(&tally.non_finite),
        count(&tally.changed_by_bypass),
        count(&tally.allocations),
        count(&tally.leaked_threads),
        slope(slopes[0]),
        slope(slopes[1]),
        begun.elapsed().as_secs_f64(),
    )
}
