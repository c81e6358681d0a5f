//! Short sounds of the app, synthesized and played independently of a call.

use std::time::{Duration, Instant};

use autamedica_media::DeviceChoice;
use autamedica_media::audio::{CHUNK_LEN, Mixer, SAMPLE_RATE, Speaker};

/// Short sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sound {
    /// A participant waits for admission: two soft rising notes.
    Waiting,
}

/// Notes: frequency in hertz and start in seconds.
const WAITING: [(f64, f64); 2] = [(659.26, 0.0), (880.0, 0.16)];
/// Duration of a note.
const NOTE_SECONDS: f64 = 0.55;
/// Amplitude, 1 being full scale: must not startle people with headphones.
const LOUDNESS: f64 = 0.12;
/// Timeout of opening the speaker.
const OPEN_TIMEOUT: Duration = Duration::from_secs(2);

/// Plays a sound through the system's speaker on its own thread. Ignores failures.
pub fn play(sound: Sound) {
    let spawned = std::thread::Builder::new().name("sound".into()).spawn(move || play_here(sound));
    if let Err(error) = spawned {
        tracing::warn!(%error, "sound thread not started");
    }
}

fn play_here(sound: Sound) {
    let samples = samples(sound);
    let (opened, is_open) = std::sync::mpsc::channel();
    let mixer = Mixer::new();
    let mut input = mixer.add_stream();
    let speaker = Speaker::open(DeviceChoice::Default, mixer, None, move |state| {
        let _ = opened.send(state);
    });
    let deadline = Instant::now() + OPEN_TIMEOUT;
    loop {
        match is_open.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(autamedica_media::DeviceState::On { .. }) => break,
            Ok(autamedica_media::DeviceState::Failed(_)) | Err(_) => return,
            Ok(_) => {}
        }
    }
    let mut next = Instant::now();
    for chunk in samples.chunks(CHUNK_LEN) {
        input.push(chunk);
        // Real time, because the mixer drops samples that are far too early.
        next += Duration::from_millis(10);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    // Waits until mixer and device have played the rest.
    std::thread::sleep(Duration::from_millis(300));
    drop(speaker);
}

/// Returns the samples, 48 kHz mono.
fn samples(sound: Sound) -> Vec<i16> {
    let Sound::Waiting = sound;
    let rate = f64::from(SAMPLE_RATE);
    let last = WAITING.iter().map(|(_, start)| *start).fold(0.0, f64::max);
    let count = ((last + NOTE_SECONDS) * rate) as usize;
    (0..count)
        .map(|n| {
            let t = n as f64 / rate;
            let level: f64 = WAITING
                .iter()
                .filter(|(_, start)| t >= *start)
                .map(|(hertz, start)| {
                    let t = t - start;
                    // Soft attack without a click, then decay.
                    let envelope = (t / 0.012).min(1.0) * (-t * 7.0).exp();
                    envelope * (t * hertz * std::f64::consts::TAU).sin()
                })
                .sum();
            (level * LOUDNESS * f64::from(i16::MAX)) as i16
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sound_is_soft_short_and_ends_in_silence() {
        let samples = samples(Sound::Waiting);
        let seconds = samples.len() as f64 / f64::from(SAMPLE_RATE);
        assert!((0.5..1.0).contains(&seconds), "{seconds}");
        let peak = samples.iter().map(|s| i32::from(s.unsigned_abs())).max().unwrap_or_default();
        assert!((1000..8000).contains(&peak), "{peak}");
        assert!(samples.iter().rev().take(100).all(|s| s.unsigned_abs() < 120), "it ends with a click");
    }
}
