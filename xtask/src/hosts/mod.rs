//! Encore in real hosts, without anybody at the screen.
//!
//! Each host has a file here, which drives it by a script from `xtask/hosts` and judges what the script says
//! and the audio it leaves. The hosts are tools of the tests: nothing of them is linked or shipped.

mod ardour;
mod dawdreamer;
mod pedalboard;
mod qtractor;
mod report;
mod script;
mod sound;
mod stage;

use std::time::Instant;

use crate::steps::{self, Failure};
use report::{Outcome, Report};
use stage::Stage;

/// What installs a host and says its version, and what runs the checks in it.
struct Host {
    name: &'static str,
    /// Quick and sure enough to be run for every change.
    is_for_ci: bool,
    install: fn(&Stage) -> Result<String, Failure>,
    run: fn(&Stage, &mut Report) -> Result<(), Failure>,
}

const HOSTS: [Host; 4] = [
    Host { name: "Ardour (VST3)", is_for_ci: true, install: ardour::install, run: ardour::run },
    Host {
        name: "dawdreamer (VST3)",
        is_for_ci: true,
        install: dawdreamer::install,
        run: dawdreamer::run,
    },
    Host {
        name: "pedalboard (VST3)",
        is_for_ci: true,
        install: pedalboard::install,
        run: pedalboard::run,
    },
    Host {
        name: "Qtractor (CLAP)",
        is_for_ci: false,
        install: qtractor::install,
        run: qtractor::run,
    },
];

/// Runs the checks in every host and prints them as a table. `args` are those of the command line:
/// `--ci` leaves out the hosts that are slow or not exact, `--allow-missing` forgives one that cannot be installed,
/// `--built` takes the bundles that are there, and a name takes the hosts that it begins.
pub fn run(args: &[String]) -> Result<(), Failure> {
    let (flags, names): (Vec<_>, Vec<_>) = args.iter().partition(|arg| arg.starts_with("--"));
    let has = |flag: &str| flags.iter().any(|f| *f == flag);
    let unknown =
        flags.iter().find(|f| !["--ci", "--allow-missing", "--built"].contains(&f.as_str()));
    if let Some(flag) = unknown {
        return Err(Failure(format!("{flag} is no option of this command")));
    }
    let is_wanted = |host: &Host| {
        let name = host.name.to_lowercase();
        names.is_empty() || names.iter().any(|wanted| name.starts_with(&wanted.to_lowercase()))
    };
    let hosts: Vec<_> =
        HOSTS.iter().filter(|h| is_wanted(h) && (h.is_for_ci || !has("--ci"))).collect();
    if hosts.is_empty() {
        return Err(Failure(format!("no host is named {names:?}")));
    }
    if !has("--built") {
        steps::bundle()?;
    }
    let stage = Stage::set()?;
    let reports: Vec<_> = hosts.into_iter().map(|host| report(host, &stage)).collect();
    report::print(&reports);
    let is_fine = |r: &Report| match r.outcome {
        Outcome::Ran => r.failures().is_empty(),
        Outcome::Missing(_) => has("--allow-missing"),
        Outcome::Broke(_) => false,
    };
    match reports.iter().filter(|r| !is_fine(r)).count() {
        0 => Ok(()),
        n => Err(Failure(format!("not all is well in {n} of {} hosts", reports.len()))),
    }
}

fn report(host: &Host, stage: &Stage) -> Report {
    let begun = Instant::now();
    let mut report = Report::new(host.name);
    match (host.install)(stage) {
        Ok(version) => report.version = version,
        Err(reason) => report.outcome = Outcome::Missing(reason.to_string()),
    }
    report.install_seconds = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    if matches!(report.outcome, Outcome::Ran)
        && let Err(reason) = (host.run)(stage, &mut report)
    {
        report.outcome = Outcome::Broke(reason.to_string());
    }
    report.run_seconds = begun.elapsed().as_secs_f64();
    println!(
        "— {}: {:.0} s to install, {:.0} s to run",
        host.name, report.install_seconds, report.run_seconds
    );
    report
}
