//! Intelligibility of speech in a recording with other sounds, compared with the speech alone.
//!
//! The short-time objective intelligibility measure (Taal et al. 2011): the correlation of loudness over some 400 ms in
//! bands of a third of an octave. 1 is the speech itself; speech is intelligible from about 0.6.

/// Sample rate of the measure.
pub const RATE: usize = 10_000;
const FRAME: usize = 256;
const HOP: usize = FRAME / 2;
const FFT: usize = 512;
const BANDS: usize = 15;
const LOWEST_HZ: f64 = 150.0;
/// Frames that are compared together: 384 ms.
const SEGMENT: usize = 30;
/// Limit of the recording's loudness relative to the speech; a higher one counts as this.
const CLIP_DB: f64 = -15.0;

/// Returns the measure of `heard` against `spoken`, which begin at the same moment.
pub fn stoi(spoken: &[f64], heard: &[f64]) -> f64 {
    let len = spoken.len().min(heard.len());
    let (spoken, heard) = (bands(&spoken[..len]), bands(&heard[..len]));
    // Pauses are left out: only frames within 40 dB of the loudest count.
    let energy = |frame: &[f64; BANDS]| frame.iter().map(|value| value * value).sum::<f64>();
    let loudest = spoken.iter().map(energy).fold(0.0, f64::max);
    let (spoken, heard): (Vec<_>, Vec<_>) =
        spoken.into_iter().zip(heard).filter(|(frame, _)| energy(frame) > loudest * 1e-4).unzip();
    let clip = 1.0 + 10.0_f64.powf(-CLIP_DB / 20.0);
    let (mut sum, mut count) = (0.0, 0);
    for start in 0..spoken.len().saturating_sub(SEGMENT) {
        for band in 0..BANDS {
            let of = |frames: &[[f64; BANDS]]| -> Vec<f64> {
                frames[start..start + SEGMENT].iter().map(|frame| frame[band]).collect()
            };
            let (x, y) = (of(&spoken), of(&heard));
            let norm = |v: &[f64]| v.iter().map(|value| value * value).sum::<f64>().sqrt();
            let scale = norm(&x) / norm(&y).max(1e-12);
            let y: Vec<f64> = y.iter().zip(&x).map(|(y, x)| (y * scale).min(x * clip)).collect();
            sum += correlation(&x, &y);
            count += 1;
        }
    }
    if count == 0 { 0.0 } else { sum / f64::from(count) }
}

fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (mx, my) = (mean(x), mean(y));
    let dot: f64 = x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum();
    let norm = |v: &[f64], m: f64| v.iter().map(|value| (value - m).powi(2)).sum::<f64>().sqrt();
    dot / (norm(x, mx) * norm(y, my)).max(1e-12)
}

/// Returns the loudness of each band in each frame.
fn bands(samples: &[f64]) -> Vec<[f64; BANDS]> {
    let window: Vec<f64> = (0..FRAME)
        .map(|i| 0.5 - 0.5 * (std::f64::consts::TAU * (i as f64 + 1.0) / (FRAME as f64 + 1.0)).cos())
        .collect();
    let edges: Vec<usize> = (0..=BANDS)
        .map(|band| {
            let hz = LOWEST_HZ * 2.0_f64.powf((band as f64 - 0.5) / 3.0);
            (hz * FFT as f64 / RATE as f64).round() as usize
        })
        .collect();
    let table: Vec<(f64, f64)> = (0..FFT).map(|i| (std::f64::consts::TAU * i as f64 / FFT as f64).sin_cos()).collect();
    samples
        .windows(FRAME)
        .step_by(HOP)
        .map(|frame| {
            let frame: Vec<f64> = frame.iter().zip(&window).map(|(sample, weight)| sample * weight).collect();
            let power = |bin: usize| {
                let (re, im) = frame.iter().enumerate().fold((0.0, 0.0), |(re, im), (i, sample)| {
                    let (sin, cos) = table[bin * i % FFT];
                    (re + sample * cos, im - sample * sin)
                });
                re * re + im * im
            };
            std::array::from_fn(|band| (edges[band]..edges[band + 1]).map(power).sum::<f64>().sqrt())
        })
        .collect()
}

/// Resamples a sound by averaging or repeating, which suffices for measuring speech.
pub fn resampled(samples: &[i16], from: usize, to: usize) -> Vec<f64> {
    let len = samples.len() * to / from;
    let step = from as f64 / to as f64;
    (0..len)
        .map(|i| {
            let at = i as f64 * step;
            if step > 1.0 {
                let (first, last) = (at as usize, ((at + step) as usize).min(samples.len()));
                let slice = &samples[first..last.max(first + 1).min(samples.len())];
                slice.iter().map(|sample| f64::from(*sample)).sum::<f64>() / slice.len().max(1) as f64
            } else {
                let (whole, part) = (at as usize, at.fract());
                let next = samples.get(whole + 1).copied().unwrap_or(0);
                f64::from(samples[whole]) * (1.0 - part) + f64::from(next) * part
            }
        })
        .collect()
}

/// Returns the delay in samples of `spoken` in `heard`, up to `most`: where first loudness and then shape correlate
/// best.
pub fn delay(spoken: &[f64], heard: &[f64], most: usize) -> usize {
    const COARSE: usize = 50;
    let loudness = |samples: &[f64]| -> Vec<f64> {
        samples.chunks(COARSE).map(|chunk| chunk.iter().map(|sample| sample * sample).sum::<f64>().sqrt()).collect()
    };
    let best = |x: &[f64], y: &[f64], lags: std::ops::RangeInclusive<usize>| -> usize {
        let score = |lag: &usize| {
            let y = y.get(*lag..).unwrap_or_default();
            x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>().abs()
        };
        lags.max_by(|a, b| score(a).total_cmp(&score(b))).unwrap_or(0)
    };
    let coarse = best(&loudness(spoken), &loudness(heard), 0..=most / COARSE) * COARSE;
    best(spoken, heard, coarse.saturating_sub(2 * COARSE)..=coarse + 2 * COARSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns noise with pauses.
    fn babble(seed: u64, len: usize) -> Vec<f64> {
        let mut state = seed;
        let mut loud = 0.0;
        (0..len)
            .map(|i| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let noise = (state >> 40) as f64 / f64::from(1 << 24) - 0.5;
                let target = if (i / 1300 + seed as usize).is_multiple_of(3) { 0.02 } else { 1.0 };
                loud += (target - loud) * 0.003;
                noise * loud
            })
            .collect()
    }

    #[test]
    fn speech_is_understood_alone_and_not_under_something_louder() {
        let (speech, other) = (babble(1, 40_000), babble(8, 40_000));
        let mixed = |level: f64| -> Vec<f64> { speech.iter().zip(&other).map(|(s, o)| s + level * o).collect() };
        assert!(stoi(&speech, &speech) > 0.99);
        let (quiet, loud) = (stoi(&speech, &mixed(0.1)), stoi(&speech, &mixed(10.0)));
        assert!(quiet > 0.9 && loud < 0.5, "{quiet} {loud}");
        let late: Vec<f64> = std::iter::repeat_n(0.0, 777).chain(speech.iter().map(|s| s * 0.3)).collect();
        assert_eq!(delay(&speech, &late, 5000), 777);
    }
}
