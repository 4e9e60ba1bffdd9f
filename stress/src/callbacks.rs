//! How long a block takes while many instances generate: they are played in real time, one after the other,
//! as a host's audio thread does with its tracks.

use std::time::{Duration, Instant};

use clack_host::{events::event_types::ParamValueEvent, prelude::*};
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadBuilder, ThreadPriority, ThreadSchedulePolicy,
};

use crate::{
    host::{self, Encore, Handlers, HostError, Param},
    song::Song,
    tally::Times,
};

const RATE: f64 = 48_000.0;
const BLOCK: usize = 64;

/// What the model listens to first, in seconds, and what is measured.
const PRIME_SECONDS: f64 = 3.0;
const MEASURED_SECONDS: f64 = 60.0;

/// Plays `n` instances that all compose, and returns a line of figures.
///
/// # Errors
/// When the plugin cannot be instantiated.
pub fn measure(encore: &Encore, n: usize) -> Result<String, HostError> {
    let mut instances = Vec::new();
    for _ in 0..n {
        instances.push(encore.instance()?);
    }
    let params = instances.first_mut().map(host::params).unwrap_or_default();
    let config = PluginAudioConfiguration {
        sample_rate: RATE,
        min_frames_count: BLOCK as u32,
        max_frames_count: BLOCK as u32,
    };
    let refused = |e: PluginInstanceError| HostError::Instance(e.to_string());
    let mut stopped = Vec::new();
    for instance in &mut instances {
        stopped.push(instance.activate(|_, _| (), config).map_err(refused)?);
    }
    let urgent = ThreadPriority::from_posix(thread_priority::ScheduleParams { sched_priority: 60 });
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    let audio = ThreadBuilder::default().name("audio").priority(urgent).policy(policy);
    let audio = audio.spawn(move |priority| (play(stopped, &params), priority.is_ok()));
    let ended = audio.ok().and_then(|thread| thread.join().ok());
    let Some(((stopped, mut times), is_urgent)) = ended else {
        return Err(HostError::Instance("the audio thread died".into()));
    };
    for (instance, stopped) in instances.iter_mut().zip(stopped) {
        instance.deactivate(stopped);
    }
    let spread = times.spread_us();
    let block_us = BLOCK as f64 / RATE * 1e6;
    let shares = spread.map(|us| format!("{us:.1} µs ({:.2} %)", 100.0 * us / block_us));
    let priority = if is_urgent { "real-time" } else { "ordinary" };
    Ok(format!(
        "callbacks of {BLOCK} frames at 48 kHz under {n} generating instances, {priority} priority: p50 {}, p99 {}, p99.99 {}, max {} of {block_us:.0} µs",
        shares[0], shares[1], shares[2], shares[3]
    ))
}

type Stopped = StoppedPluginAudioProcessor<Handlers>;

/// Plays all of them in real time, and asks for a long take once they have heard something.
fn play(stopped: Vec<Stopped>, params: &[Param]) -> (Vec<Stopped>, Times) {
    let started = stopped.into_iter().map(|stopped| stopped.start_processing());
    let mut started: Vec<_> = started.filter_map(Result::ok).collect();
    let mut songs: Vec<_> = started.iter().map(|_| Song::new(RATE)).collect();
    let n_blocks = ((PRIME_SECONDS + MEASURED_SECONDS) * RATE / BLOCK as f64) as usize;
    let n_prime = (PRIME_SECONDS * RATE / BLOCK as f64) as usize;
    let mut times = Times::with_room(n_blocks * started.len());
    let (mut ins, mut outs) = (vec![vec![0f32; BLOCK]; 2], vec![vec![0f32; BLOCK]; 2]);
    let (mut in_ports, mut out_ports) =
        (AudioPorts::with_capacity(2, 1), AudioPorts::with_capacity(2, 1));
    let ask = |name: &str, value| {
        let id = params.iter().find(|p| p.name == name).map(|p| p.id);
        id.map(|id| ParamValueEvent::new(0, id, Pckn::match_all(), value))
    };
    let ask: Vec<_> = [ask("Length", 60.0), ask("Continue", 1.0)].into_iter().flatten().collect();
    let mut told = EventBuffer::with_capacity(1024);
    let begun = Instant::now();
    for at in 0..n_blocks {
        for channel in &mut ins {
            for (i, sample) in channel.iter_mut().enumerate() {
                let seconds = (at * BLOCK + i) as f64 / RATE;
                *sample = (0.3 * (seconds * 220.0 * std::f64::consts::TAU).sin()) as f32;
            }
        }
        for (processor, song) in started.iter_mut().zip(&mut songs) {
            let port = |channels| AudioPortBuffer { latency: 0, channels };
            let ins = ins.iter_mut().map(|c| InputChannel::variable(&mut c[..]));
            let ins = in_ports.with_input_buffers([port(AudioPortBufferType::f32_input_only(ins))]);
            let outs = AudioPortBufferType::f32_output_only(outs.iter_mut().map(|c| &mut c[..]));
            let outs = AudioPortBuffer { latency: 0, channels: outs };
            let mut outs = out_ports.with_output_buffers([outs]);
            let events: &[ParamValueEvent] = if at == n_prime { &ask } else { &[] };
            told.clear();
            let transport = song.tell(BLOCK);
            let (events, mut told) = (InputEvents::from_buffer(&events), told.as_output());
            let entered = Instant::now();
            let _ = processor.process(
                &ins,
                &mut outs,
                &events,
                &mut told,
                Some((at * BLOCK) as u64),
                transport.as_ref(),
            );
            if n_prime < at {
                times.push(entered.elapsed());
            }
        }
        let due = begun + Duration::from_secs_f64((at + 1) as f64 * BLOCK as f64 / RATE);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    (started.into_iter().map(|started| started.stop_processing()).collect(), times)
}
