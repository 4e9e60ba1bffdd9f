//! The figures of a pack, beside what is asked of it.

use std::collections::BTreeMap;

use encore::judge::stats::{median, share};
use serde::Serialize;

use super::bits::BitsPerToken;
use super::verdict::Verdict;

/// What `--json` says.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// By level: ‖|S| − |Ŝ|‖ / ‖|S|‖ of held-out songs.
    pub spectral_convergence_db: BTreeMap<usize, f64>,
    /// By level: perplexity as a share of the codebook.
    pub codebook_use: BTreeMap<usize, f64>,
    pub bits_per_token: BitsPerToken,
    /// Share of takes that sound like the artist that was told.
    pub style_accuracy: Option<f64>,
    /// The same of held-out songs, as they are and as decoded.
    pub style_accuracy_real: Option<f64>,
    pub tempo_kept: f64,
    pub key_kept: f64,
    /// Median jump at seams, less the median of what primes do by themselves.
    pub seam_db: f64,
    pub seam_flux_z: f64,
    /// Takes with at least one.
    pub defects: usize,
    pub takes: usize,
    /// What the same measures say of real music.
    #[serde(skip)]
    pub real: Real,
}

/// How far real music gets.
#[derive(Debug, Default, Serialize)]
pub struct Real {
    pub style_original: Option<f64>,
    pub style_decoded: Option<f64>,
    pub tempo_kept: Option<f64>,
    pub key_kept: Option<f64>,
}

/// What songs told before any take was made.
pub struct OfSongs {
    pub spectral_convergence_db: BTreeMap<usize, f64>,
    pub codebook_use: BTreeMap<usize, f64>,
    pub bits_per_token: BitsPerToken,
}

impl Figures {
    /// Without a classifier, for which `style_real` stands, style is not judged.
    pub fn new(songs: OfSongs, verdicts: &[Verdict], style_real: Option<(f64, [f64; 2])>) -> Self {
        let of = |value: fn(&Verdict) -> f64| verdicts.iter().map(value).collect::<Vec<_>>();
        let is_told = |take: &Verdict| take.sounds_like_idx == Some(take.artist_idx);
        let in_songs = |kept: fn(&Verdict) -> Option<bool>| {
            let known: Vec<bool> = verdicts.iter().filter_map(kept).collect();
            (!known.is_empty()).then(|| share(known))
        };
        let OfSongs { spectral_convergence_db, codebook_use, bits_per_token } = songs;
        let jump_db = median(&of(|take| take.seam_jump_db));
        Self {
            spectral_convergence_db,
            codebook_use,
            bits_per_token,
            style_accuracy: style_real.map(|_| share(verdicts.iter().map(is_told))),
            style_accuracy_real: style_real.map(|(both, _)| both),
            tempo_kept: share(verdicts.iter().map(|take| take.keeps_tempo)),
            key_kept: share(verdicts.iter().map(|take| take.keeps_key)),
            seam_db: jump_db - median(&of(|take| take.prime_jump_db)),
            seam_flux_z: median(&of(|take| take.seam_flux_z)),
            defects: verdicts.iter().filter(|take| !take.defects.is_empty()).count(),
            takes: verdicts.len(),
            real: Real {
                style_original: style_real.map(|(_, [original, _])| original),
                style_decoded: style_real.map(|(_, [_, decoded])| decoded),
                tempo_kept: in_songs(|take| take.song_keeps_tempo),
                key_kept: in_songs(|take| take.song_keeps_key),
            },
        }
    }

    /// A line for each figure, with what is asked of it and, where that tells something, what real songs have.
    pub fn lines(&self, title: &str, has_goals: bool) -> Vec<String> {
        let line = |row: Row| row.line(has_goals);
        std::iter::once(title.to_owned()).chain(self.rows().into_iter().map(line)).collect()
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let levels: Vec<usize> = self.spectral_convergence_db.keys().copied().collect();
        for (level, db) in &self.spectral_convergence_db {
            let is_finest = levels.first() == Some(level) && 1 < levels.len();
            let is_top = levels.last() == Some(level);
            let most_db = if is_finest { Some(-20.0) } else { is_top.then_some(-10.0) };
            let what = format!("VQ-VAE level {level}: spectral convergence");
            let goal = most_db.map(|most: f64| (format!("≤ {most} dB"), *db <= most));
            rows.push(Row { what, figure: format!("{db:.1} dB"), goal, real: None });
        }
        for (level, used) in &self.codebook_use {
            rows.push(Row::share(
                format!("VQ-VAE level {level}: codebook use"),
                Some(*used),
                0.5,
                None,
            ));
        }
        let BitsPerToken { prior, order2 } = self.bits_per_token;
        let saved = self.bits_per_token.saved();
        rows.push(Row {
            what: "prior: bits per token".into(),
            figure: format!(
                "{prior:.2}, {:.0} % fewer than {order2:.2} of two codes' context",
                100.0 * saved
            ),
            goal: Some(("≥ 25 % fewer".into(), 0.25 <= saved)),
            real: None,
        });
        let real = &self.real;
        let both = real.style_original.zip(real.style_decoded);
        let both = both.map(|(original, decoded)| {
            format!("{:.0} % as they are, {:.0} % as decoded", 100.0 * original, 100.0 * decoded)
        });
        rows.push(Row {
            real: both,
            ..Row::share(
                "style recognised in held-out songs".into(),
                self.style_accuracy_real,
                0.95,
                None,
            )
        });
        rows.push(Row::share("style recognised in takes".into(), self.style_accuracy, 0.8, None));
        rows.push(Row::share("tempo kept".into(), Some(self.tempo_kept), 0.8, real.tempo_kept));
        rows.push(Row::share("key kept".into(), Some(self.key_kept), 0.8, real.key_kept));
        rows.push(Row {
            what: "seam: jump in level beyond the prime's own".into(),
            figure: format!("{:.2} dB", self.seam_db),
            goal: Some(("≤ 1 dB".into(), self.seam_db <= 1.0)),
            real: None,
        });
        rows.push(Row {
            what: "seam: spectral flux beside the prime's".into(),
            figure: format!("{:+.2} deviations", self.seam_flux_z),
            goal: Some(("≤ 2".into(), self.seam_flux_z <= 2.0)),
            real: None,
        });
        // 3 of 60
        let most = (self.takes as f64 / 20.0).floor() as usize;
        rows.push(Row {
            what: "takes with silence, clipping or a stuck loop".into(),
            figure: format!("{} of {}", self.defects, self.takes),
            goal: Some((format!("≤ {most}"), self.defects <= most)),
            real: None,
        });
        rows
    }
}

/// One figure.
struct Row {
    what: String,
    figure: String,
    /// What is asked, and whether it is so.
    goal: Option<(String, bool)>,
    /// What real songs have.
    real: Option<String>,
}

impl Row {
    fn share(what: String, figure: Option<f64>, least: f64, real: Option<f64>) -> Self {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        Self {
            what,
            figure: figure.map_or("not asked".into(), percent),
            goal: figure.map(|share| (format!("≥ {:.0} %", 100.0 * least), least <= share)),
            real: real.map(|share| format!("{} as the songs go on", percent(share))),
        }
    }

    fn line(&self, has_goals: bool) -> String {
        let real = self.real.as_ref().map_or(String::new(), |real| format!(" ({real})"));
        let figure = format!("{}{real}", self.figure);
        match &self.goal {
            Some((goal, is_met)) if has_goals => {
                let verdict = if *is_met { "met" } else { "missed" };
                format!("  {:<46} {figure:<58} {goal:<14} {verdict}", self.what)
            }
            _ => format!("  {:<46} {figure}", self.what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        let verdict = |is_right: bool| Verdict {
            song: "song".into(),
            at_seconds: 12.0,
            artist_idx: 1,
            seed: 0,
            sounds_like_idx: Some(usize::from(is_right)),
            song_bpm: Some(120.0),
            tempo_bpm: Some(120.0),
            keeps_tempo: is_right,
            keeps_key: true,
            seam_jump_db: 2.0,
            prime_jump_db: 1.5,
            seam_flux_z: 0.5,
            defects: Vec::new(),
            song_keeps_tempo: Some(true),
            song_keeps_key: None,
        };
        let songs = OfSongs {
            spectral_convergence_db: [(0, -21.0), (1, -9.0)].into(),
            codebook_use: [(0, 0.6), (1, 0.7)].into(),
            bits_per_token: BitsPerToken { prior: 3.0, order2: 5.0 },
        };
        Figures::new(songs, &[verdict(true), verdict(false)], Some((0.96, [0.97, 0.95])))
    }

    #[test]
    fn the_keys_are_those_that_scripts_look_for() {
        let json = serde_json::to_value(figures()).unwrap();

        let mut keys: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        assert_eq!(
            keys,
            [
                "bits_per_token",
                "codebook_use",
                "defects",
                "key_kept",
                "seam_db",
                "seam_flux_z",
                "spectral_convergence_db",
                "style_accuracy",
                "style_accuracy_real",
                "takes",
                "tempo_kept",
            ]
        );
        assert_eq!(json["spectral_convergence_db"]["1"], -9.0);
        assert_eq!(json["bits_per_token"]["order2"], 5.0);
        assert_eq!((&json["seam_db"], &json["tempo_kept"]), (&0.5.into(), &0.5.into()));
    }

    #[test]
    fn each_level_has_its_own_goal() {
        let lines = figures().lines("pack", true);

        assert!(lines[1].contains("-21.0 dB") && lines[1].ends_with("met"), "{}", lines[1]);
        assert!(lines[2].contains("≤ -10 dB") && lines[2].ends_with("missed"), "{}", lines[2]);
        assert!(lines.iter().any(|line| line.contains("40 % fewer") && line.ends_with("met")));
    }
}
