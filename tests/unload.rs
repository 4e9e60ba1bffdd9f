//! A host may unload the plugin: the engine leaves no thread behind. Alone in its process.

use std::time::Duration;

use encore::{
    engine::{Engine, Instance},
    link::{self, Command, Phase, Settings, TakeOver, Transport},
    rt::{AudioSide, Controls},
};

/// Threads of this process that the engine may have started.
#[cfg(target_os = "linux")]
fn engine_threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.map(|name| name.trim().to_owned()).filter(|name| name.starts_with("encore-")).collect()
}

#[test]
#[cfg(target_os = "linux")]
fn the_last_instance_takes_every_thread_with_it_even_while_composing() {
    // SAFETY: this is the only test of the process and no thread runs yet.
    unsafe { std::env::set_var("ENCORE_PACKS", concat!(env!("CARGO_MANIFEST_DIR"), "/models")) };
    for _ in 0..3 {
        let instance = Instance::new(&Engine::shared(), Box::new(|| ()));
        let (audio_ends, engine_ends) = link::open(44_100.0);
        instance.attach(engine_ends);
        let mut audio = AudioSide::new(audio_ends);
        for block in 0..100 {
            let (mut left, mut right) = ([0.1; 1024], [0.1; 1024]);
            let frames = Some(block * 1024);
            let transport = Transport { playing: true, frames, ..Transport::default() };
            audio.process(&mut left, &mut right, &transport, &Controls::default());
        }
        instance.send(Command::Continue(Settings {
            artist: 1,
            genre: 1,
            prime_seconds: 2.0,
            length_seconds: 100.0,
            temperature: 1.0,
            top_p: 1.0,
            seed: 1,
            n_takes: 1,
            song_seconds: 0.0,
            take_over: TakeOver::AtOnce,
        }));
        while !matches!(instance.status().phase, Phase::Composing(_)) {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(engine_threads().len() >= 3, "{:?}", engine_threads());

        let begun = std::time::Instant::now();
        drop(instance);

        assert_eq!(engine_threads(), Vec::<String>::new());
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}
