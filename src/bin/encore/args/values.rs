//! What may be typed for a value, and what is said where it makes no sense.

use encore::jukebox::DeviceChoice;
use encore::pack::Precision;
use encore::pack::convert::StoredAs;
use encore::takes::Windows;

use super::song::Until;
use crate::bench::shape::PriorShape;

/// Takes that can be asked for at once.
const MAX_TAKES: usize = 64;

pub fn stored_as(text: &str) -> Result<StoredAs, String> {
    match text {
        "given" => Ok(StoredAs::Given),
        "f32" => Ok(StoredAs::F32),
        "f16" => Ok(StoredAs::F16),
        "bf16" => Ok(StoredAs::BF16),
        "q8" => Ok(StoredAs::Q8),
        "q4" => Ok(StoredAs::Q4),
        _ => Err("not f32, f16, bf16, q8 or q4".into()),
    }
}

pub fn held_as(text: &str) -> Result<Precision, String> {
    let named = Precision::ALL.into_iter().find(|precision| precision.name() == text);
    named.ok_or("not f32, f16, bf16, q8 or q4".into())
}

pub fn device(text: &str) -> Result<DeviceChoice, String> {
    text.parse().map_err(|_| "not cpu, cuda, cuda:N (for card N) or metal".into())
}

pub fn seconds(text: &str) -> Result<f64, String> {
    let value = text.parse().unwrap_or(f64::NAN);
    let sound = value > 0.0 && value <= 86_400.0;
    sound.then_some(value).ok_or("not a number of seconds above 0, at most 86400".into())
}

pub fn minutes(text: &str) -> Result<f64, String> {
    let value = text.parse().unwrap_or(f64::NAN);
    let sound = value > 0.0 && value <= 10_080.0;
    sound.then_some(value).ok_or("not a number of minutes above 0, at most 10080".into())
}

pub fn least_one(text: &str) -> Result<u64, String> {
    let value = text.parse().ok().filter(|n| (1..=1 << 20).contains(n));
    value.ok_or(format!("not a whole number from 1 to {}", 1 << 20))
}

pub fn temperature(text: &str) -> Result<f64, String> {
    let value = text.parse().unwrap_or(f64::NAN);
    let sound = value > 0.0 && value <= 100.0;
    sound.then_some(value).ok_or("not a number above 0, at most 100".into())
}

pub fn top_p(text: &str) -> Result<f64, String> {
    let value = text.parse().unwrap_or(f64::NAN);
    let sound = value > 0.0 && value <= 1.0;
    sound.then_some(value).ok_or("not a share above 0, at most 1".into())
}

pub fn top_k(text: &str) -> Result<usize, String> {
    let value = text.parse().ok().filter(|k| *k > 0);
    value.ok_or("not a whole number above 0".into())
}

pub fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("not a whole number from 0 to {}", u64::MAX))
}

pub fn share(text: &str) -> Result<f64, String> {
    let value = text.parse().unwrap_or(f64::NAN);
    let sound = (0.0..=0.5).contains(&value);
    sound.then_some(value).ok_or("not a share from 0 to 0.5".into())
}

pub fn level(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "not a level (0 is the finest)".into())
}

pub fn n_takes(text: &str) -> Result<usize, String> {
    let value = text.parse().ok().filter(|n| (1..=MAX_TAKES).contains(n));
    value.ok_or(format!("not a whole number from 1 to {MAX_TAKES}"))
}

pub fn prior_shape(text: &str) -> Result<PriorShape, String> {
    let sizes = text.split_once('x').and_then(|(width, depth)| {
        Some(PriorShape { width: width.parse().ok()?, depth: depth.parse().ok()? })
    });
    let sound = |shape: &PriorShape| {
        shape.width.is_multiple_of(16)
            && (16..=8192).contains(&shape.width)
            && (1..=256).contains(&shape.depth)
    };
    sizes.filter(sound).ok_or("not WIDTHxDEPTH, such as 2048x72; widths are multiples of 16".into())
}

pub fn windows(text: &str) -> Result<Windows, String> {
    match text {
        "exact" => Ok(Windows::Exact),
        "parallel" => Ok(Windows::Parallel),
        _ => Err("not exact or parallel".into()),
    }
}

pub fn until(text: &str) -> Result<Until, String> {
    match text {
        "top" => Ok(Until::Top),
        "middle" => Ok(Until::Middle),
        "bottom" => Ok(Until::Bottom),
        _ => Err("not top, middle or bottom".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_numbers_are_refused() {
        for text in ["0", "-1", "NaN", "inf", "1e9", "", "two"] {
            assert!(seconds(text).is_err(), "{text}");
            assert!(temperature(text).is_err(), "{text}");
            assert!(top_p(text).is_err(), "{text}");
            assert!(top_k(text).is_err(), "{text}");
            assert!(n_takes(text).is_err(), "{text}");
        }
        assert_eq!(seconds("2.5"), Ok(2.5));
        assert_eq!(n_takes("64"), Ok(64));
    }
}
