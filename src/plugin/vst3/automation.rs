//! Which parameters the host automates just now. Hosts also tell the controller each automated value, late;
//! such an echo is shown but must not be heard again.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::params::{N_PARAMS, ParamId};

/// No echo: the bits of a number that is none.
const NO_ECHO: u64 = u64::MAX;

/// When each parameter was last automated through `process`, and what the controller said meanwhile.
pub struct Automation {
    /// Frames processed.
    clock: AtomicU64,
    came_at: [AtomicU64; N_PARAMS],
    echo_bits: [AtomicU64; N_PARAMS],
}

impl Default for Automation {
    fn default() -> Self {
        Self {
            clock: 1.into(), // so that 0 means never
            came_at: std::array::from_fn(|_| 0.into()),
            echo_bits: std::array::from_fn(|_| NO_ECHO.into()),
        }
    }
}

impl Automation {
    /// Audio thread: a block of `n_frames` begins.
    pub fn advance(&self, n_frames: usize) {
        self.clock.fetch_add(n_frames as u64, Relaxed);
    }

    /// Audio thread: the block has points for this parameter.
    pub fn came(&self, id: ParamId) {
        self.came_at[id.index()].store(self.clock.load(Relaxed), Relaxed);
        self.clear_echo(id);
    }

    pub fn came_within(&self, id: ParamId, n_frames: u64) -> bool {
        let at = self.came_at[id.index()].load(Relaxed);
        at != 0 && self.clock.load(Relaxed).saturating_sub(at) < n_frames
    }

    pub fn echo(&self, id: ParamId) -> Option<f64> {
        let bits = self.echo_bits[id.index()].load(Relaxed);
        (bits != NO_ECHO).then(|| f64::from_bits(bits))
    }

    pub fn set_echo(&self, id: ParamId, normalised: f64) {
        self.echo_bits[id.index()].store(normalised.to_bits(), Relaxed);
    }

    pub fn clear_echo(&self, id: ParamId) {
        self.echo_bits[id.index()].store(NO_ECHO, Relaxed);
    }
}
