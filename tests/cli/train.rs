//! Training that is killed goes on as if nothing had happened, and what it makes plays.

use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::evaluate::write_corpus;
use crate::{Desk, TINY_RATE, text};

const N_STEPS: usize = 24;

/// A desk with a corpus in `songs` and a recipe of a small codec in `codec.json`.
fn desk() -> Desk {
    let desk = Desk::new();
    write_corpus(&desk.path("songs"), &["Ada", "Grace"], 3.0);
    let stft = json!({"n_fft": 256, "hop": 64, "window": 256});
    let recipe = json!({
        "name": "small", "licence": "CC0-1.0", "sample_rate": TINY_RATE,
        "vqvae": {
            "levels": 1, "downs_t": [1], "strides_t": [8], "emb_width": 8, "l_bins": 16, "width": 8, "depth": 1,
            "m_conv": 1.0, "multipliers": [1], "dilation_growth_rate": 3, "dilation_cycle": null,
            "reverse_decoder_dilation": true,
        },
        "levels": [0], "batch": 2, "clip_frames": 2048,
        "loss": {"multispectral": 0.0, "convergence": 1.0, "stfts": [stft]},
        "run": {
            "seed": 3, "n_steps": N_STEPS, "metrics_every": 2, "held_out_every": 8, "checkpoint_every": 4,
        },
    });
    fs::write(desk.path("codec.json"), recipe.to_string()).unwrap();
    let timing = json!({
        "genre_bins": 4, "artist_bins": 4, "max_genre_words": 1, "t_bins": 4,
        "min_duration_seconds": 1.0, "max_duration_seconds": 60.0, "sample_rate": TINY_RATE, "hop": 8,
    });
    let prior = json!({
        "prior": {
            "level": 0, "n_ctx": 64, "width": 16, "depth": 3, "heads": 2, "attn_order": 2, "blocks": 8,
            "m_attn": 0.5, "m_mlp": 1.0, "merged_decoder": true, "l_bins": 16, "labels": timing,
        },
        "n_windows": 2, "initial": {"scale": 1.0},
        "adam": {
            "rate": 3e-3, "beta_1": 0.9, "beta_2": 0.99, "eps": 1e-8, "weight_decay": 0.0, "clip_norm": 1.0,
            "n_warmup_steps": 4, "n_decay_steps": 0, "end_share": 1.0, "mean_share": 0.0,
        },
        "run": {
            "seed": 4, "n_steps": N_STEPS, "metrics_every": 2, "held_out_every": 8, "checkpoint_every": 4,
        },
        "sampling": {
            "temperature": 1.0, "prime_seconds": 0.03, "total_seconds": 3.0, "hop_fraction": 0.5,
        },
    });
    fs::write(desk.path("prior.json"), prior.to_string()).unwrap();
    desk
}

/// Step, loss and held-out figures of every line that a run has kept.
fn curve(desk: &Desk, run: &str) -> Vec<(u64, Value, Value)> {
    let Ok(lines) = fs::read_to_string(desk.path(run).join("metrics.jsonl")) else {
        return Vec::new();
    };
    let lines = lines.lines().map(serde_json::from_str::<Value>).map_while(Result::ok);
    lines
        .map(|line| {
            let loss = line["training"]["loss"].clone();
            (line["step"].as_u64().unwrap(), loss, line["held_out"].clone())
        })
        .collect()
}

/// Kills a run once it has kept a checkpoint, and ends it with a second one.
fn train_with_a_kill(desk: &Desk, line: &str, run: &str) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_encore"))
        .current_dir(desk.path("."))
        .args(line.split_whitespace())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while !desk.path(run).join("state.safetensors").exists() && child.try_wait().unwrap().is_none()
    {
        sleep(Duration::from_millis(1));
    }
    let _ = child.kill(); // SIGKILL; a quick machine may be through already
    child.wait().unwrap();
    let output = desk.encore(line);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn a_killed_run_goes_on_to_the_same_curve_and_its_pack_plays() {
    let desk = desk();
    let codec = "train vqvae codec.json --corpus songs --out";
    let prior = "train prior prior.json --corpus songs --pack whole/pack --out";

    for (line, whole, killed) in [(codec, "whole", "killed"), (prior, "p-whole", "p-killed")] {
        let output = desk.encore(&format!("{line} {whole}"));
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        train_with_a_kill(&desk, &format!("{line} {killed}"), killed);

        let curves = [whole, killed].map(|run| curve(&desk, run));
        assert_eq!(curves[0].len(), N_STEPS / 2);
        assert_eq!(curves[0], curves[1]);
        assert!(desk.path(whole).join("curve.png").is_file());
    }
    let [first, last] = [0, N_STEPS / 2 - 1].map(|idx| curve(&desk, "p-whole")[idx].1.clone());
    assert!(last.as_f64() < first.as_f64(), "{first} to {last}");

    desk.json("continue track.wav --pack p-whole/pack --seconds 0.1 --artist Ada --out out");
    assert!(desk.path("out/take-1.wav").is_file());
}

#[test]
fn parts_that_were_trained_apart_become_one_pack() {
    let desk = desk();
    let steps = "--corpus songs --steps 1 --out";
    for line in [
        format!("train vqvae codec.json {steps} codec"),
        format!("train prior prior.json --pack codec/pack {steps} prior"),
    ] {
        let output = desk.encore(&line);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }

    desk.json("train join codec/pack prior/pack --name Joined --out joined");

    let info = desk.json("info joined");
    assert_eq!((&info["name"], &info["n_artists"]), (&json!("Joined"), &json!(3)));
    let refused = desk.refusal("train join codec/pack tiny --out other");
    assert!(refused.contains("same shape"), "{refused}");
}

#[test]
fn a_run_keeps_its_recipe_and_a_recipe_keeps_to_its_words() {
    let desk = desk();
    let line = "train vqvae codec.json --corpus songs --steps 1 --out run";
    assert_eq!(desk.encore(line).status.code(), Some(0));
    let recipe = fs::read_to_string(desk.path("codec.json")).unwrap();

    fs::write(desk.path("codec.json"), recipe.replace("\"seed\":3", "\"seed\":4")).unwrap();
    assert!(desk.refusal(line).contains("another recipe"));
    fs::write(desk.path("codec.json"), recipe.replace("\"batch\"", "\"bunch\"")).unwrap();
    assert!(desk.refusal(line).contains("bunch"));
    assert!(desk.refusal("train vqvae none.json --corpus songs --out run").contains("none.json"));
}
