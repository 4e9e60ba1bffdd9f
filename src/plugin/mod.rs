//! The plugin: one core that knows no format, and a thin adapter for each format.
//!
//! [`Core`] is what an instance shares between its threads, [`Processor`] is its audio thread, and
//! `editor` its window. [`clap`] and [`vst3`] translate between a host and these three; whatever a host
//! must be told is decided in `host` and only carried out by them.

pub mod clap;
mod core;
mod editor;
mod events;
mod farewell;
mod gestures;
mod guard;
mod host;
mod momentary;
mod processor;
mod values;
pub mod vst3;

pub use core::Core;
pub use editor::{EditorWindow, OpenError};
pub use gestures::{Gesture, Gestures};
pub use host::MainHost;
pub use processor::{Fall, Processor};

/// What hosts call the plugin.
pub const NAME: &str = "Encore";

/// Who makes it.
pub const VENDOR: &str = "Encore";

/// The package's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// As much of `text` as fits into `n_bytes`, cut between characters.
fn cut(text: &str, n_bytes: usize) -> &str {
    let mut n = n_bytes.min(text.len());
    while !text.is_char_boundary(n) {
        n -= 1; // ends at 0, which is always a boundary
    }
    &text[..n]
}
