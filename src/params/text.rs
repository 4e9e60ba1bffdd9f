//! Values as people read and type them.

use super::{Kind, Param};
use crate::link::Labels;

/// `value` in words; artists and genres by name where the pack has one.
pub fn text(param: &Param, value: f64, labels: &Labels) -> String {
    let value = param.sane(value);
    match param.kind {
        Kind::Trigger | Kind::OnOff | Kind::Bypass => if value > 0.5 { "On" } else { "Off" }.into(),
        Kind::Artist => label_text(&labels.artists, value),
        Kind::Genre => label_text(&labels.genres, value),
        Kind::Seconds => format!("{value:.2} s"),
        Kind::Number => format!("{value:.3}"),
        Kind::Whole => format!("{value:.0}"),
        Kind::Percent => format!("{:.1} %", value * 100.0),
        Kind::Decibels => format!("{:.2} dB", (value * 100.0).round() / 100.0 + 0.0), // no -0.00
        Kind::Choice(names) => names.get(value as usize).copied().unwrap_or_default().into(),
    }
}

/// Reads what [`text`] writes, and numbers with or without their unit. `None` when it means nothing here.
pub fn parse(param: &Param, text: &str, labels: &Labels) -> Option<f64> {
    let text = text.trim();
    let value = match param.kind {
        Kind::Trigger | Kind::OnOff | Kind::Bypass => match text.to_lowercase().as_str() {
            "on" | "yes" | "true" | "1" => 1.0,
            "off" | "no" | "false" | "0" => 0.0,
            _ => return None,
        },
        Kind::Artist => parse_label(&labels.artists, text)?,
        Kind::Genre => parse_label(&labels.genres, text)?,
        Kind::Choice(names) => {
            let is_meant = |name: &&str| name.to_lowercase() == text.to_lowercase();
            names.iter().position(is_meant).map(|value| value as f64).or_else(|| number(text))?
        }
        Kind::Percent => number(text)? / 100.0,
        Kind::Seconds | Kind::Number | Kind::Whole | Kind::Decibels => number(text)?,
    };
    Some(param.sane(value))
}

/// "3: Tidewater", or "3" where the pack has no such row.
fn label_text(names: &[String], value: f64) -> String {
    match names.get(value as usize).filter(|name| !name.is_empty()) {
        Some(name) => format!("{value:.0}: {name}"),
        None => format!("{value:.0}"),
    }
}

fn parse_label(names: &[String], text: &str) -> Option<f64> {
    let is_it = |name: &String| !name.is_empty() && name.to_lowercase() == text.to_lowercase();
    let by_name = names.iter().position(is_it);
    let by_number = || text.split(':').next().and_then(|digits| digits.trim().parse::<u32>().ok());
    by_name.map(|id| id as f64).or_else(|| by_number().map(f64::from))
}

fn number(text: &str) -> Option<f64> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit() && c != '.').trim();
    digits.parse().ok().filter(|n: &f64| n.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::{ParamId, TABLE};

    fn labels() -> Labels {
        Labels {
            artists: vec!["unknown".into(), "Foundry".into()],
            genres: vec!["unknown".into(), "house".into()],
            ..Labels::default()
        }
    }

    #[test]
    fn every_text_reads_back_as_its_value() {
        for p in &TABLE {
            for share in [0.0, 0.2, 0.5, 1.0] {
                let value = p.plain(share);
                let shown = text(p, value, &labels());
                let read =
                    parse(p, &shown, &labels()).unwrap_or_else(|| panic!("{} {shown}", p.name));
                assert_eq!(text(p, read, &labels()), shown, "{}", p.name);
            }
        }
    }

    #[test]
    fn a_choice_is_read_by_name_and_by_number() {
        let take_over = ParamId::TakeOver.param();

        assert_eq!(text(take_over, 1.0, &labels()), "next bar");
        assert_eq!(parse(take_over, " Loop End ", &labels()), Some(2.0));
        assert_eq!(parse(take_over, "1", &labels()), Some(1.0));
        assert_eq!(parse(take_over, "never", &labels()), None);
    }

    #[test]
    fn an_artist_can_be_typed_by_name_in_any_case() {
        let artist = ParamId::Artist.param();

        assert_eq!(parse(artist, "foundry", &labels()), Some(1.0));
        assert_eq!(text(artist, 1.0, &labels()), "1: Foundry");
        assert_eq!(parse(artist, "nobody", &labels()), None);
    }
}
