//! Voices in a room: the far one comes out of the speaker and back into the microphone, and must not be sent back; the
//! near one must be, also while both speak.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use autamedica_client::device::DeviceChoice;
use autamedica_client::device::audio::{
    AudioProcessing, CHUNK_LEN, Chunk, Microphone, MicrophoneOptions, Mixer, SAMPLE_RATE, Speaker,
};
use autamedica_lab::{HANG_GUARD, Process, SoundCard, wait_until};
use parking_lot::Mutex;

use crate::child::{Child, is_child, say};
use crate::intelligibility::{RATE, delay, resampled, stoi};

const FAR: &str = "Buenos días, doctora. Desde el lunes tengo un dolor fuerte en la espalda, sobre todo por la mañana, \
    cuando me levanto de la cama. También me cuesta caminar, y anoche casi no pude dormir. Tomé las pastillas que usted \
    me recetó, pero no noté ninguna mejoría. Mi hermana me dijo que podría ser el colchón, y por eso lo cambiamos.";
const NEAR: &str = "Muéstreme por favor dónde le duele exactamente. Respire hondo, levante el brazo derecho y dígame si \
    el dolor aumenta. Vamos a pedir un análisis de sangre y una radiografía de la columna.";
/// How much lower the echo must come back.
const LEAST_DECIBELS: f64 = 30.0;
/// The near voice, over an echo that is quieter, is understood at least so well before the canceller touches it.
const WHOLE: f64 = 0.8;
/// How well the near voice must be understood beside the far one; 1 is as if alone.
const UNDERSTOOD: f64 = 0.6;
/// How often it is said before the machine is too busy for this test.
const ATTEMPTS: usize = 4;
/// Seconds in which the canceller gets to know the room.
const LEARN: usize = 10;
/// Seconds over which the echo is measured.
const MEASURE: usize = 15;

/// Somebody says something: 16-bit samples at 48 kHz, and the file they are in.
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

/// What a microphone delivered so far.
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

/// How well the near voice is understood in a recording that began with it.
fn understood(near: &[i16], heard: &[i16]) -> f64 {
    let [near, heard] = [near, heard].map(|samples| resampled(samples, SAMPLE_RATE as usize, RATE));
    let late = delay(&near, &heard, 3 * RATE);
    stoi(&near, &heard[late..])
}

#[test]
fn a_far_voice_does_not_come_back_and_a_near_one_is_understood_beside_it() {
    if !is_child() {
        for (echo_ms, quieter_db) in [(60, 10), (200, 6)] {
            let card = SoundCard::in_a_room(echo_ms, quieter_db).expect("sound card");
            let test = "echo::a_far_voice_does_not_come_back_and_a_near_one_is_understood_beside_it";
            Child::start(test, card.environment()).finish();
        }
        return;
    }
    let folder = tempfile::tempdir().expect("folder");
    let (far, near) = (voice(folder.path(), "es", FAR), voice(folder.path(), "es+f3", NEAR));

    let mixer = Mixer::new();
    let mut input = mixer.add_stream();
    let mut position = 0;
    // The test microphone's clock, with the far voice in the place of its tone, over and over.
    let clock = MicrophoneOptions { choice: DeviceChoice::Test, tone_hz: 440.0, processing: None };
    let speak = move |_: &Chunk| {
        let mut chunk = [0; CHUNK_LEN];
        for sample in &mut chunk {
            *sample = far[position];
            position = (position + 1) % far.len();
        }
        input.push(&chunk);
    };
    let _far = Microphone::open(clock, speak, |_| {});
    // As in a call: everything on.
    let processing = AudioProcessing::new().expect("audio processing");
    let _speaker = Speaker::open(DeviceChoice::Default, mixer, Some(processing.clone()), |_| {});
    let real = MicrophoneOptions { choice: DeviceChoice::Default, tone_hz: 440.0, processing: None };
    let (raw, clean) = (Recording::default(), Recording::default());
    let _raw = Microphone::open(real.clone(), raw.sink(), |_| {});
    let _clean =
        Microphone::open(MicrophoneOptions { processing: Some(processing.clone()), ..real }, clean.sink(), |_| {});

    // Only the far voice.
    let second = SAMPLE_RATE as usize;
    clean.wait_for(LEARN * second);
    let from = [raw.len(), clean.len()];
    clean.wait_for(from[1] + MEASURE * second);
    raw.wait_for(from[0] + MEASURE * second);
    // Second by second: on a busy machine the sound server drops a piece now and then, and with it the room is another
    // for a moment, which says nothing of the canceller. So half of the seconds, not their sum.
    let mut seconds: Vec<f64> = (0..MEASURE)
        .map(|i| {
            let heard = energy(&raw.part(from[0] + i * second, from[0] + (i + 1) * second));
            let left = energy(&clean.part(from[1] + i * second, from[1] + (i + 1) * second));
            10.0 * (heard.max(1.0) / left.max(1.0)).log10()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    let decibels = seconds[MEASURE / 2];

    // Both. Where the sound server dropped pieces of either voice, the near one is said again.
    let mut both = (0.0, 0.0);
    for attempt in 1..=ATTEMPTS {
        // Whoever waits for us knows that we are at it.
        say(&format!("near voice, attempt {attempt}"));
        let from = [raw.len(), clean.len()];
        let mut player = Command::new("paplay");
        player.args(["--device", "room"]).arg(folder.path().join("es+f3"));
        let _player = Process::spawn("paplay", player).expect("paplay");
        let len = near.len() + 3 * second;
        clean.wait_for(from[1] + len);
        raw.wait_for(from[0] + len);
        both = (
            understood(&near, &clean.part(from[1], from[1] + len)),
            understood(&near, &raw.part(from[0], from[0] + len)),
        );
        if both.1 > WHOLE && both.0 > UNDERSTOOD {
            break;
        }
        eprintln!("the near voice came through in pieces ({:.2}, {:.2}); once more", both.1, both.0);
    }
    let (without, with_echo) = both;
    eprintln!(
        "the echo comes back {decibels:.1} dB lower ({:.1} to {:.1}), at a delay of {} ms; the near voice is understood {without:.2} of 1, \
         {with_echo:.2} with the echo",
        seconds[0],
        seconds[MEASURE - 1],
        processing.delay_ms()
    );
    assert!(decibels >= LEAST_DECIBELS, "the echo comes back only {decibels:.1} dB lower");
    assert!(with_echo > WHOLE, "the machine is too busy: the near voice came through in pieces, {with_echo:.2} of 1");
    assert!(without > UNDERSTOOD, "the near voice is understood {without:.2} of 1 only");
}
