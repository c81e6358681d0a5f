//! A foreign client with a valid patient's token that does all it can against the doctor's window.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use autamedica_api::{Consultation, Role};
use autamedica_engine::{
    ByteStreamWriter, DataPacket, LocalParticipant, LocalTrack, LocalVideoTrack, NativeVideoSource, Room, RoomOptions,
    StreamByteOptions, StreamTextOptions, TrackPublishOptions, TrackSource, VideoFrame, VideoResolution,
};
use autamedica_lab::{Display, HANG_GUARD, wait_until};
use serde_json::Value;

use crate::support::{App, Backend, now_ms};

/// How long the attack goes on, unless `AUTAMEDICA_HOSTILE_SECONDS` says.
const ATTACK_SECONDS: u64 = 15;
/// How long the window is watched before.
const CALM_SECONDS: u64 = 8;
/// What the doctor's process may hold at the most.
const MEMORY_MIB: u64 = 300;
/// How many times as much of the processor the window's thread may take for a pass as before.
const COST: f64 = 2.0;
/// Names, file names and topics with characters that turn, hide and end things.
const ODD: &str = "Dr.\u{202e}\u{2066} \u{0}\u{7}\n\u{200b}gpj.exe\u{feff}";

fn attack_seconds() -> u64 {
    std::env::var("AUTAMEDICA_HOSTILE_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ATTACK_SECONDS)
}

/// Whether the whole of what is promised was asked for, on a machine that has nothing else to do.
fn is_whole_minute() -> bool {
    attack_seconds() >= 60
}

/// Where the attacker stands, and how much it got rid of.
#[derive(Default)]
struct Attack {
    begun: AtomicBool,
    over: AtomicBool,
    lines: AtomicU64,
    large: AtomicU64,
    bombs: AtomicU64,
    photos: AtomicU64,
    streams: AtomicU64,
    frames: AtomicU64,
}

impl Attack {
    fn is_on(&self) -> bool {
        self.begun.load(Ordering::Relaxed) && !self.over.load(Ordering::Relaxed)
    }

    fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// The attacker runs on a thread of lower priority: in a consultation it would be another machine.
fn attacker(consultation: &Consultation, attack: &Arc<Attack>) -> std::thread::JoinHandle<Result<()>> {
    let (url, token, attack) = (consultation.livekit_url.clone(), consultation.patient_token.clone(), attack.clone());
    std::thread::spawn(move || {
        // SAFETY: a plain system call about the calling thread, whose children inherit it.
        unsafe { libc::nice(10) };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(async move {
            let (room, mut events) = Room::connect(&url, &token, RoomOptions::default()).await?;
            tokio::spawn(async move { while events.recv().await.is_some() {} });
            let me = room.local_participant();
            let video = tokio::spawn(send_video(me.clone(), attack.clone()));
            while !attack.begun.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            // First, because what follows fills the channel that opening them takes.
            let streams = open_streams(&me, &attack).await;
            let tasks = [
                tokio::spawn(flood_streams(me.clone(), attack.clone())),
                tokio::spawn(flood_packets(me.clone(), attack.clone())),
                tokio::spawn(send_large_messages(me.clone(), attack.clone())),
                tokio::spawn(send_bombs(me.clone(), attack.clone())),
                tokio::spawn(send_photos(me.clone(), attack.clone())),
                tokio::spawn(keep_streams_open(streams, attack.clone())),
                tokio::spawn(change_names(me.clone(), attack.clone())),
            ];
            // What the SFU or the engine refuses is their defence, not a failure of this test.
            for task in tasks {
                task.await?;
            }
            video.await??;
            // The doctor has left by then, and the room with it.
            let _ = room.close().await;
            Ok(())
        })
    })
}

/// Thirty pictures a second: steady ones before the attack, and then one of another size each.
async fn send_video(me: LocalParticipant, attack: Arc<Attack>) -> Result<()> {
    let size = |number: u64| {
        if number == 0 { (640, 360) } else { (320 + 2 * (number * 37 % 160), 180 + 2 * (number * 23 % 90)) }
    };
    let source = NativeVideoSource::new(VideoResolution { width: 640, height: 360 }, false)?;
    let track = LocalVideoTrack::create_video_track("camera", source.clone())?;
    let options = TrackPublishOptions { source: TrackSource::Camera, simulcast: false, ..Default::default() };
    me.publish_track(LocalTrack::Video(track), options).await?;
    let started = Instant::now();
    let mut tick = tokio::time::interval(Duration::from_millis(33));
    let mut number = 0;
    while !attack.over.load(Ordering::Relaxed) {
        tick.tick().await;
        number = if attack.is_on() { number + 1 } else { 0 };
        let (width, height) = size(number);
        let (width, height) = (width as u32, height as u32);
        let time = i64::try_from(started.elapsed().as_micros())?;
        let pixels = vec![(number % 200) as u8 + 20; VideoFrame::packed_len(width, height)];
        let frame = VideoFrame::from_packed(width, height, pixels, 0).context("a frame")?;
        source.capture_frame(&frame, time)?;
        Attack::count(&attack.frames);
    }
    Ok(())
}

/// A thousand lines a second in the old form, over the channel that loses what it can't carry.
async fn flood_packets(me: LocalParticipant, attack: Arc<Attack>) {
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    let mut number = 0_u64;
    while attack.is_on() {
        tick.tick().await;
        for _ in 0..20 {
            number += 1;
            let text = format!("{ODD} line {number} http://a.b http://c.d");
            let old = serde_json::json!({"id": format!("old {number}"), "timestamp": 1, "message": text}).to_string();
            let topic = Some("lk-chat-topic".to_owned());
            let data = DataPacket { payload: old.into_bytes(), topic, reliable: false, ..Default::default() };
            if me.publish_data(data).await.is_ok() {
                Attack::count(&attack.lines);
            }
        }
    }
}

/// As many lines as streams as the channel takes beside all else.
async fn flood_streams(me: LocalParticipant, attack: Arc<Attack>) {
    let mut number = 0_u64;
    while attack.is_on() {
        number += 1;
        let text = format!("{ODD} streamed line {number} http://a.b http://c.d");
        if me.send_chat_message(&text).await.is_ok() {
            Attack::count(&attack.lines);
        }
    }
}

/// Chat lines of 10 MB, made of links.
async fn send_large_messages(me: LocalParticipant, attack: Arc<Attack>) {
    let text = "http://a.b ".repeat(1_000_000);
    while attack.is_on() {
        if me.send_chat_message(&text).await.is_ok() {
            Attack::count(&attack.large);
        }
        let options = StreamTextOptions { topic: "chat-history".into(), ..Default::default() };
        // Counted by the chat message; a patient isn't believed anyway.
        let _ = me.send_text(&text, options).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// 60 MB that travel as 60 kB.
async fn send_bombs(me: LocalParticipant, attack: Arc<Attack>) {
    while attack.is_on() {
        let options = StreamByteOptions { topic: "files".into(), name: Some(ODD.into()), ..Default::default() };
        if me.send_bytes(vec![0; 60_000_000], options).await.is_ok() {
            Attack::count(&attack.bombs);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Photos whose pixels would take hundreds of megabytes, and some that are shown.
async fn send_photos(me: LocalParticipant, attack: Arc<Attack>) {
    let png = |side: u32| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let encoded = image::GrayImage::new(side, side).write_to(&mut bytes, image::ImageFormat::Png);
        encoded.map(|()| bytes.into_inner()).unwrap_or_default()
    };
    let photos = [png(9000), png(6000), png(3500)];
    for photo in photos.iter().cycle() {
        if !attack.is_on() {
            return;
        }
        let options = StreamByteOptions {
            topic: "files".into(),
            name: Some(format!("{ODD}.png")),
            mime_type: Some("image/png".into()),
            total_length: Some(photo.len() as u64),
            ..Default::default()
        };
        if me.send_bytes(photo.clone(), options).await.is_ok() {
            Attack::count(&attack.photos);
        }
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
}

/// Opens fifty streams.
async fn open_streams(me: &LocalParticipant, attack: &Attack) -> Vec<ByteStreamWriter> {
    let mut writers = Vec::new();
    for number in 0..50 {
        let topic = if number % 2 == 0 { "files" } else { ODD };
        let options = StreamByteOptions { topic: topic.into(), name: Some(ODD.into()), ..Default::default() };
        if let Ok(writer) = me.stream_bytes(options).await {
            writers.push(writer);
            Attack::count(&attack.streams);
        }
    }
    writers
}

/// Never ends these streams, and writes a little to each once a second.
async fn keep_streams_open(writers: Vec<ByteStreamWriter>, attack: Arc<Attack>) {
    while attack.is_on() {
        for writer in &writers {
            // A stream that the engine has given up is replaced by none.
            let _ = writer.write(vec![7; 10_000]).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Other names, metadata and attributes all the time, where the token allows it.
async fn change_names(me: LocalParticipant, attack: Arc<Attack>) {
    let mut number = 0;
    while attack.is_on() {
        number += 1;
        let _ = me.set_name(&format!("{ODD}{number}{}", "\u{202e}x".repeat(5000))).await;
        let _ = me.set_metadata(&"x".repeat(30_000)).await;
        let _ = me.set_attributes(HashMap::from([(format!("{number}"), "x".repeat(10_000))])).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Memory of a process in MiB: now, and at the most so far.
fn memory_mib(process: u32) -> Option<(u64, u64)> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    Some((field("VmRSS:")? / 1024, field("VmHWM:")? / 1024))
}

/// How long the window's thread, a program's first, has run so far, in milliseconds of a processor.
fn ui_thread_ms(process: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/task/{process}/stat"))?;
    // The name before may hold anything. User and system time are the 14th and 15th field, in hundredths of a second.
    let (_, fields) = text.rsplit_once(')').context("no name in stat")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(ticks as f64 * 10.0)
}

/// Passes drawn a second, from the first of these seconds to before the last.
fn drawn(report: &Value, from: u64, to: u64) -> Result<f64> {
    let seconds: Vec<(u64, u64)> = serde_json::from_value(report["ui_seconds"].clone())?;
    let within =
        seconds.iter().filter(|(second, _)| (from..to).contains(second)).map(|(_, passes)| passes).sum::<u64>();
    Ok(within as f64 / (to - from) as f64)
}

#[test]
fn a_hostile_patient_neither_freezes_nor_fills_the_doctors_window() -> Result<()> {
    let backend = Backend::start()?;
    let consultation = backend.create("hostile")?;
    let display = Display::start(1400, 800)?;
    let folder = tempfile::tempdir()?;
    let seconds = attack_seconds();
    // This doctor has answered before what the red button does.
    let settings = folder.path().join("doctor config/autamedica");
    std::fs::create_dir_all(&settings)?;
    std::fs::write(settings.join("settings.json"), r#"{"hangUp": "leave"}"#)?;
    let mut doctor = App::start(&display, &backend, Role::Doctor, "hostile", seconds + 180, "", folder.path())?;
    doctor.wait_for_screen("Call", 1)?;
    let attack = Arc::new(Attack::default());
    let attacking = attacker(&consultation, &attack);
    doctor.wait_for_log("a remote video opened", 1)?;
    let window = doctor.window(&display)?;
    display.xdotool(&["windowactivate", "--sync", &window, "key", "--clearmodifiers", "ctrl+shift+c"])?;

    // The first second is for what has just begun.
    std::thread::sleep(Duration::from_secs(2));
    let (calm, ran_before_calm) = (now_ms() / 1000, ui_thread_ms(doctor.id())?);
    std::thread::sleep(Duration::from_secs(CALM_SECONDS));
    let (begun, ran_before_attack) = (now_ms() / 1000, ui_thread_ms(doctor.id())?);
    attack.begun.store(true, Ordering::Relaxed);
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut most = 0;
    while Instant::now() < end {
        ensure!(doctor.is_running()?, "the doctor's app ended");
        most = most.max(memory_mib(doctor.id()).context("its memory")?.0);
        std::thread::sleep(Duration::from_millis(100));
    }
    let (ended, ran_at_end) = (now_ms() / 1000, ui_thread_ms(doctor.id())?);
    let (_, peak) = memory_mib(doctor.id()).context("its memory")?;

    // Hanging up while all of it goes on.
    display.xdotool(&["windowactivate", "--sync", &window, "key", "--clearmodifiers", "ctrl+shift+c"])?;
    // The bar moves while the chat closes, which takes a fraction of this.
    std::thread::sleep(Duration::from_secs(1));
    doctor.point_at_hang_up(&display)?;
    let clicked = now_ms();
    display.xdotool(&["click", "1"])?;
    doctor.wait_for_screen("End", 1)?;
    attack.over.store(true, Ordering::Relaxed);
    doctor.close()?;
    let report = doctor.report()?;
    wait_until("the attacker's end", 2 * HANG_GUARD, || attacking.is_finished().then_some(()))?;
    attacking.join().map_err(|_| anyhow::anyhow!("the attacker panicked"))??;

    let screens: Vec<(String, u64)> = serde_json::from_value(report["screens"].clone())?;
    let (_, left) = screens.iter().find(|(screen, _)| screen == "end").context("the end screen")?;
    let took = left.saturating_sub(clicked);
    let (before, during) = (drawn(&report, calm, begun)?, drawn(&report, begun + 1, ended)?);
    let cost_before = (ran_before_attack - ran_before_calm) / (before * (begun - calm) as f64);
    let cost_during = (ran_at_end - ran_before_attack) / (during * (ended - begun) as f64);
    let sent = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    eprintln!(
        "in {seconds} s: {} lines, {} large ones, {} bombs, {} photos, {} streams, {} frames; {before:.1} passes a second \
         before, {during:.1} during, of {cost_before:.1} and {cost_during:.1} ms; {most} MiB, {peak} at the most; hung up in {took} ms",
        sent(&attack.lines),
        sent(&attack.large),
        sent(&attack.bombs),
        sent(&attack.photos),
        sent(&attack.streams),
        sent(&attack.frames),
    );
    ensure!(sent(&attack.lines) > 100 * seconds && sent(&attack.bombs) > 0 && sent(&attack.streams) == 50, "no attack");
    // Where the SFU and the attacker want the same two cores, the window gets fewer turns. That it does no more in each says
    // that it isn't held up, on any machine; the rate itself is for one that has nothing else to do.
    ensure!(cost_during <= cost_before * COST, "{cost_during:.1} ms a pass, and {cost_before:.1} before");
    if is_whole_minute() {
        ensure!(during >= before * 25.0 / 30.0, "{during:.1} passes a second, and {before:.1} before");
    }
    ensure!(most < MEMORY_MIB, "{most} MiB");
    ensure!(took < 2000, "hung up in {took} ms");
    assert_eq!(report["end"], "HungUp", "{report}");
    Ok(())
}
