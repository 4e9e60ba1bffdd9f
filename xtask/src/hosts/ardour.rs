//! Ardour, without a window: its Lua sessions on the backend that needs no sound card.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde_json::Value;

use super::{
    report::{Check, Report},
    script::{self, Script},
    sound::{RATE, Sound, replaced, same},
    stage::{self, LENGTH_SECONDS, SEAM_SECONDS, SONG_SECONDS, Stage},
};
use crate::{
    packages,
    steps::{Failure, run as run_command},
};

/// Major versions whose program names are looked for, the newest first.
const MAJORS: [u32; 3] = [9, 8, 7];

/// Ardour fades in over its first frames after a start; what is compared begins after them.
const FADED_IN_SECONDS: f64 = 0.5;

/// What is compared of a pass over the take: it begins a second before the seam, and goes on behind the end.
const HEARD_FROM: usize = SEAM_SECONDS * RATE - RATE / 2;
const HEARD_TO: usize = (SEAM_SECONDS + LENGTH_SECONDS) * RATE + RATE / 2;

/// How often an export is tried.
const N_TRIES: usize = 4;

/// How often the take is rolled over until it has been heard whole and the same twice.
const MAX_PASSES: usize = 12;

const PRESET_ID: &str = "6e2b1c80-6c7a-4f6c-9a53-6b8d3ef1a001";

pub fn install(_: &Stage) -> Result<String, Failure> {
    packages::need_ardour()?;
    major()?;
    Ok(packages::version("ardour"))
}

pub fn run(stage: &Stage, report: &mut Report) -> Result<(), Failure> {
    let ardour = Ardour { stage, major: major()?, session: stage.fresh("ardour")?.join("session") };
    ardour.scan()?;
    let inserted = ardour.make()?;
    report.add(Check::Loads, Ok(format!("scanned, {} parameters", inserted["n_params"])));

    let song = stage::song()?;
    let heard = ardour.compose(&song, report)?;
    let [first, second] = [ardour.export("first", report)?, ardour.export("second", report)?];

    let faded_in = (FADED_IN_SECONDS * RATE as f64) as usize;
    let whole = faded_in..SONG_SECONDS * RATE;
    report.add(Check::Exports, same(&first, &second, whole, "two exports"));
    let before = faded_in..HEARD_FROM;
    report.add(Check::Exports, same(&first, &song, before, "exported, before the take"));
    let what = "the take as it was heard, exported from the reopened session";
    report.add(Check::Recalls, same(&first, &heard, HEARD_FROM..HEARD_TO, what));
    Ok(())
}

struct Ardour<'a> {
    stage: &'a Stage,
    major: u32,
    session: PathBuf,
}

impl Ardour<'_> {
    /// Makes Ardour look at the plugin anew: what it knows of an older binary would hide a new one.
    fn scan(&self) -> Result<(), Failure> {
        let presets = self.stage.home().join(format!(".config/ardour{}/export", self.major));
        let explain = |e: io::Error| Failure(format!("{}: {e}", presets.display()));
        fs::create_dir_all(&presets).map_err(explain)?;
        fs::write(presets.join("encore.preset"), preset()).map_err(explain)?;
        // what was scanned in the second in which the binary was written counts as out of date
        let binary = self.stage.vst3().join("Contents/x86_64-linux/Encore.so");
        let backdated = SystemTime::now() - Duration::from_secs(60);
        let file = fs::File::options().write(true).open(&binary);
        file.and_then(|file| file.set_modified(backdated)).map_err(explain)?;
        let folder = library_folder(self.major);
        let mut scanner = self.stage.command(folder.join("ardour-vst3-scanner"));
        scanner.env("LD_LIBRARY_PATH", &folder).args(["-q", "-f"]).arg(self.stage.vst3());
        run_command(&mut scanner, "Ardour's scan")
    }

    /// The session, with the recording in it.
    fn make(&self) -> Result<Value, Failure> {
        let mut script = self.step("make", None)?;
        let inserted = script.expect("inserted")?;
        script.expect("done")?;
        let audio = self.session.join("interchange/session/audiofiles/recording.wav");
        fs::copy(stage::recording(), &audio)
            .map_err(|e| Failure(format!("{} cannot be written: {e}", audio.display())))?;
        Ok(inserted)
    }

    /// Presses Continue, then rolls over the take until it was heard whole, and twice the same. What was heard.
    fn compose(&self, song: &Sound, report: &mut Report) -> Result<Sound, Failure> {
        let mut script = self.step("compose", None)?;
        script.expect("pressed")?;
        let mut last: Option<Sound> = None;
        for pass in 1.. {
            let fact = script.expect("heard")?;
            let first_frame = fact["first_frame"].as_u64().unwrap_or_default() as usize;
            let (left, right) = (stage::file(&fact, "left"), stage::file(&fact, "right"));
            let heard = Sound::read_pair(&left, &right, first_frame)?;
            let take = replaced(&heard, song, stage::take());
            let again = last.as_ref().map_or(Err("it was heard once only".into()), |last| {
                same(&heard, last, HEARD_FROM..HEARD_TO, "the take, rolled over again")
            });
            if pass < MAX_PASSES && (take.is_err() || again.is_err()) {
                script.answer("again")?;
                last = Some(heard);
                continue;
            }
            let before = HEARD_FROM..stage::take().start - 2 * stage::SLACK;
            report.add(Check::Passes, same(&heard, song, before, "before the seam"));
            report.add(Check::Continues, take.map(|said| format!("{said}, on pass {pass}")));
            report.add(Check::Repeats, again);
            script.answer("enough")?;
            script.expect("done")?;
            return Ok(heard);
        }
        Err(Failure("Ardour never rolled".into()))
    }

    /// Opens the saved session and exports it; again if Ardour breaks, which its scripted export does now and
    /// then, with and without a plugin.
    fn export(&self, name: &str, report: &mut Report) -> Result<Sound, Failure> {
        let path = self.session.join("export").join(format!("{name}.wav"));
        let mut n_left = N_TRIES;
        let fact = loop {
            n_left -= 1;
            match self.try_export(&path) {
                Err(broke) if n_left > 0 => println!("  {broke}; once more"),
                done => break done?,
            }
        };
        let found =
            format!("length {}, seed {}, artist {}", fact["length"], fact["seed"], fact["artist"]);
        let kept = format!("length {LENGTH_SECONDS}.0, seed 7.0, artist 1.0");
        report.add(Check::Settings, if found == kept { Ok(found) } else { Err(found) });
        Sound::read_wav(&path)
    }

    fn try_export(&self, path: &Path) -> Result<Value, Failure> {
        let mut script = self.step("export", Some(path))?;
        let reopened = script.expect("reopened")?;
        script.expect("exported")?;
        Ok(reopened)
    }

    fn step(&self, step: &str, export: Option<&Path>) -> Result<Script, Failure> {
        // a wrapper that execs the real program, so that ending it ends the host
        let mut lua = self.stage.command(program(self.major));
        lua.arg("-X").arg(script::path("ardour.lua"));
        lua.env("ENCORE_STEP", step).env("ENCORE_FOLDER", &self.session);
        lua.env("ENCORE_SONG", SONG_SECONDS.to_string());
        lua.env("ENCORE_SEAM", SEAM_SECONDS.to_string());
        lua.env("ENCORE_LENGTH", LENGTH_SECONDS.to_string());
        lua.env("ENCORE_PRESET", PRESET_ID).envs(export.map(|path| ("ENCORE_EXPORT", path)));
        Script::start(&mut lua, &format!("Ardour, step {step}"))
    }
}

/// 32-bit floats, as they are: an export preset around a format that Ardour comes with.
fn preset() -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<ExportPreset id="{PRESET_ID}" name="Encore: 32-bit float">
  <ExportFormat id="20b4ab09-6452-4cb3-bd66-b921cdbd2942"/>
  <ExportFilename><Folder relative="1" path="export"/><Field name="timespan" enabled="1"/></ExportFilename>
</ExportPreset>
"#
    )
}

/// The newest version that is installed.
fn major() -> Result<u32, Failure> {
    let found = MAJORS.into_iter().find(|major| packages::on_path(&program(*major)));
    found.ok_or_else(|| Failure("no ardour-lua program is on the path".into()))
}

fn program(major: u32) -> String {
    format!("ardour{major}-lua")
}

fn library_folder(major: u32) -> PathBuf {
    PathBuf::from(format!("/usr/lib/ardour{major}"))
}
