//! The watch under which every file is opened: over time, over memory, and over what is said.

use std::fmt::{Debug, Display};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::MEMORY;

/// What a file may take beyond its own bytes. The largest of the library's own limits is a pickle's,
/// 32 MiB of values; this leaves room for the tables that double.
const MAX_BYTES: usize = 96 << 20;
/// Far more than any case takes, so that only a hang is caught.
const MAX_TIME: Duration = Duration::from_secs(10);
/// Longest sentence, in bytes; a notice of the editor has room for it.
const MAX_SENTENCE: usize = 1600;

/// Held by a test while it runs: memory is counted for the whole process, so they take turns.
pub fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does the work within the limits, or fails with the name of the case.
pub fn watched<T: Send + 'static>(case: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let (done, waiting) = channel();
    let worker = thread::spawn(move || done.send(work()).is_ok());
    let result = match waiting.recv_timeout(MAX_TIME) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => panic!("{case}: still busy after {MAX_TIME:?}"),
        Err(RecvTimeoutError::Disconnected) => panic!("{case}: {:?}", worker.join()),
    };
    let n_bytes = MEMORY.peak_usage().saturating_sub(before);
    assert!(n_bytes <= MAX_BYTES, "{case}: took {n_bytes} bytes, which is more than {MAX_BYTES}");
    result
}

/// What opening a file within the limits is refused with.
pub fn refusal<T, E>(case: &str, open: impl FnOnce() -> Result<T, E> + Send + 'static) -> E
where
    T: 'static,
    E: Display + Send + 'static,
{
    let error = watched(case, move || open().map(drop));
    let Err(error) = error else { panic!("{case}: it was opened") };
    error
}

/// Asserts that an error is one line of bearable length that has all of these in it.
pub fn assert_says(case: &str, error: &(impl Display + Debug), parts: &[&str]) {
    let sentence = error.to_string();
    assert!(sentence.len() <= MAX_SENTENCE, "{case}: {} bytes", sentence.len());
    assert!(!sentence.contains(char::is_control), "{case}: {sentence:?}");
    for part in parts {
        assert!(sentence.contains(part), "{case}: {sentence:?} does not say {part:?}");
    }
}

/// Asserts that a file is refused with an error of this kind, which says all of these.
macro_rules! refused {
    ($case:expr, $open:expr, $kind:pat, $says:expr) => {{
        let error = crate::limits::refusal($case, $open);
        assert!(matches!(error, $kind), "{}: {error:?}", $case);
        crate::limits::assert_says($case, &error, $says);
    }};
}
pub(crate) use refused;
