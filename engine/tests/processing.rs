//! Audio processing in a synthetic room: echo cancellation, preserved voice, and validation of lengths.
#![allow(clippy::unwrap_used)]

use autamedica_engine::{ApmError, AudioProcessingModule, AudioProcessingOptions};

const RATE: u32 = 48_000;
const FRAME: usize = RATE as usize / 100;

/// Reproducible noise in the rhythm of speech: a seeded generator through a low-pass filter, switched on and off.
struct Voice {
    state: u64,
    low: f64,
    position: usize,
}

impl Voice {
    fn new(seed: u64) -> Self {
        Self { state: seed, low: 0.0, position: 0 }
    }

    fn frame(&mut self) -> [i16; FRAME] {
        std::array::from_fn(|_| {
            self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let noise = (self.state >> 33) as f64 / f64::from(1_u32 << 30) - 1.0;
            self.low += 0.25 * (noise - self.low);
            let syllable = self.position / (RATE as usize / 5) % 4 != 3;
            self.position += 1;
            if syllable { (self.low * 12_000.0) as i16 } else { 0 }
        })
    }
}

fn energy(samples: &[i16]) -> f64 {
    samples.iter().map(|&sample| f64::from(sample).powi(2)).sum()
}

#[test]
fn an_echo_is_cancelled() {
    let options = AudioProcessingOptions { echo_cancellation: true, ..Default::default() };
    let mut apm = AudioProcessingModule::new(options).unwrap();
    let mut far = Voice::new(1);
    // Echo path: 40 ms delay, half the amplitude.
    let delay = 4 * FRAME;
    let mut echo_path = vec![0_i16; delay];
    let (mut echo, mut left) = (0.0, 0.0);
    for frame in 0..1500 {
        let mut played = far.frame();
        echo_path.extend_from_slice(&played);
        apm.process_reverse_stream(&mut played, RATE, 1).unwrap();
        apm.set_stream_delay_ms(40).unwrap();
        let mut heard: Vec<i16> = echo_path.drain(..FRAME).map(|sample| sample / 2).collect();
        let before = energy(&heard);
        apm.process_stream(&mut heard, RATE, 1).unwrap();
        // The canceller adapts for ten seconds; the last five are measured.
        if frame >= 1000 {
            echo += before;
            left += energy(&heard);
        }
    }
    let decibels = 10.0 * (echo / left.max(1.0)).log10();
    eprintln!("the echo is attenuated by {decibels:.1} dB");
    assert!(decibels >= 20.0, "only {decibels:.1} dB");
}

#[test]
fn a_voice_without_echo_is_preserved() {
    let options = AudioProcessingOptions { echo_cancellation: true, high_pass_filter: true, ..Default::default() };
    let mut apm = AudioProcessingModule::new(options).unwrap();
    let mut near = Voice::new(2);
    let (mut before, mut after) = (0.0, 0.0);
    for _ in 0..500 {
        apm.process_reverse_stream(&mut [0; FRAME], RATE, 1).unwrap();
        let mut heard = near.frame();
        before += energy(&heard);
        apm.process_stream(&mut heard, RATE, 1).unwrap();
        after += energy(&heard);
    }
    let decibels = 10.0 * (after / before).log10();
    eprintln!("the voice changed by {decibels:.1} dB");
    assert!(decibels.abs() < 6.0);
}

#[test]
fn a_wrong_length_is_an_error() {
    let mut apm = AudioProcessingModule::new(AudioProcessingOptions::default()).unwrap();
    for samples in [0, 1, 160, 479, 481, 960] {
        let mut data = vec![0; samples];
        let expected = ApmError::Length { samples, expected: 480, sample_rate: RATE, num_channels: 1 };
        assert_eq!(apm.process_stream(&mut data, RATE, 1), Err(expected.clone()));
        assert_eq!(apm.process_reverse_stream(&mut data, RATE, 1), Err(expected));
    }
    for (rate, channels) in [(0, 1), (RATE, 0), (11_025, 1), (u32::MAX, 1), (RATE, 3)] {
        let refused = apm.process_stream(&mut [0; 480], rate, channels);
        assert_eq!(refused, Err(ApmError::Format { sample_rate: rate, num_channels: channels }));
    }
    // Common formats of devices are supported.
    for rate in [8_000, 16_000, 32_000, 44_100, 48_000, 96_000] {
        for channels in [1, 2] {
            let mut data = vec![0; (rate / 100 * channels) as usize];
            apm.process_reverse_stream(&mut data, rate, channels).unwrap();
            apm.process_stream(&mut data, rate, channels).unwrap();
        }
    }
    std::thread::spawn(move || drop(apm)).join().unwrap();
}
