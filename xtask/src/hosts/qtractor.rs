//! Qtractor: CLAP, on a JACK server without a sound card, its window on no screen.
//!
//! It follows JACK's transport loosely, late by some frames and with jumps on a busy machine. So what it plays is
//! compared by likeness, not bit by bit.

use std::{path::PathBuf, process::Command};

use super::{
    report::{Check, Report},
    script::{self, Script},
    sound::{RATE, Sound, likeness},
    stage::{self, LENGTH_SECONDS, SEAM_SECONDS, Stage},
};
use crate::{
    packages,
    steps::{Failure, run as run_command},
};

const PACKAGES: [&str; 2] = ["JACK-Client==0.5.7", stage::NUMPY];

/// How often the song is rolled over until it was heard as it is meant to be.
const MAX_PASSES: usize = 8;

/// Likeness of what is the same, and of what is something else.
const SAME: f64 = 0.8;
const OTHER: f64 = 0.6;

pub fn install(stage: &Stage) -> Result<String, Failure> {
    packages::need_qtractor()?;
    stage.python(&PACKAGES)?;
    Ok(packages::version("qtractor"))
}

pub fn run(stage: &Stage, report: &mut Report) -> Result<(), Failure> {
    let folder = stage.fresh("qtractor")?;
    let no_sequencer = folder.join("no_sequencer.so");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-w", "-o"]).arg(&no_sequencer);
    run_command(cc.arg(script::path("no_sequencer.c")), "compiling a sequencer that does nothing")?;

    let mut command = stage.command(stage.python(&PACKAGES)?);
    command.arg(script::path("qtractor_host.py")).arg(clap(stage)).arg(stage::recording());
    command.arg(&folder).args([SEAM_SECONDS, LENGTH_SECONDS].map(|seconds| seconds.to_string()));
    let mut script = Script::start(command.arg(&no_sequencer), "Qtractor")?;
    script.expect("opened")?;
    report.add(Check::Loads, Ok("the session opens, with Encore on its track".into()));

    let song = stage::song()?;
    let before = RATE..SEAM_SECONDS * RATE - RATE / 4;
    let (composed, pass) = roll(&mut script, |heard| {
        let (dry, wet) =
            (likeness(heard, &song, before.clone()), likeness(heard, &song, stage::take()));
        dry >= SAME && wet <= OTHER && heard.peak(stage::take()) > 0.01
    })?;
    let dry = likeness(&composed, &song, before.clone());
    let said = format!("like the song before Continue: {dry:.2}");
    report.add(Check::Passes, if dry >= SAME { Ok(said) } else { Err(said) });
    let (wet, peak) = (likeness(&composed, &song, stage::take()), composed.peak(stage::take()));
    let said = format!("like the song after Continue: {wet:.2}, peak {peak:.2}, on pass {pass}");
    report.add(Check::Continues, if wet <= OTHER && peak > 0.01 { Ok(said) } else { Err(said) });

    let saved = script.expect("saved")?;
    let (recalled, pass) = roll(&mut script, |heard| {
        likeness(heard, &song, before.clone()) >= SAME
            && likeness(heard, &composed, stage::take()) >= SAME
    })?;
    let alike = likeness(&recalled, &composed, stage::take());
    let said = format!("the take, reopened: {alike:.2} like itself, on pass {pass}");
    report.add(Check::Recalls, if alike >= SAME { Ok(said) } else { Err(said) });
    let reopened = script.expect("reopened")?;
    report.add(Check::Settings, stage::kept(&saved, &reopened));
    script.expect("done")?;
    Ok(())
}

/// Rolls until what is heard is good, or often enough; what was heard last, and how often it took.
fn roll(script: &mut Script, is_good: impl Fn(&Sound) -> bool) -> Result<(Sound, usize), Failure> {
    for pass in 1.. {
        let heard = Sound::read_raw(&stage::file(&script.expect("heard")?, "path"))?;
        if pass == MAX_PASSES || is_good(&heard) {
            script.answer("enough")?;
            return Ok((heard, pass));
        }
        script.answer("again")?;
    }
    Err(Failure("Qtractor never rolled".into()))
}

fn clap(stage: &Stage) -> PathBuf {
    stage.home().join(".clap/Encore.clap")
}
