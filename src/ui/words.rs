//! Numbers and states as people say them. Pure text: what is shown here can be tested without a window.

use crate::link::{Armed, Labels, Phase, Progress, Stage, TakeStatus};

/// Song seconds as "1:05.3", with `n_decimals`.
pub fn clock(seconds: f64, n_decimals: usize) -> String {
    let unit = 10f64.powi(n_decimals as i32);
    let n_units = (seconds.abs() * unit).round();
    let minutes = (n_units / (60.0 * unit)).floor();
    let rest = (n_units - minutes * 60.0 * unit) / unit;
    let sign = if seconds < 0.0 && n_units > 0.0 { "−" } else { "" };
    let width = if n_decimals == 0 { 2 } else { n_decimals + 3 };
    format!("{sign}{minutes:.0}:{rest:0width$.n_decimals$}")
}

/// "4 s", "1 min 20 s".
pub fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).ceil() as u64;
    match (whole / 60, whole % 60) {
        (0, s) => format!("{s} s"),
        (m, 0) => format!("{m} min"),
        (m, s) => format!("{m} min {s} s"),
    }
}

/// "12 MB", "3.8 GB".
pub fn bytes(n: usize) -> String {
    match n as f64 {
        n if n >= 1e9 => format!("{:.1} GB", n / 1e9),
        n if n >= 9.95e6 => format!("{:.0} MB", n / 1e6),
        n => format!("{:.1} MB", n / 1e6),
    }
}

/// "3.2 million parameters".
pub fn parameters(n: usize) -> String {
    match n as f64 {
        n if n >= 1e9 => format!("{:.1} billion parameters", n / 1e9),
        n if n >= 1e6 => format!("{:.1} million parameters", n / 1e6),
        n => format!("{n} parameters"),
    }
}

/// What the engine is doing, in a word or three.
pub fn phase(phase: Phase) -> String {
    match phase {
        Phase::Idle => "Idle".into(),
        Phase::Queued { n_ahead: 0 } => "Queued".into(),
        Phase::Queued { n_ahead } => format!("Queued behind {n_ahead}"),
        Phase::Loading => "Loading".into(),
        Phase::Armed(_) => "Armed".into(),
        Phase::Composing(Progress { stage: Stage::Encoding, .. }) => "Listening".into(),
        Phase::Composing(Progress { stage: Stage::Prefilling, .. }) => "Reading".into(),
        Phase::Composing(Progress { stage: Stage::Generating, .. }) => "Composing".into(),
    }
}

/// When and where a take will take over.
pub fn armed(armed: &Armed) -> String {
    let place = armed.bar.map_or("the loop's end".into(), |bar| format!("bar {bar}"));
    format!("Armed: takes over at {place} in {:.1} s.", armed.seconds_left.max(0.0))
}

/// How far a continuation has come, for the progress bar.
pub fn progress(progress: &Progress) -> String {
    match progress.stage {
        Stage::Encoding => "Listening to the recording…".into(),
        Stage::Prefilling => "Reading what was played…".into(),
        Stage::Generating if progress.seconds_done <= 0.0 => "Composing the first sound…".into(),
        Stage::Generating => {
            let done = format!("{:.1} s of {:.1} s", progress.seconds_done, progress.seconds_total);
            let speed = format!("{:.1} × real time", progress.realtime_factor);
            match progress.remaining_seconds {
                Some(left) => format!("{done} · {speed} · {} left", duration(left)),
                None => format!("{done} · {speed}"),
            }
        }
    }
}

/// A take in one line.
pub fn take(take: &TakeStatus) -> String {
    let mut facts = vec![format!("take {}", take.number)];
    let style = [take.artist.as_str(), take.genre.as_str()];
    let style: Vec<&str> = style.into_iter().filter(|name| !name.is_empty()).collect();
    if !style.is_empty() {
        facts.push(style.join(" / "));
    }
    facts.push(format!("seed {}", take.seed));
    if !take.is_complete {
        let n_frames = take.waveform.peaks.len() * take.waveform.frames_per_peak;
        let done = n_frames as f64 / take.waveform.rate.max(1.0);
        facts.push(format!("stopped at {done:.1} s of {:.1} s", take.length_seconds));
    }
    if let Some(ms) = take.first_frame_ms {
        facts.push(format!("first sound after {:.1} s", ms / 1000.0));
    }
    if take.realtime_factor > 0.0 {
        facts.push(format!("{:.1} × real time", take.realtime_factor));
    }
    facts.join(" · ")
}

/// The name of row `id`, or "unknown (id)" outside the table.
pub fn label(names: &[String], id: u32) -> String {
    match names.get(id as usize).filter(|name| !name.is_empty()) {
        Some(name) => name.clone(),
        None if id == 0 => "unknown".into(),
        None => format!("unknown ({id})"),
    }
}

/// The genre that the pack puts beside an artist.
pub fn genre_of(labels: &Labels, artist: u32) -> Option<u32> {
    labels.genre_of_artist.get(artist as usize).copied().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_carry_into_minutes_and_go_below_zero() {
        assert_eq!(clock(0.0, 0), "0:00");
        assert_eq!(clock(59.99, 1), "1:00.0");
        assert_eq!(clock(65.34, 1), "1:05.3");
        assert_eq!(clock(-1776.0 / 48_000.0, 2), "−0:00.04");
        assert_eq!(clock(-0.001, 1), "0:00.0");
    }

    #[test]
    fn progress_names_the_stage_until_there_is_sound() {
        let reading = Progress { stage: Stage::Prefilling, ..Progress::default() };
        assert_eq!(progress(&reading), "Reading what was played…");

        let sounding = Progress {
            stage: Stage::Generating,
            seconds_done: 3.2,
            seconds_total: 10.0,
            realtime_factor: 1.8,
            remaining_seconds: Some(3.7),
            ..Progress::default()
        };
        assert_eq!(progress(&sounding), "3.2 s of 10.0 s · 1.8 × real time · 4 s left");
    }

    #[test]
    fn an_armed_take_says_where_it_takes_over_and_when() {
        let bar = Armed { bar: Some(17), seconds_left: 3.21, ..Armed::default() };
        assert_eq!(armed(&bar), "Armed: takes over at bar 17 in 3.2 s.");
        let end = Armed { bar: None, ..bar };
        assert_eq!(armed(&end), "Armed: takes over at the loop's end in 3.2 s.");
    }

    #[test]
    fn a_take_is_told_in_one_line() {
        let finished = TakeStatus {
            number: 3,
            artist: "Tidewater".into(),
            genre: "ambient".into(),
            seed: 1,
            is_complete: true,
            first_frame_ms: Some(412.0),
            realtime_factor: 2.1,
            ..TakeStatus::default()
        };
        assert_eq!(
            take(&finished),
            "take 3 · Tidewater / ambient · seed 1 · first sound after 0.4 s · 2.1 × real time"
        );
    }

    #[test]
    fn ids_outside_the_table_are_unknown_by_number() {
        let names = vec!["unknown".to_string(), "Foundry".to_string()];
        assert_eq!(label(&names, 1), "Foundry");
        assert_eq!(label(&names, 4711), "unknown (4711)");
        assert_eq!(label(&[], 0), "unknown");
    }
}
