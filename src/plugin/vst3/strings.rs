//! COM's fixed character arrays.

use std::ffi::c_char;

use ::vst3::Steinberg::Vst::TChar;

use crate::plugin::cut;

/// Longest text that is read from a host, in UTF-16 units.
const MAX_UNITS: usize = 1024;

/// Copies `text` into `out`, cut to fit between characters and ended by zeros.
pub fn put_utf8(text: &str, out: &mut [c_char]) {
    out.fill(0);
    let text = cut(text, out.len().saturating_sub(1));
    for (to, byte) in out.iter_mut().zip(text.bytes()) {
        *to = byte as c_char;
    }
}

/// Copies `text` into `out` as UTF-16, cut to fit between characters and ended by zeros.
pub fn put_utf16(text: &str, out: &mut [TChar]) {
    out.fill(0);
    let n_room = out.len().saturating_sub(1);
    let mut n = 0;
    for c in text.chars() {
        let mut units = [0; 2];
        let units = c.encode_utf16(&mut units);
        if n + units.len() > n_room {
            break;
        }
        for unit in units {
            out[n] = *unit;
            n += 1;
        }
    }
}

/// Reads UTF-16 up to its zero; `None` for a null pointer.
///
/// # Safety
/// `text` is null or points to units that end with a zero.
pub unsafe fn get_utf16(text: *const TChar) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: reading stops at the zero that the caller promises.
    let unit = |i| unsafe { *text.add(i) };
    let units: Vec<u16> = (0..MAX_UNITS).map(unit).take_while(|unit| *unit != 0).collect();
    Some(String::from_utf16_lossy(&units))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        let (mut utf8, mut utf16) = ([1; 4], [1; 4]);

        put_utf8("aéé", &mut utf8);
        put_utf16("ab🎵", &mut utf16);

        assert_eq!(utf8.map(|c| c as u8), [b'a', 0xC3, 0xA9, 0]);
        assert_eq!(utf16, [b'a'.into(), b'b'.into(), 0, 0]);
    }

    #[test]
    fn utf16_reads_back() {
        let mut units = [0; 32];
        put_utf16("3: Tidewater é", &mut units);

        // SAFETY: `put_utf16` ended it with a zero.
        let text = unsafe { get_utf16(units.as_ptr()) };

        assert_eq!(text.as_deref(), Some("3: Tidewater é"));
    }
}
