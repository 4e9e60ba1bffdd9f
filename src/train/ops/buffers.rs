//! Large buffers that are used again: to get them fresh costs more than what is computed in them, because the
//! system clears every page.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Numbers of buffers that nobody uses; what is above goes back to the system.
const MAX_KEPT: usize = 2 << 30;

static KEPT: Mutex<Option<Kept>> = Mutex::new(None);

#[derive(Default)]
struct Kept {
    by_len: HashMap<usize, Vec<Vec<f32>>>,
    n_numbers: usize,
}

/// Numbers that go back to where others of the same length are taken from.
#[derive(Default)]
pub struct Buffer(Vec<f32>);

impl Buffer {
    /// Numbers left over from somebody else, to be written to.
    pub fn any(len: usize) -> Self {
        if len == 0 {
            return Self::default();
        }
        let mut kept = kept();
        let kept = kept.get_or_insert_default();
        match kept.by_len.get_mut(&len).and_then(Vec::pop) {
            Some(numbers) => {
                kept.n_numbers -= len;
                Self(numbers)
            }
            None => Self(vec![0.0; len]),
        }
    }

    pub fn zeros(len: usize) -> Self {
        let mut buffer = Self::any(len);
        buffer.fill(0.0);
        buffer
    }

    /// The same numbers as these.
    pub fn of(numbers: &[f32]) -> Self {
        let mut buffer = Self::any(numbers.len());
        buffer.copy_from_slice(numbers);
        buffer
    }

    /// Makes it this long; what was in it is lost if it was not.
    pub fn fit(&mut self, len: usize) {
        if self.len() != len {
            *self = Self::any(len);
        }
    }

    /// The numbers, to keep.
    pub fn into_vec(mut self) -> Vec<f32> {
        std::mem::take(&mut self.0)
    }
}

impl From<Vec<f32>> for Buffer {
    fn from(numbers: Vec<f32>) -> Self {
        Self(numbers)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let numbers = std::mem::take(&mut self.0);
        if numbers.is_empty() || numbers.capacity() != numbers.len() {
            return;
        }
        let mut kept = kept();
        let kept = kept.get_or_insert_default();
        if kept.n_numbers + numbers.len() <= MAX_KEPT {
            kept.n_numbers += numbers.len();
            kept.by_len.entry(numbers.len()).or_default().push(numbers);
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.0
    }
}

fn kept() -> MutexGuard<'static, Option<Kept>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_and_zeros_are_zeros() {
        let len = 12_347; // of nobody else
        let mut first = Buffer::any(len);
        first.fill(3.0);
        let place = first.as_ptr();
        drop(first);

        let second = Buffer::any(len);
        let other = Buffer::any(len);

        assert_eq!(second.as_ptr(), place);
        assert_ne!(other.as_ptr(), place);
        drop(second);
        assert!(Buffer::zeros(len).iter().all(|x| *x == 0.0));
    }
}
