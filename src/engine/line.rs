//! Both rings of one instance and what came out of them. A new sample rate brings a new line.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{ear::Run, heard::Memory, tokens::Stretch};
use crate::{
    link::{
        ArrangementWriter, Bars, CaptureReader, Lane, Mark, Request, Settings, Signals, TakeOver,
        Target,
    },
    takes::{Recipe, Take},
    units::frames_from_seconds,
};

/// How much before a prime its codes depend on, in seconds; 1.04 in the finest level of the released models.
const CONTEXT_SECONDS: f64 = 2.0;

/// Longest time without a frame after which a song that should roll is taken to rest.
const STALLED: Duration = Duration::from_secs(2);

/// How far a bar line may seem to move while it stays where it is, in frames.
const ROUNDING_FRAMES: i64 = 16;

/// The engine's side of a link.
pub struct Line {
    pub epoch: u64,
    pub signals: Arc<Signals>,
    pub capture: CaptureReader,
    pub arrangements: ArrangementWriter,
    pub heard: Memory,
    /// Frames that were heard when the picture was drawn last.
    pub n_drawn: u64,
    /// Frames that were read from the ring, and whether those of the sidechain come with them.
    pub n_read: u64,
    pub has_side: bool,
}

/// What an instance asks for when its audio is looked through.
pub enum Asked {
    Continue(Box<Place>),
    Stop,
}

/// A request with everything that depends on where the song was.
pub struct Place {
    pub settings: Settings,
    pub id: u64,
    pub signals: Arc<Signals>,
    /// The run of frames that the prime ends in.
    pub run: Run,
    /// Song frame of the first frame of the take that is played.
    pub seam_frame: i64,
    /// Song frames that are composed before it and not played.
    pub n_unplayed: i64,
    pub on_arrival: bool,
    pub source: Source,
    /// What was heard up to where composing begins, with what its codes depend on.
    pub heard: Stretch,
    /// While it waits for the take-over.
    pub armed: Option<Waiting>,
}

/// What a request continues.
pub enum Source {
    /// The song, as it was heard.
    Heard,
    /// A take from a place of it on, in seconds from its seam.
    Take { take: Box<Take>, at_seconds: f64 },
    /// The codes of a recipe.
    Recipe(Box<Recipe>),
}

/// In place of a run: the prime is something else than the song as it is heard now.
const NO_RUN: u64 = u64::MAX;

/// A take-over that lies ahead.
#[derive(Clone, Copy)]
pub struct Waiting {
    pub target: Target,
    /// Frames before the take-over at which composing begins.
    lead: i64,
    /// Most of the recording that is listened to, in seconds.
    listens_seconds: f64,
    /// When a frame came last, and how many there were.
    moved: (Instant, u64),
}

/// What has become of a place that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watched {
    /// It waits, as before.
    Waits,
    /// The song jumped or the tempo changed: it waits for another place.
    Moved,
    /// Composing is to begin.
    Due,
    /// The line is another one.
    Gone,
}

/// What is heard just now.
pub struct Hearing {
    pub run: Run,
    /// Sample rate of the host, in Hz.
    pub rate: f64,
    /// Song position after the last frame.
    pub end: i64,
    pub is_quiet: bool,
}

impl Line {
    /// Reads frames up to each mark, then obeys the mark, so that everything is heard in order. `lead` is
    /// the time to compose ahead, `listens` the most that the model listens to, both in seconds.
    pub fn drain(&mut self, lead: f64, listens: f64, asked: &mut Vec<Asked>) {
        self.heard.limit(self.signals.memory_seconds());
        loop {
            let n_ready = self.capture.n_ready(); // before the marks are looked at
            while let Some(mark) = self.capture.next_mark(self.n_read) {
                match mark {
                    Mark::Span { song_frame, motion, .. } => {
                        self.heard.begin_span(song_frame, motion);
                    }
                    Mark::Told { told, .. } => self.heard.tell(told),
                    Mark::Sidechain { is_on, .. } => self.has_side = is_on,
                    Mark::Continue { asked: request, .. } => {
                        let place = self.place(request, lead, listens);
                        asked.push(Asked::Continue(Box::new(place)));
                    }
                    Mark::Stop { .. } => asked.push(Asked::Stop),
                }
            }
            let until_mark = self.capture.next_mark_at().map(|at| at - self.n_read);
            let n_frames = until_mark.map_or(n_ready, |n| n_ready.min(n as usize));
            if n_frames == 0 {
                return;
            }
            let mut at = self.heard.next_frame();
            let heard = &mut self.heard;
            self.capture.read(n_frames, |frames| heard.hear(frames));
            if self.has_side {
                self.capture.read_side(n_frames, |frames| {
                    heard.hear_side(at, frames);
                    at += frames.len() as u64;
                });
            }
            self.n_read += n_frames as u64;
        }
    }

    /// Where a continuation begins, and with what prime.
    pub fn place(&self, asked: Request, lead: f64, listens: f64) -> Place {
        let Request { settings, song_frame, on_arrival, listen_to, .. } = asked;
        let now = self.now(song_frame);
        let lead = if asked.offline { 0.0 } else { lead };
        let lead = frames_from_seconds(lead, self.signals.rate()) as i64;
        let listens_seconds = settings.prime_seconds.clamp(0.0, listens) + CONTEXT_SECONDS;
        let moved = (Instant::now(), self.heard.song().n_heard());
        let wait = |target| Waiting { target, lead, listens_seconds, moved };
        let mut place = Place { on_arrival, ..self.place_at(&asked, Source::Heard, now) };
        let n_listens = frames_from_seconds(listens_seconds, self.signals.rate());
        let played = || self.heard.played(listen_to, song_frame, n_listens);
        if !asked.rolling
            && let Some(played) = played()
        {
            let target =
                asked.bars.and_then(|b| b.resting(settings.take_over, song_frame, |_| false));
            let target = target.unwrap_or(at_once(song_frame));
            place.begin_with(target, Stretch::ending_at(target.prime_end, &played));
            place.run = (self.epoch, NO_RUN, listen_to);
            return place;
        }
        match asked.bars.filter(|_| settings.take_over != TakeOver::AtOnce) {
            Some(bars) if asked.rolling => {
                place.armed = bars.target(settings.take_over, now, lead).map(wait);
            }
            Some(bars) => {
                let target = self.resting(&bars, settings.take_over, now);
                place.begin_at(self, target, listens_seconds);
                return place;
            }
            None => {}
        }
        match &place.armed {
            Some(waiting) => place.seam_frame = waiting.target.frame,
            None => place.begin_at(self, at_once(now), listens_seconds),
        }
        place
    }

    /// Where something begins that has its place already, and nothing of the song in it.
    pub fn place_at(&self, asked: &Request, source: Source, seam_frame: i64) -> Place {
        Place {
            settings: asked.settings,
            id: asked.id,
            signals: Arc::clone(&self.signals),
            run: self.run(asked.listen_to),
            seam_frame,
            n_unplayed: 0,
            on_arrival: false,
            source,
            heard: Stretch::default(),
            armed: None,
        }
    }

    /// Where a continuation of what was heard before song frame `frame` begins: right there.
    pub fn place_after(&self, asked: &Request, frame: i64, listens: f64) -> Place {
        let mut place = self.place_at(asked, Source::Heard, frame);
        let listens_seconds = asked.settings.prime_seconds.clamp(0.0, listens) + CONTEXT_SECONDS;
        place.begin_at(self, at_once(frame), listens_seconds);
        place
    }

    /// The playhead, or the end of what was heard where that is elsewhere.
    pub fn now(&self, playhead: i64) -> i64 {
        let end = self.heard.end_frame().unwrap_or(playhead);
        if self.heard.reaches(playhead) { playhead } else { end }
    }

    /// Looks whether the song has come to where composing begins, and where that is by now.
    pub fn watch(&self, place: &mut Place) -> Watched {
        let (Some(waiting), Some(end)) = (&mut place.armed, self.heard.end_frame()) else {
            return Watched::Due;
        };
        if self.epoch != place.run.0 {
            return Watched::Gone;
        }
        let song = self.heard.song();
        if waiting.moved.1 != song.n_heard() {
            waiting.moved = (Instant::now(), song.n_heard());
        }
        let Waiting { target, lead, listens_seconds, moved } = *waiting;
        let has_come = song.end_of_span(place.run.1).is_some_and(|at| target.prime_end <= at);
        if has_come {
            place.begin_at(self, target, listens_seconds);
            return Watched::Due;
        }
        let when = place.settings.take_over;
        let is_read = self.capture.n_ready() == 0 || self.heard.is_resting();
        let rests = !self.signals.rolling() && is_read;
        let bars = self.signals.bars();
        if rests || moved.0.elapsed() > STALLED {
            let target = bars.map_or(at_once(end), |bars| self.resting(&bars, when, end));
            place.begin_at(self, target, listens_seconds);
            return Watched::Due;
        }
        // a line that seems to have come a little nearer is still the one that is waited for
        let now = end - ROUNDING_FRAMES;
        let Some(next) = bars.and_then(|bars| bars.target(when, now, lead)) else {
            place.begin_at(self, at_once(end), listens_seconds);
            return Watched::Due;
        };
        let run = self.run(place.run.2);
        let n_left = next.n_left - ROUNDING_FRAMES;
        let is_same = (next.frame - target.frame).abs() <= ROUNDING_FRAMES && run == place.run;
        let target = if is_same { Target { n_left, ..target } } else { Target { n_left, ..next } };
        *waiting = Waiting { target, lead, listens_seconds, moved: waiting.moved };
        place.run = run;
        place.seam_frame = target.frame;
        if is_same { Watched::Waits } else { Watched::Moved }
    }

    /// Whether `run` is still going on.
    pub fn is_in(&self, run: Run) -> bool {
        self.run(run.2) == run && self.heard.song().newest_span().is_some()
    }

    /// What is heard just now, if there is anything.
    pub fn hearing(&self) -> Option<Hearing> {
        let (rate, lane) = (self.signals.rate(), self.signals.listen_to());
        let song = self.heard.song();
        song.newest_span()?;
        Some(Hearing {
            run: self.run(lane),
            rate,
            end: song.end_frame()?,
            is_quiet: song.is_quiet(lane, frames_from_seconds(0.1, rate)),
        })
    }

    /// The frames `wanted` of the song in this run and before it, as far as they are remembered; none of a
    /// sidechain on which nothing was.
    pub fn stretch(&self, lane: Lane, wanted: Range<i64>) -> Stretch {
        let n_frames = (wanted.end - wanted.start).max(0) as usize;
        let heard = self.heard.before(lane, wanted.end, n_frames).unwrap_or_default();
        let is_empty = lane == Lane::Sidechain && heard.iter().flatten().all(|s| *s == 0.0);
        Stretch::ending_at(wanted.end, if is_empty { &[] } else { &heard })
    }

    /// What is heard now, on that lane.
    fn run(&self, lane: Lane) -> Run {
        (self.epoch, self.heard.song().newest_span().unwrap_or(0), lane)
    }

    fn resting(&self, bars: &Bars, when: TakeOver, now: i64) -> Target {
        let was_heard = |frame| self.heard.reaches(frame);
        bars.resting(when, now, was_heard).unwrap_or(at_once(now))
    }
}

impl Place {
    /// Tells an offline render which frames of the song to wait for.
    pub fn promise(&self) {
        let n_frames =
            frames_from_seconds(self.settings.length_seconds, self.signals.rate()) as i64;
        let end = if self.on_arrival { self.seam_frame } else { self.seam_frame + n_frames };
        self.signals.make_promise(self.id, self.seam_frame, end);
    }

    /// Nothing is waited for any more: the prime is what was heard up to there.
    fn begin_at(&mut self, line: &Line, target: Target, listens_seconds: f64) {
        let (epoch, _, lane) = self.run;
        let n_frames = frames_from_seconds(listens_seconds, line.signals.rate()) as i64;
        let heard = line.stretch(lane, target.prime_end - n_frames..target.prime_end);
        self.begin_with(target, heard);
        let span = line.heard.song().span_before(target.prime_end);
        self.run = (epoch, span.unwrap_or(NO_RUN), lane);
    }

    fn begin_with(&mut self, target: Target, heard: Stretch) {
        self.armed = None;
        self.seam_frame = target.frame;
        self.n_unplayed = target.n_unplayed;
        self.heard = heard;
    }
}

/// A take that begins where the recording ends.
fn at_once(frame: i64) -> Target {
    Target { frame, prime_end: frame, n_unplayed: 0, n_left: 0, bar: None }
}
