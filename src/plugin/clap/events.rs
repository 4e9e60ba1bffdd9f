//! CLAP's events and transport, to and from the core's words.

use clack_plugin::{
    events::{event_types::*, spaces::CoreEventSpace},
    prelude::*,
};

use crate::{
    link::Transport,
    params::ParamId,
    plugin::{Core, Gesture, Processor},
};

/// Hands the parameter values of a block to the processor.
pub fn push_values(processor: &mut Processor, events: &InputEvents) {
    for event in events {
        if let Some((at, id, value)) = param_value(event) {
            processor.push(at, id, value);
        }
    }
    processor.sort();
}

/// Takes over parameter values while there is no processor; acts need one and are left out.
pub fn set_values(core: &Core, events: &InputEvents) {
    for event in events {
        if let Some((_, id, value)) = param_value(event)
            && !id.param().is_trigger()
        {
            core.values.set(id, value);
        }
    }
}

/// Tells the host what the user did in the editor. A full output list loses the rest.
pub fn give_gestures(core: &Core, out: &mut OutputEvents) {
    while let Some(gesture) = core.gestures.pop() {
        let _ = match gesture {
            Gesture::Begin(id) => out.try_push(ParamGestureBeginEvent::new(0, clap_id(id))),
            Gesture::Value(id, value) => out.try_push(value_event(0, id, value)),
            Gesture::End(id) => out.try_push(ParamGestureEndEvent::new(0, clap_id(id))),
        };
    }
}

/// Tells the host which triggers are 0 again.
pub fn give_falls(processor: &Processor, out: &mut OutputEvents) {
    for fall in processor.falls() {
        let _ = out.try_push(value_event(fall.at, fall.id, 0.0));
    }
}

/// The host's transport. CLAP counts seconds and beats in fixed point and has no sample position.
pub fn transport(event: Option<&TransportEvent>, rate: f64) -> Transport {
    let Some(event) = event else { return Transport::default() };
    let has = |flag| event.flags.contains(flag);
    let seconds =
        has(TransportFlags::HAS_SECONDS_TIMELINE).then(|| event.song_pos_seconds.to_float());
    let has_beats = has(TransportFlags::HAS_BEATS_TIMELINE);
    let is_looping = has_beats && has(TransportFlags::IS_LOOP_ACTIVE);
    Transport {
        playing: has(TransportFlags::IS_PLAYING),
        recording: has(TransportFlags::IS_RECORDING),
        frames: seconds.map(|s| (s * rate).round() as i64),
        seconds,
        beats: has_beats.then(|| event.song_pos_beats.to_float()),
        tempo_bpm: (has(TransportFlags::HAS_TEMPO) && event.tempo > 0.0).then_some(event.tempo),
        time_signature: has(TransportFlags::HAS_TIME_SIGNATURE)
            .then_some((event.time_signature_numerator, event.time_signature_denominator)),
        loop_beats: is_looping
            .then(|| (event.loop_start_beats.to_float(), event.loop_end_beats.to_float())),
    }
}

pub fn clap_id(id: ParamId) -> ClapId {
    ClapId::new(id.param().host_id)
}

fn param_value(event: &UnknownEvent) -> Option<(u32, ParamId, f64)> {
    let Some(CoreEventSpace::ParamValue(value)) = event.as_core_event() else { return None };
    let id = ParamId::from_host_id(value.param_id()?.get())?;
    Some((event.header().time(), id, value.value()))
}

fn value_event(at: u32, id: ParamId, value: f64) -> ParamValueEvent {
    ParamValueEvent::new(at, clap_id(id), Pckn::match_all(), value)
}
