//! What tests that compose with the starter pack ask for, unless they ask for something else.

use encore::link::{Settings, TakeOver};

/// A take of a second, in the style of the recordings that tests play.
pub fn settings() -> Settings {
    Settings {
        artist: 4,
        genre: 4,
        prime_seconds: 1.0,
        length_seconds: 1.0,
        temperature: 0.95,
        top_p: 0.92,
        seed: 3,
        n_takes: 1,
        song_seconds: 0.0,
        take_over: TakeOver::AtOnce,
    }
}
