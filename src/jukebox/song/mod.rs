//! Writing one level of a song, window by window (SPEC §5).
//!
//! A prior sees a window of `n_ctx` tokens at a time. Each later window starts from the newest
//! tokens of the one before, and is told where in the song it lies.
//!
//! A whole song is written from the top level down, each level with a [`LevelSampler`] of its own
//! that hears the finished codes of the level above. What is there before it begins makes the
//! mode: nothing (ancestral), the codes of a prompt at every level (primed), everything that was
//! written before with a larger length (continue), or a finished top level (upsample).
//!
//! Where the codes above have decided the music, a level can also be written in several [`chains`] of windows
//! at once, with a [`ChainSampler`], which whoever asks for it joins.

mod align;
mod chains;
mod columns;
#[cfg(test)]
mod exactness;
mod level;
mod lyrics;
mod score;
pub(super) mod take;
mod told;
mod windows;
mod writer;

pub use self::align::{Alignment, align};
pub use self::chains::{Chain, chains};
pub use self::columns::ChainSampler;
pub use self::level::{Advance, LevelSampler, LevelState};
pub use self::lyrics::{LyricWindow, midpoint};
pub use self::score::score;
pub use self::told::{Song, Told};
pub use self::windows::{Plan, Window, hop_tokens, starts, windows};
pub use self::writer::{LevelPrior, LevelWriter};
