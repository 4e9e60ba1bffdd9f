//! What the commands do, in order.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use crate::{display::Display, notices, packages};

/// Why a command stopped, for people.
#[derive(Debug)]
pub struct Failure(pub String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Builds both plugin formats and puts the model beside them, where the plugin finds it.
pub fn bundle() -> Result<(), Failure> {
    // with the examples, so that the demo and the tests find their dependencies built the same way
    let build = ["build", "--release", "--package", "encore", "--lib", "--bins", "--examples"];
    run(&mut cargo(&build), "building")?;
    nice_plug_xtask::chdir_workspace_root()
        .and_then(|()| nice_plug_xtask::bundle(&target(), "encore", &["--release".into()], false))
        .map_err(|e| Failure(format!("bundling failed: {e:#}")))?;
    drop(fs::remove_file(bundles().join("Encore"))); // the command line is no plugin
    copy_folder(&root().join("models/starter"), &bundles().join("models/starter"))?;
    for notice in ["LICENSE-MIT", "LICENSE-APACHE", "THIRD-PARTY-NOTICES.md"] {
        copy(&root().join(notice), &bundles().join(notice))?;
    }
    Ok(())
}

/// Builds, hosts, continues; the demo prints its own summary.
pub fn demo() -> Result<(), Failure> {
    bundle()?;
    let mut cargo = cargo(&["run", "--release", "--quiet", "--example", "demo"]);
    run(cargo.env("ENCORE_BUNDLES", bundles()), "the demo")
}

/// Everything that has to hold before a change lands.
pub fn test() -> Result<(), Failure> {
    packages::need_display()?;
    packages::need_music()?;
    let display = Display::start()?;
    run(&mut cargo(&["fmt", "--all", "--check"]), "formatting (cargo fmt --all)")?;
    notices::check()?;
    let lints = ["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"];
    run(&mut cargo(&lints), "clippy")?;
    bundle()?;
    let tests = ["test", "--release", "--package", "encore", "--all-targets", "--no-fail-fast"];
    let mut tests = cargo(&tests);
    tests
        .env("DISPLAY", display.name())
        .env("ENCORE_REQUIRE_DISPLAY", "1")
        .env("ENCORE_BUNDLES", bundles())
        .env("ENCORE_PACKS", root().join("models"));
    run(&mut tests, "the tests")
}

/// Cargo, in the repository.
pub fn cargo(args: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(args).current_dir(root());
    command
}

/// Runs a command whose output the user sees, and says how long it took.
pub fn run(command: &mut Command, what: &str) -> Result<(), Failure> {
    let begun = Instant::now();
    let status = command.status().map_err(|e| Failure(format!("{what} did not start: {e}")))?;
    if !status.success() {
        return Err(Failure(format!("{what} failed")));
    }
    println!("— {what}: {:.0} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// Where cargo builds.
pub fn target() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    root().join(target.unwrap_or_else(|| "target".into()))
}

/// Where the bundles go.
pub fn bundles() -> PathBuf {
    target().join("bundled")
}

/// Copies a folder and all that is in it.
pub fn copy_folder(from: &Path, to: &Path) -> Result<(), Failure> {
    let explain = |e: std::io::Error| Failure(format!("{} cannot be copied: {e}", from.display()));
    fs::create_dir_all(to).map_err(explain)?;
    for entry in fs::read_dir(from).map_err(explain)? {
        let path = entry.map_err(explain)?.path();
        match path.file_name() {
            Some(name) if path.is_dir() => copy_folder(&path, &to.join(name))?,
            Some(name) => copy(&path, &to.join(name))?,
            None => (),
        }
    }
    Ok(())
}

pub fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let copied = fs::copy(from, to);
    copied.map(|_| ()).map_err(|e| Failure(format!("{} cannot be copied: {e}", from.display())))
}
