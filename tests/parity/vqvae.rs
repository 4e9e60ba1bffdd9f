//! Encoder outputs, codes and audio of every level.

use std::path::Path;

use candle_core::{Device, Tensor};
use encore::jukebox::{Vqvae, VqvaeConfig};
use serde_json::{Value, json};

use crate::{Expected, Outcome, Tally, codes, weights};

pub fn run(set: &Path, meta: &Value, tally: &mut Tally) -> Outcome {
    let config = config(&meta["hps"])?;
    let levels: Vec<usize> = (0..config.levels).collect();
    let vqvae = Vqvae::load(&config, &levels, weights(set, &config.downs_t)?)?;
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
    tally.skip("codebook update and losses", "they belong to training, which is not built");
    Ok(())
}

/// The shape that the reference's hyper-parameters describe.
fn config(hps: &Value) -> Result<VqvaeConfig, serde_json::Error> {
    let mut config = json!({
        "multipliers": hps["hvqvae_multipliers"],
        "reverse_decoder_dilation": hps["vqvae_reverse_decoder_dilation"],
    });
    for name in [
        "levels",
        "downs_t",
        "strides_t",
        "emb_width",
        "l_bins",
        "width",
        "depth",
        "m_conv",
        "dilation_growth_rate",
        "dilation_cycle",
    ] {
        config[name] = hps[name].clone();
    }
    serde_json::from_value(config)
}
