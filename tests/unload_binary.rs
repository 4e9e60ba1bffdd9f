//! A host unloads the built plugin while it composes: at once, without a crash, and without a thread left
//! behind. The library itself stays, for the host's own threads that were inside it (`build.rs` says why).
//! Alone in its process, so that threads can be counted.
#![cfg(target_os = "linux")]

mod hosts;

use std::time::{Duration, Instant};

use encore::params::ParamId;
use hosts::{Format, Play, clap::Clap, use_repository_packs, vst3::Vst3};

/// Longest time that unloading may take while the engine works.
const PATIENCE: Duration = Duration::from_secs(2);

/// Names of this process's threads.
fn threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux lists threads");
    let names = tasks.filter_map(|t| std::fs::read_to_string(t.ok()?.path().join("comm")).ok());
    let mut names: Vec<_> = names.map(|name| name.trim().to_owned()).collect();
    names.sort();
    names
}

fn compose(format: &dyn Format, before: &[String]) {
    let mut encores: Vec<_> = (0..2).map(|_| format.open()).collect();
    let length = (0, ParamId::LengthSeconds.param().host_id, 60.0);
    let ask = (40_000, ParamId::Continue.param().host_id, 1.0);
    for encore in &mut encores {
        encore.play(&Play { n_frames: 50_000, events: vec![length, ask], ..Play::default() });
    }
    std::thread::sleep(Duration::from_millis(300));
    assert!(threads().len() > before.len(), "the engine has threads");
}

#[test]
fn unloading_leaves_no_thread_and_takes_no_time() {
    use_repository_packs();
    let before = threads();
    for round in 0..4 {
        let format: Box<dyn Format> =
            if round % 2 == 0 { Box::new(Clap::load()) } else { Box::new(Vst3::load()) };
        compose(&*format, &before);

        let begun = Instant::now();
        drop(format);

        assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
        assert_eq!(threads(), before, "round {round}");
    }
    let name = hosts::clap_path().file_name().expect("a file").to_string_lossy().into_owned();
    let mapped = std::fs::read_to_string("/proc/self/maps").expect("Linux lists what is loaded");
    assert!(mapped.contains(&name), "the library is gone: see build.rs");
}
