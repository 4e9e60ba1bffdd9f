//! Where hosts run: folders of their own under `target`, a home that is nobody's, and what they play.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::sound::{RATE, Sound};
use crate::{
    packages,
    steps::{Failure, bundles, copy_folder, root, run, target},
};

/// Whole seconds of the recording that are played, where Continue is pressed, and how long the take is.
pub const SONG_SECONDS: usize = 12;
pub const SEAM_SECONDS: usize = 6;
pub const LENGTH_SECONDS: usize = 4;

/// What audio comes and goes in, in the hosts that are libraries of Python.
pub const NUMPY: &str = "numpy==2.4.6";

/// The take's seam may be later than the press by a block of the host's, and sounds fade into each other.
pub const SLACK: usize = RATE / 10;

/// The folders.
pub struct Stage {
    folder: PathBuf,
}

impl Stage {
    /// Installs the built plugin, as a user would, in a fresh home.
    pub fn set() -> Result<Self, Failure> {
        let stage = Self { folder: target().join("hosts") };
        let vst3 = bundles().join("Encore.vst3");
        if !vst3.exists() {
            return Err(Failure(format!("{} is missing; leave out --built", vst3.display())));
        }
        let home = stage.home();
        drop(fs::remove_dir_all(&home)); // there is none the first time
        copy_folder(&vst3, &home.join(".vst3/Encore.vst3"))?;
        for folder in [".vst3", ".clap"] {
            copy_folder(&bundles().join("models"), &home.join(folder).join("models"))?;
        }
        let clap = bundles().join("Encore.clap");
        fs::copy(&clap, home.join(".clap/Encore.clap"))
            .map_err(|e| Failure(format!("{} cannot be copied: {e}", clap.display())))?;
        Ok(stage)
    }

    /// The home that hosts see.
    pub fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    /// The VST3, where it was installed.
    pub fn vst3(&self) -> PathBuf {
        self.home().join(".vst3/Encore.vst3")
    }

    /// An empty folder for a host's own files.
    pub fn fresh(&self, name: &str) -> Result<PathBuf, Failure> {
        let folder = self.folder.join(name);
        drop(fs::remove_dir_all(&folder)); // there is none the first time
        fs::create_dir_all(&folder).map_err(|e| Failure(format!("{}: {e}", folder.display())))?;
        Ok(folder)
    }

    /// A command that knows no other home.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("HOME", self.home()).env_remove("DISPLAY").env_remove("ENCORE_PACKS");
        for (variable, folder) in [
            ("XDG_CONFIG_HOME", ".config"),
            ("XDG_CACHE_HOME", ".cache"),
            ("XDG_DATA_HOME", ".local/share"),
        ] {
            command.env(variable, self.home().join(folder));
        }
        command
    }

    /// Python with packages from PyPI (`name==version`), in an environment that all such hosts share.
    pub fn python(&self, packages: &[&str]) -> Result<PathBuf, Failure> {
        let venv = self.folder.join("venv");
        let python = venv.join("bin/python");
        if !python.exists() {
            packages::need_python()?;
            run(Command::new("python3").args(["-m", "venv"]).arg(&venv), "making a venv")?;
        }
        let listed =
            Command::new(&python).args(["-m", "pip", "list", "--format", "freeze"]).output();
        let listed = listed.map(|o| String::from_utf8_lossy(&o.stdout).into_owned());
        let is_there =
            |package: &&str| listed.as_ref().is_ok_and(|l| l.lines().any(|l| l == *package));
        if !packages.iter().all(is_there) {
            let mut pip = Command::new(&python);
            pip.args(["-m", "pip", "install", "--quiet", "--only-binary", ":all:"]).args(packages);
            run(&mut pip, &format!("fetching {} from PyPI", packages.join(", ")))?;
        }
        Ok(python)
    }
}

/// The recording on the track.
pub fn recording() -> PathBuf {
    root().join("tests/audio/foundry_stereo_48k.wav")
}

/// The recording as it sounds where nothing changes it.
pub fn song() -> Result<Sound, Failure> {
    Sound::read_wav(&recording())
}

/// Frames before the seam, from `first` on, in which nothing of the take may sound on the first pass.
pub fn before(first_seconds: f64) -> std::ops::Range<usize> {
    (first_seconds * RATE as f64) as usize..SEAM_SECONDS * RATE
}

/// Frames in which the take sounds alone.
pub fn take() -> std::ops::Range<usize> {
    SEAM_SECONDS * RATE + SLACK..(SEAM_SECONDS + LENGTH_SECONDS) * RATE - SLACK
}

/// The file that a fact names under `key`.
pub fn file(fact: &serde_json::Value, key: &str) -> PathBuf {
    Path::new(fact[key].as_str().unwrap_or_default()).to_owned()
}

/// That the host sees the parameters by name.
pub fn knows(parameters: &serde_json::Value) -> Result<String, String> {
    let names: Vec<_> =
        parameters.as_array().into_iter().flatten().filter_map(|n| n.as_str()).collect();
    match ["Continue", "Artist", "Length", "Seed"].iter().find(|name| !names.contains(*name)) {
        Some(name) => Err(format!("the host sees no parameter {name} among {names:?}")),
        None => Ok(format!("{} parameters", names.len())),
    }
}

/// That the settings are the same in two facts.
pub fn kept(saved: &serde_json::Value, reopened: &serde_json::Value) -> Result<String, String> {
    let (before, after) = (&saved["settings"], &reopened["settings"]);
    match before == after && before.is_object() {
        true => Ok(format!("{before}, in {} bytes of state", saved["n_bytes"])),
        false => Err(format!("{before} came back as {after}")),
    }
}
