//! Codes in as few bits as they need, for recipes and projects.

use serde::{Deserialize, Serialize};

/// Most bits of one code.
const MAX_BITS: u32 = 32;
/// Most codes that are read at once: more than an hour of the finest level.
const MAX_CODES: usize = 1 << 26;

/// Some codes, each in the same number of bits, the lowest bit first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Spelled", into = "Spelled")]
pub struct PackedCodes {
    n_codes: usize,
    bits: u32,
    bytes: Vec<u8>,
}

/// Packed codes in JSON: the bytes as hexadecimal digits.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spelled {
    n_codes: usize,
    bits: u32,
    hex: String,
}

impl PackedCodes {
    /// Packs codes into the bits that the largest of them needs.
    pub fn of(codes: &[u32]) -> Self {
        let bits = bits_of(codes);
        let mut bytes = Vec::with_capacity(codes.len() * bits as usize / 8 + 1);
        let (mut waiting, mut n_waiting) = (0u64, 0);
        for code in codes {
            waiting |= u64::from(*code) << n_waiting;
            n_waiting += bits;
            while 8 <= n_waiting {
                bytes.push(waiting as u8);
                waiting >>= 8;
                n_waiting -= 8;
            }
        }
        if 0 < n_waiting {
            bytes.push(waiting as u8);
        }
        Self { n_codes: codes.len(), bits, bytes }
    }

    /// Packed codes from their parts; what is wrong with them where they cannot be.
    pub fn from_parts(n_codes: usize, bits: u32, bytes: Vec<u8>) -> Result<Self, String> {
        let (n_expected, n_found) = (Self::n_bytes(n_codes, bits)?, bytes.len());
        if n_found != n_expected {
            return Err(format!(
                "{n_codes} codes of {bits} bits are {n_expected} bytes, and there are {n_found}"
            ));
        }
        Ok(Self { n_codes, bits, bytes })
    }

    /// Bytes that so many codes fill; in words why there cannot be so many.
    pub fn n_bytes(n_codes: usize, bits: u32) -> Result<usize, String> {
        if MAX_CODES < n_codes || !(1..=MAX_BITS).contains(&bits) {
            return Err(format!("{n_codes} codes of {bits} bits are not possible"));
        }
        Ok((n_codes * bits as usize).div_ceil(8))
    }

    /// The codes again.
    pub fn codes(&self) -> Vec<u32> {
        let mask = (1u64 << self.bits) - 1;
        let (mut waiting, mut n_waiting) = (0u64, 0);
        let mut codes = Vec::with_capacity(self.n_codes);
        for byte in &self.bytes {
            waiting |= u64::from(*byte) << n_waiting;
            n_waiting += 8;
            while self.bits <= n_waiting && codes.len() < self.n_codes {
                codes.push((waiting & mask) as u32);
                waiting >>= self.bits;
                n_waiting -= self.bits;
            }
        }
        codes
    }

    /// How many codes there are.
    pub fn len(&self) -> usize {
        self.n_codes
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.n_codes == 0
    }

    /// Bits of each code.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// The codes' bits, one code after another.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Bits that the largest code needs, at least one.
fn bits_of(codes: &[u32]) -> u32 {
    codes.iter().max().map_or(1, |largest| (MAX_BITS - largest.leading_zeros()).max(1))
}

impl From<PackedCodes> for Spelled {
    fn from(packed: PackedCodes) -> Self {
        let hex = packed.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { n_codes: packed.n_codes, bits: packed.bits, hex }
    }
}

impl TryFrom<Spelled> for PackedCodes {
    type Error = String;

    fn try_from(spelled: Spelled) -> Result<Self, String> {
        let digit = |digit: u8| (digit as char).to_digit(16).map(|digit| digit as u8);
        let (pairs, odd) = spelled.hex.as_bytes().as_chunks::<2>();
        let byte = |[high, low]: &[u8; 2]| Some(16 * digit(*high)? + digit(*low)?);
        let bytes = pairs.iter().map(byte).collect::<Option<_>>().filter(|_| odd.is_empty());
        let bytes = bytes.ok_or("the codes are not whole hexadecimal bytes")?;
        Self::from_parts(spelled.n_codes, spelled.bits, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_any_width_come_back() {
        for bits in 1..=32 {
            let largest = ((1u64 << bits) - 1) as u32;
            let strewn = (0..100u32).map(|i| i.wrapping_mul(2_654_435_761) & largest);
            let codes: Vec<u32> = strewn.chain([largest]).collect();

            let packed = PackedCodes::of(&codes);

            assert_eq!((packed.bits(), packed.codes()), (bits, codes));
            assert_eq!(packed.bytes().len(), (101 * bits as usize).div_ceil(8));
        }
        assert!(PackedCodes::of(&[]).codes().is_empty());
    }

    #[test]
    fn codes_are_hexadecimal_in_json() {
        let packed = PackedCodes::of(&[1, 2, 1023]);

        let json = serde_json::to_string(&packed).unwrap();

        assert_eq!(json, r#"{"n_codes":3,"bits":10,"hex":"0108f03f"}"#);
        assert_eq!(serde_json::from_str::<PackedCodes>(&json).unwrap(), packed);
    }

    #[test]
    fn packed_codes_that_cannot_be_are_refused() {
        let refused = [
            r#"{"n_codes":3,"bits":10,"hex":"0108f0"}"#,
            r#"{"n_codes":3,"bits":10,"hex":"0108f03"}"#,
            r#"{"n_codes":3,"bits":10,"hex":"0108f0zz"}"#,
            r#"{"n_codes":3,"bits":0,"hex":""}"#,
            r#"{"n_codes":1,"bits":33,"hex":"0000000000"}"#,
            r#"{"n_codes":18446744073709551615,"bits":32,"hex":""}"#,
        ];
        for json in refused {
            assert!(serde_json::from_str::<PackedCodes>(json).is_err(), "{json}");
        }
    }
}
