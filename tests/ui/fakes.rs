//! Moments in the life of an editor, made up: statuses, values and live numbers.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use egui_kittest::{Harness, TestRenderer};
use encore::{
    link::{
        Armed, Labels, ModelStatus, Notice, PackSummary, Phase, Progress, Severity, Stage, Status,
        TakeStatus, Waveform,
    },
    params::{self, ParamId, Values},
    ui::{Editor, Live, View, Wish},
};

pub const RATE: f64 = 48_000.0;
const FRAMES_PER_PEAK: usize = 512;

/// Everything an editor is drawn from.
#[derive(Debug, Clone)]
pub struct Moment {
    pub status: Status,
    pub values: Values,
    pub live: Live,
}

/// An editor in a test window, with the wishes it uttered.
pub type Window = Harness<'static, Open>;

pub struct Open {
    pub editor: Editor,
    pub moment: Moment,
    pub wishes: Rc<RefCell<Vec<Wish>>>,
}

impl Moment {
    /// Opens an editor on this moment. The window paints through `renderer`.
    pub fn open(
        self,
        size: (u32, u32),
        scale: f32,
        renderer: impl TestRenderer + 'static,
    ) -> Window {
        let draw = |ui: &mut egui::Ui, open: &mut Open| {
            let Moment { status, values, live } = &open.moment;
            let whole = egui::UiBuilder::new().max_rect(ui.ctx().content_rect()); // no margin
            let view = View { status, values, live: *live };
            let asked = ui.scope_builder(whole, |ui| open.editor.ui(ui, &view)).inner;
            for wish in &asked {
                if let Wish::Set(id, value) = wish {
                    open.moment.values[id.index()] = *value; // as the plugin would
                }
            }
            open.wishes.borrow_mut().extend(asked);
        };
        let open = Open { editor: Editor::new(), moment: self, wishes: Rc::default() };
        Harness::builder()
            .with_size([size.0 as f32, size.1 as f32])
            .with_pixels_per_point(scale)
            .with_step_dt(1.0 / 30.0)
            .with_max_steps(12)
            .renderer(renderer)
            .build_ui_state(draw, open)
    }

    pub fn with_value(mut self, id: ParamId, value: f64) -> Self {
        self.values[id.index()] = value;
        self
    }

    pub fn with_notice(mut self, severity: Severity, text: &str) -> Self {
        self.status.notice = Some(Notice { severity, text: text.into() });
        self
    }
}

fn moment(model: ModelStatus) -> Moment {
    let live = Live { rate: RATE, ..Live::default() };
    Moment { status: Status { model, ..Status::default() }, values: params::defaults(), live }
}

pub fn no_model() -> Moment {
    moment(ModelStatus::Unavailable {
        reason: "no model pack was found in ~/.local/share/encore/packs or beside the plugin. \
                 Put the starter pack's folder there, then press “Look again”."
            .into(),
    })
}

pub fn loading() -> Moment {
    moment(ModelStatus::Loading { name: "Starter".into() })
}

/// A model, and a transport that has not moved yet.
pub fn fresh() -> Moment {
    moment(ModelStatus::Ready(Arc::new(starter())))
}

/// 24 seconds were heard and the transport rests.
pub fn heard() -> Moment {
    let mut moment = fresh().with_value(ParamId::Artist, 4.0).with_value(ParamId::Genre, 3.0);
    moment.status.captured = Arc::new(wave(0.0, 24.0, 0.7));
    moment.live.playhead = (24.0 * RATE) as i64;
    moment.live.input_peaks = [0.5, 0.32];
    moment.live.output_peaks = [0.5, 0.32];
    moment
}

/// The first 4 of 10 seconds can be heard.
pub fn composing() -> Moment {
    let mut moment = heard();
    moment.status.phase = Phase::Composing(Progress {
        stage: Stage::Generating,
        seconds_done: 4.0,
        seconds_total: 10.0,
        realtime_factor: 1.8,
        remaining_seconds: Some(3.3),
        ..Progress::default()
    });
    moment.status.take = Some(take(4.0, false));
    moment.live = Live {
        playhead: (25.7 * RATE) as i64,
        rolling: true,
        input_peaks: [0.05, 0.04],
        output_peaks: [0.71, 1.02],
        ..moment.live
    };
    moment
}

/// A take will take over at bar 17.
pub fn armed() -> Moment {
    let mut moment = heard().with_value(ParamId::TakeOver, 1.0);
    let playhead = (28.8 * RATE) as i64;
    moment.status.captured = Arc::new(wave(0.0, 28.8, 0.7));
    moment.status.phase =
        Phase::Armed(Armed { frame: (32.0 * RATE) as i64, bar: Some(17), seconds_left: 3.2 });
    moment.live = Live { playhead, rolling: true, ..moment.live };
    moment
}

pub fn complete() -> Moment {
    let mut moment = heard();
    moment.status.take = Some(take(10.0, true));
    moment.live.playhead = (31.0 * RATE) as i64;
    moment
}

/// As many names as the largest released models have.
pub fn thousands() -> Moment {
    let mut pack = starter();
    pack.name = "Jukebox 1B with lyrics, converted".into();
    pack.n_parameters = 942_643_200;
    pack.n_bytes = 3_771_000_000;
    let name = |i: usize| match i % 5 {
        0 => format!("The Number {i} Blues Preservation Orchestra and Choir of Upper Tidewater"),
        1 => format!("Tide {i}"),
        2 => format!("Anna {i} & the Riptides"),
        3 => format!("Björk-ähnlich {i}"),
        _ => format!("Foundry {i}"),
    };
    pack.labels.artists =
        (0..7898).map(|i| if i == 0 { "unknown".into() } else { name(i) }).collect();
    pack.labels.genres =
        (0..604).map(|i| if i == 0 { "unknown".into() } else { format!("genre {i}") }).collect();
    pack.labels.genre_of_artist = Vec::new();
    let mut moment = heard().with_value(ParamId::Artist, 1500.0);
    moment.status.model = ModelStatus::Ready(Arc::new(pack));
    moment
}

/// Ten minutes were heard from before bar one, and everything that can be long is.
pub fn crowded() -> Moment {
    let mut moment = thousands()
        .with_value(ParamId::LengthSeconds, 300.0)
        .with_value(ParamId::PrimeSeconds, 30.0)
        .with_value(ParamId::Seed, 65_535.0)
        .with_value(ParamId::OutputGain, -60.0)
        .with_value(ParamId::Genre, 999.0)
        .with_value(ParamId::Bypass, 1.0)
        .with_notice(
            Severity::Error,
            "The take could not be composed: the pack's file prior.safetensors was changed since it was \
             loaded (sha256 differs). Restore the file or convert the checkpoint again, then press “Look \
             again” so that Encore reads it anew. Until then the takes you have stay and can be played.",
        );
    moment.status.captured = Arc::new(wave(-2.0, 600.0, 0.4));
    let mut long = take(300.0, true);
    long.artist =
        "The Number 1500 Blues Preservation Orchestra and Choir of Upper Tidewater".into();
    long.seam_frame = (300.0 * RATE) as i64;
    long.length_seconds = 300.0;
    long.waveform = Arc::new(wave(300.0, 300.0, 0.8));
    moment.status.take = Some(long);
    moment.status.phase = Phase::Queued { n_ahead: 3 };
    moment.live.lost_frames = 12_480;
    moment.live.playhead = (900.0 * RATE) as i64;
    moment
}

fn take(seconds_done: f64, is_complete: bool) -> TakeStatus {
    TakeStatus {
        number: 3,
        artist: "Tidewater".into(),
        genre: "ambient".into(),
        seed: 1,
        waveform: Arc::new(wave(24.0, seconds_done, 0.6)),
        seam_frame: (24.0 * RATE) as i64,
        length_seconds: 10.0,
        is_complete,
        first_frame_ms: Some(412.0),
        realtime_factor: 2.1,
        ..TakeStatus::default()
    }
}

fn starter() -> PackSummary {
    let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
    PackSummary {
        hash: "00".repeat(32),
        name: "Starter".into(),
        licence: "CC0-1.0".into(),
        folder: "/usr/share/encore/packs/starter".into(),
        n_parameters: 3_187_000,
        n_bytes: 12_748_000,
        sample_rate: 44_100,
        hop: 128,
        max_prime_seconds: 5.9,
        labels: Labels {
            artists: names(&[
                "unknown",
                "Foundry",
                "Lantern Street",
                "Nine Volt",
                "Tidewater",
                "Oak & Ash",
            ]),
            genres: names(&["unknown", "house", "folk", "ambient", "chiptune"]),
            genre_of_artist: vec![None, Some(1), Some(2), Some(4), Some(3), Some(2)],
        },
    }
}

/// Something that looks like music: beats, swells and a little noise.
fn wave(start_seconds: f64, seconds: f64, loudness: f64) -> Waveform {
    let n_peaks = (seconds * RATE / FRAMES_PER_PEAK as f64) as usize;
    let peak = |i: usize| {
        let t = i as f64 * FRAMES_PER_PEAK as f64 / RATE;
        let beat = (-6.0 * (t * 2.0).fract()).exp();
        let swell = 0.55 + 0.45 * (t * 0.7).sin();
        let noise = ((i * 2_654_435_761) % 1000) as f64 / 1000.0;
        let level = loudness * (0.25 + 0.5 * beat + 0.25 * swell) * (0.65 + 0.35 * noise);
        [-(level * (0.8 + 0.2 * (t * 3.1).sin())) as f32, level as f32]
    };
    Waveform {
        start_frame: (start_seconds * RATE) as i64,
        rate: RATE,
        frames_per_peak: FRAMES_PER_PEAK,
        peaks: (0..n_peaks).map(peak).collect(),
    }
}
