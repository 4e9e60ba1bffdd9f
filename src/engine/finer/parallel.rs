//! A finer level in several chains of windows at once, which are joined where nobody hears it.
//!
//! The level is cut into windows that overlap by an eighth, and these into as many chains as one pass over the
//! weights serves with profit. Within a chain each window is primed by the end of the one before, as in the
//! exact way; only where two chains meet do both sides go different ways to the same codes above, and there
//! [`joint`](super::joint) finds the token to change at. So a song has a handful of joints however long it is,
//! which is better than a batch of all windows at once (a joint at each of them) and as fast; priming every
//! second window by its left neighbour, in two passes, is what this comes to where two windows make a chain. A
//! song of fewer windows than chains is done in the time of one window.
//!
//! The cut does not depend on the machine; how many windows are written at once does, and changes nothing.

use super::{
    Asked, EngineError, Listener, Request, SAMPLER, check_stopped, joint::Joining, rate, stream,
};
use crate::{
    jukebox::{
        LevelState, Prior, TokenRng, Vqvae,
        song::{Chain, ChainSampler, chains},
    },
    pack::Pack,
};

/// Chains of a level, at most: more would not be done sooner.
pub const MAX_CHAINS: usize = 8;

/// The codes of a level, prime included, and the tokens at which something else begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Joined {
    pub codes: Vec<u32>,
    /// Where a chain goes over into the next.
    pub joints: Vec<usize>,
    /// Where a window goes on from the end of the one before.
    pub handovers: Vec<usize>,
}

/// Writes one level in several chains, at most `n_at_once` windows at a time.
///
/// Goes on from `saved`, which [`Listener::chains`] got for the same request, to the same end; an empty one begins.
///
/// # Errors
/// As [`super::write`].
pub fn write(
    pack: &Pack,
    vqvae: &Vqvae,
    prior: &Prior,
    request: Request,
    saved: Vec<LevelState>,
    n_at_once: usize,
    listener: &mut dyn Listener,
) -> Result<Joined, EngineError> {
    let (prime, seed) = (request.prime.clone(), request.seed);
    let Asked { song, n_total, per_upper } = Asked::of(pack, prior.config(), request)?;
    let n_ctx = prior.config().n_ctx;
    let chains = chains(prime.len(), n_total, n_ctx, per_upper, MAX_CHAINS);
    let Some(first) = chains.first().map(|chain| chain.starts[0]) else {
        return Ok(Joined { codes: prime, ..Joined::default() });
    };
    let states = states(&chains, n_ctx, &prime, saved, |chain_idx| {
        TokenRng::of_stream(seed, stream(pack, prior.config()) | (chain_idx as u64 + 1) << 32)
    });
    let mut sampler = ChainSampler::new(prior, song, chains.clone(), SAMPLER, states, n_at_once)?;
    let n_windows = |states: &[LevelState]| states.iter().map(|s| s.n_windows).sum::<usize>();
    loop {
        check_stopped(listener)?;
        let n_before = n_windows(sampler.finished());
        if !sampler.advance()? {
            break;
        }
        let (n_done, n_all) = sampler.n_tokens();
        let n_new = (n_total - prime.len()) * n_done / n_all.max(1); // overlaps count once
        listener.tokens(prime.len() + n_new, n_total);
        if n_before < n_windows(sampler.finished()) {
            listener.chains(sampler.finished())?;
        }
    }

    let begun = [&prime[..first], sampler.codes_of(0)].concat();
    let mut joining = Joining::new(vqvae, prior.config().level, rate(pack), begun);
    for (chain_idx, chain) in chains.iter().enumerate().skip(1) {
        check_stopped(listener)?;
        joining.join(chain.starts[0], sampler.codes_of(chain_idx))?;
    }
    let Joining { codes, joints, .. } = joining;
    let handovers = handovers(&chains, &joints, n_ctx, prime.len());
    Ok(Joined { codes, joints, handovers })
}

/// Where the chains begin: what was saved of all of them, or what each knows of the prime.
fn states(
    chains: &[Chain],
    n_ctx: usize,
    prime: &[u32],
    saved: Vec<LevelState>,
    dice: impl Fn(usize) -> TokenRng,
) -> Vec<LevelState> {
    let known = |chain: &Chain| {
        let within = |token: usize| token.min(prime.len());
        &prime[within(chain.starts[0])..within(chain.end(0, n_ctx))]
    };
    let begun = chains
        .iter()
        .enumerate()
        .map(|(idx, chain)| LevelState::new(known(chain).to_vec(), dice(idx)));
    let fits = |(state, chain): (&LevelState, &Chain)| state.codes.starts_with(known(chain));
    match saved.len() == chains.len() && saved.iter().zip(chains).all(fits) {
        true => saved,
        false => begun.collect(),
    }
}

/// Ends of windows from which the next one of the same chain went on, of the parts that were kept.
fn handovers(chains: &[Chain], joints: &[usize], n_ctx: usize, n_prime: usize) -> Vec<usize> {
    let edges: Vec<usize> = [&[n_prime], joints, &[usize::MAX]].concat();
    let kept = edges.windows(2).zip(chains).flat_map(|(edge, chain)| {
        let ends = (1..chain.starts.len()).map(|idx| chain.end(idx - 1, n_ctx));
        ends.filter(|end| (edge[0] + 1..edge[1]).contains(end)).collect::<Vec<_>>()
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_hand_over_where_no_chain_was_left_before() {
        let chains = chains(0, 344, 64, 4, 3); // windows at 0, 56, .. 280

        let handovers = |joints| handovers(&chains, joints, 64, 0);

        assert_eq!(handovers(&[115, 230]), [64, 176, 288]);
        assert_eq!(handovers(&[64, 230]), [176, 288]);
    }

    #[test]
    fn what_was_saved_of_another_prime_is_begun_anew() {
        let chains = chains(3, 128, 64, 4, 3);
        let dice = |idx| TokenRng::new(idx as u64);
        let begun = states(&chains, 64, &[1, 2, 3], Vec::new(), dice);
        let mut written = begun.clone();
        written[0].codes.push(7);

        assert_eq!(states(&chains, 64, &[1, 2, 3], written.clone(), dice), written);
        assert_eq!(states(&chains, 64, &[1, 2, 3], written[..1].to_vec(), dice), begun);
        assert_eq!(states(&chains, 64, &[1, 2, 4], written, dice)[0].codes, [1, 2, 4]);
        assert_eq!(begun[0].codes, [1, 2, 3]);
        assert!(begun[1].codes.is_empty());
    }
}
