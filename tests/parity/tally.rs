//! Counts what agreed, and remembers by how much the rest was off.

use candle_core::{DType, Tensor};
use serde::Serialize;

use crate::shapes::difference;

/// Largest difference between numbers that agree: this much, and this share of the expected number, as
/// states grow from layer to layer and 32 bits keep only so many digits of them.
const TOLERANCE: f64 = 1e-4;
/// Characters of a value that a line shows.
const MAX_SHOWN: usize = 200;

pub struct Tally {
    name: String,
    pub n_passed: usize,
    pub n_failed: usize,
    n_skipped: usize,
    largest_difference: f64,
}

impl Tally {
    pub fn new(name: &str) -> Self {
        let name = name.to_string();
        Self { name, n_passed: 0, n_failed: 0, n_skipped: 0, largest_difference: 0.0 }
    }

    /// Numbers within the tolerance.
    pub fn close(&mut self, what: &str, got: &Tensor, want: &Tensor) -> candle_core::Result<()> {
        if got.dims() != want.dims() {
            self.fail(what, &format!("{:?} instead of {:?}", got.dims(), want.dims()));
            return Ok(());
        }
        let got = got.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
        let want = want.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
        let (mut off, mut is_close) = (0f64, true);
        for (got, want) in got.iter().zip(&want) {
            let of_number = (got - want).abs();
            is_close &= of_number <= TOLERANCE + TOLERANCE * want.abs(); // nothing is close to NaN
            off = if of_number.is_nan() { f64::INFINITY } else { off.max(of_number) };
        }
        self.largest_difference = self.largest_difference.max(off);
        match is_close {
            true => self.n_passed += 1,
            false => self.fail(what, &format!("off by {off:.2e}")),
        }
        Ok(())
    }

    /// A shape as its file tells it; what the file does not tell is named.
    pub fn shape<C: Serialize>(&mut self, got: &Result<C, String>, want: &C) {
        match got.as_ref().map(|got| difference(got, want)) {
            Err(missing) => self.skip("the shape", &format!("the file does not say {missing}")),
            Ok(None) => self.n_passed += 1,
            Ok(Some(difference)) => self.fail("the shape that the file tells", &difference),
        }
    }

    /// Values that have to be the same.
    pub fn equal<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, got: &[T], want: &[T]) {
        if got == want {
            self.n_passed += 1;
            return;
        }
        let n = got.iter().zip(want).take_while(|(got, want)| got == want).count();
        let (found, wanted) = (brief(got.get(n)), brief(want.get(n)));
        self.fail(what, &format!("differs first at {n}, found {found}, expected {wanted}"));
    }

    pub fn fail(&mut self, what: &str, why: &str) {
        self.n_failed += 1;
        println!("{}: {what} failed: {why}", self.name);
    }

    pub fn skip(&mut self, what: &str, why: &str) {
        self.n_skipped += 1;
        println!("{}: {what} skipped: {why}", self.name);
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Prints a line and adds to the total.
    pub fn finish(self, total: &mut Tally) {
        if 0 < self.n_passed + self.n_failed + self.n_skipped {
            println!("{}", self.line());
        }
        total.n_passed += self.n_passed;
        total.n_failed += self.n_failed;
        total.n_skipped += self.n_skipped;
    }

    pub fn counts(&self) -> String {
        format!("{} passed, {} failed, {} skipped", self.n_passed, self.n_failed, self.n_skipped)
    }

    fn line(&self) -> String {
        let off = self.largest_difference;
        format!("{}: {} (largest difference {off:.1e})", self.name, self.counts())
    }
}

fn brief(value: impl std::fmt::Debug) -> String {
    format!("{value:?}").chars().take(MAX_SHOWN).collect()
}
