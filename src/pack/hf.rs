//! Names of weights in the Hugging Face layout, turned into OpenAI's (SPEC §6.2).
//!
//! A pure renaming, inside one prior or one VQ-VAE: prefixes such as `priors.0.` are the caller's.
//! The tensors themselves are laid out alike in both.

/// OpenAI's name of a Hugging Face weight; names that are the same in both come back unchanged.
///
/// `downs_t` is the VQ-VAE's, because OpenAI counts the layers before an encoder's last; a prior
/// needs none.
pub fn oai_name(hf: &str, downs_t: &[usize]) -> String {
    let parts: Vec<&str> = hf.split('.').collect();
    match parts.as_slice() {
        ["encoders" | "decoders", ..] => coder_name(&parts, downs_t),
        ["bottleneck", "level_blocks", level, "codebook"] => {
            format!("bottleneck.level_blocks.{level}.k")
        }
        ["conditioner_blocks", rest @ ..] => conditioner_name(rest),
        ["metadata_embedding", table, ..] => format!("y_emb.{table}.emb.weight"),
        ["encoder", "proj_in", rest @ ..] => format!("prime_state_proj.{}", dense_name(rest)),
        ["encoder", "final_layer_norm", rest @ ..] => format!("prime_state_ln.{}", rest.join(".")),
        ["encoder", "lm_head", rest @ ..] => format!("prime_x_out.{}", rest.join(".")),
        ["encoder", rest @ ..] => format!("prime_prior.{}", transformer_name(rest)),
        ["prior", rest @ ..] => format!("prior.{}", transformer_name(rest)),
        _ => hf.to_string(),
    }
}

/// Inside `prior.` or `encoder.`.
fn transformer_name(parts: &[&str]) -> String {
    match parts {
        ["embed_tokens", rest @ ..] => format!("x_emb.{}", rest.join(".")),
        ["fc_proj_out", rest @ ..] => format!("x_out.{}", rest.join(".")),
        ["transformer", "_attn_mods", layer, rest @ ..] => {
            let inner = match rest {
                ["layer_norm_0", rest @ ..] => format!("ln_0.{}", rest.join(".")),
                ["layer_norm_1", rest @ ..] => format!("ln_1.{}", rest.join(".")),
                [branch @ ("attn" | "mlp"), dense, rest @ ..] => {
                    format!("{branch}.{dense}.{}", dense_name(rest))
                }
                rest => rest.join("."),
            };
            format!("transformer._attn_mods.{layer}.{inner}")
        }
        parts => parts.join("."),
    }
}

/// The dense layers that OpenAI calls Conv1D have short names.
fn dense_name(parts: &[&str]) -> String {
    match parts {
        ["weight"] => "w".into(),
        ["bias"] => "b".into(),
        parts => parts.join("."),
    }
}

/// Encoders and decoders of the VQ-VAE.
///
/// Hugging Face lists stages flat: an encoder's stage `i` is its strided convolution at `2 i` and
/// its residual stack at `2 i + 1`; a decoder's has the stack first.
fn coder_name(parts: &[&str], downs_t: &[usize]) -> String {
    let [side, level, "level_blocks", block, rest @ ..] = parts else {
        return parts.join(".");
    };
    let inner = match rest {
        ["proj_in", rest @ ..] => format!("0.{}", rest.join(".")),
        ["proj_out", rest @ ..] => {
            let n_stages = block.parse().ok().and_then(|block: usize| downs_t.get(block));
            format!("{}.{}", n_stages.unwrap_or(&0), rest.join("."))
        }
        ["downsample_block", idx, rest @ ..] => {
            let idx = number(idx);
            format!("{}.{}.{}", idx / 2, idx % 2, residual_name("model", rest))
        }
        ["upsample_block", idx, rest @ ..] => {
            let idx = number(idx);
            format!("{}.{}.{}", idx / 2 + 1, idx % 2, residual_name("model", rest))
        }
        rest => rest.join("."),
    };
    format!("{side}.{level}.level_blocks.{block}.model.{inner}")
}

/// The network that turns upper codes into conditioning.
fn conditioner_name(parts: &[&str]) -> String {
    let inner = match parts {
        ["embed_tokens", rest @ ..] => format!("x_emb.{}", rest.join(".")),
        ["layer_norm", rest @ ..] => format!("ln.{}", rest.join(".")),
        ["upsampler", "proj_in", rest @ ..] => format!("cond.model.0.{}", rest.join(".")),
        ["upsampler", "upsample_block", idx, rest @ ..] => {
            let idx = number(idx);
            let rest = residual_name("blocks", rest);
            format!("cond.model.{}.{}.{rest}", idx / 2 + 1, idx % 2)
        }
        parts => parts.join("."),
    };
    format!("conditioner_blocks.0.{inner}")
}

/// `resnet_block.{j}.conv1d_{1,2}` within a stage; `blocks` is what OpenAI calls the list.
fn residual_name(blocks: &str, parts: &[&str]) -> String {
    match parts {
        ["resnet_block", j, "conv1d_1", rest @ ..] => {
            format!("{blocks}.{j}.model.1.{}", rest.join("."))
        }
        ["resnet_block", j, "conv1d_2", rest @ ..] => {
            format!("{blocks}.{j}.model.3.{}", rest.join("."))
        }
        parts => parts.join("."),
    }
}

/// An index in a name; what is no number leads to a name that no model asks for.
fn number(idx: &str) -> usize {
    idx.parse().unwrap_or(usize::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_has_its_counterpart() {
        let table = [
            ("prior.embed_tokens.weight", "prior.x_emb.weight"),
            ("prior.fc_proj_out.weight", "prior.x_out.weight"),
            ("prior.pos_emb.pos_emb", "prior.pos_emb.pos_emb"),
            ("prior.start_token", "prior.start_token"),
            (
                "prior.transformer._attn_mods.3.attn.c_enc_kv.weight",
                "prior.transformer._attn_mods.3.attn.c_enc_kv.w",
            ),
            (
                "prior.transformer._attn_mods.11.mlp.c_proj.bias",
                "prior.transformer._attn_mods.11.mlp.c_proj.b",
            ),
            (
                "prior.transformer._attn_mods.0.layer_norm_1.bias",
                "prior.transformer._attn_mods.0.ln_1.bias",
            ),
            ("metadata_embedding.artist_emb.weight", "y_emb.artist_emb.emb.weight"),
            ("metadata_embedding.total_length_emb.emb.weight", "y_emb.total_length_emb.emb.weight"),
            ("encoder.start_token", "prime_prior.start_token"),
            (
                "encoder.transformer._attn_mods.2.attn.c_attn.weight",
                "prime_prior.transformer._attn_mods.2.attn.c_attn.w",
            ),
            ("encoder.proj_in.weight", "prime_state_proj.w"),
            ("encoder.final_layer_norm.bias", "prime_state_ln.bias"),
            ("encoder.lm_head.weight", "prime_x_out.weight"),
            ("conditioner_blocks.embed_tokens.weight", "conditioner_blocks.0.x_emb.weight"),
            ("conditioner_blocks.layer_norm.weight", "conditioner_blocks.0.ln.weight"),
            ("conditioner_blocks.upsampler.proj_in.bias", "conditioner_blocks.0.cond.model.0.bias"),
            (
                "conditioner_blocks.upsampler.upsample_block.2.resnet_block.5.conv1d_2.weight",
                "conditioner_blocks.0.cond.model.2.0.blocks.5.model.3.weight",
            ),
            (
                "conditioner_blocks.upsampler.upsample_block.3.bias",
                "conditioner_blocks.0.cond.model.2.1.bias",
            ),
            (
                "encoders.1.level_blocks.0.downsample_block.4.weight",
                "encoders.1.level_blocks.0.model.2.0.weight",
            ),
            (
                "encoders.1.level_blocks.0.downsample_block.5.resnet_block.1.conv1d_1.bias",
                "encoders.1.level_blocks.0.model.2.1.model.1.model.1.bias",
            ),
            (
                "encoders.1.level_blocks.1.proj_out.weight",
                "encoders.1.level_blocks.1.model.2.weight",
            ),
            (
                "decoders.2.level_blocks.1.proj_in.weight",
                "decoders.2.level_blocks.1.model.0.weight",
            ),
            (
                "decoders.2.level_blocks.1.upsample_block.2.resnet_block.0.conv1d_2.weight",
                "decoders.2.level_blocks.1.model.2.0.model.0.model.3.weight",
            ),
            (
                "decoders.2.level_blocks.1.upsample_block.3.weight",
                "decoders.2.level_blocks.1.model.2.1.weight",
            ),
            ("decoders.2.out.bias", "decoders.2.out.bias"),
            ("bottleneck.level_blocks.0.codebook", "bottleneck.level_blocks.0.k"),
        ];
        for (hf, oai) in table {
            assert_eq!(oai_name(hf, &[3, 2, 2]), oai, "{hf}");
        }
    }
}
