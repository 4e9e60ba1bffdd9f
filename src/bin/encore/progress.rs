//! Progress on a terminal: how far, and how much longer. Silent when stderr is not one.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Steps that a second of audio is counted in.
const STEPS_PER_SECOND: f64 = 1000.0;

/// A bar over seconds of audio. Gone when it is dropped.
pub struct SecondsBar(ProgressBar);

impl SecondsBar {
    pub fn new(doing: &'static str, total_seconds: f64) -> Self {
        let bar = ProgressBar::new((total_seconds * STEPS_PER_SECOND) as u64).with_message(doing);
        let template = "{msg} {wide_bar:.yellow/238} {percent:>3} %, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━━─"));
        }
        Self(bar)
    }

    pub fn set_message(&self, doing: String) {
        self.0.set_message(doing);
    }

    /// The same where the length is known only now.
    pub fn set_share(&self, done: f64, total: f64) {
        self.0.set_length((total * STEPS_PER_SECOND) as u64);
        self.set_seconds(done);
    }

    pub fn set_seconds(&self, done: f64) {
        self.0.set_position((done * STEPS_PER_SECOND) as u64);
    }

    /// Where the whole is known only now.
    pub fn set_seconds_of(&self, done: f64, total: f64) {
        self.0.set_length((total * STEPS_PER_SECOND) as u64);
        self.set_seconds(done);
    }
}

impl Drop for SecondsBar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A bar over steps of training. Gone when it is dropped.
pub struct StepsBar(ProgressBar);

impl StepsBar {
    pub fn new(doing: &'static str, n_steps: u64) -> Self {
        let bar = ProgressBar::new(n_steps).with_message(doing);
        let template = "{msg} {wide_bar:.yellow/238} {pos} of {len} steps, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━━─"));
        }
        Self(bar)
    }

    pub fn set(&self, n_steps: u64) {
        self.0.set_position(n_steps);
    }

    pub fn set_message(&self, doing: String) {
        self.0.set_message(doing);
    }

    /// Prints above the bar.
    pub fn print<T>(&self, print: impl FnOnce() -> T) -> T {
        self.0.suspend(print)
    }
}

impl Drop for StepsBar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A bar over bytes of files. Gone when it is dropped.
pub struct BytesBar(ProgressBar);

impl BytesBar {
    pub fn new(doing: &'static str) -> Self {
        let bar = ProgressBar::new(0).with_message(doing);
        let template = "{msg} {wide_bar:.yellow/238} {bytes} of {total_bytes}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━━─"));
        }
        Self(bar)
    }

    pub fn set(&self, done_bytes: u64, total_bytes: u64) {
        self.0.set_length(total_bytes);
        self.0.set_position(done_bytes);
    }
}

impl Drop for BytesBar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A sign of life for work whose end is not known. Gone when it is dropped.
pub struct Spinner(ProgressBar);

impl Spinner {
    pub fn new(doing: &'static str) -> Self {
        let bar = ProgressBar::new_spinner().with_message(doing);
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    pub fn say(&self, doing: &'static str) {
        self.0.set_message(doing);
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
