//! Debian packages that a step needs: found, installed where we may, named where we may not.

use std::{path::Path, process::Command};

use crate::steps::Failure;

/// How to tell that a package is there.
enum Probe {
    Program(&'static str),
    Library(&'static str),
    File(&'static str),
    /// Of Python.
    Module(&'static str),
}

use Probe::{File, Library, Module, Program};

/// What opening the editor without a screen takes: a display, and OpenGL in software.
const DISPLAY: [(&str, Probe); 7] = [
    ("xvfb", Program("Xvfb")),
    ("libegl1", Library("libEGL.so.1")),
    ("libgl1", Library("libGL.so.1")),
    ("libgl1-mesa-dri", Library("libGLX_mesa.so.0")),
    ("libx11-6", Library("libX11.so.6")),
    ("libx11-xcb1", Library("libX11-xcb.so.1")),
    ("libxcursor1", Library("libXcursor.so.1")),
];

/// What building for 64-bit ARM processors takes, and running what was built.
const ARM: [(&str, Probe); 3] = [
    ("gcc-aarch64-linux-gnu", Program("aarch64-linux-gnu-gcc")),
    ("libc6-dev-arm64-cross", File("/usr/aarch64-linux-gnu/lib/libc.so.6")),
    ("qemu-user", Program("qemu-aarch64")),
];

/// What music to train on is made with: the instruments' sounds, and the singers'.
const MUSIC: [(&str, Probe); 2] = [
    ("fluid-soundfont-gm", File("/usr/share/sounds/sf2/FluidR3_GM.sf2")),
    ("espeak-ng", Program("espeak-ng")),
];

/// Ardour, which brings its scripted sessions along.
const ARDOUR: [(&str, Probe); 1] = [("ardour", Program("ardour"))];

/// Qtractor, the sound server that it needs, and what its stand-in for a sequencer is compiled with.
const QTRACTOR: [(&str, Probe); 3] =
    [("qtractor", Program("qtractor")), ("jackd2", Program("jackd")), ("gcc", Program("cc"))];

/// Python, as far as hosts that come from PyPI need it.
const PYTHON: [(&str, Probe); 1] = [("python3-venv", Module("ensurepip"))];

/// Makes sure that music can be rendered.
pub fn need_music() -> Result<(), Failure> {
    need(&MUSIC)
}

/// Makes sure that a window can be opened without a screen.
pub fn need_display() -> Result<(), Failure> {
    need(&DISPLAY)
}

/// Makes sure that programs for 64-bit ARM processors can be linked and run.
pub fn need_arm() -> Result<(), Failure> {
    need(&ARM)
}

/// Makes sure that Ardour can be scripted.
pub fn need_ardour() -> Result<(), Failure> {
    need(&ARDOUR)
}

/// Makes sure that Qtractor can run.
pub fn need_qtractor() -> Result<(), Failure> {
    need(&QTRACTOR)
}

/// Makes sure that Python can make environments.
pub fn need_python() -> Result<(), Failure> {
    need(&PYTHON)
}

/// The version of an installed package, as Debian says it; empty where it cannot be told.
pub fn version(package: &str) -> String {
    output("dpkg-query", &["-W", "-f", "${Version}", package]).unwrap_or_default()
}

fn need(packages: &[(&str, Probe)]) -> Result<(), Failure> {
    let libraries = output("ldconfig", &["-p"]).or_else(|| output("/sbin/ldconfig", &["-p"]));
    let libraries = libraries.unwrap_or_default();
    let is_there = |probe: &Probe| match probe {
        Program(name) => on_path(name),
        Library(name) => libraries.contains(name),
        File(path) => Path::new(path).is_file(),
        Module(name) => has_module(name),
    };
    let missing: Vec<_> =
        packages.iter().filter(|(_, probe)| !is_there(probe)).map(|(name, _)| *name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    install(&missing)
}

fn install(packages: &[&str]) -> Result<(), Failure> {
    let list = packages.join(" ");
    let may_install = output("id", &["-u"]).is_some_and(|id| id.trim() == "0");
    if !may_install || !on_path("apt-get") {
        return Err(Failure(format!(
            "these packages are missing; install them and try again:\n  \
             sudo apt-get update && sudo apt-get install -y {list}"
        )));
    }
    println!("installing {list} …");
    apt(&["update", "-q"])?;
    let mut args = vec!["install", "-y", "-q", "--no-install-recommends"];
    args.extend(packages);
    apt(&args)
}

fn apt(args: &[&str]) -> Result<(), Failure> {
    let status =
        Command::new("apt-get").args(args).env("DEBIAN_FRONTEND", "noninteractive").status();
    match status {
        Ok(status) if status.success() => Ok(()),
        _ => Err(Failure(format!("apt-get {} failed", args.join(" ")))),
    }
}

fn has_module(name: &str) -> bool {
    let import = Command::new("python3").args(["-c", &format!("import {name}")]).output();
    import.is_ok_and(|import| import.status.success())
}

pub fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| Path::new(&folder).join(program).is_file())
}

fn output(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}
