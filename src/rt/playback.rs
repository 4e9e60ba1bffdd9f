//! Plays an arrangement: at each frame of the song the topmost region that can sound. Two voices fade over into
//! each other and into the input, so that nothing the transport or the engine does can click.

use super::choice::{Choice, Rules};
use crate::{
    link::{Arrangement, ArrangementReader, Region},
    units::{FADE_SECONDS, READY_SECONDS, frames_from_seconds},
};

/// The playing side of one instance. Runs on the audio thread.
pub struct Playback {
    reader: ArrangementReader,
    current: Option<Box<Arrangement>>,
    /// The one before, while something of it still fades out.
    outgoing: Option<Box<Arrangement>>,
    /// Their levels come to [`Rules::fade_frames`] at most; what is missing is the input.
    voices: [Voice; 2],
    rules: Rules,
    /// What sounds, and for how many more frames.
    choice: Choice,
    is_muted: bool,
    n_received: u64,
}

/// Something that is being played.
#[derive(Debug, Clone, Copy, Default)]
struct Voice {
    /// Index of its region.
    region: usize,
    /// Whether that is a region of the arrangement before.
    is_outgoing: bool,
    /// Frame of the sound that comes next.
    next: usize,
    /// How far it has faded in, in frames of a fade; 0 is silent.
    level: i64,
    /// Held if the sound ends early, and faded from there.
    last: [f32; 2],
}

impl Playback {
    /// Allocates; not for the audio thread.
    pub fn new(reader: ArrangementReader, rate: f64) -> Self {
        let frames = |seconds| frames_from_seconds(seconds, rate) as i64;
        Self {
            reader,
            current: None,
            outgoing: None,
            voices: Default::default(),
            rules: Rules {
                fade_frames: frames(FADE_SECONDS).max(1),
                resume_frames: frames(READY_SECONDS),
            },
            choice: Choice::INPUT,
            is_muted: false,
            n_received: 0,
        }
    }

    /// Begins a block at song frame `now`: takes the newest arrangement if the one before has faded out, hands
    /// back what is spent, and gives sounds a place that have none. Muted, everything fades out.
    pub fn receive(&mut self, now: i64, is_muted: bool) {
        self.is_muted = is_muted;
        self.choice.n_frames = 0; // things may have changed
        self.retire();
        if self.outgoing.is_none()
            && let Some(newest) = self.reader.newest()
        {
            self.n_received += 1;
            self.follow(&newest);
            self.outgoing = self.current.replace(newest);
            self.retire();
        }
        for region in self.current.iter().flat_map(|arrangement| &arrangement.regions) {
            if region.start().is_none() && self.rules.can_begin(region) {
                region.sound.arrive(now.saturating_sub(region.first as i64));
            }
        }
    }

    /// A number that grows whenever something new has come for `take`.
    pub fn n_news(&self, take: u64) -> u64 {
        self.n_received + self.regions_of(take).map(|region| region.ready().0 as u64).sum::<u64>()
    }

    /// Whether `n_frames` of `take` from song position `frame` on can be played as they should be.
    pub fn is_ready(&self, take: u64, frame: i64, n_frames: usize) -> bool {
        self.outgoing.is_none() // else a newer arrangement may wait
            && self.regions_of(take).any(|region| self.rules.is_ready(region, frame, n_frames as i64))
    }

    /// The next frame of what sounds, faded, and how far it has replaced the input (0 to 1), with the song at
    /// `frame`, or resting. Within a block the song moves on by a frame with each call.
    ///
    /// Realtime-safe and branches only on what was prepared.
    pub fn next(&mut self, frame: Option<i64>) -> ([f32; 2], f32) {
        if self.choice.n_frames <= 0 {
            self.choice = self.choose(frame);
        }
        self.choice.n_frames -= 1;
        let sounding = self.choice.region.and_then(|region| self.voice_for(region, frame));
        if sounding.is_none() && self.voices.iter().all(|voice| voice.level == 0) {
            return ([0.0; 2], 0.0);
        }
        let [first, second] = &mut self.voices;
        let full = self.rules.fade_frames;
        match sounding {
            Some(0) => first.give_way(second, full),
            Some(_) => second.give_way(first, full),
            None => [first, second].into_iter().for_each(Voice::fade_out),
        }
        let (mut sum, mut presence) = ([0.0; 2], 0.0);
        for voice in &mut self.voices {
            let share = voice.level as f32 / full as f32;
            presence += share;
            let arrangement = if voice.is_outgoing { &self.outgoing } else { &self.current };
            let regions = arrangement.iter().flat_map(|arrangement| &arrangement.regions);
            let heard = regions.into_iter().nth(voice.region).filter(|_| voice.level > 0);
            voice.read(heard);
            sum = [0, 1].map(|c| sum[c] + share * voice.last[c]);
        }
        (sum, presence.min(1.0))
    }

    fn choose(&self, frame: Option<i64>) -> Choice {
        match (frame.filter(|_| !self.is_muted), &self.current) {
            (Some(frame), Some(arrangement)) => {
                let regions = &arrangement.regions;
                self.rules.choose(regions, frame, |idx, offset| {
                    let in_place = |voice: &&Voice| voice.is_at(regions, idx, offset);
                    self.voices.iter().find(in_place).map_or(0, |voice| voice.level)
                })
            }
            _ => Choice::INPUT,
        }
    }

    /// The voice that plays `region` at song position `frame`, if need be a silent one that begins now; none
    /// while both fade out elsewhere.
    fn voice_for(&mut self, region: usize, frame: Option<i64>) -> Option<usize> {
        let regions = self.current.as_ref().map(|arrangement| &arrangement.regions)?;
        let offset = frame?.saturating_sub(regions.get(region)?.start()?);
        let in_place = |voice: &Voice| voice.level > 0 && voice.is_at(regions, region, offset);
        if let Some(voice) = self.voices.iter().position(in_place) {
            return Some(voice);
        }
        let silent = self.voices.iter().position(|voice| voice.level == 0)?;
        let next = regions.get(region)?.first + offset.max(0) as usize;
        self.voices[silent] = Voice { region, next, ..Voice::default() };
        Some(silent)
    }

    /// Lets voices go on in `newest` where it has the same sound at the same place.
    fn follow(&mut self, newest: &Arrangement) {
        for voice in &mut self.voices {
            let current = self.current.iter().flat_map(|arrangement| &arrangement.regions);
            let Some(played) = current.into_iter().nth(voice.region) else { continue };
            match newest.regions.iter().position(|region| is_same(region, played)) {
                Some(region) => voice.region = region,
                None => voice.is_outgoing = true,
            }
        }
    }

    /// Sends the arrangement before back, once nothing of it sounds.
    fn retire(&mut self) {
        if self.voices.iter().all(|voice| !voice.is_outgoing || voice.level == 0)
            && let Some(spent) = self.outgoing.take()
        {
            self.outgoing = self.reader.retire(spent).err(); // if there is no room, in a later block
        }
    }

    fn regions_of(&self, take: u64) -> impl Iterator<Item = &Region> {
        let regions = self.current.iter().flat_map(|arrangement| &arrangement.regions);
        regions.filter(move |region| region.take == take)
    }
}

impl Voice {
    /// Whether it plays frame `offset` of region `idx` next.
    fn is_at(&self, regions: &[Region], idx: usize, offset: i64) -> bool {
        let first = regions.get(idx).map_or(0, |region| region.first as i64);
        !self.is_outgoing && self.region == idx && self.next as i64 == first.saturating_add(offset)
    }

    /// Fades in by a frame, as far as the other gives way.
    fn give_way(&mut self, other: &mut Voice, full: i64) {
        other.fade_out();
        self.level = (self.level + 1).min(full - other.level);
    }

    fn fade_out(&mut self) {
        self.level = (self.level - 1).max(0);
    }

    /// Takes the next frame of `region`, past its end if it fades out there.
    fn read(&mut self, region: Option<&Region>) {
        if let Some(region) = region
            && let Some(frame) = region.sound.frame(self.next)
        {
            self.last = frame.map(|sample| sample * region.gain);
        }
        self.next = self.next.saturating_add(1);
    }
}

/// Whether a voice can go from one to the other unheard.
fn is_same(a: &Region, b: &Region) -> bool {
    let origin = |region: &Region| region.start().map(|start| start - region.first as i64);
    std::sync::Arc::ptr_eq(&a.sound, &b.sound) && origin(a) == origin(b) && a.gain == b.gain
}
