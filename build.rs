//! Keeps the plugin's library in memory once a host has loaded it.
//!
//! A library of the networks starts threads of its own and never ends them; after an unload they would run
//! code that is gone. Loading Encore again finds it as it was.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
