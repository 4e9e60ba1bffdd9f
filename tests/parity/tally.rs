//! Counts what agreed, and remembers by how much the rest was off.

use candle_core::{DType, Tensor};

/// Largest difference between numbers that agree.
const TOLERANCE: f64 = 1e-4;

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
        let off = got.iter().zip(&want).map(|(got, want)| (got - want).abs());
        let off = off.fold(0.0, |a: f64, b| if b.is_nan() { f64::INFINITY } else { a.max(b) });
        self.largest_difference = self.largest_difference.max(off);
        match off <= TOLERANCE {
            true => self.n_passed += 1,
            false => self.fail(what, &format!("off by {off:.2e}")),
        }
        Ok(())
    }

    /// Values that have to be the same.
    pub fn equal<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, got: &[T], want: &[T]) {
        if got == want {
            self.n_passed += 1;
            return;
        }
        let n = got.iter().zip(want).take_while(|(got, want)| got == want).count();
        let found = (got.get(n), want.get(n));
        self.fail(what, &format!("differs first at {n}, found and expected {found:?}"));
    }

    pub fn fail(&mut self, what: &str, why: &str) {
        self.n_failed += 1;
        println!("{}: {what} failed: {why}", self.name);
    }

    pub fn skip(&mut self, what: &str, why: &str) {
        self.n_skipped += 1;
        println!("{}: {what} skipped: {why}", self.name);
    }

    pub fn add(&mut self, other: &Tally) {
        self.n_passed += other.n_passed;
        self.n_failed += other.n_failed;
        self.n_skipped += other.n_skipped;
    }

    pub fn is_empty(&self) -> bool {
        self.n_passed + self.n_failed + self.n_skipped == 0
    }

    pub fn counts(&self) -> String {
        format!("{} passed, {} failed, {} skipped", self.n_passed, self.n_failed, self.n_skipped)
    }

    pub fn line(&self) -> String {
        let off = self.largest_difference;
        format!("{}: {} (largest difference {off:.1e})", self.name, self.counts())
    }
}
