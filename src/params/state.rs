//! The parameters as a project keeps them: versioned JSON by host id, so that old projects open in new
//! versions and the other way round.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ParamId, TABLE, Values, defaults};

/// Version written today.
const VERSION: u32 = 1;

/// Largest state that is read at all, in bytes.
const MAX_BYTES: usize = 64 << 20;

/// Why a saved state could not be used. The parameters stay as they were.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("the project's Encore state cannot be read ({0}); the settings were left as they are")]
    Malformed(String),
    #[error(
        "the project's Encore state has version {found}, which is newer than this Encore ({VERSION}) understands; the settings were left as they are"
    )]
    Newer { found: u32 },
}

#[derive(Serialize, Deserialize)]
struct Saved {
    encore_state: u32,
    params: BTreeMap<u32, f64>,
}

/// The values as bytes for the host to keep. Triggers are acts, not settings, and are left out.
pub fn save_state(values: &Values) -> Vec<u8> {
    let kept = TABLE.iter().zip(values).filter(|(p, _)| !p.is_trigger());
    let saved = Saved {
        encore_state: VERSION,
        params: kept.map(|(p, value)| (p.host_id, p.sane(*value))).collect(),
    };
    serde_json::to_vec(&saved).unwrap_or_default() // numbers under numeric keys always serialise
}

/// Reads what [`save_state`] wrote. Parameters it does not mention get their defaults; unknown ones are
/// skipped.
///
/// # Errors
/// When the bytes are not a state, or one from the future.
pub fn load_state(bytes: &[u8]) -> Result<Values, StateError> {
    if bytes.len() > MAX_BYTES {
        return Err(StateError::Malformed(format!("{} bytes long", bytes.len())));
    }
    let saved: Saved =
        serde_json::from_slice(bytes).map_err(|e| StateError::Malformed(e.to_string()))?;
    if saved.encore_state > VERSION {
        return Err(StateError::Newer { found: saved.encore_state });
    }
    let mut values = defaults();
    for (host_id, value) in saved.params {
        if let Some(id) = ParamId::from_host_id(host_id).filter(|id| !id.param().is_trigger()) {
            values[id.index()] = id.param().sane(value);
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_reads_back_as_it_was_saved() {
        let mut values = defaults();
        values[ParamId::Artist.index()] = 4.0;
        values[ParamId::Temperature.index()] = 1.0 / 3.0;
        values[ParamId::Continue.index()] = 1.0;

        let loaded = load_state(&save_state(&values)).unwrap();

        values[ParamId::Continue.index()] = 0.0;
        assert_eq!(loaded, values);
    }

    #[test]
    fn a_project_from_before_the_take_over_takes_over_at_once() {
        let old = br#"{"encore_state": 1, "params": {"3": 4.0, "9": 7.0, "13": 0.0}}"#;

        let loaded = load_state(old).unwrap();

        assert_eq!(loaded[ParamId::Seed.index()], 7.0);
        assert_eq!(loaded[ParamId::TakeOver.index()], 0.0);
    }

    #[test]
    fn damaged_and_future_states_are_refused_in_words() {
        let saved = save_state(&defaults());
        for n in 0..saved.len() {
            assert!(load_state(&saved[..n]).is_err());
        }
        let future = br#"{"encore_state": 99, "params": {}}"#;
        assert!(load_state(future).unwrap_err().to_string().contains("version 99"));
    }

    #[test]
    fn values_out_of_range_are_brought_into_it() {
        let state = br#"{"encore_state": 1, "params": {"3": 1e300, "77": 5}}"#;
        let loaded = load_state(state).unwrap();
        assert_eq!(loaded[ParamId::Artist.index()], ParamId::Artist.param().max);
    }
}
