//! Continuing one level of a song, window by window (SPEC §5).
//!
//! A prior sees a window of `n_ctx` tokens at a time. Each later window starts from the newest
//! tokens of the one before, and is told where in the song it lies.

mod lyrics;
use super::prior::{Decoder, LabelRow, Prior};
use super::sample::{SamplerSettings, TokenRng, choose};
use super::{JukeboxError, PriorConfig};
pub use lyrics::{LyricWindow, midpoint};

/// Tokens of a prefill that are taken in one call.
const PREFILL_CHUNK: usize = 96;

/// One pass of a prior: which tokens it may see, and how many there are when it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First token of the window.
    pub start: usize,
    /// Tokens in the window at its end, old and new.
    pub n_tokens: usize,
}

/// The windows that bring a level with `n_present` tokens to `n_total`.
///
/// Where `n_total` is less than a window, it counts *additional* tokens, as in the reference.
/// Windows that have nothing to add are left out; every window adds at most what it has room for.
pub fn windows(n_total: usize, n_ctx: usize, hop: usize, n_present: usize) -> Vec<Window> {
    if n_total < n_ctx {
        let window = match n_present + n_total < n_ctx {
            true => Window { start: 0, n_tokens: n_present + n_total },
            false => Window { start: n_present + n_total - n_ctx, n_tokens: n_ctx },
        };
        return if n_total == 0 { vec![] } else { vec![window] };
    }
    starts(n_total, n_ctx, hop)
        .map(|start| Window { start, n_tokens: n_ctx })
        .filter(|window| n_present < window.start + window.n_tokens)
        .collect()
}

/// Where windows begin, a hop apart, until one of them reaches the end.
pub fn starts(n_total: usize, n_ctx: usize, hop: usize) -> impl Iterator<Item = usize> {
    let last = n_total - n_ctx;
    (0..last + hop).step_by(hop.max(1)).map(move |start| start.min(last))
}

/// What one call of [`TopSampler::advance`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advance {
    /// Known tokens of the window were taken in.
    Prefilled { n_done: usize, n_total: usize },
    /// A new token was appended to the codes.
    Token(u32),
    /// All tokens are there.
    Finished,
}

/// Continues the codes of a prior that looks at nothing but labels and its own past.
pub struct TopSampler<'m> {
    prior: &'m Prior,
    codes: Vec<u32>,
    labels: LabelRow,
    settings: SamplerSettings,
    rng: TokenRng,
    windows: std::vec::IntoIter<Window>,
    writing: Option<(Window, Decoder<'m>)>,
}

impl<'m> TopSampler<'m> {
    /// Will append `n_new` tokens to `prime`; `labels` are those of the first token of `prime`.
    ///
    /// `hop_tokens` is how far windows move: a smaller hop sees more of the past and costs more.
    pub fn new(
        prior: &'m Prior,
        prime: Vec<u32>,
        n_new: usize,
        labels: LabelRow,
        settings: SamplerSettings,
        rng: TokenRng,
        hop_tokens: usize,
    ) -> Result<Self, JukeboxError> {
        settings.check()?;
        prior.check_codes(&prime)?;
        let n_ctx = prior.config().n_ctx;
        if hop_tokens == 0 || n_ctx < hop_tokens {
            return Err(JukeboxError::Range {
                what: "the hop between windows",
                value: format!("{hop_tokens} tokens"),
                allowed: format!("1 to {n_ctx} tokens"),
            });
        }
        let n_total = prime.len() + n_new;
        let asked = if n_total < n_ctx { n_new } else { n_total };
        let windows = windows(asked, n_ctx, hop_tokens, prime.len());
        for window in &windows {
            prior.check_labels(&window_labels(prior.config(), &labels, window.start))?;
        }
        let windows = windows.into_iter();
        Ok(Self { prior, codes: prime, labels, settings, rng, windows, writing: None })
    }

    /// A bounded piece of work: a chunk of known tokens, or one new token.
    pub fn advance(&mut self) -> Result<Advance, JukeboxError> {
        let Some((window, decoder)) = &mut self.writing else {
            return self.open_window();
        };
        let n_old = self.codes.len() - window.start;
        if decoder.n_tokens() < n_old {
            let first = window.start + decoder.n_tokens();
            let last = self.codes.len().min(first + PREFILL_CHUNK);
            decoder.prefill(&[self.codes[first..last].to_vec()])?;
            return Ok(Advance::Prefilled { n_done: last - window.start, n_total: n_old });
        }
        if window.n_tokens <= n_old {
            return self.open_window();
        }
        let token = choose(decoder.logits()?, &self.settings, self.rng.next_uniform())?;
        decoder.push(&[token])?;
        self.codes.push(token);
        Ok(Advance::Token(token))
    }

    /// The prime and everything new so far.
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// The dice as they are now, to go on from later.
    pub fn rng(&self) -> &TokenRng {
        &self.rng
    }

    fn open_window(&mut self) -> Result<Advance, JukeboxError> {
        self.writing = None;
        let Some(window) = self.windows.next() else {
            return Ok(Advance::Finished);
        };
        let labels = window_labels(self.prior.config(), &self.labels, window.start);
        let decoder = self.prior.start(self.prior.condition(&[labels])?)?;
        self.writing = Some((window, decoder));
        self.advance()
    }
}

/// Labels of the window that begins at token `start` (SPEC §4.2).
fn window_labels(config: &PriorConfig, song: &LabelRow, start: usize) -> LabelRow {
    let hop = config.labels.as_ref().map_or(0, |labels| labels.hop);
    LabelRow {
        offset: song.offset.saturating_add((start * hop) as i64),
        sample_length: (config.n_ctx * hop) as i64,
        ..song.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jukebox::prior::tests::{random_prior, rows, tiny};

    fn window(start: usize, n_tokens: usize) -> Window {
        Window { start, n_tokens }
    }

    #[test]
    fn windows_start_where_the_reference_starts_them() {
        let all = |total, n_ctx, hop| starts(total, n_ctx, hop).collect::<Vec<_>>();

        assert_eq!(all(6144, 6144, 3072), [0]);
        assert_eq!(all(6890, 6144, 3072), [0, 746]);
        assert_eq!(all(20_000, 8192, 4096), [0, 4096, 8192, 11_808]);
        assert_eq!(all(27_560, 8192, 4096), [0, 4096, 8192, 12_288, 16_384, 19_368]);
        assert_eq!(all(8193, 8192, 1), [0, 1]);
    }

    #[test]
    fn windows_without_anything_to_add_are_left_out() {
        assert_eq!(windows(48, 32, 8, 0), [window(0, 32), window(8, 32), window(16, 32)]);
        assert_eq!(windows(48, 32, 8, 32), [window(8, 32), window(16, 32)]);
        assert_eq!(windows(48, 32, 8, 48), []);
    }

    #[test]
    fn a_prompt_and_a_longer_song_open_the_windows_of_the_reference() {
        let starts = |total, hop, present| -> Vec<usize> {
            windows(total, 32, hop, present).iter().map(|window| window.start).collect()
        };

        assert_eq!(starts(48, 8, 19), [0, 8, 16]);
        assert_eq!(starts(52, 8, 48), [20]);
        assert_eq!(starts(192, 16, 76), [48, 64, 80, 96, 112, 128, 144, 160]);
        assert_eq!(starts(208, 16, 192), [176]);
    }

    #[test]
    fn less_than_a_window_counts_additional_tokens() {
        assert_eq!(windows(10, 32, 8, 0), [window(0, 10)]);
        assert_eq!(windows(10, 32, 8, 21), [window(0, 31)]);
        assert_eq!(windows(10, 32, 8, 22), [window(0, 32)]);
        assert_eq!(windows(10, 32, 8, 40), [window(18, 32)]);
        assert_eq!(windows(0, 32, 8, 40), []);
    }

    /// Runs to the end; the tokens that were announced, and the largest prefill.
    fn run(sampler: &mut TopSampler) -> (Vec<u32>, usize) {
        let (mut tokens, mut largest_prefill) = (Vec::new(), 0);
        loop {
            match sampler.advance().unwrap() {
                Advance::Prefilled { n_total, .. } => {
                    largest_prefill = largest_prefill.max(n_total)
                }
                Advance::Token(token) => tokens.push(token),
                Advance::Finished => return (tokens, largest_prefill),
            }
        }
    }

    fn sampler(prior: &Prior, n_prime: u32, n_new: usize, seed: u64) -> TopSampler<'_> {
        let prime = (0..n_prime).map(|i| i * 5 % 12).collect();
        let labels = rows(prior.config(), 1).remove(0);
        let settings = SamplerSettings { temperature: 1.0, ..Default::default() };
        TopSampler::new(prior, prime, n_new, labels, settings, TokenRng::new(seed), 8).unwrap()
    }

    #[test]
    fn a_song_gets_exactly_the_tokens_asked_for_after_its_prime() {
        let prior = random_prior(&tiny());
        for (n_prime, n_new) in [(0, 5), (7, 10), (7, 17), (7, 60), (24, 1), (30, 10), (50, 31)] {
            let mut sampler = sampler(&prior, n_prime, n_new, 1);

            let (tokens, largest_prefill) = run(&mut sampler);

            assert_eq!(tokens.len(), n_new, "prime of {n_prime}");
            assert_eq!(sampler.codes().len(), n_prime as usize + n_new);
            assert_eq!(sampler.codes()[n_prime as usize..], tokens);
            assert!(largest_prefill < 24);
            assert_eq!(sampler.advance().unwrap(), Advance::Finished);
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_song_and_another_seed_another() {
        let prior = random_prior(&tiny());

        let [a, b, c] = [3, 3, 4].map(|seed| run(&mut sampler(&prior, 9, 40, seed)).0);

        assert_eq!(a, b);
        assert_ne!(a, c);
    }

    #[test]
    fn a_song_that_outgrows_its_labels_is_refused_before_it_starts() {
        let prior = random_prior(&tiny());
        let labels = rows(prior.config(), 1).remove(0); // 20000 frames, 1250 tokens
        let (settings, rng) = (SamplerSettings::default(), TokenRng::new(0));

        let result = TopSampler::new(&prior, vec![], 1300, labels, settings, rng, 8);

        let error = result.err().unwrap().to_string();
        assert!(error.starts_with("the offset is 20"), "{error}");
    }
}
