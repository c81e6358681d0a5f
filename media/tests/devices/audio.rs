//! Audio through cpal and PulseAudio: the microphone receives what the speaker plays.

use std::sync::Arc;
use std::time::{Duration, Instant};

use autamedica_engine::AudioProcessingOptions;
use autamedica_lab::{HANG_GUARD, SoundCard, wait_until};
use autamedica_media::audio::{
    AudioProcessing, CHUNK_LEN, Chunk, LevelMeter, Microphone, MicrophoneOptions, Mixer, PlayoutMeter, Speaker,
    ToneMeter, list_microphones, list_speakers,
};
use autamedica_media::{DeviceChoice, DeviceKind, DeviceLists, DeviceProblem, DeviceState};
use parking_lot::Mutex;

use crate::watch::Watch;
use autamedica_lab::child::{Child, is_child, say};

const TONE_HZ: f64 = 440.0;

fn options(choice: DeviceChoice) -> MicrophoneOptions {
    MicrophoneOptions { choice, tone_hz: TONE_HZ, processing: None }
}

/// Feeds the test microphone's tone to a mixer in real time.
fn tone_into(mixer: &Mixer) -> Microphone {
    let mut input = mixer.add_stream();
    Microphone::open(options(DeviceChoice::Test), move |chunk| input.push(chunk), |_| {})
}

/// Sound that a microphone received.
#[derive(Clone, Default)]
struct Heard {
    tone: Arc<Mutex<ToneMeter>>,
}

impl Heard {
    fn sink(&self) -> impl FnMut(&Chunk) + Send + 'static {
        let tone = Arc::clone(&self.tone);
        move |chunk| tone.lock().take(chunk)
    }

    fn hears_the_tone(&self) -> bool {
        self.tone.lock().tone_hz().is_some_and(|hz| (hz - TONE_HZ).abs() < 1.0)
    }
}

#[test]
fn asking_for_devices_again_and_again_opens_nothing_more() {
    if is_child() {
        let open = || std::fs::read_dir("/proc/self/fd").expect("our files").count();
        let there = list_speakers();
        let before = open();
        assert!(!there.is_empty());
        // PulseAudio accepts 64 connections, and devices are listed every few seconds during a call.
        for _ in 0..100 {
            assert_eq!(list_speakers(), there);
        }
        assert_eq!(open(), before);
        return;
    }
    let card = SoundCard::start(48_000).expect("sound card");
    Child::start("audio::asking_for_devices_again_and_again_opens_nothing_more", card.environment()).finish();
}

/// Runs `body` in a child with this card and a tone played into its sink `input`, multiplied by a factor per channel.
fn with_tone_on_channels(test: &str, map: &str, factors: &[f64], body: impl FnOnce()) {
    if is_child() {
        return body();
    }
    let card = SoundCard::with_channels(map).expect("sound card");
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("tone.raw");
    let samples = (0..48_000 * 60).flat_map(|at| {
        let tone = (f64::from(at) * TONE_HZ * std::f64::consts::TAU / 48_000.0).sin() * 6_000.0;
        factors.iter().flat_map(move |factor| ((tone * factor) as i16).to_le_bytes())
    });
    std::fs::write(&file, samples.collect::<Vec<u8>>()).expect("tone");
    let mut player = std::process::Command::new("pacat");
    player.args(["--playback", "--device=input", "--rate=48000", "--format=s16le", "--raw"]);
    player.args([format!("--channels={}", factors.len()), format!("--channel-map={map}")]);
    player.arg(&file).envs(card.environment());
    let _player = autamedica_lab::Process::spawn("pacat", player).expect("player");
    Child::start(&format!("audio::{test}"), card.environment()).finish();
}

fn hears_the_tone_as_loud_as_it_is() {
    let heard = Heard::default();
    let microphone = Microphone::open(options(DeviceChoice::Default), heard.sink(), |_| {});
    wait_until("the tone", HANG_GUARD, || heard.hears_the_tone().then_some(())).expect("the tone is heard");
    // 6000 of 32768 is −15 dBFS at its peaks. A late player causes short silences.
    wait_until("its loudness", HANG_GUARD, || (microphone.level().peak > 0.1).then_some(())).expect("as loud as it is");
}

#[test]
fn eight_numbered_channels_are_heard() {
    let map = "aux0,aux1,aux2,aux3,aux4,aux5,aux6,aux7";
    with_tone_on_channels("eight_numbered_channels_are_heard", map, &[1.0; 8], hears_the_tone_as_loud_as_it_is);
}

#[test]
fn stereo_with_one_channel_inverted_is_heard() {
    let (test, map) = ("stereo_with_one_channel_inverted_is_heard", "front-left,front-right");
    with_tone_on_channels(test, map, &[1.0, -1.0], hears_the_tone_as_loud_as_it_is);
}

#[test]
fn a_speakers_monitor_is_never_a_microphone() {
    if is_child() {
        assert!(list_microphones().is_empty());
        for choice in [DeviceChoice::Default, DeviceChoice::Named("Monitor".to_owned())] {
            let watch = Watch::default();
            let _microphone = Microphone::open(options(choice), |_| {}, watch.on_state());
            watch.wait_for_failure(DeviceProblem::NotFound);
        }
        return;
    }
    let card = SoundCard::without_microphone().expect("sound card");
    Child::start("audio::a_speakers_monitor_is_never_a_microphone", card.environment()).finish();
}

#[test]
fn two_headsets_of_one_name_are_told_apart() {
    if is_child() {
        // The server lists the one at the second port first.
        assert_eq!(list_microphones(), ["Headset (2)", "Headset"]);
        let known = |id: &str, name: &str| DeviceChoice::Known { id: id.to_owned(), name: name.to_owned() };
        assert_eq!(
            DeviceLists::now().choice(DeviceKind::Microphone, "Headset (2)"),
            known("microphone_usb-2", "Headset (2)")
        );
        for (choice, name) in [
            (DeviceChoice::Named("Headset".to_owned()), "Headset"),
            (DeviceChoice::Named("Headset (2)".to_owned()), "Headset (2)"),
            // The server's default source is a monitor.
            (DeviceChoice::Default, "Headset (2)"),
            // The sound server's name decides, whatever the headset was called when it was chosen.
            (known("microphone_usb-2", "Headset"), "Headset (2)"),
            (known("microphone_usb-1", "Headset (2)"), "Headset"),
            (known("microphone_usb-9", "Headset (2)"), "Headset (2)"),
        ] {
            let watch = Watch::default();
            let _microphone = Microphone::open(options(choice), |_| {}, watch.on_state());
            watch.wait_for_on(name);
        }
        return;
    }
    let card = SoundCard::with_two_headsets("Headset").expect("sound card");
    Child::start("audio::two_headsets_of_one_name_are_told_apart", card.environment()).finish();
}

/// Opens a speaker whose output is measured.
fn measured(
    choice: DeviceChoice,
    mixer: Mixer,
    processing: Option<AudioProcessing>,
    meter: &PlayoutMeter,
    on_state: impl Fn(DeviceState) + Send + Sync + 'static,
) -> Speaker {
    Speaker::open_measured(choice, mixer, processing, Some(meter.clone()), on_state)
}

#[test]
fn a_tone_goes_out_of_the_speaker_and_into_the_microphone() {
    if is_child() {
        let mixer = Mixer::new();
        let _tone = tone_into(&mixer);
        let (speaking, listening, heard) = (Watch::default(), Watch::default(), Heard::default());
        let meter = PlayoutMeter::default();
        let _speaker = measured(DeviceChoice::Default, mixer, None, &meter, speaking.on_state());
        let microphone = Microphone::open(options(DeviceChoice::Default), heard.sink(), listening.on_state());
        wait_until("the tone", HANG_GUARD, || heard.hears_the_tone().then_some(())).expect("the tone is heard");
        assert!(meter.tone_hz().is_some_and(|hz| (hz - TONE_HZ).abs() < 1.0), "and measured where it is played");
        // The input was 0.3 of full scale.
        wait_until("the loudness", HANG_GUARD, || {
            let level = microphone.level();
            ((level.rms - 0.3 / 2.0_f32.sqrt()).abs() < 0.01 && (level.peak - 0.3).abs() < 0.02).then_some(())
        })
        .expect("as loud as it was played");
        let played = meter.frames_played();
        let started = Instant::now();
        wait_until("two seconds", HANG_GUARD, || (meter.frames_played() - played >= 200).then_some(())).expect("sound");
        let seconds = started.elapsed().as_secs_f64();
        // The frames are played in real time: neither at once nor at half speed.
        assert!((1.5..4.0).contains(&seconds), "200 frames of 10 ms took {seconds} s");
        return;
    }
    for rate in [48_000, 44_100] {
        let card = SoundCard::start(rate).expect("sound card");
        Child::start("audio::a_tone_goes_out_of_the_speaker_and_into_the_microphone", card.environment()).finish();
    }
}

#[test]
fn a_sound_card_that_is_pulled_out_comes_back() {
    if is_child() {
        let mixer = Mixer::new();
        let _tone = tone_into(&mixer);
        let (speaking, listening, heard) = (Watch::default(), Watch::default(), Heard::default());
        let _speaker = Speaker::open(DeviceChoice::Default, mixer, None, speaking.on_state());
        let _microphone = Microphone::open(options(DeviceChoice::Default), heard.sink(), listening.on_state());
        wait_until("the tone", HANG_GUARD, || heard.hears_the_tone().then_some(())).expect("the tone is heard");
        let (names, inputs) = (list_speakers(), list_microphones());
        assert!(!names.is_empty() && !inputs.is_empty(), "{names:?} {inputs:?}");
        say("heard");
        let failed = |watch: &Watch| {
            wait_until("the failure", HANG_GUARD, || {
                use autamedica_media::DeviceState::Failed;
                matches!(watch.states().last(), Some(Failed(_))).then_some(())
            })
            .expect("reported");
        };
        failed(&speaking);
        failed(&listening);
        *heard.tone.lock() = ToneMeter::default();
        say("failed");
        wait_until("the tone again", HANG_GUARD, || heard.hears_the_tone().then_some(())).expect("it comes back");
        say("heard again");
        return;
    }
    let mut card = SoundCard::start(48_000).expect("sound card");
    let child = Child::start("audio::a_sound_card_that_is_pulled_out_comes_back", card.environment());
    child.hear("heard");
    card.kill();
    child.hear("failed");
    card.restart().expect("restart");
    child.hear("heard again");
    child.finish();
}

#[test]
fn without_a_sound_card_the_call_goes_on() {
    if is_child() {
        let mixer = Mixer::new();
        let _tone = tone_into(&mixer);
        let (speaking, listening) = (Watch::default(), Watch::default());
        let (nothing, meter) = (DeviceChoice::Named("nothing".into()), PlayoutMeter::default());
        let _speaker = measured(nothing, mixer, None, &meter, speaking.on_state());
        let _microphone =
            Microphone::open(options(DeviceChoice::Named("nothing".into())), |_| {}, listening.on_state());
        speaking.wait_for_failure(DeviceProblem::NotFound);
        listening.wait_for_failure(DeviceProblem::NotFound);
        wait_until("sound", HANG_GUARD, || meter.tone_hz().filter(|hz| (hz - TONE_HZ).abs() < 1.0))
            .expect("what would have been played is measured");
        return;
    }
    let nowhere = [("PULSE_SERVER", "unix:/nonexistent"), ("XDG_RUNTIME_DIR", "/nonexistent")];
    Child::start("audio::without_a_sound_card_the_call_goes_on", nowhere).finish();
}

#[test]
fn the_counting_speaker_counts_in_real_time() {
    for choice in [DeviceChoice::Test, DeviceChoice::None] {
        let mixer = Mixer::new();
        let _tone = tone_into(&mixer);
        let meter = PlayoutMeter::default();
        let _speaker = measured(choice, mixer, None, &meter, |_| {});
        let started = Instant::now();
        wait_until("150 frames", HANG_GUARD, || (meter.frames_played() >= 150).then_some(())).expect("frames");
        assert!(started.elapsed() >= Duration::from_millis(1400), "150 frames within {:?}", started.elapsed());
        wait_until("the tone", HANG_GUARD, || meter.tone_hz().filter(|hz| (hz - TONE_HZ).abs() < 1.0)).expect("tone");
    }
}

/// Returns speech-like noise: bursts with pauses, of changing loudness.
fn babble() -> impl FnMut(&mut Chunk) {
    let (mut state, mut count, mut smooth) = (1_u64, 0_u32, 0.0);
    move |chunk| {
        count += 1;
        let loud = if count % 40 < 28 { 3000.0 + f64::from(count * 37 % 3000) } else { 0.0 };
        for sample in chunk {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let noise = f64::from((state >> 40) as u32 % 2001) / 1000.0 - 1.0;
            smooth += (noise - smooth) * 0.3;
            *sample = (smooth * loud) as i16;
        }
    }
}

#[test]
fn what_the_speaker_plays_does_not_come_back() {
    if is_child() {
        let cancel = AudioProcessingOptions { echo_cancellation: true, ..Default::default() };
        let processing = AudioProcessing::with_options(cancel).expect("audio processing");
        let mixer = Mixer::new();
        let (mut input, mut babble) = (mixer.add_stream(), babble());
        // The test microphone serves as a clock for other sound.
        let _source = Microphone::open(
            options(DeviceChoice::Test),
            move |_| {
                let mut chunk = [0; CHUNK_LEN];
                babble(&mut chunk);
                input.push(&chunk);
            },
            |_| {},
        );
        let watch = Watch::default();
        let meter = PlayoutMeter::default();
        let _speaker = measured(DeviceChoice::Default, mixer, Some(processing.clone()), &meter, watch.on_state());
        let energy = |meter: &LevelMeter| f64::from(meter.level().rms).powi(2);
        let (raw, clean) = (LevelMeter::default(), LevelMeter::default());
        let (raw_sink, clean_sink) = (raw.clone(), clean.clone());
        let _raw = Microphone::open(options(DeviceChoice::Default), move |chunk| raw_sink.measure(chunk), |_| {});
        let cleaned = MicrophoneOptions { processing: Some(processing.clone()), ..options(DeviceChoice::Default) };
        let _clean = Microphone::open(cleaned, move |chunk| clean_sink.measure(chunk), |_| {});

        // The canceller first adapts; then both signals are measured.
        let (mut heard, mut left) = (0.0, 0.0);
        let (learn, end) = (meter.frames_played() + 500, meter.frames_played() + 900);
        wait_until("nine seconds of sound", HANG_GUARD, || {
            if meter.frames_played() > learn {
                heard += energy(&raw);
                left += energy(&clean);
            }
            (meter.frames_played() > end).then_some(())
        })
        .expect("sound");
        let decibels = 10.0 * (heard / left.max(f64::MIN_POSITIVE)).log10();
        eprintln!("echo is {decibels:.1} dB lower, at a delay of {} ms", processing.delay_ms());
        assert!(heard > 0.0 && decibels > 15.0, "the echo is only {decibels} dB lower");
        return;
    }
    let card = SoundCard::start(48_000).expect("sound card");
    Child::start("audio::what_the_speaker_plays_does_not_come_back", card.environment()).finish();
}
