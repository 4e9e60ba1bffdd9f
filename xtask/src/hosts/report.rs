//! What was found in a host, and the table of it.

/// What Encore promises in a host; a column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// The host finds it and puts it on a track, with its parameters.
    Loads,
    /// Where no take sounds, the input comes out bit by bit.
    Passes,
    /// Continue, pressed by automation, replaces the input from there on for as long as was asked.
    Continues,
    /// Playing the take again gives the same audio, bit by bit.
    Repeats,
    /// The settings come back with the project.
    Settings,
    /// The takes come back with the project, bit by bit.
    Recalls,
    /// Two exports are the same.
    Exports,
}

impl Check {
    const ALL: [Check; 7] = [
        Check::Loads,
        Check::Passes,
        Check::Continues,
        Check::Repeats,
        Check::Settings,
        Check::Recalls,
        Check::Exports,
    ];
}

/// How it went as a whole.
pub enum Outcome {
    Ran,
    /// The host is not there, and why.
    Missing(String),
    /// It stopped before the end of the checks, and why.
    Broke(String),
}

/// One host's row.
pub struct Report {
    host: &'static str,
    pub version: String,
    pub outcome: Outcome,
    pub install_seconds: f64,
    pub run_seconds: f64,
    checks: Vec<(Check, Result<String, String>)>,
}

impl Report {
    pub fn new(host: &'static str) -> Self {
        Self {
            host,
            version: String::new(),
            outcome: Outcome::Ran,
            install_seconds: 0.0,
            run_seconds: 0.0,
            checks: vec![],
        }
    }

    /// Adds what was found: a figure where the promise was kept, else what was wrong.
    pub fn add(&mut self, check: Check, found: Result<String, String>) {
        match &found {
            Ok(figure) => println!("  {}: {check:?}: {figure}", self.host),
            Err(wrong) => println!("  {}: {check:?} FAILED: {wrong}", self.host),
        }
        self.checks.push((check, found));
    }

    /// What was wrong.
    pub fn failures(&self) -> Vec<&str> {
        self.checks
            .iter()
            .filter_map(|(_, found)| found.as_ref().err())
            .map(String::as_str)
            .collect()
    }

    fn cell(&self, check: Check) -> &'static str {
        let mut found = self.checks.iter().filter(|(c, _)| *c == check).map(|(_, found)| found);
        match (found.clone().count(), found.all(Result::is_ok)) {
            (0, _) => "-",
            (_, true) => "ok",
            (_, false) => "FAILED",
        }
    }
}

/// Prints hosts × checks.
pub fn print(reports: &[Report]) {
    print!("\n{:<20}{:<26}", "host", "version");
    Check::ALL.iter().for_each(|check| print!("{:<11}", format!("{check:?}").to_lowercase()));
    println!();
    for report in reports {
        print!("{:<20}", report.host);
        if let Outcome::Missing(reason) = &report.outcome {
            println!("missing: {reason}");
            continue;
        }
        print!("{:<26}", report.version);
        Check::ALL.iter().for_each(|check| print!("{:<11}", report.cell(*check)));
        if let Outcome::Broke(reason) = &report.outcome {
            print!("stopped: {reason}");
        }
        println!();
    }
    for (report, failure) in
        reports.iter().flat_map(|r| r.failures().into_iter().map(move |f| (r, f)))
    {
        println!("  {}: {failure}", report.host);
    }
}
