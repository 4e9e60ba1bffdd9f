//! The takes of an instance, which go on from one another as branches of a tree, and everything that was done
//! to them, to be undone and done again.
//!
//! One thread owns it: the engine's, which hands out copies of what others need.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::step::{Change, Facts, Step};
use super::take::MAX_NAME_CHARS;
use super::{Edit, EditError, GAINS_DB, Music, Take, TakeId};

/// Edits that can be undone, at most.
pub const MAX_UNDO: usize = 200;

/// Takes of one instance, at most.
pub const MAX_TAKES: usize = 2048;

/// Takes by number, with what was done to them.
#[derive(Debug, Clone)]
pub struct Tree {
    /// Takes that are there, and deleted ones that may come back.
    slots: BTreeMap<TakeId, Slot>,
    next_id: TakeId,
    /// What can be undone, oldest first.
    done: VecDeque<Step>,
    /// What can be done again, the next last.
    undone: Vec<Step>,
}

#[derive(Debug, Clone)]
struct Slot {
    take: Take,
    is_there: bool,
}

impl Default for Tree {
    fn default() -> Self {
        Self { slots: BTreeMap::new(), next_id: 1, done: VecDeque::new(), undone: Vec::new() }
    }
}

impl Tree {
    /// A tree of takes that were kept, with nothing to undo. Of takes with the same number the first stays, and
    /// those without a name of their own get one.
    pub fn of_kept(takes: Vec<Take>, next_id: TakeId) -> Self {
        let mut tree = Self { next_id: next_id.max(1), ..Self::default() };
        for mut take in takes {
            if !tree.slots.contains_key(&take.id) {
                take.name = tree.name_for(&take, &[]);
                tree.next_id = tree.next_id.max(take.id.saturating_add(1));
                tree.slots.insert(take.id, Slot { take, is_there: true });
            }
        }
        tree
    }

    /// A number for a take that will be added. None is given twice, nor that of a deleted take again.
    pub fn next_id(&mut self) -> TakeId {
        self.next_id += 1;
        self.next_id - 1
    }

    /// The number that [`Tree::next_id`] would give, for projects.
    pub fn coming_id(&self) -> TakeId {
        self.next_id
    }

    /// Does one thing to the takes. What was undone before can no longer be done again, unless nothing changes.
    ///
    /// # Errors
    /// When that cannot be done; the takes are as they were.
    pub fn apply(&mut self, edit: Edit) -> Result<(), EditError> {
        let step = match edit {
            Edit::Add(takes) => self.add(takes)?,
            Edit::Rename { take, name } => self.rename(take, name)?,
            Edit::Trim { take, trim } => {
                let length_seconds = self.known(take)?.music.length_seconds;
                if !trim.is_sane() || length_seconds <= trim.start {
                    return Err(EditError::Trim { trim, length_seconds });
                }
                self.change("trimming", take, |facts| facts.trim = trim)?
            }
            Edit::Pin { take, pinned } => {
                let verb = if pinned { "pinning" } else { "unpinning" };
                self.change(verb, take, |facts| facts.pinned = pinned)?
            }
            Edit::Choose { take } => self.choose(take)?,
            Edit::Mute { take } => self.change("muting", take, |facts| facts.sounds = false)?,
            Edit::Gain { take, gain_db } if GAINS_DB.contains(&gain_db) => {
                self.change("changing the gain of", take, |facts| facts.gain_db = gain_db)?
            }
            Edit::Gain { gain_db, .. } => return Err(EditError::Gain { gain_db }),
            Edit::Delete { take } => {
                let Take { name, pinned, .. } = self.known(take)?;
                if *pinned {
                    return Err(EditError::Pinned { name: name.clone() });
                }
                self.change("deleting", take, |facts| facts.is_there = false)?
            }
        };
        if !step.changes.is_empty() {
            self.done_now(step);
        }
        Ok(())
    }

    /// Takes back the last edit; whether there was one.
    pub fn undo(&mut self) -> bool {
        let Some(step) = self.done.pop_back() else { return false };
        step.changes.iter().for_each(|change| self.set(change.take, &change.before));
        self.undone.push(step);
        true
    }

    /// Does again what was taken back last; whether there was something.
    pub fn redo(&mut self) -> bool {
        let Some(step) = self.undone.pop() else { return false };
        step.changes.iter().for_each(|change| self.set(change.take, &change.after));
        self.done.push_back(step);
        true
    }

    /// What [`Tree::undo`] would take back, as in "renaming “Hearthside 1”"; none where there is nothing.
    pub fn can_undo(&self) -> Option<&str> {
        self.done.back().map(|step| step.words.as_str())
    }

    /// What [`Tree::redo`] would do again.
    pub fn can_redo(&self) -> Option<&str> {
        self.undone.last().map(|step| step.words.as_str())
    }

    /// Changes what a take is made of, while it is composed or made finer; not an edit. Deleted takes that may
    /// come back are composed on too. Whether there is such a take.
    pub fn compose(&mut self, take: TakeId, change: impl FnOnce(&mut Music)) -> bool {
        let slot = self.slots.get_mut(&take);
        slot.map(|slot| change(&mut slot.take.music)).is_some()
    }

    /// The takes that are there, by number.
    pub fn takes(&self) -> impl Iterator<Item = &Take> {
        self.slots.values().filter(|slot| slot.is_there).map(|slot| &slot.take)
    }

    /// A take that is there.
    pub fn get(&self, take: TakeId) -> Option<&Take> {
        self.slots.get(&take).filter(|slot| slot.is_there).map(|slot| &slot.take)
    }

    /// The takes that are played when the transport passes; where two overlap, the later covers the earlier.
    pub fn sounding(&self) -> impl Iterator<Item = &Take> {
        self.takes().filter(|take| take.sounds)
    }

    /// Takes that go on from this one, whether or not it is still there.
    pub fn children(&self, take: TakeId) -> impl Iterator<Item = &Take> {
        self.takes().filter(move |child| child.parent.is_some_and(|branch| branch.take == take))
    }

    /// A take, the one that it goes on from, and so on, as far as they are there.
    pub fn path_to_root(&self, take: TakeId) -> impl Iterator<Item = &Take> {
        // a take goes on from an earlier one, so this ends
        std::iter::successors(self.get(take), |take| self.get(take.parent?.take))
    }

    /// The takes of one request.
    pub fn batch(&self, batch: u64) -> impl Iterator<Item = &Take> {
        self.takes().filter(move |take| take.batch == batch)
    }

    /// Whether the tempo at a take's place is no longer the one that it was composed for.
    pub fn is_stale(&self, take: TakeId, tempo_bpm: Option<f64>) -> bool {
        self.get(take).is_some_and(|take| take.is_stale(tempo_bpm))
    }

    fn add(&mut self, mut takes: Vec<Take>) -> Result<Step, EditError> {
        for i in 0..takes.len() {
            let (before, after) = takes.split_at_mut(i);
            let take = &mut after[0];
            if self.slots.contains_key(&take.id) || before.iter().any(|other| other.id == take.id) {
                return Err(EditError::Known(take.id));
            }
            take.name = self.name_for(take, before);
            if let Some(problem) = take.problem() {
                return Err(EditError::Bad { take: take.id, problem });
            }
            take.sounds &= !before.iter().any(|other| other.sounds && other.is_rival(take));
        }
        if MAX_TAKES < self.takes().count() + takes.len() {
            return Err(EditError::Many);
        }
        let mut changes: Vec<Change> = takes.iter().map(Change::appears).collect();
        for silenced in self.sounding() {
            if takes.iter().any(|take| take.sounds && take.is_rival(silenced)) {
                changes.push(Change::of(silenced, |facts| facts.sounds = false));
            }
        }
        let words = match takes.as_slice() {
            [take] => format!("adding “{}”", take.name),
            takes => format!("adding {} takes", takes.len()),
        };
        for take in takes {
            self.next_id = self.next_id.max(take.id + 1);
            self.slots.insert(take.id, Slot { take, is_there: false });
        }
        Ok(Step { words, changes })
    }

    fn rename(&self, take: TakeId, name: String) -> Result<Step, EditError> {
        let name = name.trim().to_owned();
        let n_chars = name.chars().count();
        self.known(take)?;
        if name.is_empty() {
            return Err(EditError::NoName);
        }
        if MAX_NAME_CHARS < n_chars {
            return Err(EditError::LongName(n_chars));
        }
        if self.takes().any(|other| other.id != take && other.name == name) {
            return Err(EditError::NameTaken(name));
        }
        self.change("renaming", take, |facts| facts.name = name)
    }

    fn choose(&self, take: TakeId) -> Result<Step, EditError> {
        let chosen = self.known(take)?;
        let mut step = self.change("choosing", take, |facts| facts.sounds = true)?;
        let rivals = self.sounding().filter(|other| other.is_rival(chosen));
        step.changes.extend(rivals.map(|rival| Change::of(rival, |facts| facts.sounds = false)));
        Ok(step)
    }

    /// A step that changes one take, or nothing.
    fn change(
        &self,
        verb: &str,
        take: TakeId,
        to: impl FnOnce(&mut Facts),
    ) -> Result<Step, EditError> {
        let take = self.known(take)?;
        let change = Change::of(take, to);
        let changes = if change.before == change.after { Vec::new() } else { vec![change] };
        Ok(Step { words: format!("{verb} “{}”", take.name), changes })
    }

    fn known(&self, take: TakeId) -> Result<&Take, EditError> {
        self.get(take).ok_or(EditError::NoTake(take))
    }

    fn set(&mut self, take: TakeId, facts: &Facts) {
        if let Some(slot) = self.slots.get_mut(&take) {
            facts.write_to(&mut slot.take);
            slot.is_there = facts.is_there;
        }
    }

    fn done_now(&mut self, step: Step) {
        step.changes.iter().for_each(|change| self.set(change.take, &change.after));
        self.undone.clear();
        self.done.push_back(step);
        while MAX_UNDO < self.done.len() {
            self.done.pop_front();
        }
        // deleted takes that no undoing brings back are let go
        let changes = self.done.iter().flat_map(|step| &step.changes);
        let remembered: BTreeSet<TakeId> = changes.map(|change| change.take).collect();
        self.slots.retain(|take, slot| slot.is_there || remembered.contains(take));
    }

    /// The take's own name where no other has it, else one that none has: "Hearthside 1".
    fn name_for(&self, take: &Take, others: &[Take]) -> String {
        let names: BTreeSet<&str> =
            self.takes().chain(others).map(|other| other.name.as_str()).collect();
        let given = take.name.trim();
        if !given.is_empty() && !names.contains(given) {
            return given.to_owned();
        }
        let artist = &take.music.recipe.artist;
        let stem = match given {
            "" if artist.id == 0 || artist.name.is_empty() => "Take",
            "" => &artist.name,
            given => given,
        };
        let stem: String = stem.chars().take(MAX_NAME_CHARS - 20).collect(); // room for the number
        let numbered = (1..).map(|number: u64| format!("{stem} {number}"));
        numbered.into_iter().find(|name| !names.contains(name.as_str())).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
