//! Where a take may take over from the input: bar lines and the loop's end, as frames of the song.

use super::Transport;

/// Longest way from the end of what was heard to a take-over that is composed for nothing, in seconds.
const MAX_UNPLAYED_SECONDS: f64 = 10.0;

/// Frames from the song's beginning beyond which a host cannot mean what it says: centuries.
const MAX_FRAMES: i64 = 1 << 50;

/// When a continuation that was asked for takes over from the input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TakeOver {
    /// Where it was asked for, as soon as it can be heard.
    #[default]
    AtOnce,
    /// At the next bar line that can be reached without a gap.
    NextBar,
    /// At the loop's end; without a loop ahead at the next bar line.
    LoopEnd,
}

/// Where bars and the loop lie in the song if the tempo stays what it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bars {
    /// Song position of the first bar line, in frames; rarely whole.
    pub first_line: f64,
    /// Length of a bar, in frames; positive.
    pub bar_frames: f64,
    /// Length of a beat as the host counts them, in frames; positive.
    pub beat_frames: f64,
    /// Frames from the loop's start to its end, where one is active; never empty.
    pub loop_frames: Option<(i64, i64)>,
    /// Sample rate of the host, in Hz.
    pub rate: f64,
}

/// A place where a take takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Song frame of the first frame of the take that is played.
    pub frame: i64,
    /// Song frame up to which the recording is listened to before composing begins.
    pub prime_end: i64,
    /// Frames that pass from there to the take-over: they are composed and not played.
    pub n_unplayed: i64,
    /// Frames that pass from now to the take-over.
    pub n_left: i64,
    /// Number of the bar that begins there, counted from 1; none at a loop's end within a bar.
    pub bar: Option<i64>,
}

impl Bars {
    /// From a transport whose first frame is song frame `frame`, at `rate` Hz; none where the host does not
    /// tell beats, tempo and time signature, or nothing that can be. Hosts disagree about where their bars begin, so bars are
    /// counted from beat 0.
    pub fn of(transport: &Transport, frame: i64, rate: f64) -> Option<Self> {
        let (above, below) = transport.time_signature?;
        let beats = transport.beats.filter(|beats| beats.is_finite())?;
        let tempo = transport.tempo_bpm.filter(|bpm| bpm.is_finite() && *bpm > 0.0)?;
        let beat_frames = rate * 60.0 / tempo;
        let bar_frames = beat_frames * 4.0 * f64::from(above) / f64::from(below);
        let first_line = frame as f64 - beats * beat_frames;
        let at = |beats: f64| (first_line + beats * beat_frames).round() as i64;
        let looped = transport.loop_beats.map(|(start, end)| (at(start), at(end)));
        let within = |frame: i64| frame.unsigned_abs() <= MAX_FRAMES.unsigned_abs();
        let is_sane = (1.0..=MAX_FRAMES as f64).contains(&bar_frames)
            && (0.01..=MAX_FRAMES as f64).contains(&beat_frames)
            && first_line.abs() <= MAX_FRAMES as f64
            && within(frame);
        let loop_frames =
            looped.filter(|(start, end)| start < end && within(*start) && within(*end));
        is_sane.then_some(Self { first_line, bar_frames, beat_frames, loop_frames, rate })
    }

    /// Tempo of the song, in beats a minute.
    pub fn tempo_bpm(&self) -> f64 {
        60.0 * self.rate / self.beat_frames
    }

    /// Song position in beats of a frame.
    pub fn beat_at(&self, frame: i64) -> f64 {
        (frame as f64 - self.first_line) / self.beat_frames
    }

    /// Where a take that is asked for at song frame `now` takes over, in a song that rolls, if composing
    /// begins `lead` frames before.
    pub fn target(&self, when: TakeOver, now: i64, lead: i64) -> Option<Target> {
        let ahead = self.loop_frames.filter(|(_, end)| now < *end);
        let inside = ahead.filter(|(start, _)| *start <= now);
        let (bar, frame) = self.line_from(now.saturating_add(lead));
        Some(match (when, ahead, inside) {
            (TakeOver::AtOnce, ..) => return None,
            (TakeOver::LoopEnd, Some((_, end)), _) => self.straight(end, now, lead),
            (_, _, Some((start, end))) if end <= frame => self.after_turn(now, lead, start, end),
            _ => Target { bar: Some(bar), ..self.straight(frame, now, lead) },
        })
    }

    /// The same in a song that rests at `now`: nothing more is coming, so what was heard up to there is
    /// listened to, or up to the take-over itself if `was_heard` says that this was heard too.
    pub fn resting(
        &self,
        when: TakeOver,
        now: i64,
        was_heard: impl Fn(i64) -> bool,
    ) -> Option<Target> {
        let (bar, line) = self.line_from(now);
        let at_line = Target { bar: Some(bar), ..self.straight(line, now, 0) };
        let end = self.loop_frames.map(|(_, end)| end).filter(|end| now <= *end);
        let at_end = end.map(|end| self.straight(end, now, 0));
        let target = match when {
            TakeOver::AtOnce => return None,
            TakeOver::NextBar => at_line,
            TakeOver::LoopEnd => at_end.unwrap_or(at_line),
        };
        let is_far = |target: &Target| {
            target.n_left as f64 > MAX_UNPLAYED_SECONDS * self.rate && !was_heard(target.frame)
        };
        let target = if is_far(&target) { at_line } else { target };
        let prime_end = if was_heard(target.frame) { target.frame } else { now };
        (!is_far(&target)).then_some(Target {
            prime_end,
            n_unplayed: target.frame - prime_end,
            ..target
        })
    }

    /// The first bar line at or after `frame`: number of its bar, and its frame.
    fn line_from(&self, frame: i64) -> (i64, i64) {
        // a line that lies less than half a frame before is meant to be there
        let n_bars = ((frame as f64 - 0.5 - self.first_line) / self.bar_frames).ceil();
        (n_bars as i64 + 1, (self.first_line + n_bars * self.bar_frames).round() as i64)
    }

    /// A take-over that lies ahead. If it is nearer than the lead, composing begins now.
    fn straight(&self, frame: i64, now: i64, lead: i64) -> Target {
        let prime_end = (frame - lead).max(now);
        let (bar, line) = self.line_from(frame);
        let bar = (line == frame).then_some(bar);
        let (n_unplayed, n_left) = (frame - prime_end, frame - now);
        Target { frame, prime_end, n_unplayed, n_left, bar }
    }

    /// A take-over after the song has gone from the loop's `end` back to its `start`.
    fn after_turn(&self, now: i64, lead: i64, start: i64, end: i64) -> Target {
        let n_left = end - now;
        let (bar, line) = self.line_from(start);
        if lead <= n_left {
            let bar = (line == start).then_some(bar);
            return Target { frame: start, prime_end: end - lead, n_unplayed: lead, n_left, bar };
        }
        let (bar, line) = self.line_from(start + lead);
        if line < end {
            let n_left = n_left + line - start;
            let (prime_end, bar) = (line - lead, Some(bar));
            return Target { frame: line, prime_end, n_unplayed: lead, n_left, bar };
        }
        self.straight(end, now, lead) // a loop too short to wait in
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: f64 = 48_000.0;

    /// 4/4 at 120 bpm: a bar is 96 000 frames.
    fn transport(beats: f64) -> Transport {
        Transport {
            playing: true,
            beats: Some(beats),
            tempo_bpm: Some(120.0),
            time_signature: Some((4, 4)),
            ..Transport::default()
        }
    }

    fn bars() -> Bars {
        Bars::of(&transport(0.0), 0, RATE).unwrap()
    }

    #[test]
    fn the_next_bar_is_the_first_that_leaves_time_to_compose() {
        let bars = bars();

        let target = bars.target(TakeOver::NextBar, 10_000, 48_000).unwrap();
        let wanted = Target {
            frame: 96_000,
            prime_end: 48_000,
            n_unplayed: 48_000,
            n_left: 86_000,
            bar: Some(2),
        };
        assert_eq!(target, wanted);
        let target = bars.target(TakeOver::NextBar, 60_000, 48_000).unwrap();
        assert_eq!((target.frame, target.prime_end, target.bar), (192_000, 144_000, Some(3)));
        let before_the_song = bars.target(TakeOver::NextBar, -50_000, 48_000).unwrap();
        assert_eq!((before_the_song.frame, before_the_song.bar), (0, Some(1)));
    }

    #[test]
    fn bars_follow_the_time_signature_and_the_place() {
        let waltz = Transport { time_signature: Some((6, 8)), ..transport(7.5) };
        let bars = Bars::of(&waltz, 1000, RATE).unwrap();

        assert_eq!(bars.bar_frames, 72_000.0);
        assert_eq!(bars.target(TakeOver::NextBar, 1000, 0).unwrap().frame, 1000 + 36_000);
        assert_eq!(Bars::of(&Transport { beats: None, ..waltz }, 1000, RATE), None);
        assert_eq!(Bars::of(&Transport { tempo_bpm: Some(0.0), ..waltz }, 1000, RATE), None);
        assert_eq!(Bars::of(&Transport { time_signature: Some((4, 0)), ..waltz }, 0, RATE), None);
    }

    #[test]
    fn a_song_that_turns_back_before_the_bar_is_met_after_the_turn() {
        let looped = Transport { loop_beats: Some((4.0, 12.0)), ..transport(0.0) };
        let bars = Bars::of(&looped, 0, RATE).unwrap(); // from bar 2 to the end of bar 3

        let turn = bars.target(TakeOver::NextBar, 200_000, 48_000).unwrap();
        let late = bars.target(TakeOver::NextBar, 280_000, 48_000).unwrap();
        let end = bars.target(TakeOver::LoopEnd, 200_000, 48_000).unwrap();

        assert_eq!((turn.frame, turn.prime_end, turn.n_unplayed), (96_000, 240_000, 48_000));
        assert_eq!((turn.n_left, turn.bar), (88_000, Some(2)));
        assert_eq!((late.frame, late.prime_end, late.n_left), (192_000, 144_000, 104_000));
        assert_eq!((end.frame, end.prime_end, end.bar), (288_000, 240_000, Some(4)));
        assert_eq!(bars.target(TakeOver::LoopEnd, 300_000, 0).unwrap().frame, 384_000);
    }

    #[test]
    fn a_resting_song_is_listened_to_as_far_as_it_was_heard() {
        let bars = bars();

        let half = bars.resting(TakeOver::NextBar, 60_000, |frame| frame <= 60_000).unwrap();
        let whole = bars.resting(TakeOver::NextBar, 60_000, |frame| frame <= 100_000).unwrap();

        assert_eq!((half.frame, half.prime_end, half.n_unplayed), (96_000, 60_000, 36_000));
        assert_eq!((whole.frame, whole.prime_end, whole.n_unplayed), (96_000, 96_000, 0));
    }

    #[test]
    fn a_place_that_no_song_has_is_none() {
        let endless = Transport { loop_beats: Some((4.0, 1e300)), ..transport(0.0) };

        assert_eq!(Bars::of(&transport(1e300), 0, RATE), None);
        assert_eq!(Bars::of(&transport(0.0), i64::MIN, RATE), None);
        assert_eq!(
            Bars::of(&Transport { tempo_bpm: Some(1e-300), ..transport(0.0) }, 0, RATE),
            None
        );
        assert_eq!(Bars::of(&endless, 0, RATE).unwrap().loop_frames, None);
    }

    #[test]
    fn at_once_has_no_place_of_its_own() {
        assert_eq!(bars().target(TakeOver::AtOnce, 0, 0), None);
        assert_eq!(bars().resting(TakeOver::AtOnce, 0, |_| true), None);
    }
}
