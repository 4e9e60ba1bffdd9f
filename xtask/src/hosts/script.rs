//! A script that runs in a host: what it says, line by line, waited for with a deadline.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::steps::Failure;

/// Longest wait for the next thing that a script says. Composing takes seconds; a busy machine takes minutes.
const PATIENCE: Duration = Duration::from_secs(240);

/// Lines of the host's own chatter that are kept for the message when it breaks.
const N_LAST_WORDS: usize = 6;

/// A running script. Dropping it ends it; what it started ends with it by its own care.
pub struct Script {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    last_words: Vec<String>,
}

impl Script {
    /// Starts it. `name` is for messages.
    pub fn start(command: &mut Command, name: &str) -> Result<Self, Failure> {
        let explain = |e: std::io::Error| Failure(format!("{name} does not start: {e}"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(explain)?;
        let (sender, lines) = channel();
        let pipes: [Option<Box<dyn std::io::Read + Send>>; 2] = [
            child.stdout.take().map(|pipe| Box::new(pipe) as _),
            child.stderr.take().map(|pipe| Box::new(pipe) as _),
        ];
        for pipe in pipes.into_iter().flatten() {
            let sender = sender.clone();
            thread::spawn(move || {
                let lines = BufReader::new(pipe).split(b'\n').map_while(Result::ok);
                for line in lines.map(|line| String::from_utf8_lossy(&line).into_owned()) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        let stdin = child.stdin.take();
        Ok(Self { name: name.into(), child, stdin, lines, last_words: vec![] })
    }

    /// Waits for the next fact, which must be the one named; other output of the host is passed over.
    pub fn expect(&mut self, fact: &str) -> Result<Value, Failure> {
        loop {
            let line = match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => {
                    let seconds = PATIENCE.as_secs();
                    return Err(self.broke(&format!("{fact:?} was not said within {seconds} s")));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let end = self.child.wait().map(|s| s.to_string()).unwrap_or_default();
                    return Err(self.broke(&format!("it ended ({end}) before it said {fact:?}")));
                }
            };
            let Some(said) = parse(&line) else {
                self.last_words.push(line);
                let n_more = self.last_words.len().saturating_sub(N_LAST_WORDS);
                self.last_words.drain(..n_more);
                continue;
            };
            if said["fact"] == fact {
                return Ok(said);
            }
            return Err(self.broke(&format!("it said {line} where {fact:?} was due")));
        }
    }

    /// Answers it.
    pub fn answer(&mut self, word: &str) -> Result<(), Failure> {
        let written = self.stdin.as_mut().map(|stdin| writeln!(stdin, "{word}"));
        match written {
            Some(Ok(())) => Ok(()),
            _ => Err(self.broke("it takes no answer")),
        }
    }

    fn broke(&self, what: &str) -> Failure {
        let words = self.last_words.join(" | ");
        Failure(format!("{}: {what}; last words: {words}", self.name))
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn parse(line: &str) -> Option<Value> {
    let said: Value = serde_json::from_str(line.trim()).ok()?;
    said["fact"].is_string().then_some(said)
}

/// Where a script lies.
pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("hosts").join(name)
}
