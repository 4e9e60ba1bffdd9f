//! What goes wrong behind the scenes hurts nobody: the host lives, takes stay, the user is told, and the next
//! take is made. Alone in its process, because what fails is chosen for the whole of it.

mod asked;

use std::{
    fs,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use encore::{
    engine::{
        Engine, Instance,
        faults::{Fault, inject},
    },
    link::{self, Command, ModelStatus, Phase, Transport},
    rt::{AudioSide, Controls},
};

use asked::settings;

const RATE: f64 = 48_000.0;
const BLOCK: usize = 512;
const STARTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/starter");

/// Frames after a seam in which a take may still be fading in.
const FADE: usize = 4 * BLOCK;

/// Longest time that anything may take.
const PATIENCE: Duration = Duration::from_secs(120);

fn offline() -> Controls {
    Controls { offline: true, ..Controls::default() }
}

/// One instance, alone with the engine and the packs in a folder.
struct Desk {
    instance: Instance,
    audio: AudioSide,
    /// Times that the status was new.
    n_changes: Arc<AtomicUsize>,
    _turn: MutexGuard<'static, ()>,
}

impl Desk {
    fn with_packs_in(folder: &Path) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: tests take turns, and there is no engine between them
        unsafe { std::env::set_var("ENCORE_PACKS", folder) };
        let n_changes = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&n_changes);
        let changed = move || {
            count.fetch_add(1, Relaxed);
        };
        let instance = Instance::new(&Engine::shared(), Box::new(changed));
        let (audio_ends, engine_ends) = link::open(RATE);
        instance.attach(engine_ends);
        let desk = Self { instance, audio: AudioSide::new(audio_ends), n_changes, _turn: turn };
        desk.wait_for("a model", |desk| matches!(desk.model(), ModelStatus::Ready(_)));
        desk
    }

    fn new() -> Self {
        Self::with_packs_in(Path::new(STARTER))
    }

    fn model(&self) -> ModelStatus {
        self.instance.status().model.clone()
    }

    fn notice(&self) -> String {
        self.instance.status().notice.as_ref().map_or(String::new(), |notice| notice.text.clone())
    }

    #[track_caller]
    fn wait_for(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !done(self) {
            let phase = self.instance.status().phase;
            assert!(
                begun.elapsed() < PATIENCE,
                "no sign of {what}; {phase:?}, {:?}",
                self.notice()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Plays from song frame `start`; what came out on the left.
    fn roll(&mut self, start: i64, n_frames: usize) -> Vec<f32> {
        let mut heard = Vec::new();
        while heard.len() < n_frames {
            let at = start + heard.len() as i64;
            let n = BLOCK.min(n_frames - heard.len());
            let mut left: Vec<_> = (at..at + n as i64).map(tone).collect();
            let mut right = left.clone();
            let transport = Transport { playing: true, frames: Some(at), ..Transport::default() };
            self.audio.process(&mut left, &mut right, &transport, &offline());
            heard.extend(left);
        }
        heard
    }

    /// Asks for a second of music at song frame `seam`, and plays it; the song is heard up to there.
    fn take(&mut self, seam: i64) -> Vec<f32> {
        self.roll(seam - 60_000, 60_000);
        self.audio.ask_continue(settings());
        let heard = self.roll(seam, 48_000);
        self.wait_for("the end", |desk| desk.instance.status().phase == Phase::Idle);
        heard
    }

    /// Whether anything but the input was heard.
    fn is_take(heard: &[f32], seam: i64) -> bool {
        let n_other = heard.iter().zip(seam..).filter(|(out, at)| **out != tone(*at)).count();
        n_other > heard.len() / 2
    }

    /// The take at `seam` sounds as it did.
    #[track_caller]
    fn still_sounds(&mut self, seam: i64, as_before: &[f32]) {
        self.roll(seam - 4_800, 4_800);
        let heard = self.roll(seam, as_before.len());
        assert!(heard[FADE..] == as_before[FADE..], "the take is another or gone");
    }
}

fn tone(frame: i64) -> f32 {
    (frame as f32 * 0.03).sin() * 0.3
}

fn copy_starter(to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(STARTER).unwrap().map(|file| file.unwrap().path()) {
        if file.is_file() {
            fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
        }
    }
}

#[test]
fn a_fault_while_composing_costs_that_take_alone() {
    for (fault, words) in
        [(Fault::WorkerPanics, "failed inside Encore"), (Fault::NoMemory, "memory")]
    {
        let mut desk = Desk::new();
        let kept = desk.take(60_000);
        assert!(Desk::is_take(&kept, 60_000));

        inject(fault);
        desk.roll(500_000 - 60_000, 60_000);
        desk.audio.ask_continue(settings());
        let failed = desk.roll(500_000, 48_000);

        desk.wait_for("a notice", |desk| desk.notice().contains(words));
        assert!(failed.iter().all(|sample| sample.is_finite()));
        desk.wait_for("the end", |desk| desk.instance.status().phase == Phase::Idle);
        desk.still_sounds(60_000, &kept);
        let next = desk.take(1_000_000);
        assert!(Desk::is_take(&next, 1_000_000), "{fault:?}: no take was made afterwards");
    }
}

#[test]
fn a_panic_while_listening_is_told_and_what_follows_is_heard() {
    let mut desk = Desk::new();
    let kept = desk.take(60_000);

    inject(Fault::KeeperPanics);
    desk.wait_for("a notice", |desk| desk.notice().contains("failed inside Encore"));

    desk.still_sounds(60_000, &kept);
    assert!(Desk::is_take(&desk.take(500_000), 500_000));
}

#[test]
fn a_model_may_go_while_it_is_in_use_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let pack = folder.path().join("own");
    copy_starter(&pack);
    let weights = pack.join("prior_level_1.safetensors");
    let whole = fs::read(&weights).unwrap();
    let mut desk = Desk::with_packs_in(folder.path());
    let name = |desk: &Desk| match desk.model() {
        ModelStatus::Ready(pack) => pack.folder.clone(),
        model => panic!("{model:?}"),
    };
    assert!(name(&desk).starts_with(folder.path()));

    let mut swapped = whole.clone();
    swapped.reverse();
    for (n, damage) in
        [None, Some(&whole[..whole.len() / 2]), Some(&swapped[..])].iter().enumerate()
    {
        match damage {
            None => fs::remove_file(&weights).unwrap(),
            Some(bytes) => fs::write(&weights, bytes).unwrap(),
        }
        let seam = 500_000 * (n as i64 + 1);
        let kept = desk.take(seam);
        assert!(Desk::is_take(&kept, seam), "what is in memory plays on");

        desk.instance.send(Command::ReloadModel);
        // another pack may be found in its place, or none
        desk.wait_for("words about the file", |desk| {
            let told = match desk.model() {
                ModelStatus::Unavailable { reason } => reason,
                _ => desk.notice(),
            };
            told.contains("prior_level_1.safetensors")
        });
        desk.still_sounds(seam, &kept);

        fs::write(&weights, &whole).unwrap();
        desk.instance.send(Command::ReloadModel);
        desk.wait_for("the model", |desk| {
            matches!(desk.model(), ModelStatus::Ready(pack) if pack.folder.starts_with(folder.path()))
        });
    }
}

#[test]
fn composing_can_be_stopped_at_any_point() {
    let mut desk = Desk::new();
    desk.roll(0, 60_000);
    for n in 0..24 {
        let before = desk.n_changes.load(Relaxed);
        desk.instance.send(Command::Continue(settings()));
        // every change of the status is another point of the way
        desk.wait_for("the point", |desk| {
            let n_passed = desk.n_changes.load(Relaxed) - before;
            n < n_passed || (1 < n_passed && desk.instance.status().phase == Phase::Idle)
        });
        desk.instance.send(Command::Stop);
        desk.wait_for("the end", |desk| desk.instance.status().phase == Phase::Idle);
        assert_eq!(desk.notice(), "", "stopped at point {n}");
    }

    let heard = desk.take(500_000);

    assert!(Desk::is_take(&heard, 500_000));
}
