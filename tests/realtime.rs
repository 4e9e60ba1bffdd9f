//! The audio thread neither allocates nor frees, whatever the engine does meanwhile: while it composes, while
//! a take arrives and sounds, and when another replaces it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use encore::{
    link::{ModelStatus, Phase, Transport},
    params::ParamId,
    plugin::{Core, Processor},
};

/// Aborts the process when `assert_no_alloc` is broken.
#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

const RATE: f64 = 48_000.0;
const BLOCK: usize = 128;
/// A beat of the song, in frames.
const BEAT: f64 = 24_000.0;

/// Longest time that anything here may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// An instance and where its song is.
struct Song {
    core: Arc<Core>,
    processor: Processor,
    frame: i64,
}

impl Song {
    fn open() -> Self {
        // SAFETY: the only test of the process, and no thread of the engine runs yet.
        unsafe {
            std::env::set_var("ENCORE_PACKS", concat!(env!("CARGO_MANIFEST_DIR"), "/models"))
        };
        let core = Core::new();
        let mut processor = Processor::new(Arc::clone(&core));
        processor.prepare(RATE, BLOCK);
        Self { core, processor, frame: 0 }
    }

    /// Plays one block of a tone with parameter events at its middle; returns the loudest sample that is
    /// not the tone.
    fn block(&mut self, events: &[(ParamId, f64)]) -> f32 {
        let Song { processor, frame, .. } = self;
        let tone = |i: usize| (0.02 * (*frame as f32 + i as f32)).sin() * 0.25;
        let beats = Some(*frame as f64 / BEAT);
        let transport = Transport {
            playing: true,
            frames: Some(*frame),
            beats,
            tempo_bpm: Some(60.0 * RATE / BEAT),
            time_signature: Some((4, 4)),
            loop_beats: Some((0.0, 4096.0)),
            ..Transport::default()
        };
        let strange = assert_no_alloc(|| {
            processor.begin();
            for (id, value) in events {
                processor.push(BLOCK as u32 / 2, *id, *value);
            }
            processor.sort();
            for channel in &mut processor.main {
                channel[..BLOCK].iter_mut().enumerate().for_each(|(i, s)| *s = tone(i));
            }
            processor.run(0, BLOCK, &transport);
            processor.finish();
            let out = processor.main[0][..BLOCK].iter().enumerate();
            out.map(|(i, s)| (s - tone(i)).abs()).fold(0.0, f32::max)
        });
        self.frame += BLOCK as i64;
        strange
    }

    fn is_armed_or_further(&self) -> bool {
        matches!(self.core.status().phase, Phase::Armed(_) | Phase::Composing(_))
    }

    /// Where the newest take begins.
    fn seam(&self) -> Option<i64> {
        self.core.status().take.as_ref().map(|take| take.seam_frame)
    }

    fn words(&self) -> String {
        let status = self.core.status();
        let take =
            status.take.as_ref().map(|take| (take.number, take.seam_frame, take.is_complete));
        format!("frame {}, {:?}, take {take:?}, {:?}", self.frame, status.phase, status.notice)
    }

    /// Plays in about real time until `done`, and returns the loudest sample that was not the tone.
    #[track_caller]
    fn play_until(&mut self, done: impl Fn(&Self, f32) -> bool) -> f32 {
        let begun = Instant::now();
        let mut loudest = 0f32;
        while !done(self, loudest) {
            assert!(begun.elapsed() < PATIENCE, "a minute passed; {}", self.words());
            loudest = loudest.max(self.block(&[]));
            std::thread::sleep(Duration::from_secs_f64(BLOCK as f64 / RATE));
        }
        loudest
    }
}

#[test]
fn the_audio_thread_never_allocates_while_the_engine_works() {
    let mut song = Song::open();
    song.play_until(|song, _| {
        matches!(song.core.status().model, ModelStatus::Ready(_)) && song.frame > 60_000
    });

    let settings = [(ParamId::PrimeSeconds, 1.0), (ParamId::LengthSeconds, 3.0)];
    song.block(&settings);
    let seam = song.frame;
    song.block(&[(ParamId::Continue, 1.0)]);
    song.play_until(|song, _| matches!(song.core.status().phase, Phase::Composing(_)));
    song.play_until(|song, _| song.core.status().take.as_ref().is_some_and(|t| t.is_complete));

    song.frame = seam; // it sounds at its place
    let loudest = song.play_until(|song, _| song.frame > seam + 96_000);
    assert!(loudest > 0.01, "the take does not sound at its place");

    song.frame = seam; // a second take replaces it while it sounds, wherever the song is by then
    song.play_until(|song, _| song.frame > seam + 30_000);
    song.block(&[(ParamId::FollowTransport, 0.0), (ParamId::LengthSeconds, 60.0)]);
    let alone = song.frame; // from here on it counts by itself, and needs something to continue
    song.play_until(|song, _| song.frame > alone + 30_000);
    song.block(&[(ParamId::Continue, 1.0)]);
    song.play_until(|_, loudest| loudest > 0.01);
    song.block(&[(ParamId::Stop, 1.0)]);
    song.play_until(|song, _| song.core.status().phase == Phase::Idle);

    // armed, moved by a jump, and taking over from a take that sounds
    song.block(&[(ParamId::FollowTransport, 1.0), (ParamId::LengthSeconds, 3.0)]);
    song.frame = 0;
    song.play_until(|song, _| song.frame > 60_000);
    song.block(&[(ParamId::TakeOver, 1.0), (ParamId::Continue, 1.0)]);
    song.play_until(|song, _| song.is_armed_or_further());
    song.frame = 1_000_000;
    song.play_until(|song, _| song.seam().is_some_and(|seam| seam > 1_000_000));
    let seam = song.seam().unwrap();
    assert_eq!(seam as f64 % (4.0 * BEAT), 0.0);
    song.play_until(|song, _| song.core.status().phase == Phase::Idle);
    song.play_until(|song, _| song.frame > seam + 48_000);
    song.block(&[(ParamId::Continue, 1.0)]);
    song.play_until(|song, _| song.seam().is_some_and(|newer| newer > seam));
    let newer = song.seam().unwrap();
    song.play_until(|song, _| song.frame > newer + 48_000);
    song.block(&[(ParamId::Continue, 1.0)]);
    song.block(&[(ParamId::Stop, 1.0)]);
    song.play_until(|song, _| song.core.status().phase == Phase::Idle);
    assert_no_alloc(|| song.processor.reset());
}
