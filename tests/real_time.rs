//! What must hold while a host plays to somebody: take-overs to the frame, and an audio thread that is done
//! at once whatever the engine does.
//!
//! `ENCORE_CALLBACK_SECONDS=300 cargo test --release --test real_time callback -- --nocapture` measures the
//! callback for that long; without it a moment suffices to see that nothing is allocated.

mod hosts;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use clack_host::{events::event_types::ParamValueEvent, prelude::*};
use encore::params::ParamId;
use hosts::{
    Format, Instance, Play, Song,
    clap::{BPM, Clap, transport},
    vst3::Vst3,
};
use thread_priority::{
    RealtimeThreadSchedulePolicy::Fifo, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

const RATE: f64 = 48_000.0;

/// A bar of every song here, in frames.
const BAR: usize = (RATE * 240.0 / BPM) as usize;

/// How often a machine may be too busy to be in time.
const N_TRIES: usize = 4;

/// Counts what a thread allocates and frees while it is looked at.
struct Counting;

thread_local! {
    static N_ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    let _ = N_ALLOCATIONS.try_with(|n| n.set(n.get() + 1)); // a thread that ends is not looked at
}

// SAFETY: everything is done by the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count();
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Tests that keep time do not disturb each other.
fn alone() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Something to continue, without an end.
fn chord(frame: usize) -> [f32; 2] {
    let tone = |hz: f32| (frame as f32 * hz * std::f32::consts::TAU / 48_000.0).sin();
    [0.25 * tone(220.0), 0.25 * tone(330.0)]
}

/// A song in real time that is asked at frame `ask` to be continued at the next bar.
fn armed(song: Song, ask: usize, n_frames: usize) -> Play {
    let settings =
        [(ParamId::PrimeSeconds, 1.0), (ParamId::LengthSeconds, 3.0), (ParamId::TakeOver, 1.0)];
    let settings = settings.map(|(id, value)| (0, id.param().host_id, value));
    let events = settings.into_iter().chain([(ask, ParamId::Continue.param().host_id, 1.0)]);
    let events = events.collect();
    Play { rate: RATE, n_frames, song, is_paced: true, events, input: chord, ..Play::default() }
}

/// Plays it until a take is in time, and returns the frame at which it takes over.
fn takes_over(format: &dyn Format, play: &Play) -> usize {
    for _ in 0..N_TRIES {
        let mut encore = format.open();
        let warm = Play { n_frames: 24_000, events: vec![], ..play.clone() };
        encore.play(&Play { song: Song::Rests(0), ..warm }); // the model is there
        let played = encore.play(play);
        let input: Vec<f32> = (0..play.n_frames).map(|i| (play.input)(i)[0]).collect();

        let differs = |i: &usize| played.left[*i] != input[*i];
        let Some(seam) = (0..play.n_frames).find(differs) else { continue };
        let (song, _) = play.song.at(seam).expect("it rolls");
        if song.rem_euclid(BAR as i64) != 0 {
            println!("too late for the bar, at frame {song}; once more");
            continue;
        }
        let step =
            |samples: &[f32]| samples.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0f32, f32::max);
        let (before, after) = (&played.left[seam - 4_800..seam], &played.left[seam..seam + 48_000]);
        let own = step(before).max(step(&after[480..]));
        let around = step(&played.left[seam - 48..seam + 480]);
        assert!(
            around < own + 0.01,
            "a step of {around} at the seam, where {own} is the sound's own"
        );
        let longest_gap = after.split(|s| *s != 0.0).map(<[f32]>::len).max();
        assert!(longest_gap < Some(48), "a gap of {longest_gap:?} frames");
        let n_same = (480..after.len()).filter(|i| after[*i] == input[seam + i]).count();
        assert!(n_same < 4_800, "{n_same} frames after the seam are still the input");
        return seam;
    }
    panic!("never in time for a bar in {N_TRIES} tries");
}

#[test]
fn a_take_takes_over_at_the_bar_line_in_clap() {
    let _alone = alone();

    let seam = takes_over(&Clap::load(), &armed(Song::Rolls(0), 48_000, 5 * BAR));

    assert_eq!(seam % BAR, 0);
}

#[test]
fn a_take_takes_over_at_the_bar_line_in_vst3() {
    let _alone = alone();

    let seam = takes_over(&Vst3::load(), &armed(Song::Rolls(-1776), 48_000, 5 * BAR));

    assert_eq!((seam as i64 - 1776) % BAR as i64, 0);
}

#[test]
fn a_take_takes_over_at_the_bar_line_after_a_jump() {
    let _alone = alone();
    let (at, to) = (48_640, 10 * BAR as i64 + 1_000);
    let song = Song::Jumps(0, at, to);

    let seam = takes_over(&Clap::load(), &armed(song, at - 512, 5 * BAR));

    assert!(seam > at, "it is the new place that counts");
}

/// What the audio thread was seen to do.
struct Seen {
    /// Time that each block took.
    blocks: Vec<Duration>,
    n_allocations: u64,
    is_realtime: bool,
}

#[test]
fn callback_at_64_frames_while_the_engine_works() {
    let _alone = alone();
    let asked = std::env::var("ENCORE_CALLBACK_SECONDS").ok().and_then(|s| s.parse::<f64>().ok());
    let seconds = asked.unwrap_or(3.0);
    let clap = Clap::linked();
    let mut encore = clap.instance();
    encore.play(&Play { n_frames: 48_000, is_paced: true, ..Play::default() }); // the model is there

    let mut seen = watch_callback(&mut encore, seconds);

    seen.blocks.sort_unstable();
    let n = seen.blocks.len();
    let block = Duration::from_secs_f64(64.0 / RATE);
    println!(
        "{n} blocks of 64 frames at 48 kHz in {seconds:.0} s; {} realtime priority; {} allocations",
        if seen.is_realtime { "with" } else { "without" },
        seen.n_allocations
    );
    for (name, share) in [("p50", 0.5), ("p99.9", 0.999), ("p99.99", 0.9999), ("largest", 1.0)] {
        let taken = seen.blocks[((n as f64 * share) as usize).min(n - 1)];
        let percent = 100.0 * taken.as_secs_f64() / block.as_secs_f64();
        println!("{name:>8} {:8.1} us, {percent:6.2} % of a block", taken.as_secs_f64() * 1e6);
    }
    assert_eq!(seen.n_allocations, 0);
    assert!(n as f64 > 0.5 * seconds * RATE / 64.0, "only {n} blocks");
}

/// Plays in real time at the smallest of usual block sizes, and asks for another take again and again, so
/// that the engine never rests.
fn watch_callback(encore: &mut hosts::clap::ClapInstance, seconds: f64) -> Seen {
    const BLOCK: usize = 64;
    let config =
        PluginAudioConfiguration { sample_rate: RATE, min_frames_count: 1, max_frames_count: 64 };
    let stopped = encore.plugin.activate(|_, _| (), config).expect("activation");
    let n_blocks = (seconds * RATE / BLOCK as f64) as usize;
    let (stopped, seen) = std::thread::scope(|scope| {
        let audio = std::thread::Builder::new().name("audio".into());
        let audio = audio.spawn_scoped(scope, || {
            let mut started = stopped.start_processing().expect("processing starts");
            let seen = run_blocks(&mut started, n_blocks, BLOCK);
            (started.stop_processing(), seen)
        });
        audio.expect("an audio thread").join().expect("no panic on the audio thread")
    });
    encore.plugin.deactivate(stopped);
    seen
}

fn run_blocks(
    started: &mut StartedPluginAudioProcessor<hosts::clap::Handlers>,
    n_blocks: usize,
    block: usize,
) -> Seen {
    let policy = ThreadSchedulePolicy::Realtime(Fifo);
    let highest = ThreadPriority::Crossplatform(70u8.try_into().expect("at most 99"));
    let is_realtime = set_thread_priority_and_policy(thread_native_id(), highest, policy).is_ok();
    let (mut inputs, mut outputs) = (vec![vec![0f32; block]; 2], vec![vec![0f32; block]; 2]);
    let (mut in_ports, mut out_ports) =
        (AudioPorts::with_capacity(2, 1), AudioPorts::with_capacity(2, 1));
    let mut told = EventBuffer::with_capacity(64);
    let mut seen = Seen { blocks: Vec::with_capacity(n_blocks), n_allocations: 0, is_realtime };
    let value = |id: ParamId, value| {
        ParamValueEvent::new(0, ClapId::new(id.param().host_id), Pckn::match_all(), value)
    };
    let length = vec![value(ParamId::LengthSeconds, 120.0), value(ParamId::PrimeSeconds, 3.0)];
    let (ask, nothing) = (vec![value(ParamId::Continue, 1.0)], vec![]);
    let blocks_per_take = (8.0 * RATE / block as f64) as usize; // sooner than one is whole
    let begun = Instant::now();
    for i in 0..n_blocks {
        let due = begun + Duration::from_secs_f64((i * block) as f64 / RATE);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        for frame in 0..block {
            let sample = chord(i * block + frame);
            inputs.iter_mut().zip(sample).for_each(|(channel, sample)| channel[frame] = sample);
        }
        let input = in_ports.with_input_buffers([AudioPortBuffer {
            latency: 0,
            channels: AudioPortBufferType::f32_input_only(
                inputs.iter_mut().map(|channel| InputChannel::variable(&mut channel[..])),
            ),
        }]);
        let mut output = out_ports.with_output_buffers([AudioPortBuffer {
            latency: 0,
            channels: AudioPortBufferType::f32_output_only(
                outputs.iter_mut().map(|channel| &mut channel[..]),
            ),
        }]);
        let events = match i {
            0 => &length,
            _ if i % blocks_per_take == 375 => &ask,
            _ => &nothing,
        };
        told.clear();
        let now = transport((i * block) as i64, true, RATE);
        let steady = Some((i * block) as u64);
        let n_before = N_ALLOCATIONS.get();
        let at = Instant::now();
        let done = started.process(
            &input,
            &mut output,
            &InputEvents::from_buffer(events),
            &mut OutputEvents::from_buffer(&mut told),
            steady,
            Some(&now),
        );
        seen.blocks.push(at.elapsed());
        seen.n_allocations += N_ALLOCATIONS.get() - n_before;
        done.expect("processing works");
    }
    seen
}
