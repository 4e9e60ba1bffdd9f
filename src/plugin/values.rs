//! The parameters' present values, readable and writable from every thread.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::{
    link::Settings,
    params::{N_PARAMS, ParamId, Values, defaults, take_over},
};

/// One atomic number per row of the parameter table. Every method is realtime-safe.
#[derive(Debug)]
pub struct AtomicValues {
    bits: [AtomicU64; N_PARAMS],
}

impl Default for AtomicValues {
    fn default() -> Self {
        Self { bits: defaults().map(|value| value.to_bits().into()) }
    }
}

impl AtomicValues {
    pub fn get(&self, id: ParamId) -> f64 {
        f64::from_bits(self.bits[id.index()].load(Relaxed))
    }

    /// Stores a plain value, brought into the parameter's range.
    pub fn set(&self, id: ParamId, value: f64) {
        self.bits[id.index()].store(id.param().sane(value).to_bits(), Relaxed);
    }

    pub fn all(&self) -> Values {
        ParamId::ALL.map(|id| self.get(id))
    }

    pub fn set_all(&self, values: &Values) {
        for id in ParamId::ALL {
            self.set(id, values[id.index()]);
        }
    }

    /// What a continuation asked for now would be made with.
    pub fn settings(&self) -> Settings {
        Settings {
            artist: self.get(ParamId::Artist) as u32,
            genre: self.get(ParamId::Genre) as u32,
            prime_seconds: self.get(ParamId::PrimeSeconds),
            length_seconds: self.get(ParamId::LengthSeconds),
            temperature: self.get(ParamId::Temperature),
            top_p: self.get(ParamId::TopP),
            seed: self.get(ParamId::Seed) as u64,
            n_takes: self.get(ParamId::Takes) as usize,
            song_seconds: self.get(ParamId::SongSeconds),
            take_over: take_over(self.get(ParamId::TakeOver)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::TakeOver;

    #[test]
    fn settings_are_the_values_at_that_moment() {
        let values = AtomicValues::default();
        values.set(ParamId::Artist, 3.0);
        values.set(ParamId::LengthSeconds, 4.5);
        values.set(ParamId::Seed, f64::INFINITY);
        values.set(ParamId::TakeOver, 1.0);

        let settings = values.settings();

        assert_eq!((settings.artist, settings.length_seconds), (3, 4.5));
        assert_eq!(settings.seed, 65_535);
        assert_eq!(settings.take_over, TakeOver::NextBar);
    }
}
