//! What the engine did, in a file that the user can send in: it starts, loads models, makes takes, fails.
//!
//! The engine's threads write it, never the audio thread. A file that cannot be written is nobody's problem:
//! the line is lost, and nothing else.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use parking_lot::Mutex;

use crate::pack::data_folder;

/// Environment variable with the folder of the log, or "off".
const LOG_VARIABLE: &str = "ENCORE_LOG";

/// Largest file, in bytes, and how many there are: the one that is written, and older ones.
const MAX_BYTES: u64 = 1 << 20;
const N_FILES: usize = 4;

/// The log of one engine. Several processes may write the same files.
pub struct Log {
    folder: Option<PathBuf>,
    max_bytes: u64,
    file: Mutex<Option<File>>,
}

impl Log {
    /// In the folder that the environment names, else in the user's data folder. Nothing is opened yet.
    pub fn new() -> Self {
        let folder = match std::env::var_os(LOG_VARIABLE) {
            Some(off) if off.is_empty() || off == "off" => None,
            Some(folder) => Some(folder.into()),
            None => data_folder().map(|data| data.join("log")),
        };
        Self { folder, max_bytes: MAX_BYTES, file: Mutex::new(None) }
    }

    /// Writes one line, with the time and the process before it.
    pub fn say(&self, text: &str) {
        let Some(folder) = &self.folder else { return };
        let now = utc(SystemTime::now());
        let words = text.split_whitespace().collect::<Vec<_>>().join(" "); // one line, whatever it says
        let line = format!("{now} [{}] {words}\n", std::process::id());
        let mut file = self.file.lock();
        let opened = match file.take() {
            Some(open) => rotated(open, folder, self.max_bytes, line.len()),
            None => open(folder).and_then(|open| rotated(open, folder, self.max_bytes, line.len())),
        };
        *file = opened.and_then(|mut open| open.write_all(line.as_bytes()).map(|()| open)).ok();
    }
}

fn path(folder: &Path, age: usize) -> PathBuf {
    folder.join(if age == 0 { "encore.log".into() } else { format!("encore.{age}.log") })
}

fn open(folder: &Path) -> io::Result<File> {
    fs::create_dir_all(folder)?;
    OpenOptions::new().create(true).append(true).open(path(folder, 0))
}

/// The file, or a fresh one if the next `n_bytes` have no room in it: older ones move on, the oldest goes.
fn rotated(file: File, folder: &Path, max_bytes: u64, n_bytes: usize) -> io::Result<File> {
    if file.metadata()?.len() + n_bytes as u64 <= max_bytes {
        return Ok(file);
    }
    drop(file);
    for age in (1..N_FILES).rev() {
        let _ = fs::rename(path(folder, age - 1), path(folder, age)); // there may be none
    }
    open(folder)
}

/// The time of day in Greenwich, to the second.
fn utc(now: SystemTime) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, in_day) = (seconds / 86_400, seconds % 86_400);
    // years are counted from 1 March 0000, so that a leap day is the last of its year
    let days = days + 719_468;
    let (era, in_era) = (days / 146_097, days % 146_097); // 400 years
    let year_of_era = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * in_year + 2) / 153;
    let day = in_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = 400 * era + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (in_day / 3600, in_day / 60 % 60, in_day % 60);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(folder: &Path, max_bytes: u64) -> Log {
        Log { folder: Some(folder.to_owned()), max_bytes, file: Mutex::new(None) }
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        let at = |seconds| utc(UNIX_EPOCH + std::time::Duration::from_secs(seconds));

        assert_eq!(at(0), "1970-01-01 00:00:00Z");
        assert_eq!(at(951_782_399), "2000-02-28 23:59:59Z");
        assert_eq!(at(951_782_400), "2000-02-29 00:00:00Z");
        assert_eq!(at(951_868_800), "2000-03-01 00:00:00Z");
        assert_eq!(at(1_798_761_599), "2026-12-31 23:59:59Z");
    }

    #[test]
    fn a_log_never_takes_more_than_a_few_files_of_its_size() {
        let dir = tempfile::tempdir().unwrap();
        let log = log(&dir.path().join("new"), 1000);

        (0..500).for_each(|i| log.say(&format!("line {i}\nand its second half")));

        let files: Vec<_> = fs::read_dir(dir.path().join("new")).unwrap().flatten().collect();
        assert_eq!(files.len(), N_FILES);
        assert!(files.iter().all(|file| file.metadata().unwrap().len() <= 1000));
        let newest = fs::read_to_string(dir.path().join("new/encore.log")).unwrap();
        assert!(newest.lines().last().unwrap().ends_with("line 499 and its second half"));
        let older = fs::read_to_string(dir.path().join("new/encore.1.log")).unwrap();
        let (last, first) = (older.lines().last().unwrap(), newest.lines().next().unwrap());
        let number = |line: &str| line.split("line ").nth(1)?.split(' ').next()?.parse().ok();
        assert_eq!(number(last).map(|n: u32| n + 1), number(first));
    }

    #[test]
    fn a_log_that_cannot_be_written_is_silent_and_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("folder");
        fs::write(&folder, "a file is in the way").unwrap();
        let log = log(&folder, 1000);

        log.say("lost");
        fs::remove_file(&folder).unwrap();
        log.say("kept");

        assert!(fs::read_to_string(folder.join("encore.log")).unwrap().ends_with("kept\n"));
    }
}
