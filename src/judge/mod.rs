//! How good music is, in numbers: audio, codes and labels in, measures out. Knows no network.
