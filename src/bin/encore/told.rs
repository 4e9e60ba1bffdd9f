//! What a model is told about a song: names and words as they were typed, as ids and tokens.

use std::path::Path;

use encore::jukebox::PriorConfig;
use encore::lyrics::{self, Cleaned, Vocabulary, clean};
use encore::pack::Pack;
use encore::takes::{Label, Recipe};

use crate::args::song::ToldArgs;
use crate::failure::{Failure, note};

/// What was typed, or said by a recipe.
#[derive(Debug, Clone, Default)]
pub struct Told {
    pub artist: Option<String>,
    pub genres: Vec<String>,
    pub lyrics: Option<String>,
    pub total_seconds: Option<f64>,
    /// Whether a recipe says so, and not the user.
    is_beside: bool,
}

impl Told {
    /// What was typed; reads the file of lyrics.
    pub fn typed(args: &ToldArgs) -> Result<Self, Failure> {
        let ToldArgs { artist, genres, lyrics, total_seconds } = args;
        let lyrics = lyrics.as_ref().map(|path| lyrics::read(path)).transpose()?;
        let (artist, genres) = (artist.clone(), genres.clone());
        Ok(Self { artist, genres, lyrics, total_seconds: *total_seconds, is_beside: false })
    }

    /// What was typed, or what the recipe beside `codes` says where nothing was typed.
    pub fn typed_or_beside(args: &ToldArgs, codes: &Path) -> Result<Self, Failure> {
        let typed = Self::typed(args)?;
        let beside = codes.with_extension("json");
        let is_untold = typed.artist.is_none()
            && typed.genres.is_empty()
            && typed.lyrics.is_none()
            && typed.total_seconds.is_none();
        if !is_untold || beside == codes || !beside.is_file() {
            return Ok(typed);
        }
        let recipe = match Recipe::read(&beside) {
            Ok(recipe) => recipe,
            Err(e) => {
                note(&format!("{e}: the song is told without it"));
                return Ok(typed);
            }
        };
        note(&format!("the song is told as {beside:?} says"));
        Ok(Self::said_by(&recipe))
    }

    /// What a recipe says.
    pub fn said_by(recipe: &Recipe) -> Self {
        let named = |label: &Label| (label.id > 0).then(|| label.name.clone());
        Self {
            artist: named(&recipe.artist),
            genres: recipe.genres.iter().filter_map(named).collect(),
            lyrics: recipe.lyrics.clone(),
            total_seconds: Some(recipe.total_seconds),
            is_beside: true,
        }
    }

    /// The pack with the prior that plays the artist, where that was taught.
    pub fn told_to(&self, pack: &Pack) -> Pack {
        let artist = self.artist.as_deref().and_then(|name| pack.labels().artist_id(name).ok());
        pack.for_artist(artist.unwrap_or(0))
    }

    /// Artist and genres by the tables of a level's own prior, with a note for what it does not know.
    pub fn labels(&self, pack: &Pack, level: usize) -> Result<(u32, Vec<u32>), Failure> {
        let n_allowed = pack.prior_config(level)?.labels.as_ref();
        let n_allowed = n_allowed.map_or(0, |labels| labels.max_genre_words);
        let is_top = level == pack.top_level();
        let chosen = pack.choose(level, self.artist.as_deref(), &self.genres, n_allowed)?;
        if is_top && self.artist.is_none() && self.genres.is_empty() && n_allowed > 0 {
            note("neither --artist nor --genre was given, so both are unknown to the model");
        }
        let has_own_tables = pack.manifest().finer_labels.is_some();
        for sentence in &chosen.notes {
            match is_top {
                true => note(sentence),
                false if has_own_tables => note(&format!("level {level}: {sentence}")),
                false if pack.plays().is_some() => note(&format!("level {level}: {sentence}")),
                false => {} // said already, of the top level
            }
        }
        Ok((chosen.artist, chosen.genres))
    }

    /// Length of the song as the top level is told, with room for the `needed` seconds that there are. A note
    /// says where the model knows no songs of that length.
    pub fn total_seconds(&self, pack: &Pack, needed: f64) -> Result<f64, Failure> {
        let asked = self.total_seconds.filter(|_| !self.is_beside);
        if let Some(asked) = asked.filter(|asked| *asked < needed) {
            return Err(Failure::BadInput(format!(
                "--total-seconds {asked} is shorter than the song, which has {needed:.2} s"
            )));
        }
        let recommended = pack.manifest().sampling.total_seconds;
        let total = self.total_seconds.unwrap_or(recommended).max(needed);
        let labels = pack.prior_config(pack.top_level()).ok().and_then(|top| top.labels.as_ref());
        if let Some(labels) = labels.filter(|labels| labels.timing) {
            let (least, limit) = (labels.min_duration_seconds, labels.max_duration_seconds);
            if !(least..limit).contains(&total) {
                note(&format!(
                    "this model knows songs of {least} s to {limit} s, and {total:.2} s are told as \
                     the nearest of these; what lies beyond is told as the end"
                ));
            }
        }
        Ok(total)
    }

    /// The lyrics as a prior reads them, with a note for what it cannot; none where it reads none.
    pub fn read_lyrics(&self, config: &PriorConfig) -> Result<Option<Cleaned>, Failure> {
        let Some(sung) = &config.lyrics else {
            if self.lyrics.is_some() {
                note("this model does not sing, so the lyrics are left out");
            }
            return Ok(None);
        };
        let Some(lyrics) = &self.lyrics else {
            note("no --lyrics were given, so the model has no words to sing");
            return Ok(None);
        };
        let vocabulary = Vocabulary::of_size(sung.n_vocab).ok_or_else(|| {
            let n_vocab = sung.n_vocab;
            Failure::BadInput(format!("this model reads {n_vocab} symbols, which are not known"))
        })?;
        let cleaned = clean(lyrics, vocabulary);
        if let Some(sentence) = cleaned.note() {
            note(&sentence);
        }
        if cleaned.text.trim().is_empty() {
            note("nothing of the lyrics is left for the model to sing");
        }
        Ok(Some(cleaned))
    }
}

/// The lyrics as the model reads them, for people.
pub fn sheet(cleaned: &Cleaned) -> String {
    let lines: Vec<_> = cleaned.text.trim_end().lines().map(|line| format!("  {line}")).collect();
    format!("the model reads:\n{}", lines.join("\n"))
}
