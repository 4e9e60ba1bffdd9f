//! Whether a model has room in memory, before it is loaded: to run out would end the host.

use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use super::{
    EngineError,
    faults::{self, Fault},
};
use crate::jukebox::Prior;
use crate::pack::{Pack, Precision};

/// Share of the free memory that weights may take; the host, windows and audio need some too.
const SHARE: f64 = 0.8;
/// Copies of a prior's weights, as plain numbers, that teaching holds at once.
const TEACHING_COPIES: u64 = 3;

/// Checks that the weights of `level` have room when they are held like this.
///
/// # Errors
/// [`EngineError::NoRoom`] with what is needed and free, and what would do.
pub fn check(pack: &Pack, level: usize, precision: Precision) -> Result<(), EngineError> {
    check_free(pack, level, precision, free_bytes())
}

/// How to hold the weights of `level` where speed counts: in eight bits, which give the same music at several
/// times the speed (`encore bench PACK --quality IN.wav` tells by how little they differ), or in four where
/// there is no room for more.
///
/// # Errors
/// As [`check`], when there is room for neither.
pub fn fastest(pack: &Pack, level: usize) -> Result<Precision, EngineError> {
    let free = free_bytes();
    match check_free(pack, level, Precision::Q8, free) {
        Ok(()) => Ok(Precision::Q8),
        Err(_) => check_free(pack, level, Precision::Q4, free).map(|()| Precision::Q4),
    }
}

/// Makes room for `n` more, where running out would otherwise end the host.
///
/// # Errors
/// [`EngineError::NoMemory`] when the system has no more.
pub fn reserve<T>(values: &mut Vec<T>, n: usize) -> Result<(), EngineError> {
    let n_bytes = n.saturating_mul(size_of::<T>());
    match values.try_reserve(n) {
        Ok(()) if !faults::is_due(Fault::NoMemory) => Ok(()),
        _ => Err(EngineError::NoMemory { n_bytes }),
    }
}

/// Checks that there is room to teach the prior of `level`: its weights as they are, once more as what is learnt
/// changes them, and once more for a step.
///
/// # Errors
/// [`EngineError::NoRoomToTeach`] with what is needed and free.
pub fn check_teaching(pack: &Pack, level: usize) -> Result<(), EngineError> {
    let (needed, free) = (TEACHING_COPIES * pack.prior_bytes(level, Precision::F32), free_bytes());
    if needed as f64 <= SHARE * free as f64 {
        return Ok(());
    }
    let (needed_gb, free_gb) = (gigabytes(needed), gigabytes(free));
    Err(EngineError::NoRoomToTeach { needed_gb, free_gb })
}

/// Windows of a prior that have room beside each other: as many as were asked for, or fewer, but always one.
pub fn windows_at_once(prior: &Prior, n_wanted: usize) -> usize {
    let n_each = prior.window_bytes().max(1) as f64;
    ((SHARE * free_bytes() as f64 / n_each) as usize).clamp(1, n_wanted.max(1))
}

fn check_free(
    pack: &Pack,
    level: usize,
    precision: Precision,
    free: u64,
) -> Result<(), EngineError> {
    let needed = pack.prior_bytes(level, precision);
    if needed as f64 <= SHARE * free as f64 {
        return Ok(());
    }
    let needs = |(name, precision)| (name, pack.prior_bytes(level, precision));
    let smaller = [("q8", Precision::Q8), ("q4", Precision::Q4)].map(needs);
    let (needed_gb, free_gb) = (gigabytes(needed), gigabytes(free));
    let smaller = smaller.map(|(name, n_bytes)| format!("{:.1} GB as {name}", gigabytes(n_bytes)));
    Err(EngineError::NoRoom { needed_gb, free_gb, smaller: smaller.join(", ") })
}

fn gigabytes(n_bytes: u64) -> f64 {
    n_bytes as f64 / 1e9
}

/// Memory that can be had without taking it from others.
fn free_bytes() -> u64 {
    let memory = MemoryRefreshKind::nothing().with_ram();
    System::new_with_specifics(RefreshKind::nothing().with_memory(memory)).available_memory()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn starter() -> Pack {
        Pack::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models/starter")).unwrap()
    }

    #[test]
    fn a_model_that_has_no_room_is_refused_with_what_would_do() {
        let pack = starter();

        let refused = check_free(&pack, 1, Precision::F32, 20_000_000).unwrap_err().to_string();

        assert!(refused.contains("0.0 GB are free"), "{refused}");
        assert!(refused.contains("as q8"), "{refused}");
        assert!(check_free(&pack, 1, Precision::Q8, 20_000_000).is_ok());
    }

    #[test]
    fn more_memory_than_there_is_is_refused_in_words() {
        let refused = reserve(&mut Vec::<f32>::new(), 1 << 60).unwrap_err().to_string();

        assert!(refused.contains("no memory for 4611686018427387904 bytes"), "{refused}");
    }

    #[test]
    fn this_machine_has_room_for_the_starter_pack() {
        assert_eq!(fastest(&starter(), 1).unwrap(), Precision::Q8);
    }
}
