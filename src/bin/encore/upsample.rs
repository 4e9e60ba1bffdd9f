//! `encore upsample`: the finer levels of codes that are there.

use std::collections::BTreeMap;

use encore::engine::{finer, recipe};
use encore::pack::Pack;
use encore::takes::{
    CodesId, FinerRecipe, Levels, PackId, Recipe, SamplerRecipe, measure, picture, read_levels,
    wav, write_codes,
};
use encore::units::seconds_from_frames;
use serde_json::json;

use crate::args::song::UpsampleArgs;
use crate::failure::{Failure, print, print_json};
use crate::finer_levels::{self, Song};
use crate::place::Place;
use crate::progress::Spinner;
use crate::resume::Progress;
use crate::told::Told;
use crate::{open, take_files};

pub fn run(args: &UpsampleArgs, as_json: bool) -> Result<(), Failure> {
    let place = Place::open(&args.load, &args.on)?;
    let pack = open::pack(&args.load.pack)?;
    let finest = finer_levels::finest(args.until, &pack)?;
    let given = read_levels(&args.input)?;
    let (from, upper) = above(args, &pack, given, finest)?;
    let mut levels = finer::levels(&pack, finest)?;
    levels.retain(|level| *level < from);
    let told = Told::typed_or_beside(&args.told, &args.input)?;
    let hop = pack.hop(from)?;
    let seconds = seconds_from_frames(upper.len() * hop, f64::from(pack.sample_rate()));
    let total_seconds = told.total_seconds(&pack, seconds)?;
    open::target_folder(&args.out)?;

    let stem = args.input.file_stem().unwrap_or_default().to_string_lossy();
    let path = |ending: &str| args.out.join(format!("{stem}-level-{finest}.{ending}"));
    let recipe =
        recipe(args, &place, &pack, &told, &upper, [from, finest], [seconds, total_seconds])?;
    let spinner = Spinner::new("loading the model");
    let vqvae = pack.load_vqvae()?;
    drop(spinner);
    let mut songs = [Song {
        name: stem.to_string(),
        prime: Vec::new(),
        prime_codes: Levels::new(),
        seed: args.seed,
        codes: Levels::from([(from, upper)]),
        seams: BTreeMap::new(),
        progress: Progress::open(path("progress"), &recipe)?,
    }];
    let job = finer_levels::Job {
        pack: &pack,
        place: &place,
        vqvae: &vqvae,
        levels: &levels,
        windows: args.windows,
        told: &told,
        total_seconds,
    };
    job.write(&mut songs)?;

    let [song] = songs;
    let codes = song.codes.get(&finest).map_or(&[][..], Vec::as_slice);
    let spinner = Spinner::new("decoding");
    let audio = vqvae.decode(codes, finest)?;
    drop(spinner);
    let seams = song.heard_seams(&audio, f64::from(pack.sample_rate()));
    let recipe = Recipe { finer: Some(FinerRecipe { windows: args.windows, seams }), ..recipe };
    wav::write(&path("wav"), &audio, pack.sample_rate())?;
    write_codes(&path("safetensors"), &song.codes)?;
    recipe.write(&path("json"))?;
    let title = format!("{}   ·   level {finest}", take_files::names(&recipe));
    picture::write(&path("png"), &audio, f64::from(pack.sample_rate()), None, &title)?;
    let n_tokens = codes.len();
    song.progress.remove();
    let (wav, peak) = (path("wav"), measure::peak(&audio));
    if as_json {
        return print_json(&json!({
            "wav": wav,
            "codes": path("safetensors"),
            "recipe": path("json"),
            "picture": path("png"),
            "level": finest,
            "tokens": n_tokens,
            "seconds": seconds,
            "peak": peak,
            "rms_db": measure::rms_db(&audio),
            "finer": recipe.finer,
        }));
    }
    finer_levels::seam_lines(recipe.finer.as_ref()).iter().try_for_each(|line| print(line))?;
    print(&format!("{}: {seconds:.2} s at level {finest}, peak {peak:.3}", wav.display()))
}

/// The finest of the given levels, which the others are written under.
fn above(
    args: &UpsampleArgs,
    pack: &Pack,
    given: Levels,
    finest: usize,
) -> Result<(usize, Vec<u32>), Failure> {
    let Some((from, codes)) = given.into_iter().next() else {
        return Err(Failure::BadInput(format!("{:?} has no codes of any level", args.input)));
    };
    if from <= finest || pack.top_level() < from {
        let (first, top) = (finest + 1, pack.top_level());
        return Err(Failure::BadInput(format!(
            "{:?} has codes of level {from}; level {finest} is written under levels {first} to {top}",
            args.input
        )));
    }
    Ok((from, codes))
}

fn recipe(
    args: &UpsampleArgs,
    place: &Place,
    pack: &Pack,
    told: &Told,
    upper: &[u32],
    [level, finest_level]: [usize; 2],
    [length_seconds, total_seconds]: [f64; 2],
) -> Result<Recipe, Failure> {
    let labels = pack.labels_of(finest_level);
    let (artist, genres) = told.labels(pack, finest_level)?;
    Ok(Recipe {
        format_version: Recipe::FORMAT_VERSION,
        encore_version: env!("CARGO_PKG_VERSION").into(),
        pack: PackId { name: pack.name().into(), sha256: pack.hash(), taught: None },
        backend: place.backend(),
        prime: None,
        prime_codes: BTreeMap::new(),
        codes: Some(CodesId::of(upper)),
        seed: args.seed,
        artist: recipe::artist_label(labels, artist),
        genres: genres.iter().map(|id| recipe::genre_label(labels, *id)).collect(),
        sampler: SamplerRecipe {
            temperature: finer::SAMPLER.temperature,
            top_k: finer::SAMPLER.top_k,
            top_p: finer::SAMPLER.top_p,
        },
        lyrics: told.lyrics.clone(),
        level,
        finest_level,
        finer: Some(FinerRecipe::new(args.windows)),
        length_seconds,
        total_seconds,
        offset_seconds: 0.0,
    })
}
