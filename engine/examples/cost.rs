//! Measures the cost of a call: one process sends 1280x720 at 30 fps and a tone, another receives both, over a local SFU.
//! Prints CPU, memory, frames and delay of each over ten seconds as a line of JSON.
//!
//! `cargo run --example cost [-- --codec vp8|h264|vp9|av1]`

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use autamedica_engine::{
    AudioStream, LocalAudioTrack, LocalTrack, LocalVideoTrack, NativeAudioSource, NativeVideoSource, RemoteTrack, Room,
    RoomEvent, RoomOptions, TrackPublishOptions, TrackSource, VideoCodec, VideoEncoding, VideoFrame, VideoResolution,
    VideoStream,
};
use autamedica_lab::Sfu;
use livekit_api::access_token::{AccessToken, VideoGrants};
use serde_json::{Value, json};

const SECONDS: u64 = 10;
/// Side of a block of the time code in the top rows: each block is one bit of the clock in milliseconds.
const BLOCK: usize = 16;
const BITS: usize = 20;

const SIZE: (u32, u32) = (1280, 720);

#[tokio::main]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["send", url, codec] => send(url, codec_named(codec)?).await,
        ["receive", url] => receive(url).await,
        [] => run("h264"),
        ["--codec", codec] => run(codec),
        _ => bail!("usage: cost [--codec vp8|h264|vp9|av1]"),
    }
}

fn codec_named(name: &str) -> Result<VideoCodec> {
    Ok(match name {
        "vp8" => VideoCodec::Vp8,
        "h264" => VideoCodec::H264,
        "vp9" => VideoCodec::Vp9,
        "av1" => VideoCodec::Av1,
        _ => bail!("no codec {name:?}: vp8, h264, vp9 or av1"),
    })
}

fn run(codec: &str) -> Result<()> {
    let sfu = Sfu::start()?;
    let program = std::env::current_exe()?;
    let mut receiver = Command::new(&program).args(["receive", &sfu.url()]).spawn()?;
    let mut sender = Command::new(&program).args(["send", &sfu.url(), codec]).spawn()?;
    ensure!(receiver.wait()?.success() && sender.wait()?.success(), "the sender or the receiver failed");
    Ok(())
}

async fn join(url: &str, identity: &str) -> Result<(Room, tokio::sync::mpsc::Receiver<RoomEvent>)> {
    let grants = VideoGrants { room_join: true, room: "room".into(), ..Default::default() };
    let token = AccessToken::with_api_key(Sfu::API_KEY, Sfu::API_SECRET).with_identity(identity).with_grants(grants);
    Ok(Room::connect(url, &token.to_jwt()?, RoomOptions::default()).await?)
}

async fn send(url: &str, video_codec: VideoCodec) -> Result<()> {
    let (width, height) = SIZE;
    let (room, mut events) = join(url, "sender").await?;
    let me = room.local_participant();
    let video = NativeVideoSource::new(VideoResolution { width, height }, false)?;
    let track = LocalTrack::Video(LocalVideoTrack::create_video_track("camera", video.clone())?);
    let encoding = VideoEncoding { max_bitrate: 2_500_000, max_framerate: 30.0 };
    let options = TrackPublishOptions {
        source: TrackSource::Camera,
        simulcast: false,
        video_codec,
        video_encoding: Some(encoding),
        ..Default::default()
    };
    me.publish_track(track, options).await?;
    let audio = NativeAudioSource::new(48_000, 1, 50)?;
    let track = LocalTrack::Audio(LocalAudioTrack::create_audio_track("microphone", audio.clone())?);
    let options = TrackPublishOptions { source: TrackSource::Microphone, ..Default::default() };
    me.publish_track(track, options).await?;
    tokio::spawn(async move {
        let frame: Vec<i16> = (0..480).map(|n| (f64::from(n).mul_add(0.13, 0.0).sin() * 8000.0) as i16).collect();
        while audio.capture_frame(&frame).await.is_ok() {}
    });
    let sender_thread = std::thread::spawn(move || -> Result<()> {
        let started = Instant::now();
        let mut usage = Usage::now()?;
        let mut captured = Duration::ZERO;
        for number in 0..30 * (SECONDS + 5) as u32 {
            if number == 90 {
                usage = Usage::now()?;
                captured = Duration::ZERO;
            }
            if number == 90 + 30 * SECONDS as u32 {
                let each = captured / (30 * SECONDS as u32);
                usage.report("sender", json!({ "capture_frame_ms": each.as_secs_f64() * 1000.0 }))?;
            }
            let frame = paint(width, height, number);
            let before = Instant::now();
            video.capture_frame(&frame, started.elapsed().as_micros() as i64)?;
            captured += before.elapsed();
            let due = Duration::from_secs(1) * (number + 1) / 30;
            std::thread::sleep(due.saturating_sub(started.elapsed()));
        }
        Ok(())
    });
    tokio::task::spawn_blocking(move || sender_thread.join())
        .await?
        .map_err(|_| anyhow::anyhow!("the sender thread panicked"))??;
    events.close();
    Ok(room.close().await?)
}

async fn receive(url: &str) -> Result<()> {
    let (room, mut events) = join(url, "receiver").await?;
    let audio_frames = Arc::new(AtomicU64::new(0));
    let (delays, mut shown) = tokio::sync::mpsc::unbounded_channel();
    let (mut video, mut audio) = (None, None);
    while video.is_none() || audio.is_none() {
        match events.recv().await.context("the events ended")? {
            RoomEvent::TrackSubscribed { track: RemoteTrack::Video(track), .. } => {
                let stream = VideoStream::new(&track)?;
                let (slot, delays) = (stream.frames().clone(), delays.clone());
                stream.frames().on_frame(move || {
                    if let Some(delay) = slot.newest().and_then(|frame| delay_of(&frame)) {
                        _ = delays.send(delay);
                    }
                });
                video = Some(stream);
            }
            RoomEvent::TrackSubscribed { track: RemoteTrack::Audio(track), .. } => {
                let counter = audio_frames.clone();
                let count = move |_: autamedica_engine::AudioFrame<'_>| _ = counter.fetch_add(1, Ordering::Relaxed);
                audio = Some(AudioStream::with_callback(&track, 48_000, 1, count)?);
            }
            _ => {}
        }
    }
    // Warm-up: two seconds of frames.
    for _ in 0..60 {
        shown.recv().await;
    }
    let (usage, audio_before) = (Usage::now()?, audio_frames.load(Ordering::Relaxed));
    let mut delays = Vec::new();
    let end = tokio::time::Instant::now() + Duration::from_secs(SECONDS);
    while let Ok(Some(delay)) = tokio::time::timeout_at(end, shown.recv()).await {
        delays.push(delay);
    }
    delays.sort_unstable();
    let percentile = |part: usize| delays.get(delays.len() * part / 100).copied().unwrap_or_default();
    let figures = json!({
        "video_fps": delays.len() as f64 / SECONDS as f64,
        "audio_frames": (audio_frames.load(Ordering::Relaxed) - audio_before) / SECONDS,
        "latency_p50_ms": percentile(50),
        "latency_p95_ms": percentile(95),
    });
    usage.report("receiver", figures)?;
    Ok(room.close().await?)
}

fn clock_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis() as u64)
}

fn paint(width: u32, height: u32, number: u32) -> VideoFrame {
    let (w, h) = (width as usize, height as usize);
    let mut bytes = vec![128; VideoFrame::packed_len(width, height)];
    for (y, row) in bytes[..w * h].chunks_exact_mut(w).enumerate() {
        for (x, pixel) in row.iter_mut().enumerate() {
            *pixel = ((x + y / 2 + 4 * number as usize) % 256 / 2 + 60) as u8;
        }
    }
    let now = clock_ms();
    for y in 0..BLOCK {
        for x in 0..BITS * BLOCK {
            bytes[y * w + x] = if now >> (x / BLOCK) & 1 == 1 { 235 } else { 16 };
        }
    }
    VideoFrame::from_packed(width, height, bytes, 0).expect("the size fits")
}

fn delay_of(frame: &VideoFrame) -> Option<u64> {
    let now = clock_ms();
    let [luma, ..] = frame.planes();
    let mut sent = 0;
    for bit in 0..BITS {
        let pixel = luma.data.get(luma.stride * (BLOCK / 2) + bit * BLOCK + BLOCK / 2)?;
        sent |= u64::from(*pixel > 125) << bit;
    }
    let delay = now.wrapping_sub(sent) & ((1 << BITS) - 1);
    (delay < 5000).then_some(delay)
}

/// CPU usage of this process since a point in time, from `/proc`.
struct Usage {
    at: Instant,
    ticks: u64,
}

impl Usage {
    fn now() -> Result<Self> {
        let stat = std::fs::read_to_string("/proc/self/stat")?;
        let fields: Vec<&str> = stat.rsplit(')').next().context("fields")?.split_whitespace().collect();
        Ok(Self { at: Instant::now(), ticks: fields[11].parse::<u64>()? + fields[12].parse::<u64>()? })
    }

    fn report(&self, process: &str, mut figures: Value) -> Result<()> {
        let now = Self::now()?;
        // Linux counts 100 ticks per second, so that ticks per second are percent.
        let percent = (now.ticks - self.ticks) as f64 / self.at.elapsed().as_secs_f64();
        let rollup = std::fs::read_to_string("/proc/self/smaps_rollup")?;
        let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB"));
        figures["process"] = process.into();
        figures["cpu_percent"] = percent.into();
        figures["pss_mib"] = (pss.context("no Pss in smaps_rollup")?.parse::<f64>()? / 1024.0).into();
        println!("{figures}");
        Ok(())
    }
}
