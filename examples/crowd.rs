//! Twelve people in one room: eleven light publishers and the doctor's window, which is measured.
//!
//! `cargo xtask bench crowd` runs it. Prints one JSON object:
//!
//! | field | is |
//! | --- | --- |
//! | `ui_fps`, `cpu_percent` | of the doctor's window, over the whole call |
//! | `rss_mib` | its resident memory, one value every ten seconds |
//! | `sent_kbps` | what the publishers' pictures cost them while the window shows them |
//! | `hidden_kbps` | the same while it is minimised: nobody looks |
//! | `back_kbps` | the same after it came back |

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use autamedica_engine::{
    LocalTrack, LocalVideoTrack, NativeVideoSource, Room, RoomEvent, RoomOptions, TrackKind, TrackPublishOptions,
    TrackSource, VideoEncoding, VideoResolution,
};
use autamedica_lab::{Display, Process, Sfu, built_program};
use autamedica_media::{CameraFormat, CardStyle, TestCard, now_us};
use clap::Parser;
use livekit_api::access_token::{AccessToken, VideoGrants};
use serde_json::{Value, json};
use tokio::sync::mpsc::Receiver;
use tokio::time::{MissedTickBehavior, interval, sleep};

const ROOM: &str = "crowd";
const SIZE: VideoResolution = VideoResolution { width: 320, height: 180 };
const FPS: u32 = 15;
/// Long enough for pausing, which is debounced, to have reached the publishers.
const SETTLE: Duration = Duration::from_secs(6);
const MEASURE: Duration = Duration::from_secs(5);

#[derive(Parser)]
struct Options {
    /// How long the call lasts, in seconds.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(30..=36_000))]
    seconds: u64,
    /// How many publishers join beside the doctor.
    #[arg(long, default_value_t = 11)]
    publishers: u32,
}

struct Publisher {
    room: Room,
    source: NativeVideoSource,
    _events: Receiver<RoomEvent>,
}

fn main() -> Result<()> {
    // An error means that it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let figures = runtime.block_on(run(&options))?;
    println!("{figures}");
    Ok(())
}

async fn run(options: &Options) -> Result<Value> {
    let (sfu, display) = (Sfu::start()?, Display::start(1280, 720)?);
    let mut publishers = Vec::new();
    for number in 0..options.publishers {
        publishers.push(publish(&sfu, number).await?);
    }
    let ended = Arc::new(AtomicBool::new(false));
    let camera = feed(&publishers, ended.clone())?;

    let folder = tempfile::tempdir()?;
    let report = folder.path().join("report.json");
    let mut app = display.command(built_program("autamedica")?);
    app.args(["--url", &sfu.url(), "--role", "doctor", "--title", "crowd doctor", "--camera", "test"]);
    app.args(["--microphone", "test", "--speaker", "none", "--seconds", &options.seconds.to_string()]);
    app.arg("--report").arg(&report).env("AUTAMEDICA_TOKEN", token("doctor", "doctor")?);
    app.stdin(Stdio::null()).stdout(Stdio::null());
    let began = Instant::now();
    let mut doctor = Process::spawn("autamedica", app)?;
    let window = display.window("crowd doctor")?;

    let mut rss_mib = Vec::new();
    let mut every = interval(Duration::from_secs(10));
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let hide_at = Duration::from_secs(options.seconds).saturating_sub(3 * (SETTLE + MEASURE));
    while began.elapsed() < hide_at {
        every.tick().await;
        rss_mib.push(resident_mib(doctor.id())?);
    }
    let sent_kbps = kbps(&publishers).await?;
    display.xdotool(&["windowminimize", &window])?;
    sleep(SETTLE).await;
    let hidden_kbps = kbps(&publishers).await?;
    display.xdotool(&["windowmap", &window])?;
    display.xdotool(&["windowactivate", &window])?;
    sleep(SETTLE).await;
    let back_kbps = kbps(&publishers).await?;
    doctor.signal(libc::SIGTERM)?;
    doctor.wait(Duration::from_secs(60))?;
    ended.store(true, Ordering::Release);
    camera.join().ok().context("the camera's thread panicked")?;

    let report: Value = serde_json::from_str(&std::fs::read_to_string(&report).context("reading the report")?)?;
    let doctor = &report["clients"][0];
    Ok(json!({
        "participants": options.publishers + 1,
        "ui_fps": doctor["ui_fps"], "cpu_percent": doctor["cpu_percent"], "rss_mib": rss_mib,
        "sent_kbps": sent_kbps, "hidden_kbps": hidden_kbps, "back_kbps": back_kbps,
    }))
}

async fn publish(sfu: &Sfu, number: u32) -> Result<Publisher> {
    let identity = format!("guest-{number}");
    let options = RoomOptions { dynacast: true, auto_subscribe: false, ..RoomOptions::default() };
    let (room, events) = Room::connect(&sfu.url(), &token(&identity, "patient")?, options).await?;
    let source = NativeVideoSource::new(SIZE, false)?;
    let track = LocalVideoTrack::create_video_track("camera", source.clone())?;
    let options = TrackPublishOptions {
        source: TrackSource::Camera,
        // With a single layer there is nothing between sent and paused.
        simulcast: false,
        video_encoding: Some(VideoEncoding { max_bitrate: 150_000, max_framerate: f64::from(FPS) }),
        ..TrackPublishOptions::default()
    };
    room.local_participant().publish_track(LocalTrack::Video(track), options).await?;
    Ok(Publisher { room, source, _events: events })
}

/// One card for all: what is measured is the other end.
fn feed(publishers: &[Publisher], ended: Arc<AtomicBool>) -> Result<std::thread::JoinHandle<()>> {
    let sources: Vec<_> = publishers.iter().map(|publisher| publisher.source.clone()).collect();
    let format = CameraFormat { width: SIZE.width, height: SIZE.height, fps: FPS };
    let card = TestCard::new(format, &CardStyle::new("crowd", 1));
    let thread = std::thread::Builder::new().name("camera".into()).spawn(move || {
        let (began, period) = (Instant::now(), Duration::from_secs(1) / FPS);
        let mut next = began;
        while !ended.load(Ordering::Acquire) {
            let now = now_us();
            let frame = card.draw(now, began.elapsed());
            for source in &sources {
                // A picture that the engine can't take now is a picture less.
                let _ = source.capture_frame(&frame, now);
            }
            next += period;
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    })?;
    Ok(thread)
}

/// What all publishers' pictures take together, in thousand bits a second.
async fn kbps(publishers: &[Publisher]) -> Result<f64> {
    let before = sent_bytes(publishers).await?;
    let began = Instant::now();
    sleep(MEASURE).await;
    let sent = sent_bytes(publishers).await?.saturating_sub(before);
    Ok((sent as f64 * 8.0 / 1000.0 / began.elapsed().as_secs_f64()).round())
}

async fn sent_bytes(publishers: &[Publisher]) -> Result<u64> {
    let mut bytes = 0;
    for publisher in publishers {
        let stats = publisher.room.get_stats().await?;
        bytes += stats.outbound().filter(|it| it.kind == Some(TrackKind::Video)).map(|it| it.bytes_sent).sum::<u64>();
    }
    Ok(bytes)
}

fn token(identity: &str, role: &str) -> Result<String> {
    let grants = VideoGrants { room_join: true, room: ROOM.into(), ..VideoGrants::default() };
    let metadata = json!({ "role": role, "consultationId": ROOM, "userId": identity }).to_string();
    let token = AccessToken::with_api_key(Sfu::API_KEY, Sfu::API_SECRET).with_identity(identity);
    Ok(token.with_metadata(&metadata).with_grants(grants).to_jwt()?)
}

fn resident_mib(pid: u32) -> Result<u64> {
    let statm = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("statm"))?;
    let pages: u64 = statm.split(' ').nth(1).context("reading statm")?.parse()?;
    Ok(pages * 4096 / (1024 * 1024))
}
