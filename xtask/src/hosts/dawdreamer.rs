//! dawdreamer: a transport, automation, and rendering offline.

use std::collections::HashMap;

use super::{
    report::{Check, Report},
    script::{self, Script},
    sound::{RATE, Sound, replaced, same},
    stage::{self, LENGTH_SECONDS, SEAM_SECONDS, SONG_SECONDS, Stage},
};
use crate::steps::Failure;

const PACKAGES: [&str; 2] = ["dawdreamer==0.9.0", stage::NUMPY];

/// What the script renders, in order, up to the state and after it.
const BEFORE_SAVING: [&str; 4] = ["untouched", "pressed", "again", "and_again"];

pub fn install(stage: &Stage) -> Result<String, Failure> {
    stage.python(&PACKAGES).map(|_| PACKAGES[0].replace("dawdreamer==", ""))
}

pub fn run(stage: &Stage, report: &mut Report) -> Result<(), Failure> {
    let mut command = stage.command(stage.python(&PACKAGES)?);
    command.arg(script::path("dawdreamer_host.py")).arg(stage.vst3()).arg(stage::recording());
    command.arg(stage.fresh("dawdreamer")?);
    command.args([SEAM_SECONDS, LENGTH_SECONDS].map(|seconds| seconds.to_string()));
    let mut script = Script::start(&mut command, "dawdreamer")?;

    let loaded = script.expect("loaded")?;
    report.add(Check::Loads, stage::knows(&loaded["parameters"]));

    let mut renders = HashMap::new();
    let mut render = |script: &mut Script, name: &'static str| {
        let rendered = script.expect("rendered")?;
        let sound = Sound::read_raw(&stage::file(&rendered, "path"))?;
        renders.insert(name, sound);
        Ok::<_, Failure>(())
    };
    for name in BEFORE_SAVING {
        render(&mut script, name)?;
    }
    let saved = script.expect("saved")?;
    render(&mut script, "second")?;
    let reopened = script.expect("reopened")?;
    render(&mut script, "recalled")?;
    script.expect("done")?;

    let (song, whole) = (stage::song()?, 0..SONG_SECONDS * RATE);
    let of = |name: &str| &renders[name];
    let pressed = of("pressed");
    report.add(Check::Passes, same(of("untouched"), &song, whole.clone(), "without a take"));
    report.add(Check::Passes, same(pressed, &song, stage::before(0.0), "before Continue"));
    report.add(Check::Continues, replaced(pressed, &song, stage::take()));
    let what = "the take, played again";
    report.add(Check::Repeats, same(of("again"), pressed, stage::take(), what));
    let what = "the whole song, played a third time";
    report.add(Check::Repeats, same(of("and_again"), of("again"), whole.clone(), what));
    let what = "the same in another instance";
    report.add(Check::Repeats, same(of("second"), pressed, whole.clone(), what));
    report.add(Check::Settings, stage::kept(&saved, &reopened));
    // as it was played when the take was there: the render waits for takes that are decoded
    let what = "the whole song, reopened, as it was played last";
    report.add(Check::Recalls, same(of("recalled"), of("and_again"), whole, what));
    Ok(())
}
