//! CPU cost of devices on this machine: `cargo test --test devices cost -- --ignored --nocapture`.

use std::hint::black_box;
use std::time::Duration;

use autamedica_media::audio::{CHUNK_LEN, Mixer, Tone, ToneMeter};
use autamedica_media::{CameraFormat, CardStyle, PixelFormat, TestCard, timecode, to_i420};

/// Returns the CPU time of this thread; other processes don't count.
fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a valid pointer to write to.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Prints the duration of one call, and its share of a core at a number of calls per second.
fn cost(what: &str, per_second: f64, mut work: impl FnMut()) {
    work();
    let started = cpu_time();
    let mut calls = 0_u32;
    while cpu_time() - started < Duration::from_millis(300) {
        work();
        calls += 1;
    }
    let each = (cpu_time() - started).as_secs_f64() / f64::from(calls);
    println!("{what:<40} {:>8.1} us  {:>6.2} % of a core", each * 1e6, each * per_second * 100.0);
}

#[test]
#[ignore = "a measurement"]
fn cost_of_pictures_and_sound() {
    let (width, height) = (1280, 720);
    let card = TestCard::new(CameraFormat::default(), &CardStyle::new("doctor", 0));
    let mut elapsed = Duration::ZERO;
    cost("test card, 1280x720", 30.0, || {
        elapsed += Duration::from_millis(33);
        black_box(card.draw(1_795_000_000_000_000, elapsed));
    });
    let frame = card.draw(1_795_000_000_000_000, elapsed);
    cost("reading its time", 30.0, || {
        black_box(timecode::read(&frame));
    });
    let noise: Vec<u8> = (0..width * height * 4).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for format in [
        PixelFormat::Yuyv,
        PixelFormat::Nv12,
        PixelFormat::Gray,
        PixelFormat::Rgb,
        PixelFormat::Bgrx,
        PixelFormat::JpegYuv,
    ] {
        let stride = format.row_len(width as usize);
        cost(&format!("{format:?} to I420, 1280x720"), 30.0, || {
            black_box(to_i420(format, &noise, stride, width, height, 0));
        });
    }

    let mixer = Mixer::new();
    let mut inputs: Vec<_> = (0..4).map(|_| mixer.add_stream()).collect();
    let (mut chunk, mut tone, mut meter) = ([0; CHUNK_LEN], Tone::new(440.0, 0.3), ToneMeter::default());
    cost("mixing four streams, 10 ms", 100.0, || {
        inputs.iter_mut().for_each(|input| input.push(&chunk));
        mixer.mix(&mut chunk);
    });
    cost("a tone, 10 ms", 100.0, || tone.fill(&mut chunk));
    cost("tone meter: taking 10 ms in", 100.0, || meter.take(&chunk));
    cost("tone meter: finding the tone", 1.0, || {
        black_box(meter.tone_hz());
    });
}

/// `CARDS=folder` writes the cards as PPM pictures.
#[test]
#[ignore = "writes pictures to look at"]
fn pictures_of_the_cards() {
    let Some(folder) = std::env::var_os("CARDS") else { return };
    for (label, seed) in [("doctor", 0), ("paciente", 1), ("", 2)] {
        let card = TestCard::new(CameraFormat::default(), &CardStyle::new(label, seed));
        let frame = card.draw(1_795_000_000_123_400, Duration::from_millis(700));
        let mut ppm = format!("P6\n{} {}\n255\n", frame.width(), frame.height()).into_bytes();
        for y in 0..frame.height() as usize {
            for x in 0..frame.width() as usize {
                let [y, u, v] = crate::watch::pixel(&frame, x, y).map(f64::from);
                let (y, u, v) = (1.164 * (y - 16.0), u - 128.0, v - 128.0);
                ppm.extend(
                    [y + 1.596 * v, y - 0.392 * u - 0.813 * v, y + 2.017 * u].map(|c| c.clamp(0.0, 255.0) as u8),
                );
            }
        }
        std::fs::write(std::path::Path::new(&folder).join(format!("card-{seed}.ppm")), ppm).expect("written");
    }
}
