//! How the numbers of large matrices are held in memory.

use super::quantised::{GROUP, Quantisation};

/// How the matrices of a transformer's layers are held.
///
/// Everything else is held as `f32`, whatever it is stored as: it is small, or decides between codes by small
/// differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    F32,
    F16,
    BF16,
    /// Eight-bit integers with a 16-bit scale for each 32 of them.
    Q8,
    /// The same with four bits.
    Q4,
}

impl Precision {
    /// All of them, the most exact first.
    pub const ALL: [Self; 5] = [Self::F32, Self::F16, Self::BF16, Self::Q8, Self::Q4];

    /// What users call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::BF16 => "bf16",
            Self::Q8 => "q8",
            Self::Q4 => "q4",
        }
    }

    /// How a matrix of `n_in` inputs is held that is stored as this and asked for as `asked`: what is stored
    /// in few bits stays as it is, for more bits would not make it better; and integers need whole groups.
    pub fn held_as(self, asked: Self, n_in: usize) -> Self {
        match (self, asked) {
            (_, Self::Q8 | Self::Q4) if !n_in.is_multiple_of(GROUP) => self,
            (Self::Q8 | Self::Q4, _) | (Self::F16 | Self::BF16, Self::F32) => self,
            // the one cannot hold the other's numbers, and both take as much
            (Self::F16, Self::BF16) | (Self::BF16, Self::F16) => self,
            _ => asked,
        }
    }

    /// The integers, where it has some.
    pub fn quantisation(self) -> Option<Quantisation> {
        match self {
            Self::F32 | Self::F16 | Self::BF16 => None,
            Self::Q8 => Some(Quantisation::Q8),
            Self::Q4 => Some(Quantisation::Q4),
        }
    }

    /// Bytes of a matrix with its scales.
    pub fn n_bytes(self, n_in: usize, n_out: usize) -> u64 {
        let n_weights = n_in as u64 * n_out as u64;
        let n_scales = n_in.div_ceil(GROUP) as u64 * n_out as u64;
        match self {
            Self::F32 => 4 * n_weights,
            Self::F16 | Self::BF16 => 2 * n_weights,
            Self::Q8 => n_weights + 2 * n_scales,
            Self::Q4 => n_weights / 2 + 2 * n_scales,
        }
    }
}

impl From<Quantisation> for Precision {
    fn from(quantisation: Quantisation) -> Self {
        match quantisation {
            Quantisation::Q8 => Self::Q8,
            Quantisation::Q4 => Self::Q4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_in_few_bits_is_held_as_it_is() {
        use Precision::*;
        for (stored, asked, held) in [
            (F32, Q8, Q8),
            (F32, F16, F16),
            (F16, F32, F16),
            (BF16, F16, BF16),
            (F16, Q4, Q4),
            (Q8, F32, Q8),
            (Q8, Q4, Q8),
        ] {
            assert_eq!(stored.held_as(asked, 64), held, "{stored:?} asked for as {asked:?}");
        }
        assert_eq!(F16.held_as(Q8, 40), F16, "no whole groups");
    }

    #[test]
    fn bytes_are_those_of_the_weights_and_scales() {
        let bytes = Precision::ALL.map(|precision| precision.n_bytes(64, 10));

        assert_eq!(bytes, [2560, 1280, 1280, 640 + 40, 320 + 40]);
    }
}
