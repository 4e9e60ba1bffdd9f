//! A screen that nobody sees, for as long as the tests run.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use crate::steps::Failure;

/// A running Xvfb. Dropping it ends it.
pub struct Display {
    server: Child,
    name: String,
}

impl Display {
    /// Starts one on a free display number and returns when it takes connections.
    pub fn start() -> Result<Self, Failure> {
        // -displayfd: the server picks a free number and writes it once it is ready
        let mut server = Command::new("Xvfb")
            .args([
                "-displayfd",
                "1",
                "-screen",
                "0",
                "1600x1000x24",
                "+extension",
                "GLX",
                "-noreset",
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| Failure(format!("Xvfb does not start: {e}")))?;
        let mut number = String::new();
        if let Some(stdout) = server.stdout.take() {
            let _ = BufReader::new(stdout).read_line(&mut number); // empty when it ended instead
        }
        let number = number.trim();
        if number.is_empty() {
            let _ = server.wait();
            return Err(Failure("Xvfb ended before it was ready".into()));
        }
        Ok(Self { server, name: format!(":{number}") })
    }

    /// What to put into `DISPLAY`.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
