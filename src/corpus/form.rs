//! The form of a song: which parts follow each other, and for how long.

/// A kind of section. Where it comes back, the same music comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Intro,
    Verse,
    Chorus,
    Bridge,
    Outro,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Intro => "intro",
            Self::Verse => "verse",
            Self::Chorus => "chorus",
            Self::Bridge => "bridge",
            Self::Outro => "outro",
        }
    }
}

/// Forms by length: letters are sections, numbers their length in half phrases.
const FORMS: [&str; 8] = [
    "C2",
    "V2 C2",
    "I1 V2 C2 O1",
    "I1 V2 C2 V2 C2 O1",
    "I1 V2 C2 V2 C2 B2 C2 O1",
    "I2 V2 C2 V2 C2 B2 C2 O2",
    "I2 V4 C2 V4 C2 B2 C2 O2",
    "I2 V4 C4 V4 C4 B2 C4 O2",
];

/// Sections and their lengths in bars, as near to `n_bars` together as there is a form for.
pub fn form(n_bars: f64, phrase_bars: usize) -> Vec<(Kind, usize)> {
    let mut forms: Vec<_> = FORMS.iter().map(|text| read(text, phrase_bars)).collect();
    let total = |form: &[(Kind, usize)]| form.iter().map(|(_, n)| *n).sum::<usize>() as f64;
    // long songs go round verse and chorus more often
    while let Some(longest) = forms.last().filter(|form| total(form) < n_bars).cloned() {
        let again = longest[1..3].to_vec();
        let longer = [&longest[..1], &again, &longest[1..]].concat();
        forms.push(longer);
    }
    let far = |form: &[(Kind, usize)]| (total(form) - n_bars).abs();
    forms.into_iter().min_by(|a, b| far(a).total_cmp(&far(b))).unwrap_or_default()
}

fn read(text: &str, phrase_bars: usize) -> Vec<(Kind, usize)> {
    let section = |word: &str| {
        let kind = match word.as_bytes()[0] {
            b'I' => Kind::Intro,
            b'V' => Kind::Verse,
            b'C' => Kind::Chorus,
            b'B' => Kind::Bridge,
            _ => Kind::Outro,
        };
        let n_halves: usize = word[1..].parse().unwrap_or(2);
        (kind, (n_halves * phrase_bars / 2).max(1))
    };
    text.split(' ').map(section).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn songs_of_a_minute_have_a_form_with_choruses_that_come_back() {
        let form = form(30.0, 4);

        assert_eq!(form.first().unwrap().0, Kind::Intro);
        assert_eq!(form.last().unwrap().0, Kind::Outro);
        let choruses: Vec<_> = form.iter().filter(|(kind, _)| *kind == Kind::Chorus).collect();
        assert_eq!(choruses.len(), 3);
        assert!(choruses.iter().all(|chorus| chorus.1 == choruses[0].1));
    }

    #[test]
    fn a_form_is_about_as_long_as_asked() {
        for n_bars in [4, 12, 24, 40, 64, 100] {
            let total: usize = form(n_bars.into(), 4).iter().map(|(_, n)| n).sum();
            assert!(total.abs_diff(n_bars as usize) <= 6, "{n_bars}: {total}");
        }
    }
}
