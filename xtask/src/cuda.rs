//! Whether the build for NVIDIA's cards still type-checks, on a machine without one.
//!
//! candle compiles its kernels while it is checked, which takes NVIDIA's compiler but no card. Where there
//! is no `nvcc`, it comes from PyPI, some 270 MB; the libraries that a program is linked with do not.

use std::{env, path::PathBuf, process::Command};

use crate::{
    packages::on_path,
    steps::{Failure, cargo, run, target},
};

/// The compiler, and the headers that the kernels include.
const PARTS: [&str; 5] = [
    "nvidia-cuda-nvcc",
    "nvidia-nvvm",
    "nvidia-cuda-crt",
    "nvidia-cuda-runtime",
    "nvidia-cuda-cccl",
];
/// One that candle's bindings know; the parts must be of the same.
const VERSION: &str = "13.0.*";
/// What kernels are compiled for where no card says it: an A100's, and newer ones take it.
const COMPUTE_CAP: &str = "80";

/// Checks the library and the command line with the feature `cuda`, in a target folder of its own.
pub fn check() -> Result<(), Failure> {
    let mut check =
        cargo(&["check", "--package", "encore", "--lib", "--bins", "--features", "cuda"]);
    check.env("CARGO_TARGET_DIR", target().join("cuda"));
    if env::var_os("CUDA_COMPUTE_CAP").is_none() {
        check.env("CUDA_COMPUTE_CAP", COMPUTE_CAP);
    }
    if !on_path("nvcc") {
        let toolkit = toolkit()?;
        let old = env::var_os("PATH").unwrap_or_default();
        let folders = [toolkit.join("bin")].into_iter().chain(env::split_paths(&old));
        let path = env::join_paths(folders).map_err(|e| Failure(e.to_string()))?;
        check.env("PATH", path).env("CUDA_HOME", &toolkit).env("CUDA_PATH", &toolkit);
    }
    run(&mut check, "checking the feature cuda")
}

/// The compiler from PyPI, fetched when it is not there yet.
fn toolkit() -> Result<PathBuf, Failure> {
    let folder = target().join("cuda-toolkit");
    let toolkit = folder.join("nvidia/cu13");
    if toolkit.join("bin/nvcc").is_file() {
        return Ok(toolkit);
    }
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"]).arg(&folder);
    pip.args(PARTS.map(|part| format!("{part}=={VERSION}")));
    run(&mut pip, "fetching NVIDIA's compiler from PyPI")?;
    match toolkit.join("bin/nvcc").is_file() {
        true => Ok(toolkit),
        false => Err(Failure(format!("{} has no bin/nvcc", toolkit.display()))),
    }
}
