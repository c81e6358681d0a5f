//! Measures what a codec makes of moving natural pictures: sends them over a local SFU at a bitrate and compares what
//! arrives with what was captured. Prints a line of JSON.
//!
//! ```text
//! picture VIDEO render FOLDER  makes the video (YUV4MPEG2) from still pictures
//! picture VIDEO send CODEC KBPS  sends it from the engine: vp8, h264, vp9 or av1
//! picture VIDEO receive URL  receives it from another sender, with the token of AUTAMEDICA_TOKEN
//! ```
//!
//! FOLDER has `astronaut.png`, `chelsea.png` and `coffee.png` of scikit-image.

mod scenes;
mod ssim;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use autamedica_engine::{
    LocalTrack, LocalVideoTrack, NativeVideoSource, RemoteTrack, Room, RoomEvent, RoomOptions, TrackKind,
    TrackPublishOptions, TrackSource, VideoCodec, VideoEncoding, VideoFrame, VideoResolution, VideoStream,
};
use autamedica_lab::{Sfu, cpu_time};
use livekit_api::access_token::{AccessToken, VideoGrants};
use serde_json::json;
use tokio::sync::mpsc;

use scenes::{FPS, HEIGHT, Scenes, WIDTH};

/// Time for the estimate of the bandwidth to reach the bitrate.
const WARM_UP: Duration = Duration::from_secs(8);
const WINDOW: Duration = Duration::from_secs(16);
/// Share of the frames that are compared; the others only count.
const COMPARED: usize = 6;

#[tokio::main]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        [video, "render", folder] => scenes::render(Path::new(folder), Path::new(video)),
        [video, "receive", url] => {
            let token = std::env::var("AUTAMEDICA_TOKEN").context("AUTAMEDICA_TOKEN")?;
            let scenes = Scenes::read(Path::new(video))?;
            receive(Room::connect(url, &token, RoomOptions::default()).await?, &scenes).await
        }
        [video, "send", codec, kbps] => {
            let (sfu, scenes) = (Sfu::start()?, Arc::new(Scenes::read(Path::new(video))?));
            let (sender, _events) = join(&sfu, "sender").await?;
            let _sending = send(&sender, scenes.clone(), codec, kbps.parse()?).await?;
            receive(join(&sfu, "receiver").await?, &scenes).await?;
            Ok(sender.close().await?)
        }
        _ => bail!("usage: picture VIDEO (render FOLDER | send CODEC KBPS | receive URL)"),
    }
}

async fn join(sfu: &Sfu, identity: &str) -> Result<(Room, mpsc::Receiver<RoomEvent>)> {
    let grants = VideoGrants { room_join: true, room: "room".into(), ..Default::default() };
    let token = AccessToken::with_api_key(Sfu::API_KEY, Sfu::API_SECRET).with_identity(identity).with_grants(grants);
    Ok(Room::connect(&sfu.url(), &token.to_jwt()?, RoomOptions::default()).await?)
}

/// Stops sending when it is dropped.
struct Sending(Arc<()>);

async fn send(room: &Room, scenes: Arc<Scenes>, codec: &str, kbps: u64) -> Result<Sending> {
    let video_codec = match codec {
        "vp8" => VideoCodec::Vp8,
        "h264" => VideoCodec::H264,
        "vp9" => VideoCodec::Vp9,
        "av1" => VideoCodec::Av1,
        _ => bail!("no codec {codec:?}: vp8, h264, vp9 or av1"),
    };
    let video = NativeVideoSource::new(VideoResolution { width: WIDTH as u32, height: HEIGHT as u32 }, false)?;
    let options = TrackPublishOptions {
        source: TrackSource::Camera,
        simulcast: false,
        video_codec,
        video_encoding: Some(VideoEncoding { max_bitrate: kbps * 1000, max_framerate: f64::from(FPS) }),
        ..Default::default()
    };
    let track = LocalTrack::Video(LocalVideoTrack::create_video_track("camera", video.clone())?);
    room.local_participant().publish_track(track, options).await?;
    let sending = Sending(Arc::new(()));
    let alive = Arc::downgrade(&sending.0);
    std::thread::spawn(move || -> Result<()> {
        let started = Instant::now();
        for number in 0.. {
            if alive.upgrade().is_none() {
                break;
            }
            let frame = scenes.frame(number);
            video.capture_frame(&frame, started.elapsed().as_micros() as i64)?;
            let due = Duration::from_secs(1) * (number as u32 + 1) / FPS;
            std::thread::sleep(due.saturating_sub(started.elapsed()));
        }
        Ok(())
    });
    Ok(sending)
}

async fn receive((room, mut events): (Room, mpsc::Receiver<RoomEvent>), scenes: &Scenes) -> Result<()> {
    let track = loop {
        let event = events.recv().await.context("the events ended")?;
        if let RoomEvent::TrackSubscribed { track: RemoteTrack::Video(track), .. } = event {
            break track;
        }
    };
    let stream = VideoStream::new(&track)?;
    let (frames, mut shown) = mpsc::unbounded_channel();
    let slot = stream.frames().clone();
    stream.frames().on_frame(move || {
        if let Some(frame) = slot.newest() {
            _ = frames.send(frame);
        }
    });
    let warm = tokio::time::Instant::now() + WARM_UP;
    while let Ok(Some(_)) = tokio::time::timeout_at(warm, shown.recv()).await {}
    let (bytes_before, cpu_before) = (received(&room).await?, cpu_time(std::process::id()).context("/proc")?);
    let end = tokio::time::Instant::now() + WINDOW;
    let (mut number, mut unread) = (0_usize, 0_usize);
    let mut compared = Vec::new();
    let mut size = (0, 0);
    while let Ok(Some(frame)) = tokio::time::timeout_at(end, shown.recv()).await {
        number += 1;
        size = (frame.width(), frame.height());
        if number % COMPARED == 0 {
            match scenes.captured(&frame) {
                Some(captured) => compared.push((captured, copy(&frame)?)),
                None => unread += 1,
            }
        }
    }
    let kbps = 8.0 * (received(&room).await? - bytes_before) as f64 / 1000.0 / WINDOW.as_secs_f64();
    let cpu = cpu_time(std::process::id()).context("/proc")? - cpu_before;
    let codec =
        room.get_stats().await?.inbound().find(|it| it.kind == Some(TrackKind::Video)).map(|it| it.codec.clone());
    room.close().await?;
    // Comparing is for after the call: it would take the time of encoding and decoding.
    ensure!(!compared.is_empty(), "no frame of {number} could be told apart ({unread} unreadable)");
    let mut luma = Vec::new();
    let mut chroma = Vec::new();
    for (number, shown) in compared {
        let planes = ssim::of_frames(&scenes.frame(number), &shown);
        luma.push(planes[0]);
        chroma.push((planes[1] + planes[2]) / 2.0);
    }
    luma.sort_by(f64::total_cmp);
    let mean = |all: &[f64]| all.iter().sum::<f64>() / all.len() as f64;
    let figures = json!({
        "codec": codec, "fps": number as f64 / WINDOW.as_secs_f64(), "kbps": kbps, "width": size.0, "height": size.1,
        "ssim": mean(&luma), "ssim_p5": luma[luma.len() / 20], "chroma_ssim": mean(&chroma),
        "compared": luma.len(), "unread": unread, "cpu_percent": 100.0 * cpu.as_secs_f64() / WINDOW.as_secs_f64(),
    });
    writeln!(std::io::stdout(), "{figures}")?;
    Ok(())
}

/// Copies a frame, because the engine's decoders have a limited number of them.
fn copy(frame: &VideoFrame) -> Result<VideoFrame> {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let mut bytes = Vec::with_capacity(VideoFrame::packed_len(frame.width(), frame.height()));
    for (index, plane) in frame.planes().into_iter().enumerate() {
        let (width, height) = if index == 0 { (width, height) } else { (width.div_ceil(2), height.div_ceil(2)) };
        plane.data.chunks(plane.stride).take(height).for_each(|row| bytes.extend_from_slice(&row[..width]));
    }
    VideoFrame::from_packed(frame.width(), frame.height(), bytes, 0).context("a frame without pixels")
}

async fn received(room: &Room) -> Result<u64> {
    let stats = room.get_stats().await?;
    Ok(stats.inbound().filter(|it| it.kind == Some(TrackKind::Video)).map(|it| it.bytes_received).sum())
}
