//! The chains of one level, several at a time: each is a column of the same decoder, with its own place in the
//! song, its own codes above and its own dice.
//!
//! A column becomes what it would have become alone. How many are written at once is therefore a matter of
//! memory and speed, and nothing that is heard.

use super::chains::Chain;
use super::level::{LevelState, PREFILL_CHUNK};
use super::told::Song;
use crate::jukebox::JukeboxError;
use crate::jukebox::prior::{Decoder, Prior};
use crate::jukebox::sample::{Chooser, Dice, SamplerSettings, TokenRng};

/// Writes chains, a window of several at a time: always those of which the fewest windows are finished.
pub struct ChainSampler<'m, D = TokenRng> {
    prior: &'m Prior,
    song: Song,
    chooser: Chooser,
    n_at_once: usize,
    columns: Vec<Column<D>>,
    finished: Vec<LevelState<D>>, // of each column
    batch: Option<Batch<'m>>,
}

/// A chain on its way.
struct Column<D> {
    chain: Chain,
    codes: Vec<u32>, // from where the chain begins
    dice: D,
}

/// The windows that are being written.
struct Batch<'m> {
    members: Vec<usize>, // indices of columns
    decoder: Decoder<'m>,
    symbols: Vec<u32>, // room for one of each
}

impl<'m, D: Dice + Clone> ChainSampler<'m, D> {
    /// Goes on from the states of all chains, each of which is that of a beginning or was saved. The codes of a
    /// state begin where its chain does. At most `n_at_once` windows are written together.
    ///
    /// # Errors
    /// When a setting, a code or a window breaks one of the prior's limits, or a state does not fit its chain.
    pub fn new(
        prior: &'m Prior,
        song: Song,
        chains: Vec<Chain>,
        settings: SamplerSettings,
        states: Vec<LevelState<D>>,
        n_at_once: usize,
    ) -> Result<Self, JukeboxError> {
        let chooser = Chooser::new(settings)?;
        if states.len() != chains.len() {
            let (what, allowed) = ("the number of saved chains", chains.len().to_string());
            return Err(JukeboxError::range(what, states.len(), allowed));
        }
        for (chain, state) in chains.iter().zip(&states) {
            check(prior, chain, state)?;
            chain.starts.iter().try_for_each(|start| song.told(prior, *start).map(|_| ()))?;
        }
        let column = |(chain, LevelState { codes, dice, .. }): (Chain, &LevelState<D>)| Column {
            chain,
            codes: codes.clone(),
            dice: dice.clone(),
        };
        let columns = chains.into_iter().zip(&states).map(column).collect();
        let n_at_once = n_at_once.max(1);
        Ok(Self { prior, song, chooser, n_at_once, columns, finished: states, batch: None })
    }

    /// A bounded piece of work: opening windows, a chunk of tokens that are known, or one token of each window
    /// that is being written. Says whether there is more to do. A new token allocates nothing.
    ///
    /// # Errors
    /// When the model's numbers cannot be sampled from.
    pub fn advance(&mut self) -> Result<bool, JukeboxError> {
        let Some(Batch { members, decoder, symbols }) = &mut self.batch else {
            return self.open_batch();
        };
        if 0 < decoder.n_lyrics_left() {
            decoder.prefill_lyrics(PREFILL_CHUNK)?;
            return Ok(true);
        }
        let (config, n_seen) = (self.prior.config(), decoder.n_tokens());
        if n_seen == config.n_ctx {
            self.finish_batch();
            return Ok(true);
        }
        let window_of = |idx: &usize| self.finished[*idx].n_windows;
        let known = |idx: &usize| self.columns[*idx].window(window_of(idx));
        let n_common = members.iter().map(|idx| known(idx).len()).min().unwrap_or(0);
        if n_seen < n_common {
            let chunk = n_seen..n_common.min(n_seen + PREFILL_CHUNK);
            let rows = members.iter().map(|idx| known(idx)[chunk.clone()].to_vec());
            decoder.prefill(&rows.collect::<Vec<_>>())?;
            return Ok(true);
        }
        let logits = decoder.logits()?.chunks_exact(config.n_symbols());
        symbols.clear();
        for (idx, logits) in members.iter().zip(logits) {
            let column = &mut self.columns[*idx];
            let n_windows = self.finished[*idx].n_windows;
            if column.window(n_windows).len() == n_seen {
                let symbol = self.chooser.choose(logits, column.dice.next_uniform())?;
                column.codes.push(config.code_of(symbol));
            }
            symbols.push(config.first_code() as u32 + column.window(n_windows)[n_seen]);
        }
        decoder.push(symbols)?;
        Ok(true)
    }

    /// Codes of a chain so far, from where it begins.
    pub fn codes_of(&self, chain_idx: usize) -> &[u32] {
        &self.columns[chain_idx].codes
    }

    /// What to save: the chains as they were after their last finished windows.
    pub fn finished(&self) -> &[LevelState<D>] {
        &self.finished
    }

    /// New tokens so far and in the end; where chains overlap they count twice.
    pub fn n_tokens(&self) -> (usize, usize) {
        let columns = || self.columns.iter().zip(&self.finished);
        let n_done = columns().map(|(column, state)| column.codes.len() - state.n_prime).sum();
        let n_total = columns().map(|(column, state)| {
            let last = column.chain.starts.len() - 1;
            column.chain.end(last, self.prior.config().n_ctx)
                - column.chain.starts[0]
                - state.n_prime
        });
        (n_done, n_total.sum())
    }

    /// Opens the next windows, if any are left.
    fn open_batch(&mut self) -> Result<bool, JukeboxError> {
        let n_windows = |idx: &usize| self.finished[*idx].n_windows;
        let is_left = |idx: &usize| n_windows(idx) < self.columns[*idx].chain.starts.len();
        let mut members: Vec<usize> = (0..self.columns.len()).filter(is_left).collect();
        members.sort_by_key(n_windows);
        members.truncate(self.n_at_once);
        if members.is_empty() {
            return Ok(false);
        }
        let start = |idx: &usize| self.columns[*idx].chain.starts[n_windows(idx)];
        let told = members.iter().map(|idx| self.song.told(self.prior, start(idx)));
        let told = told.collect::<Result<Vec<_>, _>>()?;
        let (labels, upper): (Vec<_>, Vec<_>) =
            told.into_iter().map(|told| (told.labels, told.upper)).unzip();
        let upper = if self.prior.n_upper().is_some() { upper } else { Vec::new() };
        let decoder = self.prior.start(self.prior.condition_on(&labels, &upper)?)?;
        let n_ctx = self.prior.config().n_ctx;
        for idx in &members {
            let column = &mut self.columns[*idx];
            let n_known = column.window(self.finished[*idx].n_windows).len();
            column.codes.reserve(n_ctx - n_known);
        }
        let symbols = Vec::with_capacity(members.len());
        self.batch = Some(Batch { members, decoder, symbols });
        Ok(true)
    }

    fn finish_batch(&mut self) {
        for idx in self.batch.take().map(|batch| batch.members).unwrap_or_default() {
            let (Column { codes, dice, .. }, finished) =
                (&self.columns[idx], &mut self.finished[idx]);
            finished.codes.extend_from_slice(&codes[finished.codes.len()..]);
            finished.n_windows += 1;
            finished.dice = dice.clone();
        }
    }
}

impl<D> Column<D> {
    /// What there is of a window.
    fn window(&self, window_idx: usize) -> &[u32] {
        &self.codes[self.chain.starts[window_idx] - self.chain.starts[0]..]
    }
}

/// Names what of a state is not of this chain.
fn check<D>(prior: &Prior, chain: &Chain, state: &LevelState<D>) -> Result<(), JukeboxError> {
    prior.check_codes(&state.codes)?;
    let n_ctx = prior.config().n_ctx;
    let n_windows = chain.starts.len();
    if n_windows < state.n_windows {
        let (what, allowed) = ("the number of finished windows", format!("at most {n_windows}"));
        return Err(JukeboxError::range(what, state.n_windows, allowed));
    }
    let n_codes = match state.n_windows.checked_sub(1) {
        None => state.n_prime,
        Some(last) => chain.end(last, n_ctx) - chain.starts[0],
    };
    if state.codes.len() != n_codes || n_ctx < state.n_prime {
        let (what, allowed) = ("the number of saved codes of a chain", n_codes.to_string());
        return Err(JukeboxError::range(what, state.codes.len(), allowed));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
