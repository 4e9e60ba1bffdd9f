//! What one edit did to some takes, so that it can be undone and done again.

use super::{Take, TakeId, TrimSeconds};

/// One edit, done or undone.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// For people: "renaming “Hearthside 1”".
    pub words: String,
    /// No take twice; none where the edit changed nothing.
    pub changes: Vec<Change>,
}

#[derive(Debug, Clone)]
pub(super) struct Change {
    pub take: TakeId,
    pub before: Facts,
    pub after: Facts,
}

/// All of a take that an edit can change.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Facts {
    pub name: String,
    pub trim: TrimSeconds,
    pub gain_db: f64,
    pub pinned: bool,
    pub sounds: bool,
    pub is_there: bool,
}

impl Change {
    /// Of a take that is there.
    pub fn of(take: &Take, to: impl FnOnce(&mut Facts)) -> Self {
        let before = Facts::of(take, true);
        let mut after = before.clone();
        to(&mut after);
        Self { take: take.id, before, after }
    }

    /// The take comes to be there.
    pub fn appears(take: &Take) -> Self {
        let (before, after) = (Facts::of(take, false), Facts::of(take, true));
        Self { take: take.id, before, after }
    }
}

impl Facts {
    pub fn of(take: &Take, is_there: bool) -> Self {
        let Take { trim, gain_db, pinned, sounds, .. } = *take;
        Self { name: take.name.clone(), trim, gain_db, pinned, sounds, is_there }
    }

    /// Makes a take be so; whether it is there is for others to keep.
    pub fn write_to(&self, take: &mut Take) {
        take.name.clone_from(&self.name);
        take.trim = self.trim;
        take.gain_db = self.gain_db;
        take.pinned = self.pinned;
        take.sounds = self.sounds;
    }
}
