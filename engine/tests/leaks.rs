//! Repeated calls leak neither memory nor threads. A test of its own, because it measures the whole process.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use anyhow::{Context, Result};
use autamedica_engine::{AudioStream, VideoStream};
use autamedica_lab::{Sfu, wait_until};
use common::{Peer, listen, soon};

/// Timeout for the threads of a call to end.
const THREADS_TIMEOUT: Duration = Duration::from_secs(20);

/// Returns the resident memory in KiB, without free memory of the allocator, and the number of threads.
fn usage() -> Result<(u64, u64)> {
    // SAFETY: has no preconditions.
    unsafe { libc::malloc_trim(0) };
    let status = std::fs::read_to_string("/proc/self/status")?;
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).context("a field of /proc/self/status")?;
        let number = line.split_whitespace().nth(1).context("its number")?;
        anyhow::Ok(number.parse::<u64>()?)
    };
    Ok((field("VmRSS:")?, field("Threads:")?))
}

/// Returns the usage once the number of threads is down to `threads`, or after the timeout: threads end some time after
/// their call.
async fn settled(threads: u64) -> Result<(u64, u64)> {
    let wait = move || {
        let down = || usage().ok().filter(|(_, now)| *now <= threads);
        wait_until("threads", THREADS_TIMEOUT, down).or_else(|_| usage())
    };
    tokio::task::spawn_blocking(wait).await?
}

async fn call(sfu: &Sfu) -> Result<()> {
    let mut ana = Peer::join(sfu, "room", "ana").await?;
    let mut luis = Peer::join(sfu, "room", "luis").await?;
    let (_camera, _published) = ana.publish_camera(640, 360).await?;
    let video = VideoStream::new(&luis.subscribed_video().await?)?;
    let (_tone, _published) = luis.publish_tone(440.0).await?;
    let mut audio = AudioStream::new(&ana.subscribed_audio().await?, 48_000, 1)?;
    listen(&mut audio, 30).await?;
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
async fn twenty_calls_leak_neither_memory_nor_threads() -> Result<()> {
    // One arena, because fragmentation in the arenas of many threads would hide a leak.
    // SAFETY: has no preconditions.
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
    // The engine leaks about half a MiB per room, in LiveKit's own SDKs, too; the limit is twice that.
    assert!(memory_after < memory + 40 * 1024, "memory grew from {memory} to {memory_after} KiB");
    assert!(threads_after <= threads + 2, "threads grew from {threads} to {threads_after}");
    Ok(())
}
