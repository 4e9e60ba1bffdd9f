//! Names, lyrics, label rows, timing bins, window starts and filters at real model sizes.

use std::path::Path;

use encore::jukebox::prior::timing;
use encore::jukebox::sample::kept;
use encore::jukebox::song::{LyricWindow, midpoint, starts};
use encore::jukebox::{LabelConfig, LabelRow, SamplerSettings};
use encore::lyrics::{Vocabulary, clean, latin, unidecoded};
use encore::pack::labels::underscored;
use encore::pack::{LabelRule, Labels};
use serde_json::Value;

use crate::{Outcome, Tally};

/// Checks one case; none where the case lacks a value.
type Check<'a> = dyn Fn(&Value, &mut Tally) -> Option<()> + 'a;

pub fn run(set: &Path, labels: &Value, tally: &mut Tally) -> Outcome {
    let tables = Tables::read(set, labels)?;
    let groups: [(&str, &Check); 8] = [
        ("artist", &|case, tally| tables.artist(case, tally)),
        ("genre", &|case, tally| tables.genre(case, tally)),
        ("lyrics", &lyrics),
        ("labels", &|case, tally| tables.rows(case, tally)),
        ("lyric_midpoint_f32_cases", &midpoints),
        ("timing_bins", &timing_bins),
        ("get_starts", &window_starts),
        ("filter_logits", &filters),
    ];
    let mut checked = vec!["norm_v2", "vocab_v2", "vocab_v3", "id_files"];
    for (name, check) in groups {
        let cases = labels[name].as_array().ok_or(format!("labels.json has no {name}"))?;
        checked.push(name);
        for (i, case) in cases.iter().enumerate() {
            check(case, tally).ok_or_else(|| format!("case {i} of {name} lacks a value"))?;
        }
    }
    for (name, want) in labels["norm_v2"].as_object().ok_or("labels.json has no norm_v2")? {
        tally.equal("norm_v2", &[underscored(name).as_str()], &[want.as_str().unwrap_or_default()]);
    }
    for (vocabulary, name) in [(Vocabulary::V2, "vocab_v2"), (Vocabulary::V3, "vocab_v3")] {
        let want: Vec<String> = serde_json::from_value(labels[name].clone())?;
        let symbols = (0..vocabulary.n_tokens() as u32).map(|token| vocabulary.symbol(token));
        let got: Vec<_> =
            symbols.map(|symbol| symbol.map_or(String::new(), String::from)).collect();
        tally.equal(name, &got, &want);
    }
    for name in labels.as_object().into_iter().flat_map(|labels| labels.keys()) {
        if name == "published_lists_examples" {
            tally.skip(name, "it needs the released lists of names");
        } else if !checked.contains(&name.as_str()) {
            tally.skip(name, "nothing here computes it");
        }
    }
    Ok(())
}

/// Both pairs of label tables.
struct Tables {
    v2: Labels,
    v3: Labels,
}

impl Tables {
    fn read(set: &Path, labels: &Value) -> Result<Self, Box<dyn std::error::Error>> {
        let file = |name: &str| {
            let file = labels["id_files"][name].as_str();
            file.map(|file| set.join(file)).ok_or(format!("labels.json names no {name}"))
        };
        let read = |rule, artists: &str, genres: &str| -> Result<_, Box<dyn std::error::Error>> {
            Ok(Labels::read(rule, &file(artists)?, &file(genres)?)?)
        };
        Ok(Self {
            v2: read(LabelRule::V2, "v2_artist_ids", "v2_genre_ids")?,
            v3: read(LabelRule::V3, "v3_artist_ids", "v3_genre_ids")?,
        })
    }

    fn artist(&self, case: &Value, tally: &mut Tally) -> Option<()> {
        let name = case["name"].as_str()?;
        for (rule, labels) in [("v2", &self.v2), ("v3", &self.v3)] {
            let got = labels.choose(Some(name), &[], 1).ok()?.artist;
            let what = format!("the {rule} id of the artist {name:?}");
            tally.equal(&what, &[u64::from(got)], &[case[rule].as_u64()?]);
        }
        Some(())
    }

    fn genre(&self, case: &Value, tally: &mut Tally) -> Option<()> {
        let name = case["name"].as_str()?;
        for (rule, labels) in [("v2", &self.v2), ("v3", &self.v3)] {
            let got = labels.choose(None, &[name.into()], usize::MAX).ok()?.genres;
            let what = format!("the {rule} ids of the genre {name:?}");
            match serde_json::from_value::<Vec<u32>>(case[rule].clone()) {
                Ok(want) => tally.equal(&what, &got, &want),
                Err(_) => tally.skip(&what, "the reference refuses it"), // more words than it takes
            }
        }
        Some(())
    }

    /// `y`, as the reference gives it for the song and again for each window.
    fn rows(&self, case: &Value, tally: &mut Tally) -> Option<()> {
        let (labels, vocabulary) = match case["v3"].as_bool()? {
            false => (&self.v2, Vocabulary::V2),
            true => (&self.v3, Vocabulary::V3),
        };
        let size = |value: &Value| value.as_u64().map(|n| n as usize);
        let (max_genres, n_tokens) = (size(&case["max_genres"])?, size(&case["n_tokens"])?);
        let input = &case["input"];
        let genre = input["genre"].as_str()?.to_owned();
        let chosen = labels.choose(Some(input["artist"].as_str()?), &[genre], max_genres).ok()?;
        let tokens = clean(input["lyrics"].as_str()?, vocabulary).tokens();
        tally.equal("length of the lyrics", &[tokens.len()], &[size(&case["n_full"])?]);

        let window = |offset: i64| -> Option<(Vec<i64>, Vec<i64>, i64)> {
            let duration = case["sample_length"].as_i64()?;
            let total = input["total_length"].as_i64()?;
            let window = LyricWindow::new(&tokens, n_tokens, offset, duration, total);
            let mut head = vec![total, offset, duration, i64::from(chosen.artist)];
            head.extend((0..max_genres).map(|i| chosen.genres.get(i).map_or(-1, |id| *id as i64)));
            Some((head, window.tokens.iter().map(|token| *token as i64).collect(), window.first))
        };
        let integers = |value: &Value| serde_json::from_value::<Vec<i64>>(value.clone()).ok();
        let offset = input["offset"].as_i64()?;
        let (head, ..) = window(offset)?;
        let of_song = first_window(&tokens, n_tokens, &head);
        tally.equal("y of the song", &[head, of_song].concat(), &integers(&case["y"])?);
        for want in case["windows"].as_array()? {
            let want_head = integers(&want["y_head"])?;
            let (head, of_window, first) = window(want_head[1])?;
            tally.equal("y of a window", &head, &want_head);
            if let Some(want) = integers(&want["y_tokens"]) {
                tally.equal("lyrics of a window", &of_window, &want);
            }
            if let (Some(want_first), Some(last)) =
                (want["first_index"].as_i64(), want["last_index"].as_i64())
            {
                tally.equal("first character", &[first.max(-1)], &[want_first]);
                tally.equal("last character", &[first + n_tokens as i64 - 1], &[last]);
            }
        }
        Some(())
    }
}

/// Lyrics as the reference tells them before it samples, when it still counts in 64 bits. No network
/// ever sees these; all windows, the first one too, are told again in 32 bits.
fn first_window(full: &[u32], n: usize, head: &[i64]) -> Vec<i64> {
    let padding = std::iter::repeat_n(0, n.saturating_sub(full.len()));
    let (total, offset, duration) = (head[0] as f64, head[1] as f64, head[2] as f64);
    let middle = (full.len() as f64 * (offset + duration / 2.0) / total) as usize;
    let first = middle.saturating_sub(n / 2).min(full.len().saturating_sub(n));
    let seen = full[first..].iter().take(n).map(|token| i64::from(*token));
    padding.chain(seen).collect()
}

fn lyrics(case: &Value, tally: &mut Tally) -> Option<()> {
    let text = case["text"].as_str()?;
    // the one difference that is meant: scripts that the reference leaves out are read here
    let spell = |c: char| match latin(c) == unidecoded(c) {
        true => c.to_string(),
        false => unidecoded(c).into_owned(),
    };
    let spelt: String = text.chars().map(spell).collect();
    for (rule, vocabulary) in [("v2", Vocabulary::V2), ("v3", Vocabulary::V3)] {
        let got = clean(&spelt, vocabulary);
        let want = case[format!("{rule}_clean")].as_str()?;
        tally.equal(&format!("{text:?} for {rule}"), &[got.text.as_str()], &[want]);
        let want: Vec<u32> = serde_json::from_value(case[format!("{rule}_tokens")].clone()).ok()?;
        tally.equal(&format!("tokens of {text:?} for {rule}"), &got.tokens(), &want);
    }
    Some(())
}

fn midpoints(case: &Value, tally: &mut Tally) -> Option<()> {
    let number = |name: &str| case[name].as_i64();
    let got = midpoint(
        number("n_full")? as usize,
        number("offset")?,
        number("duration")?,
        number("total_length")?,
    );
    tally.equal("midpoint of the lyrics", &[got], &[number("midpoint_torch_f32")?]);
    Some(())
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

fn filters(case: &Value, tally: &mut Tally) -> Option<()> {
    let logits: Vec<f32> = serde_json::from_value(case["logits"].clone()).ok()?;
    let want: Vec<usize> = serde_json::from_value(case["kept"].clone()).ok()?;
    let settings = SamplerSettings {
        temperature: 1.0,
        top_k: case["top_k"].as_u64().map(|k| k as usize).filter(|k| 0 < *k), // 0 is off
        top_p: case["top_p"].as_f64().filter(|p| 0.0 < *p),
    };
    let kept = kept(&logits, &settings).ok()?;
    let got: Vec<usize> = (0..logits.len()).filter(|token| kept[*token]).collect();
    tally.equal("filtered logits", &got, &want);
    Some(())
}
