//! Encore continues a recorded track in a chosen artist's style, inside the musician's DAW.
//!
//! Sound goes round once, and each step knows only the next one:
//!
//! ```text
//!    audio thread              engine threads                     audio thread
//!  host in ─► capture ─ring─► encode ─► prior ─► decode ─sounds─► playback ─► host out
//!    editor ── Command ──► engine ── Status ──► editor
//! ```
//!
//! | room | what it is | imports |
//! |---|---|---|
//! | [`units`] | frames, tokens, seconds, decibels | nothing |
//! | [`jukebox`] | the networks and samplers: tensors and codes in and out | `units` |
//! | `jukebox::kernels` | one step of cached decoding, behind one trait | `jukebox` |
//! | `jukebox::crew` | threads that share out a caller's work | nothing |
//! | `jukebox::device` | priors on a graphics card, with candle | `jukebox` |
//! | [`pack`] | model packs on disk: opened, verified, read into networks | `jukebox`, `units` |
//! | [`lyrics`] | the words of a song, as tokens that models read | nothing |
//! | [`link`] | the only types that cross threads: rings, commands, status | `takes`, `units` |
//! | [`rt`] | the audio thread: capture, playback, mix, meters | `link`, `units` |
//! | [`takes`] | takes as data: codes, recipe, audio files, pictures | `units` |
//! | [`engine`] | the background side: sessions, streaming, takes, the shared model | `link`, `jukebox`, `pack`, `takes`, `units` |
//! | [`corpus`] | music to train on, composed and rendered from a seed | `units` |
//! | [`judge`] | how good music is, in numbers | `units` |
//! | [`train`] | losses, the optimiser, the runs that make packs | `corpus`, `jukebox`, `lyrics`, `pack`, `units` |
//! | [`params`] | one table of what the host sees, automates and saves | `link`, `units` |
//! | [`ui`] | draws a status and returns a wish | `link`, `params`, `units` |
//! | [`plugin`] | the core that knows no format, and an adapter for each | all above |
//! | `bin/encore` | the command line | all but `plugin`, `ui`, `rt` |
//!
//! `rt`, `engine` and `ui` never import each other; `tests/layers.rs` keeps this table.
//!
//! Where to start: what Encore does is told in [`engine::session::compose`], and what the plugin does about a
//! press of Continue in `engine::take`; what the audio thread does in
//! [`rt::AudioSide::process`]; what a user can set in [`params::TABLE`].

pub mod corpus;
pub mod engine;
pub mod judge;
pub mod jukebox;
pub mod link;
pub mod lyrics;
pub mod pack;
pub mod params;
pub mod plugin;
pub mod rt;
pub mod takes;
pub mod train;
pub mod ui;
pub mod units;
