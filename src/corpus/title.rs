//! Names for songs.

use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

const FIRST: [&str; 24] = [
    "Silver",
    "Quiet",
    "Golden",
    "Distant",
    "Paper",
    "Hidden",
    "Morning",
    "Hollow",
    "Amber",
    "Northern",
    "Little",
    "Broken",
    "Slow",
    "Electric",
    "Salt",
    "Winter",
    "Crooked",
    "Second",
    "Open",
    "Velvet",
    "Patient",
    "Early",
    "Blue",
    "Wandering",
];
const SECOND: [&str; 24] = [
    "River",
    "Lanterns",
    "Garden",
    "Harbour",
    "Signal",
    "Orchard",
    "Mirror",
    "Horizon",
    "Letters",
    "Rain",
    "Window",
    "Station",
    "Feather",
    "Island",
    "Compass",
    "Shadow",
    "Market",
    "Staircase",
    "Weather",
    "Meridian",
    "Thread",
    "Bridge",
    "Tide",
    "Clockwork",
];

/// A title of two words.
pub fn title(seed: u64) -> String {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x7117);
    let mut word = |words: &[&'static str]| words.choose(&mut rng).copied().unwrap_or_default();
    format!("{} {}", word(&FIRST), word(&SECOND))
}
