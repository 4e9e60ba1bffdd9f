//! WAV files: reading what people have, writing 24-bit takes.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Write};
use std::path::Path;

use hound::{SampleFormat, WavReader};

use super::TakeError;
use super::file::write_whole;
use crate::units::seconds_from_frames;

/// Rates that can be read, in Hz.
const RATES_HZ: std::ops::RangeInclusive<u32> = 1_000..=768_000;
/// Full scale of the samples that are written.
const FULL_SCALE_24: f64 = 8_388_608.0;

/// Audio as it was in the file: full scale is 1, channels are interleaved.
#[derive(Debug, Clone, PartialEq)]
pub struct Audio {
    pub n_channels: usize,
    pub rate_hz: u32,
    pub samples: Vec<f32>,
}

impl Audio {
    pub fn n_frames(&self) -> usize {
        self.samples.len() / self.n_channels
    }

    pub fn seconds(&self) -> f64 {
        seconds_from_frames(self.n_frames(), self.rate_hz.into())
    }

    /// The average of all channels.
    pub fn mono(&self) -> Vec<f32> {
        let average = |frame: &[f32]| frame.iter().sum::<f32>() / self.n_channels as f32;
        self.samples.chunks_exact(self.n_channels).map(average).collect()
    }
}

/// Reads 8- to 32-bit integers or 32-bit floats, with any number of channels.
pub fn read(path: &Path) -> Result<Audio, TakeError> {
    let file = File::open(path).map_err(TakeError::read(path))?;
    let n_bytes = file.metadata().map_err(TakeError::read(path))?.len();
    let mut reader = WavReader::new(BufReader::new(file)).map_err(|e| not_wav(path, e))?;

    let spec = reader.spec();
    let n_channels = usize::from(spec.channels);
    if n_channels == 0 {
        return Err(TakeError::Empty { path: path.into(), what: "channels" });
    }
    if !RATES_HZ.contains(&spec.sample_rate) {
        let (rate_hz, allowed) = (spec.sample_rate, "1000 to 768000 Hz");
        return Err(TakeError::Rate { path: path.into(), rate_hz, allowed });
    }
    let n_promised = reader.duration() as usize;
    if n_promised == 0 {
        return Err(TakeError::Empty { path: path.into(), what: "frames" });
    }

    // A header may promise anything; the file cannot hold more samples than bytes.
    let n_samples = (n_promised * n_channels).min(n_bytes as usize);
    let mut samples = Vec::with_capacity(n_samples);
    let read = match spec.sample_format {
        SampleFormat::Float => fill(&mut samples, reader.samples::<f32>()),
        SampleFormat::Int => {
            let scale = 1.0 / (1u64 << (spec.bits_per_sample - 1)) as f64;
            let integers = reader.samples::<i32>();
            fill(&mut samples, integers.map(|x| Ok((f64::from(x?) * scale) as f32)))
        }
    };
    let found = samples.len() / n_channels;
    match read {
        Err(hound::Error::IoError(_)) if found < n_promised => {
            return Err(TakeError::Truncated { path: path.into(), found, expected: n_promised });
        }
        other => other.map_err(|e| not_wav(path, e))?,
    }
    if let Some(idx) = samples.iter().position(|x| !x.is_finite()) {
        return Err(TakeError::NotFinite { path: path.into(), frame_idx: idx / n_channels });
    }
    Ok(Audio { n_channels, rate_hz: spec.sample_rate, samples })
}

/// Writes mono audio with 24 bits, clipped to full scale.
pub fn write(path: &Path, mono: &[f32], rate_hz: u32) -> Result<(), TakeError> {
    if let Some(frame_idx) = mono.iter().position(|x| !x.is_finite()) {
        return Err(TakeError::UnwritableSample { path: path.into(), frame_idx });
    }
    write_whole(path, |file| write_24(file, mono, rate_hz))
}

/// Plain PCM, which every program reads (hound would write the extensible format for 24 bits).
fn write_24(file: &mut impl Write, mono: &[f32], rate_hz: u32) -> io::Result<()> {
    const BYTES_PER_FRAME: u32 = 3;
    let n_bytes = u32::try_from(mono.len()).ok().and_then(|n| n.checked_mul(BYTES_PER_FRAME));
    let too_long = || io::Error::new(ErrorKind::FileTooLarge, "a WAV file holds at most 4 GB");
    let n_bytes = n_bytes.filter(|n| *n < u32::MAX - 64).ok_or_else(too_long)?;
    let n_padding = n_bytes % 2; // chunks have an even length

    file.write_all(b"RIFF")?;
    file.write_all(&(36 + n_bytes + n_padding).to_le_bytes())?;
    file.write_all(b"WAVEfmt ")?;
    file.write_all(&16u32.to_le_bytes())?; // bytes of this chunk
    file.write_all(&1u16.to_le_bytes())?; // PCM
    file.write_all(&1u16.to_le_bytes())?; // channels
    file.write_all(&rate_hz.to_le_bytes())?;
    file.write_all(&rate_hz.saturating_mul(BYTES_PER_FRAME).to_le_bytes())?;
    file.write_all(&(BYTES_PER_FRAME as u16).to_le_bytes())?;
    file.write_all(&24u16.to_le_bytes())?; // bits
    file.write_all(b"data")?;
    file.write_all(&n_bytes.to_le_bytes())?;
    for x in mono {
        let x = (f64::from(x.clamp(-1.0, 1.0)) * FULL_SCALE_24).round();
        let x = x.min(FULL_SCALE_24 - 1.0) as i32;
        file.write_all(&x.to_le_bytes()[..3])?;
    }
    file.write_all(&[0][..n_padding as usize])
}

fn fill(
    samples: &mut Vec<f32>,
    from: impl Iterator<Item = hound::Result<f32>>,
) -> hound::Result<()> {
    for sample in from {
        samples.push(sample?);
    }
    Ok(())
}

fn not_wav(path: &Path, e: hound::Error) -> TakeError {
    let path = path.to_path_buf();
    match e {
        hound::Error::FormatError("file contains zero channels") => {
            TakeError::Empty { path, what: "channels" }
        }
        hound::Error::FormatError("no RIFF tag found") => {
            TakeError::NotWav { path, problem: "it does not begin with \"RIFF\"".into() }
        }
        // The only failure while reading a header that opened is that it ends.
        hound::Error::IoError(_) => {
            TakeError::NotWav { path, problem: "it ends within its header".into() }
        }
        hound::Error::Unsupported => {
            let problem = "only uncompressed 8- to 32-bit integers and 32-bit floats are".into();
            TakeError::NotWav { path, problem }
        }
        other => TakeError::NotWav { path, problem: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hound::{WavSpec, WavWriter};
    use std::path::PathBuf;

    fn spec(bits_per_sample: u16, sample_format: SampleFormat) -> WavSpec {
        WavSpec { channels: 2, sample_rate: 48_000, bits_per_sample, sample_format }
    }

    /// A path in a folder that lives as long as the test.
    fn temporary(name: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        (dir, path)
    }

    #[test]
    fn every_common_format_reads_as_the_same_sound() {
        for bits in [8, 16, 24, 32] {
            let (_dir, path) = temporary("int.wav");
            let mut writer = WavWriter::create(&path, spec(bits, SampleFormat::Int)).unwrap();
            let half = 1i32 << (bits - 2);
            [half, -half, 0, half].iter().for_each(|x| writer.write_sample(*x).unwrap());
            writer.finalize().unwrap();

            let audio = read(&path).unwrap();

            assert_eq!(audio.samples, [0.5, -0.5, 0.0, 0.5], "{bits} bits");
            assert_eq!(audio.mono(), [0.0, 0.25]);
            assert_eq!(audio.n_frames(), 2);
        }
    }

    #[test]
    fn what_was_written_reads_back_within_a_24_bit_step_and_clipped() {
        let (_dir, path) = temporary("take.wav");
        let mono = [0.1, -0.7, 3.0, -3.0, 1e-9];

        write(&path, &mono, 44_100).unwrap();
        let audio = read(&path).unwrap();

        assert_eq!((audio.n_channels, audio.rate_hz), (1, 44_100));
        for (heard, meant) in audio.samples.iter().zip([0.1, -0.7, 1.0, -1.0, 0.0]) {
            assert!((heard - meant).abs() <= 1.0 / 8_388_608.0, "{heard} {meant}");
        }
    }

    #[test]
    fn what_is_written_is_plain_pcm_of_even_length() {
        let (_dir, path) = temporary("take.wav");

        write(&path, &[0.5; 3], 44_100).unwrap();

        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len(), 44 + 9 + 1);
        assert_eq!(u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize, bytes.len() - 8);
        assert_eq!(bytes[20..22], [1, 0], "PCM, and not the extensible format");
        assert_eq!(read(&path).unwrap().samples, [0.5; 3]);
    }

    #[test]
    fn nothing_is_written_when_a_sample_is_not_a_number() {
        let (_dir, path) = temporary("take.wav");

        let error = write(&path, &[0.0, f32::NAN], 44_100).unwrap_err();

        assert!(error.to_string().contains("frame 1"), "{error}");
        assert!(!path.exists());
    }

    #[test]
    fn a_file_of_something_else_is_named() {
        let (_dir, path) = temporary("song.mp3");
        std::fs::write(&path, "ID3 something else entirely").unwrap();

        let error = read(&path).unwrap_err().to_string();

        assert!(error.contains("song.mp3") && error.contains("not a WAV"), "{error}");
    }

    #[test]
    fn a_file_that_is_cut_short_says_how_much_is_missing() {
        let (_dir, path) = temporary("take.wav");
        write(&path, &[0.5; 100], 44_100).unwrap();
        let whole = std::fs::read(&path).unwrap();

        std::fs::write(&path, &whole[..whole.len() - 30]).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.ends_with("it promises 100 frames but has 90"), "{error}");

        std::fs::write(&path, &whole[..20]).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.ends_with("it ends within its header"), "{error}");
    }

    #[test]
    fn no_channels_no_frames_no_rate_and_no_numbers_are_each_said() {
        let (_dir, path) = temporary("take.wav");
        write(&path, &[0.5; 100], 44_100).unwrap();
        let good = std::fs::read(&path).unwrap();
        let with = |at: usize, bytes: &[u8]| {
            let mut bad = good.clone();
            bad[at..at + bytes.len()].copy_from_slice(bytes);
            std::fs::write(&path, bad).unwrap();
            read(&path).unwrap_err().to_string()
        };

        let no_channels = with(22, &[0, 0]);
        let no_rate = with(24, &[0, 0, 0, 0, 0, 0, 0, 0]);
        write(&path, &[], 44_100).unwrap();
        let no_frames = read(&path).unwrap_err().to_string();
        let mut writer = WavWriter::create(&path, spec(32, SampleFormat::Float)).unwrap();
        [0.0, 0.0, f32::NAN, 0.0].iter().for_each(|x| writer.write_sample(*x).unwrap());
        writer.finalize().unwrap();
        let no_number = read(&path).unwrap_err().to_string();

        assert!(no_channels.ends_with("(0 channels)"), "{no_channels}");
        assert!(no_rate.contains("0 Hz"), "{no_rate}");
        assert!(no_frames.ends_with("(0 frames)"), "{no_frames}");
        assert!(no_number.contains("not a number, at frame 1"), "{no_number}");
    }
}
