//! Encoder outputs, codes and audio of every level.

use std::path::Path;

use candle_core::{Device, Tensor};
use encore::jukebox::Vqvae;
use serde_json::Value;

use crate::{Expected, Outcome, Source, Tally, codes, shapes};

pub fn run(
    _set: &Path,
    meta: &Value,
    source: &Source,
    expected: &Expected,
    tally: &mut Tally,
) -> Outcome {
    let config = shapes::vqvae(&meta["hps"])?;
    let levels: Vec<usize> = (0..config.levels).collect();
    let stored = source.vqvae()?;
    tally.shape(&stored.shape, &config);
    let vqvae = Vqvae::load(&config, &levels, stored.weights)?;
    let audio = |name: &str| -> Result<Tensor, Box<dyn std::error::Error>> {
        Ok(expected.get(name)?.transpose(1, 2)?.contiguous()?) // [b, 1, f]
    };

    for level in levels {
        let vectors = vqvae.encoder_output(&audio("x")?, level)?;
        let want = expected.get(&format!("enc_out_l{level}"))?;
        tally.close(&format!("encoder output {level}"), &vectors, want)?;

        for (sound, want) in [("x", "codes"), ("x_odd", "odd_codes")] {
            let what = format!("{want}_l{level}");
            let want = codes(expected.get(&what)?)?;
            let vectors = vqvae.encoder_output(&audio(sound)?, level)?;
            let got = vqvae.quantise(&vectors, level)?.to_vec2::<u32>()?;
            tally.equal(&what, &got.concat(), &want.concat());
            let rows = audio(sound)?.squeeze(1)?.to_vec2::<f32>()?;
            let rows = rows.iter().map(|frames| vqvae.encode(frames, level));
            let got: Vec<_> = rows.collect::<Result<_, _>>()?;
            tally.equal(&format!("{what} of one row at a time"), &got.concat(), &want.concat());
        }

        for (given, want) in [("codes", "dec"), ("rand_codes", "rand_dec")] {
            let given = codes(expected.get(&format!("{given}_l{level}"))?)?;
            let want = expected.get(&format!("{want}_l{level}"))?; // [b, f, 1]
            for (row, codes) in given.iter().enumerate() {
                let frames = vqvae.decode(codes, level)?;
                let frames = Tensor::from_vec(frames, (want.dim(1)?, 1), &Device::Cpu)?;
                tally.close(&format!("audio of level {level}"), &frames, &want.get(row)?)?;
            }
        }
    }
    Ok(())
}
