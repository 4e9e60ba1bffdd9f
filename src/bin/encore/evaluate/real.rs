//! What real songs are like: what their styles are told by, and what they do that takes may do too.

use encore::judge::defects::Findings;
use encore::judge::style::StyleClassifier;

use super::codec::Heard;

/// How often the classifier gives each artist's real music to whom: by artist, then by answer.
pub type Confusion = Vec<Vec<usize>>;

/// Learns styles from excerpts, both as they are and as decoded, so that the codec's sound tells nothing.
pub fn classifier(training: &[Heard], n_artists: usize) -> StyleClassifier {
    let mut pieces = Vec::new();
    for song in training {
        for excerpt in &song.excerpts {
            for sound in [&excerpt.original, &excerpt.decoded] {
                pieces.extend(sound.pieces.iter().map(|piece| (piece.clone(), song.artist_idx)));
            }
        }
    }
    StyleClassifier::train(&pieces, n_artists)
}

/// Whom the classifier hears in held-out songs, as they are and as decoded.
pub fn heard_as(
    classifier: &StyleClassifier,
    held_out: &[Heard],
    n_artists: usize,
) -> [Confusion; 2] {
    let mut confusions = [0, 1].map(|_| vec![vec![0; n_artists]; n_artists]);
    for song in held_out {
        for excerpt in &song.excerpts {
            for (confusion, sound) in
                confusions.iter_mut().zip([&excerpt.original, &excerpt.decoded])
            {
                if let Some(answer) = classifier.artist_of(&sound.pieces) {
                    confusion[song.artist_idx][answer] += 1;
                }
            }
        }
    }
    confusions
}

/// The share on the diagonal; NaN of nothing.
pub fn accuracy(confusion: &Confusion) -> f64 {
    let right: usize = confusion.iter().enumerate().map(|(artist, row)| row[artist]).sum();
    right as f64 / confusion.iter().flatten().sum::<usize>() as f64
}

/// The silences, clippings and loops of each artist's real songs. Silence and loops count as decoded too;
/// what the codec clips is a fault.
pub fn limits(songs: &[&Heard], n_artists: usize) -> Vec<Findings> {
    let of_artist = |artist: usize| {
        let songs = songs.iter().filter(|song| song.artist_idx == artist);
        let excerpts = songs.flat_map(|song| &song.excerpts);
        let findings = excerpts.flat_map(|excerpt| {
            let original = excerpt.original.findings;
            let n_clipped = original.n_clipped;
            [original, Findings { n_clipped, ..excerpt.decoded.findings }]
        });
        Findings::worst(&findings.collect::<Vec<_>>())
    };
    (0..n_artists).map(of_artist).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracy_is_the_share_on_the_diagonal() {
        assert_eq!(accuracy(&vec![vec![3, 1], vec![0, 4]]), 0.875);
    }
}
