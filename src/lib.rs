//! Encore continues a recorded track in a chosen artist's style, inside the musician's DAW.
pub mod engine;
pub mod jukebox;
pub mod link;
pub mod pack;
pub mod params;
pub mod plugin;
pub mod rt;
pub mod takes;
pub mod ui;
pub mod units;
