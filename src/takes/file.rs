//! Files that appear whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::TakeError;

/// Writes a file under a temporary name beside `path` and renames it when all of it is on disk.
///
/// Whatever was there before is replaced; when anything fails it stays as it was.
pub fn write_whole(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), TakeError> {
    let part = Part(part_path(path));
    let write = || {
        let mut writer = BufWriter::new(File::create(&part.0)?);
        fill(&mut writer)?;
        let file = writer.into_inner().map_err(|e| e.into_error())?;
        file.sync_all()?; // some disks say only now that they are full
        fs::rename(&part.0, path)
    };
    write().map_err(TakeError::write(path))
}

/// [`write_whole`] for bytes that are ready.
pub(super) fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), TakeError> {
    write_whole(path, |file| file.write_all(bytes))
}

/// The temporary name for `path`: hidden, in the same folder, and of this process alone.
fn part_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.part", std::process::id()));
    path.with_file_name(name)
}

/// Removes the temporary file, unless it was renamed.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0); // nothing is left to do where this fails
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_in(dir: &Path) -> Vec<OsString> {
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn a_write_that_fails_halfway_leaves_the_old_file_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("take.wav");
        fs::write(&path, "old").unwrap();

        let result = write_whole(&path, |file| {
            file.write_all(&[0; 100_000])?;
            Err(io::ErrorKind::StorageFull.into())
        });

        assert!(result.unwrap_err().to_string().contains("disk is full"));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names_in(dir.path()), ["take.wav"]);
    }

    #[test]
    fn a_finished_write_replaces_the_old_file_and_leaves_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("take.wav");
        fs::write(&path, "old").unwrap();

        write_bytes(&path, b"new").unwrap();

        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names_in(dir.path()), ["take.wav"]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_said() {
        let dir = tempfile::tempdir().unwrap();

        let error = write_bytes(&dir.path().join("gone/take.wav"), b"").unwrap_err();

        assert!(error.to_string().ends_with("there is no such file or folder"), "{error}");
    }
}
