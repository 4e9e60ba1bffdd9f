//! Encoder outputs, codes and audio of every level.

use std::path::Path;

use candle_core::{Device, Tensor};
use encore::jukebox::Vqvae;
use serde_json::Value;

use crate::weights::{Form, Part};
use crate::{Expected, Outcome, Tally, codes, shapes};

pub fn run(set: &Path, meta: &Value, form: &Form, tally: &mut Tally) -> Outcome {
    let config = shapes::vqvae(&meta["hps"])?;
    let levels: Vec<usize> = (0..config.levels).collect();
    let Some(weights) = form.open(set, Part::Vqvae)? else {
        return Ok(());
    };
    let vqvae = Vqvae::load(&config, &levels, weights)?;
    let expected = Expected::load(set)?;
    let audio = |name: &str| -> Result<Tensor, Box<dyn std::error::Error>> {
        Ok(expected.get(name)?.transpose(1, 2)?.contiguous()?) // [b, 1, f]
    };

    for level in levels {
        let vectors = vqvae.encoder_output(&audio("x")?, level)?;
        let want = expected.get(&format!("enc_out_l{level}"))?;
        tally.close(&format!("encoder output {level}"), &vectors, want)?;

        for (sound, want) in [("x", "codes"), ("x_odd", "odd_codes")] {
            let what = format!("{want}_l{level}");
            let vectors = vqvae.encoder_output(&audio(sound)?, level)?;
            let got = vqvae.quantise(&vectors, level)?.to_vec2::<u32>()?.concat();
            tally.equal(&what, &got, &codes(expected.get(&what)?)?.concat());
        }
        let odd = audio("x_odd")?.flatten_all()?.to_vec1::<f32>()?;
        let want = codes(expected.get(&format!("odd_codes_l{level}"))?)?.concat();
        tally.equal(&format!("encode {level}"), &vqvae.encode(&odd, level)?, &want);

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
