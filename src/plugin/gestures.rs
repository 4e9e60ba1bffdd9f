//! What the user did to parameters in the editor, on its way to the host's automation.
//!
//! The editor's thread puts gestures in; in CLAP the audio thread or a flush takes them out as events, in
//! VST3 the main thread does. The queue is a bounded channel, so taking one out neither locks nor allocates.

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::params::ParamId;

/// Gestures that wait for a host before new ones are dropped. The values themselves are never lost: they
/// are stored in [`super::Core`] first.
const QUEUE_LEN: usize = 4096;

/// One step of a user's edit, in plain values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Gesture {
    Begin(ParamId),
    Value(ParamId, f64),
    End(ParamId),
}

/// The queue.
#[derive(Debug)]
pub struct Gestures {
    sender: Sender<Gesture>,
    receiver: Receiver<Gesture>,
}

impl Gestures {
    pub fn new() -> Self {
        let (sender, receiver) = bounded(QUEUE_LEN);
        Self { sender, receiver }
    }

    /// Adds a gesture; a host that never listens makes the queue full, and then it is dropped.
    pub fn push(&self, gesture: Gesture) {
        let _ = self.sender.try_send(gesture);
    }

    /// The oldest gesture. Realtime-safe.
    pub fn pop(&self) -> Option<Gesture> {
        self.receiver.try_recv().ok()
    }

    pub fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }
}

impl Default for Gestures {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gestures_leave_in_order_and_a_deaf_host_costs_nothing() {
        let gestures = Gestures::new();
        for i in 0..QUEUE_LEN + 10 {
            gestures.push(Gesture::Value(ParamId::Seed, i as f64));
        }

        assert_eq!(gestures.pop(), Some(Gesture::Value(ParamId::Seed, 0.0)));
        assert_eq!(gestures.pop(), Some(Gesture::Value(ParamId::Seed, 1.0)));
        assert_eq!(std::iter::from_fn(|| gestures.pop()).count(), QUEUE_LEN - 2);
        assert!(gestures.is_empty());
    }
}
