//! The container of a project: sections that can be read without one another.
//!
//! After `ENCR` and a version come sections, each a tag of four bytes, the length of what is stored, a CRC-32
//! over tag, length and what is stored, and what is stored: the section's bytes, deflated. Numbers are
//! little-endian `u32`. Where a section is damaged, the next is looked for byte by byte.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

const MAGIC: [u8; 4] = *b"ENCR";
/// The version of the container that is written.
pub const VERSION: u32 = 1;
const HEADER_BYTES: usize = 8;
const SECTION_HEADER_BYTES: usize = 12;

/// What a section holds.
pub type Tag = [u8; 4];

/// Something in a project, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    pub(super) tag: Tag,
    /// Deflated.
    stored: Vec<u8>,
}

/// A project, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// None where the bytes do not begin as a project does.
    pub version: Option<u32>,
    pub sections: Vec<Section>,
    /// What stretches that are no sections begin with: the tags of damaged ones, mostly.
    pub damaged: Vec<Tag>,
}

impl Section {
    /// Deflates a section's bytes.
    pub(super) fn new(tag: Tag, bytes: &[u8]) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        // a vector takes everything
        let stored = encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default();
        Self { tag, stored }
    }

    /// The section's bytes, if they can be inflated to no more than `budget` bytes, which are taken from it.
    pub(super) fn inflate(&self, budget: &mut usize) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let limit = (*budget as u64).saturating_add(1);
        let n_read = DeflateDecoder::new(&self.stored[..]).take(limit).read_to_end(&mut bytes);
        *budget = budget.checked_sub(n_read.ok()?)?;
        Some(bytes)
    }

    fn crc(tag: Tag, n_bytes: [u8; 4], stored: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        [&tag[..], &n_bytes, stored].iter().for_each(|bytes| hasher.update(bytes));
        hasher.finalize()
    }

    fn write(&self, out: &mut Vec<u8>) {
        // a section of four gigabytes or more is none: its codes alone would be days of music
        let Ok(n_bytes) = u32::try_from(self.stored.len()).map(u32::to_le_bytes) else { return };
        out.extend(self.tag);
        out.extend(n_bytes);
        out.extend(Self::crc(self.tag, n_bytes, &self.stored).to_le_bytes());
        out.extend(&self.stored);
    }

    /// The section that begins here, if a whole one does; `hashed` grows by what was looked through for that.
    fn read(bytes: &[u8], hashed: &mut usize) -> Option<Self> {
        let (header, rest) = bytes.split_at_checked(SECTION_HEADER_BYTES)?;
        let ([tag, n_bytes, crc], []) = header.as_chunks::<4>() else { return None };
        let stored = rest.get(..u32::from_le_bytes(*n_bytes) as usize)?;
        *hashed += stored.len();
        let is_whole = Self::crc(*tag, *n_bytes, stored) == u32::from_le_bytes(*crc);
        is_whole.then(|| Self { tag: *tag, stored: stored.to_vec() })
    }

    fn n_bytes(&self) -> usize {
        SECTION_HEADER_BYTES + self.stored.len()
    }
}

impl Parts {
    /// Takes a project apart, whatever its bytes are. Work and memory are bounded by their number.
    pub fn read(bytes: &[u8]) -> Self {
        let mut parts = Self::default();
        let mut at = 0;
        if let Some((header, _)) = bytes.split_at_checked(HEADER_BYTES)
            && let ([magic, version], []) = header.as_chunks::<4>()
            && *magic == MAGIC
        {
            parts.version = Some(u32::from_le_bytes(*version));
            at = HEADER_BYTES;
        }
        let mut hashed = 0;
        let mut is_lost = false; // between sections, at what is none
        while at < bytes.len() && hashed <= 4 * bytes.len() {
            match Section::read(&bytes[at..], &mut hashed) {
                Some(section) => {
                    at += section.n_bytes();
                    parts.sections.push(section);
                    is_lost = false;
                }
                None => {
                    if !is_lost {
                        let tag = bytes[at..].first_chunk().copied();
                        parts.damaged.push(tag.unwrap_or_default());
                    }
                    is_lost = true;
                    at += 1;
                }
            }
        }
        parts
    }
}

/// A project of these sections.
pub(super) fn join<'a>(sections: impl Iterator<Item = &'a Section>) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend(VERSION.to_le_bytes());
    sections.for_each(|section| section.write(&mut out));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections() -> [Section; 3] {
        [b"ONE ", b"TWO ", b"MORE"].map(|tag| Section::new(*tag, &tag.repeat(20)))
    }

    #[test]
    fn sections_come_back_as_they_were_written() {
        let parts = Parts::read(&join(sections().iter()));

        assert_eq!((parts.version, parts.damaged.len()), (Some(VERSION), 0));
        assert_eq!(parts.sections, sections());
        assert_eq!(parts.sections[1].inflate(&mut 1000).unwrap(), b"TWO ".repeat(20));
    }

    #[test]
    fn one_wrong_byte_anywhere_costs_one_section_at_most() {
        let bytes = join(sections().iter());
        for at in 0..bytes.len() {
            for wrong in [0x01, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] ^= wrong;

                let parts = Parts::read(&bytes);

                let n_expected = if at < HEADER_BYTES { 3 } else { 2 };
                assert_eq!(parts.sections.len(), n_expected, "byte {at}");
                assert!(!parts.damaged.is_empty() || parts.version != Some(VERSION));
            }
        }
    }

    #[test]
    fn what_is_cut_off_keeps_the_sections_before() {
        let bytes = join(sections().iter());
        for n in 0..bytes.len() {
            let n_whole = Parts::read(&bytes[..n]).sections.len();
            let ends = sections().map(|section| section.n_bytes());
            let n_expected = (1..=3)
                .filter(|n_sections| HEADER_BYTES + ends[..*n_sections].iter().sum::<usize>() <= n);
            assert_eq!(n_whole, n_expected.count());
        }
    }

    #[test]
    fn a_section_that_inflates_beyond_all_bounds_is_refused() {
        let bomb = Section::new(*b"BOMB", &vec![0; 10_000_000]);
        assert!(bomb.stored.len() < 100_000);
        let mut budget = 1_000_000;

        assert_eq!(bomb.inflate(&mut budget), None);
        assert!(
            Section::new(*b"GOOD", &[0; 1000]).inflate(&mut budget).is_none_or(|b| b.len() == 1000)
        );
        assert!(bomb.inflate(&mut 10_000_000).is_some());
    }

    #[test]
    fn headers_that_promise_everything_are_looked_through_in_bounded_time() {
        let header = [&b"TAKE"[..], &1_000_000u32.to_le_bytes(), &[0; 4]].concat();
        let hostile = header.repeat(200_000); // each promises a million bytes

        let begun = std::time::Instant::now();
        let parts = Parts::read(&hostile);

        assert_eq!((parts.sections.len(), parts.damaged), (0, vec![*b"TAKE"]));
        assert!(begun.elapsed().as_secs() < 20);
    }
}
