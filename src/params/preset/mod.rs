//! Presets: a style and a way of choosing, by name, as JSON that is the same on every machine and for every pack.
//!
//! What a preset does not mention stays as it is. Artist and genre are meant by their name; their number is
//! only for when no pack is there to look them up in. Nothing here runs on the audio thread.

mod files;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ParamId, Values};
use crate::link::Labels;
pub use files::{Listed, MAX_PRESETS, list, load, save, user_folder};

/// Version written today.
const VERSION: u32 = 1;
/// Most characters of a name.
const MAX_NAME_CHARS: usize = 80;

/// The presets that come with Encore.
const FACTORY: [&str; 8] = [
    include_str!("factory/close.json"),
    include_str!("factory/daring.json"),
    include_str!("factory/foundry.json"),
    include_str!("factory/cartridge.json"),
    include_str!("factory/tidewater.json"),
    include_str!("factory/hearthside.json"),
    include_str!("factory/glasshouse.json"),
    include_str!("factory/undercut.json"),
];

/// A style and a way of choosing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    encore_preset: u32,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artist: Option<Meant>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub genre: Option<Meant>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prime_seconds: Option<f64>,
}

/// An artist or genre.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meant {
    /// Empty where the pack that it was saved with had no name for it.
    pub name: String,
    pub id: u32,
}

/// Why a preset could not be read or written. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum PresetError {
    #[error("the preset {path:?} cannot be read: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("the preset {path:?} cannot be written: {source}")]
    Write { path: PathBuf, source: std::io::Error },
    #[error("{path:?} is too large for a preset, which has at most {max_bytes} bytes")]
    TooLarge { path: PathBuf, max_bytes: u64 },
    #[error("{path:?} is not a preset that this Encore can read: {problem}")]
    Malformed { path: PathBuf, problem: String },
    #[error(
        "a preset's name has 1 to {MAX_NAME_CHARS} characters that can be shown, and {0:?} has not"
    )]
    Name(String),
    #[error("there is no folder for presets on this system: it names no data folder of yours")]
    NoFolder,
}

impl Preset {
    /// The presets that come with Encore.
    pub fn factory() -> Vec<Self> {
        FACTORY.iter().filter_map(|json| Self::from_json(json.as_bytes()).ok()).collect()
    }

    /// A preset of the values as they are.
    ///
    /// # Errors
    /// [`PresetError::Name`] when that is not a name.
    pub fn of(name: &str, values: &Values, labels: &Labels) -> Result<Self, PresetError> {
        let name = name.trim();
        if !is_name(name) {
            return Err(PresetError::Name(name.chars().take(MAX_NAME_CHARS).collect()));
        }
        let value = |id: ParamId| id.param().sane(values[id.index()]);
        let meant = |id: ParamId, names: &[String]| {
            let id = value(id) as u32;
            Meant { name: names.get(id as usize).cloned().unwrap_or_default(), id }
        };
        Ok(Self {
            encore_preset: VERSION,
            name: name.to_owned(),
            artist: Some(meant(ParamId::Artist, &labels.artists)),
            genre: Some(meant(ParamId::Genre, &labels.genres)),
            temperature: Some(value(ParamId::Temperature)),
            top_p: Some(value(ParamId::TopP)),
            prime_seconds: Some(value(ParamId::PrimeSeconds)),
        })
    }

    /// What it sets, within the parameters' ranges; and in sentences what this pack does not have.
    pub fn settings(&self, labels: &Labels) -> (Vec<(ParamId, f64)>, Vec<String>) {
        let mut notes = Vec::new();
        let styles = [
            (ParamId::Artist, "artist", &self.artist, &labels.artists),
            (ParamId::Genre, "genre", &self.genre, &labels.genres),
        ];
        let styles = styles.map(|(id, what, meant, names)| {
            let meant = meant.as_ref()?;
            let found = meant.within(names);
            if found.is_none() {
                let (preset, name) = (&self.name, &meant.name);
                notes.push(format!(
                    "the preset {preset:?} is for the {what} {name:?}, which this model does not have; \
                     the {what} stays as it is"
                ));
            }
            Some((id, f64::from(found?)))
        });
        let numbers = [
            (ParamId::Temperature, self.temperature),
            (ParamId::TopP, self.top_p),
            (ParamId::PrimeSeconds, self.prime_seconds),
        ];
        let numbers = numbers.map(|(id, value)| Some((id, value?)));
        let settings = styles.into_iter().chain(numbers).flatten();
        (settings.map(|(id, value)| (id, id.param().sane(value))).collect(), notes)
    }

    /// Reads a preset; in words why it is none.
    fn from_json(json: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Header {
            encore_preset: u32,
        }
        let bearable = |e: serde_json::Error| -> String {
            e.to_string().chars().filter(|c| !c.is_control()).take(200).collect()
        };
        let header: Header = serde_json::from_slice(json).map_err(bearable)?;
        if header.encore_preset != VERSION {
            let found = header.encore_preset;
            return Err(format!("it is of version {found}, and this Encore knows {VERSION}"));
        }
        let preset: Self = serde_json::from_slice(json).map_err(bearable)?;
        let meant = preset.artist.iter().chain(&preset.genre);
        match is_name(&preset.name)
            && meant.clone().all(|meant| meant.name.is_empty() || is_name(&meant.name))
        {
            true => Ok(preset),
            false => Err("a name in it is empty, too long, or cannot be shown".into()),
        }
    }
}

impl Meant {
    /// Its number by these names.
    fn within(&self, names: &[String]) -> Option<u32> {
        if names.is_empty() || self.name.is_empty() {
            return Some(self.id);
        }
        let is_it = |name: &String| name.to_lowercase() == self.name.to_lowercase();
        names.iter().position(is_it).map(|id| id as u32)
    }
}

fn is_name(name: &str) -> bool {
    let n_chars = name.chars().count();
    (1..=MAX_NAME_CHARS).contains(&n_chars)
        && !name.chars().any(char::is_control)
        && !name.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::defaults;

    fn labels() -> Labels {
        Labels {
            artists: vec!["unknown".into(), "Hearthside".into(), "Foundry".into()],
            genres: vec!["unknown".into(), "folk".into()],
            ..Labels::default()
        }
    }

    #[test]
    fn every_factory_preset_is_for_the_starter_packs_artists_and_within_all_ranges() {
        let pack = concat!(env!("CARGO_MANIFEST_DIR"), "/models/starter/pack.json");
        let pack: serde_json::Value =
            serde_json::from_slice(&std::fs::read(pack).unwrap()).unwrap();
        let names = |of: &str| serde_json::from_value(pack["labels"][of].clone()).unwrap();
        let starter =
            Labels { artists: names("artists"), genres: names("genres"), ..Labels::default() };
        let presets = Preset::factory();

        assert_eq!(presets.len(), FACTORY.len());
        for preset in &presets {
            let (settings, notes) = preset.settings(&starter);
            assert_eq!(notes, [""; 0], "{}", preset.name);
            let temperature = settings.iter().find(|(id, _)| *id == ParamId::Temperature);
            assert_eq!(temperature.map(|(_, value)| *value), preset.temperature);
            let by_name = preset.artist.as_ref().map(|artist| artist.id);
            let artist = settings.iter().find(|(id, _)| *id == ParamId::Artist);
            assert_eq!(artist.map(|(_, id)| *id as u32), by_name, "{}", preset.name);
        }
    }

    #[test]
    fn an_artist_is_meant_by_name_whatever_its_number_is_in_this_pack() {
        let preset = &Preset::factory()[5];
        assert_eq!(preset.artist, Some(Meant { name: "Hearthside".into(), id: 4 }));

        let (settings, notes) = preset.settings(&labels());

        assert!(settings.contains(&(ParamId::Artist, 1.0)));
        assert!(settings.contains(&(ParamId::Genre, 1.0)) && notes.is_empty());
        let (settings, _) = preset.settings(&Labels::default());
        assert!(settings.contains(&(ParamId::Artist, 4.0)), "no pack is there: its number");
    }

    #[test]
    fn an_artist_that_the_pack_does_not_have_is_said_and_the_rest_is_set() {
        let (settings, notes) = Preset::factory()[3].settings(&labels());

        assert!(notes[0].contains("\"Cartridge\"") && notes[0].contains("stays as it is"));
        assert_eq!(notes.len(), 2, "the genre too");
        assert!(settings.iter().all(|(id, _)| *id != ParamId::Artist));
        assert!(settings.contains(&(ParamId::TopP, 0.9)));
    }

    #[test]
    fn values_become_a_preset_and_the_same_values_again() {
        let mut values = defaults();
        values[ParamId::Artist.index()] = 2.0;
        values[ParamId::Temperature.index()] = 1.0 / 3.0;

        let preset = Preset::of(" Mine ", &values, &labels()).unwrap();
        let again = Preset::from_json(&serde_json::to_vec(&preset).unwrap()).unwrap();

        assert_eq!((again.name.as_str(), &again), ("Mine", &preset));
        let (settings, notes) = again.settings(&labels());
        assert!(notes.is_empty());
        for (id, value) in settings {
            assert_eq!(value, values[id.index()], "{}", id.param().name);
        }
        assert!(matches!(Preset::of(" ", &values, &labels()), Err(PresetError::Name(_))));
    }

    #[test]
    fn values_out_of_range_are_brought_into_it() {
        let json = br#"{"encore_preset":1,"name":"wild","temperature":1e300,"artist":{"name":"","id":4000000000}}"#;

        let (settings, _) = Preset::from_json(json).unwrap().settings(&labels());

        assert!(settings.contains(&(ParamId::Temperature, ParamId::Temperature.param().max)));
        assert!(settings.contains(&(ParamId::Artist, ParamId::Artist.param().max)));
    }
}
