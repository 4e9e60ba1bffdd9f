//! The demo: a real host, the built plugin, a real recording, and its continuation on the timeline.
//!
//! `cargo xtask demo` bundles the plugin and runs this. It loads the `.clap`, rolls the transport over a
//! stereo recording, presses Continue by automation, lets the whole continuation come out of the plugin's
//! output, and writes what came out with the measurements it promises. It fails if they are broken.

#[path = "mod.rs"]
mod hosts;

use std::{
    error::Error,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use encore::{
    params::ParamId,
    takes::{measure, picture, wav},
    units::seconds_from_frames,
};
use hosts::{Instance, Play, RECORDING, Song, clap::Clap, clip, recording};

const OUT: &str = "target/demo";
const ARTIST: &str = "Foundry";
const GENRE: &str = "house";
const SEED: f64 = 7.0;
const SEAM_SECONDS: f64 = 8.0;
const PRIME_SECONDS: f64 = 2.5;
const CONTINUATION_SECONDS: f64 = 10.0;

/// What is promised about the seam.
const MAX_GAP_SECONDS: f64 = 0.05;
const MAX_STEP_RATIO: f32 = 1.5;

/// Around the seam, how far gaps and clicks are looked for.
const AROUND_SECONDS: f64 = 0.25;

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rate_hz = clip().rate_hz;
    let rate = f64::from(rate_hz);
    let frames = |seconds: f64| (seconds * rate).round() as usize;
    let (seam, n_prime, n_new) =
        (frames(SEAM_SECONDS), frames(PRIME_SECONDS), frames(CONTINUATION_SECONDS));

    let clap = Clap::load();
    let mut plugin = clap.instance();
    plugin.set_offline(true);
    wait_for_model(&mut plugin)?;
    let artist = number(&mut plugin, ParamId::Artist, ARTIST)?;
    let genre = number(&mut plugin, ParamId::Genre, GENRE)?;
    let settings = [
        (ParamId::Artist, artist),
        (ParamId::Genre, genre),
        (ParamId::PrimeSeconds, PRIME_SECONDS),
        (ParamId::LengthSeconds, CONTINUATION_SECONDS),
        (ParamId::Seed, SEED),
    ];
    let mut events: Vec<_> = settings.map(|(id, value)| (0, id.param().host_id, value)).into();
    events.push((seam, ParamId::Continue.param().host_id, 1.0));

    println!("Rolling over {RECORDING}; Continue at {SEAM_SECONDS} s, as {ARTIST} ({GENRE}) …");
    let played = plugin.play(&Play {
        rate,
        n_frames: seam + n_new,
        song: Song::Rolls(0),
        events,
        input: recording,
        ..Play::default()
    });

    let pressed = played.blocks.iter().rev().find(|(done, _)| *done <= seam).map(|(_, at)| *at);
    let first = played.blocks.iter().find(|(done, _)| *done > seam).map(|(_, at)| *at);
    let last = played.blocks.last().map(|(_, at)| *at);
    let (Some(pressed), Some(first), Some(last)) = (pressed, first, last) else {
        return Err("the host did not play".into());
    };
    let untouched = (0..seam).all(|i| [played.left[i], played.right[i]] == recording(i));
    let replaced = (seam..seam + n_new).filter(|i| played.left[*i] != recording(*i)[0]).count();

    let begin = seam - n_prime;
    let out = &played.left[begin..];
    let around = frames(AROUND_SECONDS);
    let near_seam = &out[n_prime - around..n_prime + around];
    let step_in_prime = measure::largest_step(&out[..n_prime]);
    let step_at_seam = measure::largest_step_in(out, n_prime..n_prime + around);
    let facts = Facts {
        rate_hz,
        seam_frame: n_prime,
        first_frame: first.duration_since(pressed),
        whole: last.duration_since(pressed),
        step_ratio: step_at_seam / step_in_prime,
        step_at_seam,
        step_in_prime,
        gap_seconds: measure::longest_silence_seconds(near_seam, rate),
        peak: measure::peak(out),
        rms_prime_db: measure::rms_db(&out[..n_prime]),
        rms_new_db: measure::rms_db(&out[n_prime..]),
        longest_silence_seconds: measure::longest_silence_seconds(&out[n_prime..], rate),
        model_bytes: folder_bytes(&root.join("models/starter")),
    };

    let folder = root.join(OUT);
    std::fs::create_dir_all(&folder)?;
    wav::write(&folder.join("out.wav"), out, rate_hz)?;
    let title = format!("{ARTIST} ({GENRE}), prime and continuation");
    let seam_seconds = seconds_from_frames(n_prime, rate);
    picture::write(&folder.join("out.png"), out, rate, Some(seam_seconds), &title)?;
    facts.write(&folder.join("summary.json"))?;
    facts.print(&folder);

    let broken = [
        (!untouched, "the input did not pass untouched before the seam".to_owned()),
        (replaced < n_new * 9 / 10, format!("only {replaced} of {n_new} frames were replaced")),
        (
            facts.gap_seconds > MAX_GAP_SECONDS,
            format!("{} s of silence at the seam", facts.gap_seconds),
        ),
        (
            facts.step_ratio > MAX_STEP_RATIO,
            format!("a click of {} × the prime's", facts.step_ratio),
        ),
        (facts.peak > 1.0, format!("a peak of {}", facts.peak)),
    ];
    match broken.into_iter().find(|(is_broken, _)| *is_broken) {
        Some((_, what)) => Err(what.into()),
        None => Ok(()),
    }
}

/// What was measured.
struct Facts {
    rate_hz: u32,
    seam_frame: usize,
    first_frame: Duration,
    whole: Duration,
    step_ratio: f32,
    step_at_seam: f32,
    step_in_prime: f32,
    gap_seconds: f64,
    peak: f32,
    rms_prime_db: f64,
    rms_new_db: f64,
    longest_silence_seconds: f64,
    model_bytes: u64,
}

impl Facts {
    fn realtime_factor(&self) -> f64 {
        CONTINUATION_SECONDS / self.whole.as_secs_f64()
    }

    fn write(&self, path: &Path) -> Result<(), Box<dyn Error>> {
        let json = serde_json::json!({
            "prime_seconds": PRIME_SECONDS,
            "continuation_seconds": CONTINUATION_SECONDS,
            "artist": ARTIST,
            "sample_rate": self.rate_hz,
            "seam_frame": self.seam_frame,
            "first_frame_ms": self.first_frame.as_secs_f64() * 1e3,
            "realtime_factor": self.realtime_factor(),
            "seam_step_ratio": self.step_ratio,
        });
        Ok(std::fs::write(path, serde_json::to_string_pretty(&json)? + "\n")?)
    }

    fn print(&self, folder: &Path) {
        let shown = folder.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap_or(folder).display();
        println!("\nEncore demo");
        println!("  prime            {PRIME_SECONDS:.2} s of {RECORDING}, {} Hz", self.rate_hz);
        println!(
            "  continuation     {CONTINUATION_SECONDS:.2} s as {ARTIST} ({GENRE}), seed {SEED}"
        );
        println!(
            "  first frame      {:.0} ms after Continue",
            self.first_frame.as_secs_f64() * 1e3
        );
        println!("  speed            {:.2} × real time", self.realtime_factor());
        let ratio = self.step_ratio;
        let steps = (self.step_at_seam, self.step_in_prime);
        println!("  step at the seam {:.4}, prime {:.4}: ratio {ratio:.2}", steps.0, steps.1);
        println!("  silence at seam  {:.0} ms at most", self.gap_seconds * 1e3);
        let silence = self.longest_silence_seconds;
        println!(
            "  level            prime {:.1} dB, continuation {:.1} dB, peak {:.2}, longest silence {silence:.2} s",
            self.rms_prime_db, self.rms_new_db, self.peak
        );
        println!("  model            {:.1} MB", self.model_bytes as f64 / 1e6);
        println!("  hear             {shown}/out.wav");
        println!("  see              {shown}/out.png");
        println!("  figures          {shown}/summary.json");
    }
}

/// Lets the plugin load its model; the names of artists come with it.
fn wait_for_model(plugin: &mut impl Instance) -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    while plugin.parse(ParamId::Artist.param().host_id, ARTIST).is_none() {
        if begun.elapsed() > Duration::from_secs(60) {
            return Err("no model was loaded within a minute; is models/starter complete?".into());
        }
        plugin.main_thread();
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// The value that the plugin gives a name.
fn number(plugin: &mut impl Instance, id: ParamId, name: &str) -> Result<f64, String> {
    let value = plugin.parse(id.param().host_id, name);
    value.ok_or_else(|| format!("the model has no {} named {name}", id.param().name.to_lowercase()))
}

fn folder_bytes(folder: &PathBuf) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
}
