//! The starter pack's weights load, and give the numbers they were published with.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use encore::jukebox::{LabelConfig, LabelRow, Prior, PriorConfig, Vqvae, VqvaeConfig};

type Outcome = Result<(), Box<dyn std::error::Error>>;

const LEVEL: usize = 1;

fn vqvae_config() -> VqvaeConfig {
    VqvaeConfig {
        levels: 2,
        downs_t: vec![1, 4],
        strides_t: vec![8, 2],
        emb_width: 64,
        l_bins: 1024,
        width: 64,
        depth: 4,
        m_conv: 1.0,
        multipliers: vec![1, 1],
        dilation_growth_rate: 3,
        dilation_cycle: None,
        reverse_decoder_dilation: true,
    }
}

fn prior_config() -> PriorConfig {
    PriorConfig {
        level: LEVEL,
        n_ctx: 2048,
        width: 384,
        depth: 9,
        heads: 4,
        attn_order: 2,
        blocks: 32,
        m_attn: 0.5,
        m_mlp: 1.0,
        merged_decoder: true,
        res_scale: false,
        l_bins: 1024,
        labels: Some(LabelConfig {
            genre_bins: 8,
            artist_bins: 8,
            max_genre_words: 1,
            t_bins: 64,
            min_duration_seconds: 8.0,
            max_duration_seconds: 600.0,
            sample_rate: 44_100,
            hop: 128,
            timing: true,
        }),
        lyrics: None,
        conditioner: None,
    }
}

fn weights(name: &str) -> Result<VarBuilder<'static>, Box<dyn std::error::Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/starter").join(name);
    let tensors = candle_core::safetensors::load(path, &Device::Cpu)?;
    Ok(VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu))
}

fn expected(name: &str) -> Result<Tensor, Box<dyn std::error::Error>> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/starter_expected.safetensors");
    let mut tensors = candle_core::safetensors::load(path, &Device::Cpu)?;
    tensors.remove(name).ok_or_else(|| format!("no {name} in the fixture").into())
}

fn assert_close(got: &Tensor, want: &Tensor, tolerance: f32) -> Outcome {
    assert_eq!(got.dims(), want.dims());
    let off = (got - want)?.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?;
    println!("largest difference {off:.1e}");
    assert!(off <= tolerance, "off by {off}");
    Ok(())
}

#[test]
fn the_starter_codec_gives_its_published_numbers() -> Outcome {
    let vqvae = Vqvae::load(&vqvae_config(), &[LEVEL], weights("vqvae.safetensors")?)?;
    let audio = expected("x")?; // [1, f]
    let codes = expected("codes_l1")?.to_dtype(DType::U32)?.flatten_all()?.to_vec1::<u32>()?;

    let vectors = vqvae.encoder_output(&audio.unsqueeze(1)?, LEVEL)?;
    let heard = vqvae.encode(&audio.flatten_all()?.to_vec1::<f32>()?, LEVEL)?;
    let spoken = vqvae.decode(&codes, LEVEL)?;

    assert_close(&vectors, &expected("enc_out_l1")?, 1e-3)?;
    assert_eq!(heard, codes);
    assert_close(&Tensor::new(vec![spoken], &Device::Cpu)?, &expected("dec_l1")?, 1e-3)
}

#[test]
fn the_starter_prior_gives_its_published_logits() -> Outcome {
    let config = prior_config();
    let prior = Prior::load(&config, weights("prior_level_1.safetensors")?)?;
    let labels = config.labels.as_ref().ok_or("the starter has labels")?;
    let row = LabelRow::clamped(labels, config.n_ctx, 40 * 44_100, 0, 4, vec![4]);
    let codes = expected("codes_l1")?.to_dtype(DType::U32)?; // [1, 1024], then zeros
    let tokens = codes.pad_with_zeros(1, 0, config.n_ctx - 1024)?;

    let logits = prior.logits(&tokens, &prior.condition(&[row])?)?; // [1, n_ctx, bins]

    assert_close(&logits.narrow(1, 0, 1024)?, &expected("logits_first_1024")?, 1e-3)
}
