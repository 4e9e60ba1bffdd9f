//! One table of everything the host can see, automate and save: ids, ranges, and text both ways.
//!
//! Values are plain (not normalised) `f64`; VST3 maps them to 0..1 through [`Param::normalised`]. Ids are
//! saved in projects, so a number is never used twice; they stay below 2^31 and are the same in each format.

pub mod preset;
mod state;
mod text;

pub use state::{StateError, load_state, save_state};
pub use text::{parse, text};

use crate::link::{DEFAULT_MEMORY_SECONDS, Lane, TakeOver};

/// Index into [`TABLE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum ParamId {
    Continue,
    Stop,
    Artist,
    Genre,
    PrimeSeconds,
    LengthSeconds,
    Temperature,
    TopP,
    Seed,
    DryWet,
    OutputGain,
    FollowTransport,
    Bypass,
    TakeOver,
    Takes,
    MatchLoudness,
    SongSeconds,
    MemorySeconds,
    ListenTo,
    MuteWhileRecording,
}

/// How a value reads and moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something happens when it rises past one half; it falls back by itself.
    Trigger,
    /// A row of the pack's artist table.
    Artist,
    /// A row of the pack's genre table.
    Genre,
    Seconds,
    Number,
    Whole,
    /// 0 to 1, shown as per cent.
    Percent,
    Decibels,
    OnOff,
    /// One of these.
    Choice(&'static [&'static str]),
    /// The host's bypass switch.
    Bypass,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    /// What hosts and saved states call it.
    pub host_id: u32,
    pub name: &'static str,
    pub min: f64,
    pub max: f64,
    pub default: f64,
    pub kind: Kind,
    /// What it does to the sound, for a tooltip.
    pub help: &'static str,
}

/// Number of parameters.
pub const N_PARAMS: usize = 20;

/// Values of all parameters, in the table's order.
pub type Values = [f64; N_PARAMS];

const fn param(
    host_id: u32,
    name: &'static str,
    (min, max, default): (f64, f64, f64),
    kind: Kind,
    help: &'static str,
) -> Param {
    Param { host_id, name, min, max, default, kind, help }
}

/// What [`ParamId::TakeOver`] chooses from, by value.
const TAKE_OVERS: [(&str, TakeOver); 3] = [
    ("at once", TakeOver::AtOnce),
    ("next bar", TakeOver::NextBar),
    ("loop end", TakeOver::LoopEnd),
];

/// When a take takes over, by the value of [`ParamId::TakeOver`].
pub fn take_over(value: f64) -> TakeOver {
    let value = ParamId::TakeOver.param().sane(value) as usize;
    TAKE_OVERS.get(value).map_or(TakeOver::default(), |(_, take_over)| *take_over)
}

/// What is continued, by the value of [`ParamId::ListenTo`].
pub fn listen_to(value: f64) -> Lane {
    if value > 0.5 { Lane::Sidechain } else { Lane::Input }
}

/// Every parameter, in [`ParamId`]'s order.
#[rustfmt::skip]
pub static TABLE: [Param; N_PARAMS] = [
    param(1, "Continue", (0.0, 1.0, 0.0), Kind::Trigger, "Composes on from the playhead, or from the end of what was heard."),
    param(2, "Stop", (0.0, 1.0, 0.0), Kind::Trigger, "Stops composing. What exists stays and can be heard."),
    param(3, "Artist", (0.0, 8191.0, 0.0), Kind::Artist, "Whose manner the continuation takes on."),
    param(4, "Genre", (0.0, 1023.0, 0.0), Kind::Genre, "The kind of music the model believes it is hearing."),
    param(5, "Prime", (0.5, 30.0, 2.5), Kind::Seconds, "How much of the recording is listened to. Longer keeps closer to it, as far as the model's window reaches."),
    param(6, "Length", (1.0, 300.0, 10.0), Kind::Seconds, "How much new music is composed."),
    param(7, "Temperature", (0.1, 1.5, 0.95), Kind::Number, "Low is safe and repeats itself, high is daring and noisier."),
    param(8, "Top-p", (0.05, 1.0, 0.92), Kind::Number, "Keeps only the likeliest sounds that together have this probability. 1 keeps all."),
    param(9, "Seed", (0.0, 65_535.0, 1.0), Kind::Whole, "The same seed, style and recording give the same take."),
    param(10, "Dry/Wet", (0.0, 1.0, 1.0), Kind::Percent, "How far a sounding take replaces the input. Where there is no take, the input always passes."),
    param(11, "Output", (-60.0, 12.0, 0.0), Kind::Decibels, "Level of everything that leaves the plugin."),
    param(12, "Follow transport", (0.0, 1.0, 1.0), Kind::OnOff, "On: takes play at their place in the song. Off: they play as soon as they are composed."),
    param(13, "Bypass", (0.0, 1.0, 0.0), Kind::Bypass, "The input passes untouched."),
    param(14, "Take over", (0.0, 2.0, 0.0), Kind::Choice(&[TAKE_OVERS[0].0, TAKE_OVERS[1].0, TAKE_OVERS[2].0]), "When the continuation replaces the input: as soon as it is there, or on the beat at the next bar line or the loop's end, without a gap."),
    param(16, "Takes", (1.0, 8.0, 1.0), Kind::Whole, "How many continuations are composed at once, with seeds that follow one another. The first one sounds."),
    param(17, "Match loudness", (0.0, 1.0, 0.0), Kind::OnOff, "On: a take that is complete sounds as loud as the end of what it continues."),
    param(18, "Song length", (0.0, 600.0, 0.0), Kind::Seconds, "How long the model believes the song to be, which tells it when to build up and when to end. 0 leaves that to the model."),
    param(19, "Memory", (30.0, 1800.0, DEFAULT_MEMORY_SECONDS), Kind::Seconds, "How much of what passes is remembered, to be continued later."),
    param(20, "Listen to", (0.0, 1.0, 0.0), Kind::Choice(&["input", "sidechain"]), "What is continued: the input, or what comes in on the sidechain."),
    param(15, "Mute while recording", (0.0, 1.0, 0.0), Kind::OnOff, "On: takes are silent while the host records, so that the input is heard."),
];

/// The values a fresh instance starts with.
pub fn defaults() -> Values {
    TABLE.map(|p| p.default)
}

impl ParamId {
    /// All ids, in the table's order.
    pub const ALL: [ParamId; N_PARAMS] = [
        ParamId::Continue,
        ParamId::Stop,
        ParamId::Artist,
        ParamId::Genre,
        ParamId::PrimeSeconds,
        ParamId::LengthSeconds,
        ParamId::Temperature,
        ParamId::TopP,
        ParamId::Seed,
        ParamId::DryWet,
        ParamId::OutputGain,
        ParamId::FollowTransport,
        ParamId::Bypass,
        ParamId::TakeOver,
        ParamId::Takes,
        ParamId::MatchLoudness,
        ParamId::SongSeconds,
        ParamId::MemorySeconds,
        ParamId::ListenTo,
        ParamId::MuteWhileRecording,
    ];

    /// The parameter that hosts know by this number.
    pub fn from_host_id(host_id: u32) -> Option<ParamId> {
        Self::ALL.into_iter().find(|id| id.param().host_id == host_id)
    }

    /// Position in the table.
    pub fn index(self) -> usize {
        self as usize
    }

    /// Its row of the table.
    pub fn param(self) -> &'static Param {
        &TABLE[self.index()]
    }
}

impl Param {
    /// Brings any number into the range; whole-numbered kinds are rounded, nonsense becomes the default.
    pub fn sane(&self, value: f64) -> f64 {
        if value.is_nan() {
            return self.default;
        }
        let value = value.clamp(self.min, self.max);
        if self.n_steps() > 0 { value.round() } else { value }
    }

    /// Plain value to 0..1.
    pub fn normalised(&self, value: f64) -> f64 {
        ((value - self.min) / (self.max - self.min)).clamp(0.0, 1.0)
    }

    /// 0..1 to a plain value.
    pub fn plain(&self, normalised: f64) -> f64 {
        self.sane(self.min + normalised.clamp(0.0, 1.0) * (self.max - self.min))
    }

    /// Steps between the lowest and the highest value; 0 for a continuous range.
    pub fn n_steps(&self) -> u32 {
        match self.kind {
            Kind::Seconds | Kind::Number | Kind::Percent | Kind::Decibels => 0,
            _ => (self.max - self.min) as u32,
        }
    }

    /// Whether hosts may move it by themselves. Less memory forgets what was heard, so only the user sets it.
    pub fn is_automatable(&self) -> bool {
        self.host_id != TABLE[ParamId::MemorySeconds.index()].host_id
    }

    /// Whether it is an act and not a setting: never saved, always back at 0.
    pub fn is_trigger(&self) -> bool {
        self.kind == Kind::Trigger
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_table_rows_are_in_the_same_order() {
        for (i, id) in ParamId::ALL.into_iter().enumerate() {
            assert_eq!(id.index(), i);
            assert_eq!(ParamId::from_host_id(id.param().host_id), Some(id));
        }
    }

    #[test]
    fn every_default_lies_in_its_range_and_survives_normalising() {
        for p in &TABLE {
            assert_eq!(p.sane(p.default), p.default, "{}", p.name);
            assert!((p.plain(p.normalised(p.default)) - p.default).abs() < 1e-9, "{}", p.name);
        }
    }

    #[test]
    fn a_take_takes_over_at_once_unless_another_place_is_chosen() {
        assert_eq!(take_over(ParamId::TakeOver.param().default), TakeOver::AtOnce);
        assert_eq!(take_over(1.0), TakeOver::NextBar);
        assert_eq!(take_over(2.0), TakeOver::LoopEnd);
        assert_eq!(take_over(f64::NAN), TakeOver::AtOnce);
    }

    #[test]
    fn nonsense_values_become_sane_ones() {
        for p in &TABLE {
            assert_eq!(p.sane(f64::NAN), p.default);
            assert_eq!(p.sane(f64::INFINITY), p.max);
            assert_eq!(p.sane(f64::NEG_INFINITY), p.min);
        }
    }
}
