//! `encore`, the command line.
//!
//! Every command reads files, writes files, and says on stdout what it did (as JSON with `--json`).
//! Progress and notes go to stderr, progress only where that is a terminal. Exit codes: 0, 1 when the
//! job failed, 2 when what was asked for or given is wrong, with one sentence on stderr.

mod again;
mod align;
mod args;
mod bench;
mod codes;
mod continue_track;
mod convert;
mod corpus;
mod ear;
mod evaluate;
mod failure;
mod finer_levels;
mod heard;
mod info;
mod labels;
mod large_buffers;
mod make_checkpoint;
mod measure_window;
mod open;
mod place;
mod plan;
mod progress;
mod resume;
mod score;
mod take_files;
mod teach;
mod told;
mod train;
mod upsample;

use std::process::ExitCode;

use args::{Cli, Command};
use clap::Parser;
use clap::error::ErrorKind;
use encore::jukebox::crew::Crew;
use failure::Failure;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => return explain(&e),
    };
    match Crew::of_machine().install(|| run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let sentence = failure.to_string();
            if !sentence.is_empty() {
                eprintln!("encore: {sentence}");
            }
            failure.exit_code()
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Info { pack } => info::run(&pack.pack, cli.json),
        Command::Labels(args) => labels::run(&args, cli.json),
        Command::Encode(args) => codes::encode(&args, cli.json),
        Command::Decode(args) => codes::decode(&args, cli.json),
        Command::Convert(args) => convert::run(&args, cli.json),
        Command::Corpus(args) => corpus::run(&args, cli.json),
        Command::Evaluate(args) => evaluate::run(&args, cli.json),
        Command::Bench(args) => bench::run(&args, cli.json),
        Command::MakeCheckpoint(args) => make_checkpoint::run(&args),
        Command::MeasureWindow(args) => measure_window::run(&args),
        Command::Continue(args) => continue_track::run(&args, cli.json),
        Command::Upsample(args) => upsample::run(&args, cli.json),
        Command::Score(args) => score::run(&args, cli.json),
        Command::Align(args) => align::run(&args, cli.json),
        Command::Train(args) => train::run(&args, cli.json),
        Command::Teach(args) => teach::run(&args, cli.json),
    }
}

/// Help is help; anything else becomes one sentence.
fn explain(e: &clap::Error) -> ExitCode {
    use ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};
    if matches!(e.kind(), DisplayHelp | DisplayVersion) {
        let _ = e.print(); // nothing is left to do where this fails
        return ExitCode::SUCCESS;
    }
    if e.kind() == DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = e.print();
        return ExitCode::from(2);
    }
    let text = e.to_string();
    let said = text.split("\n\nUsage:").next().unwrap_or(&text).split("\n\nFor more").next();
    let words: Vec<_> = said.unwrap_or(&text).split_whitespace().collect();
    eprintln!("encore: {}", words.join(" ").trim_start_matches("error: "));
    ExitCode::from(2)
}
