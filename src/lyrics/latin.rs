//! Every script in Latin letters.

use std::borrow::Cow;

use super::sources::{GREEK, GREEK_FIRST, NABLA, Source, is_unread, own_spelling};

/// A character in ASCII: as unidecode spells it, or, in scripts that unidecode does not know, as
/// `deunicode` does. Empty where it has no sound.
pub fn latin(c: char) -> Cow<'static, str> {
    match is_unread(c) {
        true => Cow::Borrowed(deunicode::deunicode_char(c).unwrap_or_default()),
        false => unidecoded(c),
    }
}

/// What unidecode 1.1.1 makes of a character, as far as lyrics can tell: symbols that no model knows
/// may differ.
pub fn unidecoded(c: char) -> Cow<'static, str> {
    if c.is_ascii() {
        return Cow::Owned(c.to_string());
    }
    if let Some(spelling) = own_spelling(c) {
        return Cow::Borrowed(spelling);
    }
    let deunicode = deunicode::deunicode_char(c).unwrap_or_default();
    match Source::of(c) {
        Source::Text => Cow::Borrowed(unidecode::unidecode_char(c)),
        Source::Deu => Cow::Borrowed(deunicode),
        Source::Capitals => Cow::Owned(deunicode.to_uppercase()),
        Source::Spaced => Cow::Owned(format!(" {deunicode} ")),
        Source::Boxed => Cow::Owned(format!("[{deunicode}]")),
        Source::Round => Cow::Owned(format!("({deunicode})")),
        Source::Greek => Cow::Owned(greek(c)),
        Source::Unknown => Cow::Borrowed("[?]"),
        Source::Nothing => Cow::Borrowed(""),
    }
}

/// The name of a bold Greek letter.
fn greek(c: char) -> String {
    let idx = (c as usize).saturating_sub(GREEK_FIRST as usize);
    let name = |idx: usize| GREEK.get(idx).copied().unwrap_or_default();
    match idx {
        ..NABLA => {
            let (first, rest) = name(idx).split_at(1); // ASCII, and never empty
            first.to_uppercase() + rest
        }
        NABLA => "nabla".into(),
        _ => name(idx - NABLA - 1).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelt(text: &str) -> String {
        text.chars().map(latin).collect()
    }

    /// A line in every language that has many singers, letter by letter as unidecode spells it.
    #[test]
    fn every_language_reaches_the_model_in_latin_letters() {
        for (text, want) in [
            ("Zażółć gęślą jaźń", "Zazolc gesla jazn"),
            ("Đường về nhà", "Duong ve nha"),
            ("Şarkı söyle", "Sarki soyle"),
            ("Я помню чудное мгновенье", "Ia pomniu chudnoe mgnoven'e"),
            ("Ти ж мене підманула", "Ti zh mene pidmanula"),
            ("Τραγούδι", "Tragoudi"),
            ("東京の夜", "Dong Jing noYe "),
            ("さくら ツキ", "sakura tsuki"),
            ("사랑해", "saranghae"),
            ("月亮代表我的心", "Yue Liang Dai Biao Wo De Xin "),
            ("दिल से", "dil se"),
            ("আমার সোনার", "aamaar sonaar"),
            ("நிலா", "nilaa"),
            ("เพลงรัก", "ephlngrak"),
            ("حبيبي", "Hbyby"),
            ("שלום", "SHlvm"),
            ("სიმღერა", "simg'era"),
            ("Երգ", "Erg"),
            ("ዘፈን", "zafane"),
            ("ꦠꦼꦩ꧀ꦧꦁ", "tem bng"),
            ("ᮜᮌᮥ", "lgu"),
            ("ⵉⵣⵍⵉ", "izli"),
        ] {
            assert_eq!(spelt(text), want, "{text}");
        }
    }
}
