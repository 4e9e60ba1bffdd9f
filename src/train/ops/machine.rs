//! Loops over numbers, compiled for each set of instructions that pays.

/// Defines a function that runs in the widest form that the machine has.
macro_rules! for_machine {
    ($(#[$doc:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $out:ty)? $body:block) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name($($arg: $ty),*) $(-> $out)? {
            #[allow(clippy::too_many_arguments)]
            #[inline(always)]
            fn body($($arg: $ty),*) $(-> $out)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[allow(clippy::too_many_arguments)]
                #[target_feature(enable = "avx512f")]
                fn avx512($($arg: $ty),*) $(-> $out)? {
                    body($($arg),*)
                }
                #[allow(clippy::too_many_arguments)]
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($arg: $ty),*) $(-> $out)? {
                    body($($arg),*)
                }
                if is_x86_feature_detected!("avx512f") {
                    // SAFETY: the machine has these instructions
                    return unsafe { avx512($($arg),*) };
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    // SAFETY: the machine has these instructions
                    return unsafe { avx2($($arg),*) };
                }
            }
            body($($arg),*)
        }
    };
}
pub(super) use for_machine;

/// Sums that run beside each other.
pub const WIDTH: usize = 16;

/// `e^x` to within 2 units of the last place, from -87 to 88; beyond, that of the nearer end.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const MAGIC: f32 = 12_582_912.0; // adding it rounds to a whole number, in the low bits
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + MAGIC;
    let n = shifted - MAGIC;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4; // ln 2 in two parts
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let p = p * r * r + r + 1.0;
    let exponent = shifted.to_bits().wrapping_sub(MAGIC.to_bits()).wrapping_add(127) << 23;
    p * f32::from_bits(exponent)
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// Sum of `term` over pairs of numbers, in an order of its own.
#[inline(always)]
pub fn sum_of(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut sums = [0f32; WIDTH];
    let (a, b) = (a.chunks_exact(WIDTH), b.chunks_exact(WIDTH));
    let rest = a.remainder().iter().zip(b.remainder());
    let rest: f32 = rest.map(|(a, b)| term(*a, *b)).sum();
    for (a, b) in a.zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += term(*a, *b);
        }
    }
    rest + total(sums)
}

/// Highest of some numbers.
#[inline(always)]
pub fn highest_of(a: &[f32]) -> f32 {
    let mut highest = [f32::NEG_INFINITY; WIDTH];
    let chunks = a.chunks_exact(WIDTH);
    let rest = chunks.remainder().iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for chunk in chunks {
        for (highest, a) in highest.iter_mut().zip(chunk) {
            *highest = if *highest < *a { *a } else { *highest };
        }
    }
    highest.into_iter().fold(rest, f32::max)
}

#[inline(always)]
fn total(mut sums: [f32; WIDTH]) -> f32 {
    let mut n = WIDTH / 2;
    while 0 < n {
        for i in 0..n {
            sums[i] += sums[i + n];
        }
        n /= 2;
    }
    sums[0]
}

for_machine! {
    /// Adds numbers to others.
    pub fn add(to: &mut [f32], from: &[f32]) {
        to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_right_to_the_last_places() {
        for i in -870..880 {
            let x = i as f32 * 0.1;

            let (got, want) = (exp(x) as f64, (x as f64).exp());

            assert!((got / want - 1.0).abs() < 3e-7, "exp({x}) is {got} instead of {want}");
        }
    }

    #[test]
    fn sums_leave_nothing_out() {
        for n in [0usize, 1, 15, 16, 17, 100] {
            let numbers: Vec<f32> = (0..n).map(|i| i as f32).collect();

            let got = sum_of(&numbers, &numbers, |a, _| a);

            assert_eq!(got, (n * n.saturating_sub(1)) as f32 / 2.0, "{n}");
            let highest = numbers.last().copied().unwrap_or(f32::NEG_INFINITY);
            assert_eq!(highest_of(&numbers), highest);
        }
    }
}
