//! One take as bytes: what is told about it as JSON, and its codes, packed.
//!
//! The length of the JSON, the JSON, the number of levels, and for each its number, the number of its codes,
//! their bits, and the codes. Numbers are little-endian `u32`.

use crate::takes::{PackedCodes, Take};

/// A take's bytes.
pub(super) fn to_bytes(take: &Take) -> Vec<u8> {
    let json = serde_json::to_vec(take).unwrap_or_default(); // names and numbers always are JSON
    let codes = &take.music.codes;
    let mut bytes = Vec::new();
    let number = |bytes: &mut Vec<u8>, n: usize| bytes.extend((n as u32).to_le_bytes());
    number(&mut bytes, json.len());
    bytes.extend(json);
    number(&mut bytes, codes.len());
    for (level, codes) in codes {
        let packed = PackedCodes::of(codes);
        for n in [*level, packed.len(), packed.bits() as usize] {
            number(&mut bytes, n);
        }
        bytes.extend(packed.bytes());
    }
    bytes
}

/// A take from its bytes, with at most `budget` codes, which are taken from it; in words why it is none where
/// it is none.
pub(super) fn from_bytes(bytes: &[u8], budget: &mut usize) -> Result<Take, String> {
    let mut rest = Rest(bytes);
    let json = rest.number().and_then(|n_bytes| rest.bytes(n_bytes)).ok_or("it is cut short")?;
    let mut take: Take = serde_json::from_slice(json).map_err(|e| e.to_string())?;
    let n_levels = rest.number().ok_or("it is cut short")?;
    for _ in 0..n_levels {
        let (level, packed) = rest.level()?;
        *budget = budget.checked_sub(packed.len()).ok_or("it has too many codes")?;
        take.music.codes.insert(level, packed.codes());
    }
    match take.problem() {
        Some(problem) => Err(problem.into()),
        None => Ok(take),
    }
}

/// What is still to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn bytes(&mut self, n_bytes: usize) -> Option<&'a [u8]> {
        let (read, rest) = self.0.split_at_checked(n_bytes)?;
        self.0 = rest;
        Some(read)
    }

    fn number(&mut self) -> Option<usize> {
        let bytes = self.bytes(4)?.first_chunk()?;
        Some(u32::from_le_bytes(*bytes) as usize)
    }

    fn level(&mut self) -> Result<(usize, PackedCodes), String> {
        let mut number = || self.number().ok_or("it is cut short");
        let (level, n_codes, bits) = (number()?, number()?, number()? as u32);
        let n_bytes = PackedCodes::n_bytes(n_codes, bits)?;
        let bytes = self.bytes(n_bytes).ok_or("it is cut short")?;
        Ok((level, PackedCodes::from_parts(n_codes, bits, bytes.to_vec())?))
    }
}
