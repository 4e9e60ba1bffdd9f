//! Timing bins, windows of codes and of lyrics, and filters at real model sizes.

use encore::jukebox::prior::timing;
use encore::jukebox::sample::kept;
use encore::jukebox::song::{LyricWindow, midpoint, starts};
use encore::jukebox::{LabelConfig, LabelRow, SamplerSettings};
use serde_json::Value;

use crate::{Outcome, Tally};

pub fn run(labels: &Value, tally: &mut Tally) -> Outcome {
    let cases = |name: &str| labels[name].as_array().cloned().unwrap_or_default();
    for case in cases("timing_bins") {
        timing_bins(&case, tally).ok_or("a timing case lacks a value")?;
    }
    for case in cases("get_starts") {
        window_starts(&case, tally).ok_or("a window case lacks a value")?;
    }
    for case in cases("filter_logits") {
        filters(&case, tally)?;
    }
    for case in cases("lyric_midpoint_f32_cases") {
        lyric_midpoint(&case, tally).ok_or("a case of the middle of lyrics lacks a value")?;
    }
    for case in cases("labels") {
        lyric_windows(&case, tally).ok_or("a label case lacks a value")?;
    }
    tally.skip("names and cleaned lyrics", "id files and text cleaning are tested elsewhere");
    Ok(())
}

fn timing_bins(case: &Value, tally: &mut Tally) -> Option<()> {
    let config = LabelConfig {
        genre_bins: 1,
        artist_bins: 1,
        max_genre_words: 1,
        t_bins: case["t_bins"].as_u64()? as usize,
        min_duration_seconds: case["min_duration"].as_f64()?,
        max_duration_seconds: case["max_duration"].as_f64()?,
        sample_rate: case["sr"].as_u64()? as u32,
        hop: 1,
        timing: true,
    };
    let row = LabelRow {
        total_length: case["total_length"].as_i64()?,
        offset: case["offset"].as_i64()?,
        sample_length: case["sample_length"].as_i64()?,
        ..Default::default()
    };
    let got = timing::bins(&config, &row, case["n_ctx"].as_u64()? as usize);
    let runs = |name: &str| -> Option<Vec<i64>> {
        let mut bins = Vec::new();
        for run in case[name].as_array()? {
            bins.extend(vec![run[0].as_i64()?; run[1].as_u64()? as usize]);
        }
        Some(bins)
    };
    tally.equal("total bin", &[got.total], &[case["total_bin"].as_i64()?]);
    tally.equal("absolute bins", &got.absolute, &runs("abs_rle")?);
    tally.equal("relative bins", &got.relative, &runs("rel_rle")?);
    Some(())
}

fn window_starts(case: &Value, tally: &mut Tally) -> Option<()> {
    let size = |name: &str| case[name].as_u64().map(|n| n as usize);
    let got: Vec<usize> = starts(size("total_length")?, size("n_ctx")?, size("hop")?).collect();
    let want: Vec<usize> = serde_json::from_value(case["starts"].clone()).ok()?;
    tally.equal("window starts", &got, &want);
    Some(())
}

fn lyric_midpoint(case: &Value, tally: &mut Tally) -> Option<()> {
    let n_full = case["n_full"].as_u64()? as usize;
    let time = |name: &str| case[name].as_i64();
    let got = midpoint(n_full, time("offset")?, time("duration")?, time("total_length")?);
    tally.equal("the middle of lyrics", &[got], &[time("midpoint_torch_f32")?]);
    Some(())
}

/// Which characters each window of a song is told, and where they lie in the whole lyrics. The
/// characters are known in so far as some window shows them.
fn lyric_windows(case: &Value, tally: &mut Tally) -> Option<()> {
    let (n, n_full) = (case["n_tokens"].as_u64()? as usize, case["n_full"].as_u64()? as usize);
    let windows = case["windows"].as_array()?;
    if n == 0 {
        return Some(()); // this model is told nothing
    }
    let shown = |window: &Value| -> Option<Vec<u32>> {
        serde_json::from_value(window["y_tokens"].clone()).ok()
    };
    let mut full = vec![0; n_full];
    for window in windows {
        let last = window["last_index"].as_i64()?;
        for (i, token) in shown(window).unwrap_or_default().iter().rev().enumerate() {
            if let Some(place) = usize::try_from(last - i as i64).ok().and_then(|i| full.get_mut(i))
            {
                *place = *token;
            }
        }
    }
    for window in windows {
        let head: Vec<i64> = serde_json::from_value(window["y_head"].clone()).ok()?;
        let got = LyricWindow::new(&full, n, head[1], head[2], head[0]);
        if let Some(want) = shown(window) {
            tally.equal("lyrics of a window", &got.tokens, &want);
        }
        let found = [got.first.max(-1), got.first + n as i64 - 1];
        let at = [window["first_index"].as_i64()?, window["last_index"].as_i64()?];
        tally.equal("where the lyrics of a window lie", &found, &at);
    }
    Some(())
}

fn filters(case: &Value, tally: &mut Tally) -> Outcome {
    let logits: Vec<f32> = serde_json::from_value(case["logits"].clone())?;
    let want: Vec<usize> = serde_json::from_value(case["kept"].clone())?;
    let settings = SamplerSettings {
        temperature: 1.0,
        top_k: case["top_k"].as_u64().map(|k| k as usize).filter(|k| 0 < *k), // 0 is off
        top_p: case["top_p"].as_f64().filter(|p| 0.0 < *p),
    };
    let kept = kept(&logits, &settings)?;
    let got: Vec<usize> = (0..logits.len()).filter(|token| kept[*token]).collect();
    tally.equal("filtered logits", &got, &want);
    Ok(())
}
