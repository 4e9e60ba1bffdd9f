//! Keeps the plugin's library in memory once a host has loaded it.
//!
//! Threads of the host that ran our code hold thread-local values whose destructors are in it; a thread that
//! ends after an unload would call code that is gone. All of our own threads end with the last instance, and
//! loading Encore again finds it as it was.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
