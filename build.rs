//! Keeps the plugin's library in memory once a host has loaded it.
//!
//! A host's own threads outlive the plugin. Where one of them was inside it, Rust's standard library has left
//! a destructor that runs when that thread ends; after a real unload this would be code that is gone, and the
//! host would crash: seen in about every second run of `tests/vst3_host.rs`, where each test is a host.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
