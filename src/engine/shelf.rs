//! The takes of one instance: the tree of them, how each sounds, and from both what the audio thread plays and
//! the editor shows.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    arrange::{Loudness, Sounded, arrange},
    sounding::{Placing, Sounding},
};
use crate::{
    link::{Arrangement, StageTimes, Status, TakeStatus, Waveform},
    takes::{Edit, EditError, Music, Take, TakeId, Tree},
    units::frames_from_seconds,
};

/// Most seconds of sound that are kept of takes that are not chosen.
const SPARE_SECONDS: f64 = 300.0;

/// How long before its seam a take may begin to fade in, in seconds.
const LEAD_IN_SECONDS: f64 = 0.05;

/// Everything of an instance that has to do with takes.
#[derive(Default)]
pub struct Shelf {
    tree: Tree,
    /// Counts trees: what was asked for another one does not belong here.
    age: u64,
    /// Takes that are being composed, without their codes.
    growing: Vec<Take>,
    shown: BTreeMap<TakeId, Shown>,
    /// Takes that cannot be decoded, although their pack is here.
    broken: BTreeSet<TakeId>,
    /// Sample rate of the host, in Hz, while there is a link.
    rate: Option<f64>,
    /// The input is heard instead of takes.
    compares: bool,
    /// Takes are made as loud as what they continue.
    matches_loudness: bool,
    tempo_bpm: Option<f64>,
    /// Of the pack that is loaded; none while that is not known, empty where there is none.
    pack: Option<String>,
    /// How many edits there were; loading is none.
    n_edits: u64,
    /// What offline renders were promised, while takes are decoded.
    promised: Option<u64>,
}

/// What is known of a take beside what it is made of.
#[derive(Default)]
struct Shown {
    sounded: Option<Sounded>,
    waveform: Arc<Waveform>,
    loudness: Option<Loudness>,
    first_frame_ms: Option<f64>,
    realtime_factor: f64,
    stages: StageTimes,
}

/// A take whose codes are to be decoded.
pub struct Wanted {
    pub id: TakeId,
    pub age: u64,
    pub music: Music,
    pub placing: Placing,
}

impl Shelf {
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    pub fn age(&self) -> u64 {
        self.age
    }

    /// Numbers for takes that are about to be composed.
    pub fn reserve(&mut self, n_takes: usize) -> Vec<TakeId> {
        (0..n_takes).map(|_| self.tree.next_id()).collect()
    }

    /// Takes without codes are being composed from now on.
    pub fn begin(&mut self, age: u64, takes: &[Take]) {
        if age == self.age {
            for take in takes {
                self.shown.entry(take.id).or_default();
            }
            self.growing.extend_from_slice(takes);
        }
    }

    /// The sound of a take grows from here.
    pub fn place(&mut self, age: u64, id: TakeId, sounding: &Sounding, on_arrival: bool) {
        if age == self.age && self.rate == Some(sounding.placing().rate) {
            self.shown.entry(id).or_default().sounded = Some(sounded(sounding, on_arrival));
        }
    }

    /// There is more of a take's sound.
    pub fn draw(&mut self, age: u64, id: TakeId, waveform: Waveform) {
        if let Some(shown) = self.shown.get_mut(&id).filter(|_| age == self.age) {
            shown.waveform = Arc::new(waveform);
        }
    }

    /// A take is all there.
    pub fn weigh(&mut self, age: u64, id: TakeId, loudness: Loudness) {
        if let Some(shown) = self.shown.get_mut(&id).filter(|_| age == self.age) {
            shown.loudness = Some(loudness);
        }
    }

    /// How fast a take is made.
    pub fn time(
        &mut self,
        id: TakeId,
        first_frame_ms: Option<f64>,
        realtime_factor: f64,
        stages: StageTimes,
    ) {
        if let Some(shown) = self.shown.get_mut(&id) {
            shown.first_frame_ms = shown.first_frame_ms.or(first_frame_ms);
            (shown.realtime_factor, shown.stages) = (realtime_factor, stages);
        }
    }

    /// Composing has ended: what was made of its takes belongs to the tree.
    ///
    /// # Errors
    /// When the tree refuses them, which it does not unless they make no sense.
    pub fn end(&mut self, age: u64, planned: &[Take], made: Vec<Take>) -> Result<(), EditError> {
        if age != self.age {
            return Ok(()); // they belonged to what was here before another state was loaded
        }
        self.growing.retain(|take| planned.iter().all(|ended| ended.id != take.id));
        let result = if made.is_empty() { Ok(()) } else { self.apply(Edit::Add(made)) };
        self.forget_strangers();
        result
    }

    /// Does one thing to the takes.
    ///
    /// # Errors
    /// When that cannot be done; the takes are as they were.
    pub fn apply(&mut self, edit: Edit) -> Result<(), EditError> {
        self.tree.apply(edit)?;
        self.n_edits += 1;
        self.forget_strangers();
        Ok(())
    }

    pub fn undo(&mut self) {
        self.n_edits += u64::from(self.tree.undo());
    }

    pub fn redo(&mut self) {
        self.n_edits += u64::from(self.tree.redo());
    }

    /// Puts other takes in the place of all that are here.
    pub fn load(&mut self, tree: Tree) {
        self.age += 1;
        self.tree = tree;
        self.growing.clear();
        self.shown.clear();
        self.broken.clear();
    }

    /// There is a link at this rate; sounds at other rates are of no use.
    pub fn attach(&mut self, rate: f64) {
        self.rate = Some(rate);
        for shown in self.shown.values_mut() {
            shown.sounded = shown.sounded.take().filter(|sounded| sounded.rate == rate);
        }
    }

    pub fn set_compares(&mut self, compares: bool) {
        self.compares = compares;
    }

    /// What the host says now; whether that changes anything.
    pub fn hear_host(&mut self, tempo_bpm: Option<f64>, matches_loudness: bool) -> bool {
        let is_stale = |tempo| self.tree.takes().map(move |take| take.is_stale(tempo));
        let is_new = matches_loudness != self.matches_loudness
            || (tempo_bpm != self.tempo_bpm && is_stale(tempo_bpm).ne(is_stale(self.tempo_bpm)));
        (self.tempo_bpm, self.matches_loudness) = (tempo_bpm, matches_loudness);
        is_new
    }

    /// The pack with this hash is loaded, or none.
    pub fn set_pack(&mut self, hash: Option<String>) {
        self.pack = Some(hash.unwrap_or_default());
        self.broken.clear();
    }

    /// Names of the packs that takes were made with and that are not here; none while that is not known.
    pub fn missing_packs(&self) -> Vec<String> {
        let missing = self.tree.takes().filter(|take| self.is_missing(take));
        let names: BTreeSet<_> = missing.map(|take| &take.music.recipe.pack.name).collect();
        names.into_iter().cloned().collect()
    }

    /// A take that cannot be decoded.
    pub fn give_up(&mut self, age: u64, id: TakeId) {
        if age == self.age {
            self.broken.insert(id);
            self.shown.remove(&id);
        }
    }

    /// The next take whose codes should be decoded: those that sound come first, and of the others as many as
    /// there is room for.
    pub fn wanted(&self) -> Option<Wanted> {
        let rate = self.rate?;
        let is_wanted = |take: &&Take| self.lacks_sound(take);
        let spare = || {
            let others = self.tree.takes().filter(|take| !take.sounds).filter(is_wanted);
            others
                .last()
                .filter(|take| self.spare_seconds() + take.music.length_seconds <= SPARE_SECONDS)
        };
        let take = self.tree.sounding().find(is_wanted).or_else(spare)?;
        Some(Wanted {
            id: take.id,
            age: self.age,
            music: take.music.clone(),
            placing: Placing::of(&take.place, take.music.length_seconds, rate),
        })
    }

    /// Whether a take at this rate is still to be decoded.
    pub fn is_wanted(&self, id: TakeId, rate: f64) -> bool {
        let take = self.tree.get(id).filter(|_| self.rate == Some(rate));
        take.is_some_and(|take| self.lacks_sound(take))
    }

    /// Request `id` promises the takes that are [awaited](Self::awaited).
    pub fn promise(&mut self, id: u64) {
        self.promised = Some(id);
    }

    /// The promise that was made, once nothing is awaited any more.
    pub fn kept_promise(&mut self) -> Option<u64> {
        if self.awaited().is_none() { self.promised.take() } else { None }
    }

    /// Song frames between the first and the last frame of takes that sound and are yet to be decoded.
    pub fn awaited(&self) -> Option<std::ops::Range<i64>> {
        let rate = self.rate?;
        let waits = |take: &&Take| {
            let sounded = self.shown.get(&take.id).and_then(|shown| shown.sounded.as_ref());
            let may_come =
                self.pack.as_ref().is_none_or(|pack| *pack == take.music.recipe.pack.sha256);
            may_come
                && !self.broken.contains(&take.id)
                && sounded.is_none_or(|sounded| !sounded.sound.is_complete())
        };
        let spans = self.tree.sounding().filter(waits).map(|take| {
            let placing = Placing::of(&take.place, take.music.length_seconds, rate);
            let n_lead = frames_from_seconds(LEAD_IN_SECONDS, rate) as i64;
            let n_frames = frames_from_seconds(placing.length_seconds, rate) as i64;
            placing.seam_frame.saturating_sub(n_lead)..placing.seam_frame.saturating_add(n_frames)
        });
        spans.reduce(|all, span| all.start.min(span.start)..all.end.max(span.end))
    }

    /// What is to sound from now on. Sounds that nobody needs are let go.
    pub fn arrangement(&mut self) -> Arrangement {
        self.drop_spare();
        if self.compares {
            return Arrangement::default();
        }
        let chosen = self.tree.sounding().chain(self.growing.iter().filter(|take| take.sounds));
        arrange(chosen.filter_map(|take| {
            let shown = self.shown.get(&take.id)?;
            let matched = shown.loudness.filter(|_| self.matches_loudness);
            Some((take, shown.sounded.as_ref()?, matched.map_or(1.0, |loudness| loudness.gain())))
        }))
    }

    /// Puts the takes before the user.
    pub fn show(&self, status: &mut Status) {
        let all = self.tree.takes().chain(&self.growing);
        let takes: Vec<TakeStatus> = all.map(|take| self.status_of(take)).collect();
        let growing = self.growing.iter().rfind(|take| take.sounds);
        let newest = growing.or_else(|| self.tree.sounding().last());
        let newest = newest.or_else(|| self.tree.takes().last()).map(|take| take.id);
        status.take = takes.iter().find(|take| Some(take.number) == newest).cloned();
        status.takes = takes.into();
        status.undo = self.tree.can_undo().map(str::to_owned);
        status.redo = self.tree.can_redo().map(str::to_owned);
        status.compares = self.compares;
        status.n_edits = self.n_edits;
    }

    fn status_of(&self, take: &Take) -> TakeStatus {
        let recipe = &take.music.recipe;
        let nothing = Shown::default();
        let shown = self.shown.get(&take.id).unwrap_or(&nothing);
        let rate = self.rate.unwrap_or(take.place.rate);
        let placing = Placing::of(&take.place, take.music.length_seconds, rate);
        let sound = shown.sounded.as_ref().map(|sounded| &sounded.sound);
        TakeStatus {
            number: take.id,
            name: take.name.clone(),
            batch: take.batch,
            parent: take.parent,
            artist: recipe.artist.name.clone(),
            genre: recipe.genres.first().map_or_else(String::new, |genre| genre.name.clone()),
            seed: recipe.seed,
            waveform: Arc::clone(&shown.waveform),
            seam_frame: placing.seam_frame,
            length_seconds: take.music.length_seconds,
            trim: take.played(),
            gain_db: take.gain_db,
            is_pinned: take.pinned,
            sounds: take.sounds,
            is_complete: sound.is_some_and(|sound| sound.is_complete()),
            is_stale: take.is_stale(self.tempo_bpm),
            is_model_missing: self.is_missing(take),
            first_frame_ms: shown.first_frame_ms,
            realtime_factor: shown.realtime_factor,
            stages: shown.stages,
        }
    }

    /// Whether it can be decoded and is not.
    fn lacks_sound(&self, take: &Take) -> bool {
        let shown = self.shown.get(&take.id).and_then(|shown| shown.sounded.as_ref());
        let is_there = shown.is_some_and(|sounded| sounded.sound.is_complete());
        let is_known = self.pack.as_ref() == Some(&take.music.recipe.pack.sha256);
        !is_there && is_known && !self.broken.contains(&take.id)
    }

    fn is_missing(&self, take: &Take) -> bool {
        self.pack.as_ref().is_some_and(|pack| *pack != take.music.recipe.pack.sha256)
    }

    /// Seconds of sound of takes that are not chosen.
    fn spare_seconds(&self) -> f64 {
        let has_sound =
            |take: &&Take| self.shown.get(&take.id).is_some_and(|shown| shown.sounded.is_some());
        let spare = self.tree.takes().filter(|take| !take.sounds).filter(has_sound);
        spare.map(|take| take.music.length_seconds).sum()
    }

    /// The oldest takes that are not chosen lose their sound first; it can be decoded again.
    fn drop_spare(&mut self) {
        let mut n_over = self.spare_seconds() - SPARE_SECONDS;
        for take in self.tree.takes().filter(|take| !take.sounds) {
            if n_over <= 0.0 {
                return;
            }
            let sounded = self.shown.get_mut(&take.id).and_then(|shown| shown.sounded.take());
            n_over -= sounded.map_or(0.0, |_| take.music.length_seconds);
        }
    }

    /// Sounds of takes that cannot come back are let go; those of deleted takes may be decoded again.
    fn forget_strangers(&mut self) {
        let (tree, growing) = (&self.tree, &self.growing);
        self.shown
            .retain(|id, _| tree.get(*id).is_some() || growing.iter().any(|take| take.id == *id));
    }
}

fn sounded(sounding: &Sounding, on_arrival: bool) -> Sounded {
    let placing = sounding.placing();
    Sounded {
        sound: Arc::clone(sounding.sound()),
        rate: placing.rate,
        start: sounding.start(),
        seam_frame: placing.seam_frame,
        on_arrival,
        takes_over: placing.takes_over,
    }
}
