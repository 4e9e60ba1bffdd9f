//! Timing bins, window starts and filters at real model sizes.

use encore::jukebox::prior::timing;
use encore::jukebox::sample::kept;
use encore::jukebox::song::starts;
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
    tally.skip("names and lyrics", "looking up ids and reading lyrics are not built");
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
