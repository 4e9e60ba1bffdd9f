//! `encore evaluate`: how good a pack is, in figures, pictures and takes to listen to.
//!
//! Held-out songs go through the VQ-VAE ([`codec`]) and the prior ([`bits`]), other songs teach what both
//! are compared with ([`real`]), and places in held-out songs ([`primes`]) are continued ([`compose`]) and
//! judged ([`verdict`]).

mod bits;
mod codec;
mod compose;
mod confusion;
mod files;
mod own;
mod primes;
mod real;
mod songs;
mod table;
mod verdict;

use encore::engine::finer;
use encore::engine::model::Model;
use encore::judge::context::ContextModel;
use encore::judge::defects::Findings;
use encore::judge::style::StyleClassifier;
use rayon::prelude::*;
use serde_json::json;

use self::codec::{Heard, Wanted};
use self::compose::Take;
use self::primes::Prime;
use self::songs::{Artist, Song, Songs, within};
use self::table::{Figures, OfSongs};
use self::verdict::Verdict;
use crate::args::evaluate::EvaluateArgs;
use crate::failure::{Failure, print, print_json};
use crate::progress::Spinner;
use crate::{finer_levels, open};

/// Music that is listened to, in seconds: what teaches, and what measures.
const TRAINING_SECONDS: f64 = 90.0 * 60.0;
const HELD_OUT_SECONDS: f64 = 24.0 * 60.0;
/// Excerpts of each artist, in seconds.
const EXCERPT_SECONDS: f64 = 150.0;

pub fn run(args: &EvaluateArgs, as_json: bool) -> Result<(), Failure> {
    let pack = open::pack(&args.pack)?;
    let finer = finer::levels(&pack, finer_levels::finest(args.until, &pack)?)?;
    let dir = args.corpus.clone().map_or_else(|| own::corpus(&pack), Ok)?;
    let songs = Songs::of_corpus(&dir, &pack)?;
    let unseen = args.unseen.as_ref().map(|folder| songs::unseen(folder, &pack)).transpose()?;
    open::target_folder(&args.out)?;
    let spinner = Spinner::new("loading the model");
    let model = Model::load_as(pack, args.precision)?;
    drop(spinner);
    let evaluation = Evaluation { args, model: &model, finer: &finer };
    let primes = primes::held_out(&model, &songs.held_out, args.takes, args.seconds, args.seed)?;

    let training = within(&songs.training, TRAINING_SECONDS);
    let training = evaluation.listen(training, "listening to songs", false)?;
    let contexts = evaluation.contexts(&training);
    let held_out_songs = within(&songs.held_out, HELD_OUT_SECONDS);
    let held_out = evaluation.listen(held_out_songs, "listening to held-out songs", true)?;
    let of_songs = evaluation.of_songs(&contexts, &songs.artists, held_out_songs, &held_out)?;

    let spinner = Spinner::new("learning styles");
    let n_artists = songs.artists.len();
    let classifier = real::classifier(&training, n_artists);
    let [original, decoded] = real::heard_as(&classifier, &held_out, n_artists);
    let all: Vec<&Heard> = training.iter().chain(&held_out).collect();
    let limits = real::limits(&all, n_artists);
    drop(spinner);

    let verdicts = evaluation.takes("take", &songs.artists, &primes, Some(&classifier), &limits)?;
    let shares = [&original, &decoded].map(real::accuracy);
    let real = (0.5 * (shares[0] + shares[1]), shares);
    let figures = Figures::new(of_songs, &verdicts, Some(real));
    let of_takes = of_takes(&verdicts, n_artists);
    let names: Vec<&str> = songs.artists.iter().map(|artist| artist.name.as_str()).collect();
    let matrices =
        [("held-out songs", &original), ("the same, decoded", &decoded), ("takes", &of_takes)];
    confusion::write(&args.out.join("confusion.png"), &names, &matrices)?;

    let mut report = json!({
        "figures": figures,
        "real": figures.real,
        "takes": files::verdicts(&verdicts, &songs.artists),
    });
    let elsewhere = match &unseen {
        None => None,
        Some((artists, songs)) => {
            let worst = vec![Findings::worst(&limits); artists.len()];
            let heard = evaluation.listen(songs, "listening to unseen songs", true)?;
            let of_songs = evaluation.of_songs(&contexts, artists, songs, &heard)?;
            let primes = primes::unseen(&model, songs, args.takes, args.seed)?;
            let verdicts = evaluation.takes("unseen", artists, &primes, None, &worst)?;
            let figures = Figures::new(of_songs, &verdicts, None);
            report["unseen"] =
                json!({"figures": figures, "takes": files::verdicts(&verdicts, artists)});
            Some(figures)
        }
    };
    files::report(&args.out.join("evaluation.json"), &report)?;

    if as_json {
        let mut value = json!(figures);
        if let Some(elsewhere) = &elsewhere {
            value["unseen"] = json!(elsewhere);
        }
        return print_json(&value);
    }
    let title = format!("{}, on held-out songs of {n_artists} artists", model.pack.name());
    let mut lines = figures.lines(&title, true);
    if let Some(elsewhere) = &elsewhere {
        lines.extend(elsewhere.lines("on songs from elsewhere", false));
    }
    lines.push(format!("takes, pictures and evaluation.json are in {}", args.out.display()));
    lines.iter().try_for_each(|line| print(line))
}

/// What is measured, and with what.
struct Evaluation<'a> {
    args: &'a EvaluateArgs,
    model: &'a Model,
    finer: &'a [usize],
}

impl Evaluation<'_> {
    /// The level whose sound takes have.
    fn finest(&self) -> usize {
        self.finer.last().copied().unwrap_or(self.model.level())
    }

    /// Songs that teach are heard at the top level; those that measure at all.
    fn listen(
        &self,
        songs: &[Song],
        doing: &'static str,
        measures: bool,
    ) -> Result<Vec<Heard>, Failure> {
        let model = self.model;
        let mut levels = vec![model.level()];
        if measures {
            levels = model.vqvae.levels_present().to_vec();
        } else if self.finest() != model.level() {
            levels.push(self.finest());
        }
        let wanted = Wanted {
            encoded: &levels,
            decoded: if measures { &levels } else { &[] },
            excerpts_of: Some(self.finest()),
            excerpt_seconds: EXCERPT_SECONDS,
        };
        codec::listen(&model.pack, &model.vqvae, songs, doing, &wanted)
    }

    /// What the prior is compared with.
    fn contexts(&self, training: &[Heard]) -> ContextModel {
        let level = self.model.level();
        let codes = training.iter().filter_map(|song| song.codes.get(&level).cloned());
        let n_bins = self.model.vqvae.config().l_bins;
        ContextModel::train(&codes.collect::<Vec<_>>(), n_bins)
    }

    fn of_songs(
        &self,
        contexts: &ContextModel,
        artists: &[Artist],
        songs: &[Song],
        heard: &[Heard],
    ) -> Result<OfSongs, Failure> {
        Ok(OfSongs {
            spectral_convergence_db: codec::convergence_db(heard),
            codebook_use: codec::book_use(heard, self.model.vqvae.config().l_bins),
            bits_per_token: bits::measure(self.model, contexts, artists, songs, heard)?,
        })
    }

    /// Composes takes, writes them, and judges them.
    fn takes(
        &self,
        kind: &str,
        artists: &[Artist],
        primes: &[Prime],
        classifier: Option<&StyleClassifier>,
        limits: &[Findings],
    ) -> Result<Vec<Verdict>, Failure> {
        let EvaluateArgs { precision, seconds, .. } = *self.args;
        let job =
            compose::Job { model: self.model, artists, finer: self.finer, precision, seconds };
        let takes = job.compose(primes)?;
        let _spinner = Spinner::new("judging takes");
        let rate_hz = self.model.pack.sample_rate();
        files::takes(&self.args.out, kind, primes, &takes, artists, rate_hz)?;
        let judge = |(prime, take): (&Prime, &Take)| {
            let limits = &limits[prime.artist_idx];
            Verdict::new(prime, take, classifier, limits, rate_hz.into())
        };
        let pairs: Vec<_> = primes.iter().zip(&takes).collect();
        Ok(pairs.into_par_iter().map(judge).collect())
    }
}

/// Whom the takes of each artist sound like.
fn of_takes(verdicts: &[Verdict], n_artists: usize) -> real::Confusion {
    let mut confusion = vec![vec![0; n_artists]; n_artists];
    for verdict in verdicts {
        if let Some(answer) = verdict.sounds_like_idx {
            confusion[verdict.artist_idx][answer] += 1;
        }
    }
    confusion
}
