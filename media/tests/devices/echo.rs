//! Echo cancellation in a room: the far voice comes out of the speaker and back into the microphone, and must not be
//! sent back; the near voice must be sent, also while both speak.

use std::collections::VecDeque;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use autamedica_lab::{HANG_GUARD, SoundCard, wait_until};
use autamedica_media::DeviceChoice;
use autamedica_media::audio::{
    AudioProcessing, CHUNK_LEN, Chunk, Microphone, MicrophoneOptions, Mixer, SAMPLE_RATE, Speaker,
};
use parking_lot::Mutex;

use crate::intelligibility::{RATE, delay, resampled, stoi};
use autamedica_lab::child::{Child, is_child, say};

const FAR: &str = "Buenos días, doctora. Desde el lunes tengo un dolor fuerte en la espalda, sobre todo por la mañana, \
    cuando me levanto de la cama. También me cuesta caminar, y anoche casi no pude dormir. Tomé las pastillas que usted \
    me recetó, pero no noté ninguna mejoría. Mi hermana me dijo que podría ser el colchón, y por eso lo cambiamos.";
const NEAR: &str = "Muéstreme por favor dónde le duele exactamente. Respire hondo, levante el brazo derecho y dígame si \
    el dolor aumenta. Vamos a pedir un análisis de sangre y una radiografía de la columna.";
/// Minimum attenuation of the echo in decibels.
const MIN_DECIBELS: f64 = 30.0;
/// Minimum intelligibility of the near voice beside the far one; 1 is that of the near voice alone.
const UNDERSTOOD: f64 = 0.6;
/// Minimum intelligibility of the near voice with a quieter echo, before the canceller: a lower one means that the
/// test's room is wrong.
const WHOLE: f64 = 0.8;
/// Seconds in which the canceller adapts to the room.
const LEARN: usize = 10;
/// Seconds over which the echo is measured.
const MEASURE: usize = 15;
/// Number of measurements with a sound server, which drops samples on a busy machine; each drop makes the canceller
/// adapt again.
const ATTEMPTS: usize = 6;

/// Synthesizes speech: 16-bit samples at 48 kHz, and the file that contains them.
fn voice(folder: &Path, name: &str, text: &str) -> Vec<i16> {
    let file = folder.join(name);
    let answer = Command::new("espeak-ng").args(["-v", name, "-s", "150", "-w"]).arg(&file).arg(text).output();
    assert!(answer.expect("espeak-ng, which `cargo xtask setup --tests` installs").status.success());
    let bytes = std::fs::read(file).expect("what it said");
    let rate = u32::from_le_bytes(bytes[24..28].try_into().unwrap());
    assert_eq!((&bytes[36..40], bytes[22], bytes[34]), (&b"data"[..], 1, 16), "mono, 16 bits");
    let samples: Vec<i16> = bytes[44..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    resampled(&samples, rate as usize, SAMPLE_RATE as usize).into_iter().map(|sample| sample as i16).collect()
}

/// Samples that a microphone delivered so far.
#[derive(Clone, Default)]
struct Recording(Arc<Mutex<Vec<i16>>>);

impl Recording {
    fn sink(&self) -> impl FnMut(&Chunk) + Send + 'static {
        let samples = Arc::clone(&self.0);
        move |chunk| samples.lock().extend_from_slice(chunk)
    }

    fn len(&self) -> usize {
        self.0.lock().len()
    }

    fn wait_for(&self, len: usize) {
        wait_until("sound", HANG_GUARD, || (self.len() >= len).then_some(())).expect("sound");
    }

    fn part(&self, from: usize, to: usize) -> Vec<i16> {
        self.0.lock()[from..to].to_vec()
    }
}

fn energy(samples: &[i16]) -> f64 {
    samples.iter().map(|sample| f64::from(*sample).powi(2)).sum()
}

/// Returns the attenuation of the echo in decibels: the median of the seconds.
fn lower_by(raw: &[i16], clean: &[i16]) -> f64 {
    let second = SAMPLE_RATE as usize;
    let mut seconds: Vec<f64> = raw
        .chunks_exact(second)
        .zip(clean.chunks_exact(second))
        .map(|(heard, left)| 10.0 * (energy(heard).max(1.0) / energy(left).max(1.0)).log10())
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

/// Returns the intelligibility of the near voice in a recording that began with it.
fn understood(near: &[i16], heard: &[i16]) -> f64 {
    let [near, heard] = [near, heard].map(|samples| resampled(samples, SAMPLE_RATE as usize, RATE));
    let late = delay(&near, &heard, 3 * RATE);
    stoi(&near, &heard[late..])
}

/// Repeats a voice for ever.
fn endless(voice: Vec<i16>) -> impl FnMut() -> Chunk + Send {
    let mut position = 0;
    move || {
        std::array::from_fn(|_| {
            let sample = voice[position];
            position = (position + 1) % voice.len();
            sample
        })
    }
}

/// Room without a sound server or a clock: the echo has this delay in milliseconds and attenuation in decibels.
struct Simulated<Far> {
    far: Far,
    processing: AudioProcessing,
    /// Sound that was played but not yet recorded.
    on_its_way: VecDeque<Chunk>,
    gain: f64,
}

impl<Far: FnMut() -> Chunk> Simulated<Far> {
    fn new(far: Far, echo_ms: usize, quieter_db: u32) -> Self {
        let processing = AudioProcessing::new().expect("audio processing");
        // The devices report their delays with errors of some milliseconds.
        processing.set_output_delay(Duration::from_millis(echo_ms as u64 - 20));
        processing.set_input_delay(Duration::from_millis(10));
        let on_its_way = vec![[0; CHUNK_LEN]; echo_ms / 10].into();
        Self { far, processing, on_its_way, gain: 10.0_f64.powf(-f64::from(quieter_db) / 20.0) }
    }

    /// Simulates a number of seconds. Returns the microphone's signal and the processed one. `near` speaks from the
    /// beginning.
    fn seconds(&mut self, seconds: usize, near: &[i16]) -> (Vec<i16>, Vec<i16>) {
        let mut near = near.iter();
        let (mut raw, mut clean) = (Vec::new(), Vec::new());
        for _ in 0..seconds * SAMPLE_RATE as usize / CHUNK_LEN {
            let played = (self.far)();
            self.processing.played(&played);
            self.on_its_way.push_back(played);
            let echo = self.on_its_way.pop_front().expect("what was just pushed, at least");
            let mut heard = echo.map(|sample| {
                let near = f64::from(near.next().copied().unwrap_or(0));
                (f64::from(sample) * self.gain + near).clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16
            });
            raw.extend_from_slice(&heard);
            self.processing.captured(&mut heard);
            clean.extend_from_slice(&heard);
        }
        (raw, clean)
    }
}

#[test]
fn a_far_voice_does_not_come_back_and_a_near_one_is_understood_beside_it() {
    let folder = tempfile::tempdir().expect("folder");
    let (far, near) = (voice(folder.path(), "es", FAR), voice(folder.path(), "es+f3", NEAR));
    for (echo_ms, quieter_db) in [(60, 10), (200, 6)] {
        let mut room = Simulated::new(endless(far.clone()), echo_ms, quieter_db);
        room.seconds(LEARN, &[]);
        let (raw, clean) = room.seconds(MEASURE, &[]);
        let decibels = lower_by(&raw, &clean);
        let (raw, clean) = room.seconds(near.len() / SAMPLE_RATE as usize + 3, &near);
        let (without, with_echo) = (understood(&near, &clean), understood(&near, &raw));
        eprintln!(
            "{echo_ms} ms: the echo comes back {decibels:.1} dB lower; the near voice is understood {without:.2} of 1, \
             {with_echo:.2} with the echo"
        );
        assert!(decibels >= MIN_DECIBELS, "{echo_ms} ms: the echo comes back only {decibels:.1} dB lower");
        assert!(with_echo > WHOLE, "{echo_ms} ms: with the echo it is understood {with_echo:.2} of 1 only");
        assert!(without > UNDERSTOOD, "{echo_ms} ms: the near voice is understood {without:.2} of 1 only");
    }
}

#[test]
fn an_echo_in_a_room_does_not_come_back() {
    if !is_child() {
        for (echo_ms, quieter_db) in [(60, 10), (200, 6)] {
            let card = SoundCard::in_a_room(echo_ms, quieter_db).expect("sound card");
            Child::start("echo::an_echo_in_a_room_does_not_come_back", card.environment()).finish();
        }
        return;
    }
    let folder = tempfile::tempdir().expect("folder");
    let mut far = endless(voice(folder.path(), "es", FAR));

    let mixer = Mixer::new();
    let mut input = mixer.add_stream();
    // The test microphone serves as a clock, with the far voice instead of its tone.
    let clock = MicrophoneOptions { choice: DeviceChoice::Test, tone_hz: 440.0, processing: None };
    let _far = Microphone::open(clock, move |_| input.push(&far()), |_| {});
    // All processing is on, as in a call.
    let processing = AudioProcessing::new().expect("audio processing");
    let _speaker = Speaker::open(DeviceChoice::Default, mixer, Some(processing.clone()), |_| {});
    let real = MicrophoneOptions { choice: DeviceChoice::Default, tone_hz: 440.0, processing: None };
    let (raw, clean) = (Recording::default(), Recording::default());
    let _raw = Microphone::open(real.clone(), raw.sink(), |_| {});
    let _clean =
        Microphone::open(MicrophoneOptions { processing: Some(processing.clone()), ..real }, clean.sink(), |_| {});

    let second = SAMPLE_RATE as usize;
    clean.wait_for(LEARN * second);
    let mut decibels = f64::MIN;
    for attempt in 1..=ATTEMPTS {
        // Shows the waiting parent that the test makes progress.
        say(&format!("measuring, attempt {attempt}"));
        let from = [raw.len(), clean.len()];
        clean.wait_for(from[1] + MEASURE * second);
        raw.wait_for(from[0] + MEASURE * second);
        let measured =
            lower_by(&raw.part(from[0], from[0] + MEASURE * second), &clean.part(from[1], from[1] + MEASURE * second));
        eprintln!("the echo comes back {measured:.1} dB lower, at a delay of {} ms", processing.delay_ms());
        decibels = decibels.max(measured);
        if decibels >= MIN_DECIBELS {
            return;
        }
    }
    panic!("the echo comes back only {decibels:.1} dB lower");
}
