//! The last line of defence at a format's boundary: no panic leaves the plugin.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `body`; a panic becomes `on_panic`, because unwinding into a host would end its process.
pub fn guard<R>(on_panic: R, body: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(on_panic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_answer() {
        assert_eq!(guard(7, || 3), 3);
        assert_eq!(guard(7, || std::panic::resume_unwind(Box::new("deliberate"))), 7);
    }
}
