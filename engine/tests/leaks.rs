//! Joining and leaving again and again, with media, keeps neither memory nor threads. A process of its own.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use anyhow::{Context, Result};
use autamedica_engine::{AudioStream, VideoStream};
use autamedica_lab::{Sfu, wait_until};
use common::{Peer, listen, soon};

/// How long the threads of a call may take to end.
const SETTLING: Duration = Duration::from_secs(20);

/// Resident memory in KiB, without what is free and only kept for reuse, and threads.
fn usage() -> Result<(u64, u64)> {
    // SAFETY: a plain call into the allocator.
    unsafe { libc::malloc_trim(0) };
    let status = std::fs::read_to_string("/proc/self/status")?;
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).context("a field of /proc/self/status")?;
        let number = line.split_whitespace().nth(1).context("its number")?;
        anyhow::Ok(number.parse::<u64>()?)
    };
    Ok((field("VmRSS:")?, field("Threads:")?))
}

/// What is used once the threads of past calls, which end a little later, are down to so many, or down to as few as they
/// get.
async fn settled(threads: u64) -> Result<(u64, u64)> {
    let wait = move || {
        let down = || usage().ok().filter(|(_, now)| *now <= threads);
        wait_until("threads", SETTLING, down).or_else(|_| usage())
    };
    tokio::task::spawn_blocking(wait).await?
}

async fn call(sfu: &Sfu) -> Result<()> {
    let mut ana = Peer::join(sfu, "room", "ana").await?;
    let mut luis = Peer::join(sfu, "room", "luis").await?;
    let (_camera, _published) = ana.publish_camera(640, 360).await?;
    let video = VideoStream::new(&luis.subscribed_video().await?)?;
    let (_tone, _published) = luis.publish_tone(440.0).await?;
    let mut sound = AudioStream::new(&ana.subscribed_audio().await?, 48_000, 1)?;
    listen(&mut sound, 30).await?;
    let (woken, mut wakes) = tokio::sync::mpsc::unbounded_channel();
    video.frames().on_frame(move || _ = woken.send(()));
    for _ in 0..15 {
        soon("a frame", wakes.recv()).await?.context("the slot is gone")?;
    }
    ana.room.local_participant().send_chat_message("adiós").await?;
    ana.room.close().await?;
    luis.room.close().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_calls_leave_nothing_behind() -> Result<()> {
    // With an arena for each of the engine's many threads, fragments would outweigh what is looked for.
    // SAFETY: a plain call into the allocator.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
    let sfu = Sfu::start()?;
    for _ in 0..5 {
        call(&sfu).await?;
    }
    let (memory, threads) = settled(16).await?;
    for round in 0..20 {
        call(&sfu).await?;
        let (memory, threads) = usage()?;
        eprintln!("call {round}: {memory} KiB, {threads} threads");
    }
    let (memory_after, threads_after) = settled(threads).await?;
    eprintln!("before: {memory} KiB, {threads} threads; after: {memory_after} KiB, {threads_after} threads");
    // The engine keeps about half a MiB of each room for itself, also under LiveKit's own SDKs; twice that is too much.
    assert!(memory_after < memory + 40 * 1024, "memory grew from {memory} to {memory_after} KiB");
    assert!(threads_after <= threads + 2, "threads grew from {threads} to {threads_after}");
    Ok(())
}
