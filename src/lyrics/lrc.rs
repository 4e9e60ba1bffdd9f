//! Timed lyrics as LRC, which players show in time with the music.

use super::Word;

/// One line of LRC per line of lyrics, with a time before each word.
///
/// The line begins with its own time in square brackets; players that know no words show the line.
pub fn lrc(words: &[Word]) -> String {
    let mut text = String::from("[re:Encore]\n");
    for line in words.chunk_by(|a, b| a.line == b.line) {
        text += &format!("[{}]", clock(line[0].start_seconds)); // chunks are never empty
        for (i, word) in line.iter().enumerate() {
            let space = if i == 0 { "" } else { " " };
            text += &format!("{space}<{}>{}", clock(word.start_seconds), word.text);
        }
        text.push('\n');
    }
    text
}

/// Minutes, seconds and hundredths.
fn clock(seconds: f64) -> String {
    let hundredths = (seconds.max(0.0) * 100.0).round() as u64;
    format!("{:02}:{:02}.{:02}", hundredths / 6000, hundredths / 100 % 60, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_and_word_has_its_time() {
        let word = |text: &str, line, start_seconds| Word {
            text: text.into(),
            line,
            start_seconds,
            end_seconds: start_seconds + 0.5,
            confidence: 1.0,
        };

        let text = lrc(&[word("Play", 0, 0.0), word("it", 0, 59.996), word("again", 2, 61.25)]);

        let want = "[re:Encore]\n\
            [00:00.00]<00:00.00>Play <01:00.00>it\n\
            [01:01.25]<01:01.25>again\n";
        assert_eq!(text, want);
    }
}
