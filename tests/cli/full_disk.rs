//! A disk without room for a take: said with the file's name, and what was there before stays.
#![cfg(unix)]

use std::{fs, process::Command};

use crate::{Desk, text};

/// Files may have so many blocks of the shell's, 512 or 1024 bytes; less than the take that is written.
const LIMIT_BLOCKS: u32 = 100;
const TAKE_SECONDS: f64 = 8.0;

#[test]
fn a_take_that_does_not_fit_on_the_disk_is_said_and_leaves_the_old_one_whole() {
    let desk = Desk::new();
    desk.json("continue track.wav --pack tiny --artist ada --seconds 0.5 --out takes");
    let before = desk.bytes("takes/take-1.wav");
    let line =
        format!("continue track.wav --pack tiny --artist ada --seconds {TAKE_SECONDS} --out takes");

    // the signal that usually ends who writes too much is ignored, as on a full disk there is none
    let script = format!("trap '' XFSZ; ulimit -f {LIMIT_BLOCKS}; exec \"$@\"");
    let output = Command::new("sh")
        .current_dir(desk.0.path())
        .args(["-c", &script, "sh", env!("CARGO_BIN_EXE_encore")])
        .args(line.split_whitespace())
        .output()
        .unwrap();

    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.contains("take-1.wav"), "{stderr}");
    assert_eq!(desk.bytes("takes/take-1.wav"), before);
    let names = fs::read_dir(desk.path("takes")).unwrap().map(|file| file.unwrap().file_name());
    let names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    assert!(names.iter().all(|name| name.starts_with("take-1.")), "{names:?}");
}
