//! The project's two commands, the bundler, and what is seldom needed.
//!
//! - `cargo xtask demo`: build the plugin, host it, continue a real recording.
//! - `cargo xtask test`: everything that has to hold before a change lands.
//! - `cargo xtask bundle`: the plugin as `target/bundled/Encore.clap` and `Encore.vst3`, with its model.
//! - `cargo xtask notices`: the licences of everything the plugin contains.
//! - `cargo xtask check-cuda`: whether the build for NVIDIA's cards type-checks; needs no card.
//! - `cargo xtask check-neon`: the products of ARM processors, on an emulated one.
//! - `cargo xtask hosts`: the plugin in real hosts, driven by scripts.
//!
//! Each does all of its own set-up and stops at the first thing that is wrong.

mod cuda;
mod display;
mod hosts;
mod neon;
mod notices;
mod packages;
mod steps;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <command>

  demo        build the plugin, host it and continue a real recording with the shipped model;
              writes target/demo/out.wav, out.png and summary.json
  test        formatting, lints, and every test, on the built binaries and under a display
  bundle      build target/bundled/Encore.clap and Encore.vst3, with the model beside them
  notices     write THIRD-PARTY-NOTICES.md anew, after a dependency has changed
  check-cuda  type-check the feature cuda, with NVIDIA's compiler from PyPI if need be
  check-neon  test the products of 64-bit ARM processors on emulated ones
  hosts       run the plugin in Ardour, dawdreamer, pedalboard and Qtractor, or in those named;
              --ci leaves out Qtractor, --allow-missing forgives what cannot be installed,
              --built takes the bundles that are there";

fn main() -> ExitCode {
    let command = std::env::args().nth(1).unwrap_or_default();
    let done = match command.as_str() {
        "demo" => steps::demo(),
        "test" => steps::test(),
        "bundle" => steps::bundle(),
        "notices" => notices::write(),
        "check-cuda" => cuda::check(),
        "check-neon" => neon::check(),
        "hosts" => hosts::run(&std::env::args().skip(2).collect::<Vec<_>>()),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\ncargo xtask {command}: {error}");
            ExitCode::FAILURE
        }
    }
}
