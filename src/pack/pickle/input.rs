//! A pickle's bytes, read forwards with a small buffer.

use std::io::ErrorKind;

use super::error::{PickleError, Problem};
use crate::pack::source::Source;

/// Bytes fetched at once.
const BUFFER_BYTES: u64 = 1 << 16;

/// A position in part of a file.
pub struct Input<'a> {
    source: &'a Source,
    end: u64,
    buffer: Vec<u8>,
    buffer_start: u64,
    n_used: usize,
}

impl<'a> Input<'a> {
    /// The bytes from `start` to `end`, which is brought back to the end of the file.
    pub fn new(source: &'a Source, start: u64, end: u64) -> Self {
        let end = end.min(source.len());
        Self { source, end, buffer: Vec::new(), buffer_start: start, n_used: 0 }
    }

    /// Offset of the next byte, counted from the beginning of the file.
    pub fn offset(&self) -> u64 {
        self.buffer_start + self.n_used as u64
    }

    pub fn byte(&mut self) -> Result<u8, PickleError> {
        Ok(self.array::<1>()?[0])
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// `n` bytes, of which there may be `limit`.
    pub fn bytes(
        &mut self,
        n: u64,
        limit: u64,
        what: &'static str,
    ) -> Result<Vec<u8>, PickleError> {
        let n_left = self.end.saturating_sub(self.offset());
        if n > n_left {
            return Err(Problem::Truncated { wanted: n - n_left }.at(self.end));
        }
        if n > limit {
            return Err(Problem::TooMuch { what, found: n, limit }.at(self.offset()));
        }
        let mut bytes = vec![0; n as usize]; // small, as `limit` is
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// A line without its end.
    pub fn line(&mut self, limit: u64) -> Result<String, PickleError> {
        let start = self.offset();
        let mut bytes = Vec::new();
        loop {
            match self.byte()? {
                b'\n' => break,
                _ if bytes.len() as u64 >= limit => {
                    let what = "length of a line";
                    return Err(Problem::TooMuch { what, found: limit + 1, limit }.at(start));
                }
                byte => bytes.push(byte),
            }
        }
        String::from_utf8(bytes)
            .map_err(|_| Problem::Malformed("a name is not UTF-8".into()).at(start))
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), PickleError> {
        let mut n_done = 0;
        while n_done < bytes.len() {
            if self.n_used == self.buffer.len() {
                self.refill((bytes.len() - n_done) as u64)?;
            }
            let n = (bytes.len() - n_done).min(self.buffer.len() - self.n_used);
            bytes[n_done..n_done + n].copy_from_slice(&self.buffer[self.n_used..self.n_used + n]);
            self.n_used += n;
            n_done += n;
        }
        Ok(())
    }

    fn refill(&mut self, wanted: u64) -> Result<(), PickleError> {
        let offset = self.offset();
        let n = self.end.saturating_sub(offset).min(BUFFER_BYTES);
        if n == 0 {
            return Err(Problem::Truncated { wanted }.at(offset));
        }
        self.buffer.resize(n as usize, 0);
        self.source.read_exact_at(offset, &mut self.buffer).map_err(|e| match e.kind() {
            ErrorKind::UnexpectedEof => Problem::Truncated { wanted }.at(offset),
            _ => Problem::Io(e).at(offset),
        })?;
        (self.buffer_start, self.n_used) = (offset, 0);
        Ok(())
    }
}
