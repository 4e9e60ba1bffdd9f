//! The parameter events of one host block, in the order in which they hold.

use crate::params::ParamId;

/// Events one block has room for; later ones overwrite the last of the same parameter.
const MAX_EVENTS: usize = 8192;

/// A parameter's plain value from frame `at` of the host's block on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Event {
    pub at: u32,
    pub id: ParamId,
    pub value: f64,
}

/// A queue that never allocates once it is made.
#[derive(Debug)]
pub struct Events {
    /// With the order of arrival, which decides between events of the same frame.
    events: Vec<(u32, Event)>,
    n_popped: usize,
}

impl Default for Events {
    fn default() -> Self {
        Self { events: Vec::with_capacity(MAX_EVENTS), n_popped: 0 }
    }
}

impl Events {
    pub fn clear(&mut self) {
        self.events.clear();
        self.n_popped = 0;
    }

    /// Adds an event. In a flood, where it ends matters more than each of its waves.
    pub fn push(&mut self, event: Event) {
        if self.events.len() < MAX_EVENTS {
            self.events.push((self.events.len() as u32, event));
        } else if let Some((_, last)) = self.events.iter_mut().rev().find(|e| e.1.id == event.id) {
            last.value = event.value;
        }
    }

    /// Orders what was pushed.
    pub fn sort(&mut self) {
        self.events.sort_unstable_by_key(|(seq, event)| (event.at, *seq));
    }

    /// Frame of the next event.
    pub fn next_at(&self) -> Option<u32> {
        self.events.get(self.n_popped).map(|(_, event)| event.at)
    }

    /// The next event, if it holds by `frame`.
    pub fn pop_until(&mut self, frame: usize) -> Option<Event> {
        let (_, event) = *self.events.get(self.n_popped)?;
        let is_due = event.at as usize <= frame;
        self.n_popped += usize::from(is_due);
        is_due.then_some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_one_frame_keep_their_order() {
        let mut events = Events::default();
        for (at, value) in [(9, 1.0), (3, 2.0), (9, 3.0), (3, 4.0)] {
            events.push(Event { at, id: ParamId::Seed, value });
        }
        events.sort();

        let until_8: Vec<_> = std::iter::from_fn(|| events.pop_until(8)).map(|e| e.value).collect();
        assert_eq!(until_8, [2.0, 4.0]);
        assert_eq!(events.next_at(), Some(9));
        let rest: Vec<_> = std::iter::from_fn(|| events.pop_until(9)).map(|e| e.value).collect();
        assert_eq!(rest, [1.0, 3.0]);
    }

    #[test]
    fn a_flood_ends_at_its_last_value() {
        let mut events = Events::default();
        for i in 0..3 * MAX_EVENTS {
            events.push(Event { at: 7, id: ParamId::Seed, value: i as f64 });
        }
        events.sort();

        let last = std::iter::from_fn(|| events.pop_until(7)).last();

        assert_eq!(last.map(|e| e.value), Some((3 * MAX_EVENTS - 1) as f64));
    }
}
