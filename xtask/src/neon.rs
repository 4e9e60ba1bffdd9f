//! The products of 64-bit ARM processors, tested on any other.

use std::process::Command;

use crate::packages;
use crate::steps::{Failure, cargo, run};

const TARGET: &str = "aarch64-unknown-linux-gnu";

/// Processors that are emulated, and the fastest products of each: with dot products and without.
const CPUS: [(&str, &str); 2] = [("max", "neondot"), ("cortex-a53", "neon")];

/// Builds the products and their tests for ARM, and runs them on each processor.
pub fn check() -> Result<(), Failure> {
    packages::need_arm()?;
    run(Command::new("rustup").args(["target", "add", TARGET]), "rustup target add")?;
    let of_products = ["--release", "--package", "kernels", "--target", TARGET];
    let mut lints = cargo(&["clippy"]);
    lints.args(of_products).args(["--all-targets", "--", "-D", "warnings"]);
    run(&mut lints, "clippy")?;
    for (cpu, fastest) in CPUS {
        let emulator = format!("qemu-aarch64 -cpu {cpu} -L /usr/aarch64-linux-gnu");
        let mut tests = cargo(&["test"]);
        tests
            .args(of_products)
            .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc")
            .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", emulator)
            .env_remove("ENCORE_CPU")
            .env("KERNELS_MEANT", fastest);
        run(&mut tests, &format!("{fastest} on {cpu}"))?;
    }
    Ok(())
}
