//! pedalboard: no transport at all, offline from the start, and parameters by name.

use super::{
    report::{Check, Report},
    script::{self, Script},
    sound::{RATE, Sound, same},
    stage::{self, SONG_SECONDS, Stage},
};
use crate::steps::Failure;

const PACKAGES: [&str; 2] = ["pedalboard==0.9.26", stage::NUMPY];

pub fn install(stage: &Stage) -> Result<String, Failure> {
    stage.python(&PACKAGES).map(|_| PACKAGES[0].replace("pedalboard==", ""))
}

pub fn run(stage: &Stage, report: &mut Report) -> Result<(), Failure> {
    let mut command = stage.command(stage.python(&PACKAGES)?);
    command.arg(script::path("pedalboard_host.py")).arg(stage.vst3()).arg(stage::recording());
    command.arg(stage.fresh("pedalboard")?);
    let mut script = Script::start(&mut command, "pedalboard")?;
    let processed = |script: &mut Script| {
        let fact = script.expect("processed")?;
        Sound::read_raw(&stage::file(&fact, "path"))
    };

    let loaded = script.expect("loaded")?;
    report.add(Check::Loads, stage::knows(&loaded["parameters"]));

    let (song, whole) = (stage::song()?, 0..SONG_SECONDS * RATE);
    for what in ["without a transport", "in blocks of 37 frames"] {
        report.add(Check::Passes, same(&processed(&mut script)?, &song, whole.clone(), what));
    }
    let quieter = processed(&mut script)?;
    let settled = RATE..whole.end;
    let ratio = quieter.peak(settled.clone()) / song.peak(settled.clone());
    let said = format!("Output at -20 dB gives {ratio:.4} of the peak");
    report.add(Check::Settings, if (ratio - 0.1).abs() < 2e-3 { Ok(said) } else { Err(said) });

    let saved = script.expect("saved")?;
    let reopened = script.expect("reopened")?;
    report.add(Check::Settings, stage::kept(&saved, &reopened));
    let what = "the output of the reopened state";
    report.add(Check::Settings, same(&processed(&mut script)?, &quieter, settled, what));
    script.expect("done")?;
    Ok(())
}
