//! The peaks of what was heard at their places in the song, kept up as they come and go, so that showing
//! half an hour costs no more than copying it.

use std::{collections::BTreeMap, ops::Range};

/// Columns that are kept together.
const PAGE_COLUMNS: i64 = 256;

/// One column: its peak, and 1 + the number of the peak, or 0 where there is none.
type Column = ([f32; 2], u64);

/// Columns of the song, each as wide as a peak. Where the song was heard again, the newest peak is on show.
#[derive(Default)]
pub struct Picture {
    pages: BTreeMap<i64, Page>,
}

struct Page {
    columns: Box<[Column]>,
    n_shown: usize,
}

impl Picture {
    /// Peak `number` is the newest at `column`.
    pub fn show(&mut self, column: i64, number: u64, peak: [f32; 2]) {
        let page = self.pages.entry(column.div_euclid(PAGE_COLUMNS)).or_insert_with(|| Page {
            columns: vec![([0.0; 2], 0); PAGE_COLUMNS as usize].into(),
            n_shown: 0,
        });
        let shown = &mut page.columns[column.rem_euclid(PAGE_COLUMNS) as usize];
        page.n_shown += usize::from(shown.1 == 0);
        *shown = (peak, number + 1);
    }

    /// Peak `number`, which was at `column`, is forgotten.
    pub fn forget(&mut self, column: i64, number: u64) {
        let key = column.div_euclid(PAGE_COLUMNS);
        let Some(page) = self.pages.get_mut(&key) else { return };
        let shown = &mut page.columns[column.rem_euclid(PAGE_COLUMNS) as usize];
        if shown.1 == number + 1 {
            *shown = ([0.0; 2], 0);
            page.n_shown -= 1;
            if page.n_shown == 0 {
                self.pages.remove(&key);
            }
        }
    }

    /// Columns from the first to the last that has a peak.
    pub fn range(&self) -> Option<Range<i64>> {
        let is_shown = |column: &Column| column.1 != 0;
        let (first, last) = (self.pages.first_key_value()?, self.pages.last_key_value()?);
        let start = first.1.columns.iter().position(is_shown)? as i64;
        let end = last.1.columns.iter().rposition(is_shown)? as i64 + 1;
        Some(first.0 * PAGE_COLUMNS + start..last.0 * PAGE_COLUMNS + end)
    }

    /// Hands over every column of `range` that has a peak.
    pub fn columns(&self, range: Range<i64>, mut take: impl FnMut(i64, [f32; 2])) {
        if range.is_empty() {
            return;
        }
        let pages = range.start.div_euclid(PAGE_COLUMNS)..=range.end.div_euclid(PAGE_COLUMNS);
        for (key, page) in self.pages.range(pages) {
            for (column, (peak, number)) in (key * PAGE_COLUMNS..).zip(&page.columns) {
                if *number != 0 && range.contains(&column) {
                    take(column, *peak);
                }
            }
        }
    }

    /// Memory that it takes.
    pub fn n_bytes(&self) -> usize {
        self.pages.len() * PAGE_COLUMNS as usize * size_of::<Column>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_pass_covers_an_earlier_one_and_outlives_it() {
        let mut picture = Picture::default();
        picture.show(-3, 0, [-1.0, 1.0]);
        picture.show(1_000, 1, [-2.0, 2.0]);
        picture.show(-3, 2, [-3.0, 3.0]);

        picture.forget(-3, 0);
        let mut shown = Vec::new();
        picture.columns(-10..2_000, |column, peak| shown.push((column, peak[1])));
        assert_eq!(shown, [(-3, 3.0), (1_000, 2.0)]);
        assert_eq!(picture.range(), Some(-3..1_001));
        picture.forget(1_000, 1);
        picture.forget(-3, 2);
        assert_eq!((picture.range(), picture.n_bytes()), (None, 0));
    }
}
