//! Plays an arrangement: at each frame of the song the topmost region that can sound. Two voices fade over into
//! each other and into the input, so that nothing the transport or the engine does can click.

use std::sync::Arc;

use super::choice::{Choice, Rules};
use crate::{
    link::{Arrangement, ArrangementReader, Region},
    units::{FADE_SECONDS, READY_SECONDS, frames_from_seconds},
};

/// Arrangements that may be here at once: the current one, and one for each voice that fades out.
const N_SLOTS: usize = 3;

/// The playing side of one instance. Runs on the audio thread.
pub struct Playback {
    reader: ArrangementReader,
    slots: [Option<Box<Arrangement>>; N_SLOTS],
    /// Slot of the arrangement that is followed.
    current: usize,
    /// Their levels come to [`Rules::fade_frames`] at most; what is missing is the input.
    voices: [Voice; 2],
    rules: Rules,
    /// What sounds, and for how many more frames.
    choice: Choice,
    is_muted: bool,
    n_received: u64,
    n_underruns: usize,
}

/// Something that is being played.
#[derive(Debug, Clone, Copy, Default)]
struct Voice {
    /// Where its arrangement is, and which region of it this is.
    slot: usize,
    region: usize,
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
            slots: Default::default(),
            current: 0,
            voices: Default::default(),
            rules: Rules {
                fade_frames: frames(FADE_SECONDS).max(1),
                resume_frames: frames(READY_SECONDS),
            },
            choice: Choice::INPUT,
            is_muted: false,
            n_received: 0,
            n_underruns: 0,
        }
    }

    /// Begins a block at song frame `now`: follows the newest arrangement, hands back what is spent, and gives
    /// sounds a place that have none. Muted, everything fades out.
    pub fn receive(&mut self, now: i64, is_muted: bool) {
        self.is_muted = is_muted;
        self.choice.n_frames = 0; // things may have changed
        if let Some(newest) = self.reader.newest() {
            self.n_received += 1;
            self.follow(newest);
        }
        self.retire();
        for region in self.regions() {
            if region.start().is_none() && self.rules.can_begin(region) {
                region.sound.arrive(now.saturating_sub(region.first as i64));
            }
        }
    }

    /// A number that grows whenever something new has come.
    pub fn n_news(&self) -> u64 {
        self.n_received + self.regions().iter().map(|region| region.ready().0 as u64).sum::<u64>()
    }

    /// The highest number of a take that can sound; 0 without any.
    pub fn newest_take(&self) -> u64 {
        self.regions().iter().map(|region| region.take).max().unwrap_or(0)
    }

    /// Whether `n_frames` of a take newer than `older` can be played as they should be, from song position
    /// `frame` on.
    pub fn is_ready(&self, older: u64, frame: i64, n_frames: i64) -> bool {
        let mut newer = self.regions().iter().filter(|region| region.take > older);
        newer.any(|region| self.rules.is_ready(region, frame, n_frames))
    }

    /// The next frame of what sounds, faded, and how far it has replaced the input (0 to 1), with the song at
    /// `frame`, or resting. Within a block the song moves on by a frame with each call.
    ///
    /// Realtime-safe and branches only on what was prepared.
    pub fn next(&mut self, frame: Option<i64>) -> ([f32; 2], f32) {
        if self.choice.n_frames <= 0 {
            let chosen = self.choose(frame);
            let before = std::mem::replace(&mut self.choice, chosen);
            let ended = before.region.is_some() && self.choice.region.is_none();
            self.n_underruns += usize::from(ended && frame.is_some() && self.is_dry());
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
        for voice in self.voices.iter_mut().filter(|voice| voice.level > 0) {
            let share = voice.level as f32 / full as f32;
            presence += share;
            let arrangement = self.slots[voice.slot].as_ref();
            voice.read(arrangement.and_then(|arrangement| arrangement.regions.get(voice.region)));
            sum = [0, 1].map(|c| sum[c] + share * voice.last[c]);
        }
        (sum, presence.min(1.0))
    }

    /// Times since the last call that something sounded which goes on, but is not there so far yet.
    pub fn take_underruns(&mut self) -> usize {
        std::mem::take(&mut self.n_underruns)
    }

    /// Whether what is heard has come to the end of what is there of it, but not to its own.
    fn is_dry(&self) -> bool {
        let heard =
            self.voices.iter().filter(|voice| voice.level > 0 && voice.slot == self.current);
        heard.filter_map(|voice| Some((voice, self.regions().get(voice.region)?))).any(
            |(voice, region)| {
                let (n_ready, is_whole) = region.ready();
                let n_left = (region.first + n_ready) as i64 - voice.next as i64;
                !is_whole && n_left <= 2 * self.rules.fade_frames + 2
            },
        )
    }

    fn choose(&self, frame: Option<i64>) -> Choice {
        let Some(frame) = frame.filter(|_| !self.is_muted) else { return Choice::INPUT };
        self.rules.choose(self.regions(), frame, |region, offset| {
            self.playing(region, offset).map_or(0, |voice| self.voices[voice].level)
        })
    }

    /// The voice that plays `region` at song position `frame`, if need be a silent one that begins now; none
    /// while both fade out elsewhere.
    fn voice_for(&mut self, region: usize, frame: Option<i64>) -> Option<usize> {
        let wanted = self.regions().get(region)?;
        let offset = frame?.saturating_sub(wanted.start()?);
        if let Some(voice) = self.playing(region, offset) {
            return Some(voice);
        }
        let next = wanted.first.saturating_add(offset.max(0) as usize);
        let silent = self.voices.iter().position(|voice| voice.level == 0)?;
        self.voices[silent] = Voice { slot: self.current, region, next, ..Voice::default() };
        Some(silent)
    }

    /// The voice that sounds and plays frame `offset` of `region` next.
    fn playing(&self, region: usize, offset: i64) -> Option<usize> {
        let first = self.regions().get(region)?.first as i64;
        self.voices.iter().position(|voice| {
            let is_there = voice.next as i64 == first.saturating_add(offset);
            is_there && voice.slot == self.current && voice.region == region && voice.level > 0
        })
    }

    /// Goes over to `newest`. Voices go on where it has the same sound at the same place; others fade out.
    fn follow(&mut self, newest: Box<Arrangement>) {
        let current = self.regions();
        let goes_on = self.voices.map(|voice| {
            let played = current.get(voice.region).filter(|_| voice.slot == self.current)?;
            newest.regions.iter().position(|region| is_same(region, played))
        });
        let stays = |slot| {
            let mut voices = self.voices.iter().zip(goes_on);
            voices.any(|(voice, next)| voice.level > 0 && voice.slot == slot && next.is_none())
        };
        let free = (0..N_SLOTS).find(|slot| !stays(*slot)).unwrap_or_default(); // two voices at most stay
        for (voice, next) in self.voices.iter_mut().zip(goes_on) {
            if let Some(region) = next {
                (voice.slot, voice.region) = (free, region);
            }
        }
        self.current = free;
        if let Some(spent) = self.slots[free].replace(newest) {
            self.reader.retire(spent);
        }
    }

    /// Sends back what is not followed and of which nothing sounds.
    fn retire(&mut self) {
        for (idx, slot) in self.slots.iter_mut().enumerate() {
            let sounds = self.voices.iter().any(|voice| voice.slot == idx && voice.level > 0);
            if idx != self.current
                && !sounds
                && let Some(spent) = slot.take()
            {
                self.reader.retire(spent);
            }
        }
    }

    fn regions(&self) -> &[Region] {
        self.slots[self.current].as_ref().map_or(&[], |arrangement| &arrangement.regions)
    }
}

impl Voice {
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
    let origin = |region: &Region| Some(region.start()?.saturating_sub(region.first as i64));
    Arc::ptr_eq(&a.sound, &b.sound) && origin(a) == origin(b) && a.gain == b.gain
}
