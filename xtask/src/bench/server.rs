//! Benchmark of the backend against the web stack's token server (Express, `bench/web`), with the same load and the same
//! SFU. Express is measured twice: with the backend's tables in SQLite, and with a `Map` in memory, as is common.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use autamedica_lab::{HANG_GUARD, Process, Sfu, cpu_time, free_port, wait_until};
use clap::Args;
use serde_json::{Value, json};

use crate::step::{self, say};
use crate::workspace::{cargo, root};

/// Options of the benchmark.
#[derive(Args)]
pub struct Options {
    /// Duration of the load on each server.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(2..=600))]
    seconds: u64,
    /// Number of concurrent callers; each sends its next request on the previous answer.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=256))]
    callers: u32,
    /// Measure this build of the backend instead of a fresh one of the profile `server`.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// Also write the results to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

const OURS: &str = "autamedica-server";
const EXPRESS: &str = "express";
const EXPRESS_MAP: &str = "express with a Map";

struct Row {
    server: &'static str,
    sfu: &'static str,
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    memory_mib: f64,
    /// CPU time of the server per request, in milliseconds of one core.
    cpu_ms: f64,
    /// CPU time of the SFU per request; `None` for the stub, which runs in this process.
    sfu_cpu_ms: Option<f64>,
}

/// Measures, and prints a table.
///
/// # Errors
/// A server doesn't start, or an answer isn't a consultation.
pub fn run(options: &Options) -> Result<()> {
    let ours = match &options.server {
        // The server is started in another folder, so the path must be absolute.
        Some(program) => program.canonicalize().with_context(|| format!("no program at {}", program.display()))?,
        None => {
            let mut build = cargo();
            step::show(
                "Building the backend",
                build.args(["build", "--profile", "server", "--workspace", "--bin", "autamedica-server"]),
            )?;
            root().join("target/server/autamedica-server")
        }
    };
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(express());
    step::run("Installing the packages of bench/web", npm, "Check the network: `npm ping`.")?;

    let stub = stub_sfu()?;
    let mut rows = Vec::new();
    for sfu in ["SFU", "no SFU"] {
        for server in [OURS, EXPRESS, EXPRESS_MAP] {
            rows.push(measure(options, &ours, server, sfu, &stub)?);
        }
    }

    println!(
        "\nPOST /api/consultations/create: two tokens, a room, and (except with a Map) codes and an audit entry in SQLite"
    );
    println!("CPU times of the server and the SFU are milliseconds of one core per request");
    println!(
        "{:20}{:>8}{:>12}{:>10}{:>10}{:>10}{:>10}{:>10}",
        "", "", "requests/s", "p50 ms", "p99 ms", "MiB", "CPU ms", "SFU's ms"
    );
    for Row { server, sfu, per_second, p50_ms, p99_ms, memory_mib, cpu_ms, sfu_cpu_ms } in &rows {
        let sfus = sfu_cpu_ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.2}"));
        println!(
            "{server:20}{sfu:>8}{per_second:12.0}{p50_ms:10.2}{p99_ms:10.2}{memory_mib:10.1}{cpu_ms:10.2}{sfus:>10}"
        );
    }
    if let Some(file) = &options.report {
        let row = |row: &Row| {
            json!({"server": row.server, "sfu": row.sfu, "per_second": row.per_second, "p50_ms": row.p50_ms,
                "p99_ms": row.p99_ms, "memory_mib": row.memory_mib, "cpu_ms": row.cpu_ms, "sfu_cpu_ms": row.sfu_cpu_ms})
        };
        let rows: Vec<Value> = rows.iter().map(row).collect();
        std::fs::write(file, serde_json::to_string_pretty(&rows)? + "\n")
            .with_context(|| format!("writing {}", file.display()))?;
    }
    Ok(())
}

fn express() -> PathBuf {
    root().join("bench/web")
}

/// Starts a server in its own folder and measures it under load.
fn measure(options: &Options, ours: &Path, server: &'static str, sfu: &'static str, stub: &str) -> Result<Row> {
    let folder = tempfile::tempdir().context("making a folder")?;
    // Each server gets its own SFU: rooms stay open for hours and keep costing CPU time.
    let real = (sfu == "SFU").then(Sfu::start).transpose()?;
    let url = real.as_ref().map_or_else(|| stub.to_owned(), Sfu::url);
    let port = free_port()?;
    let mut command = if server == OURS {
        let mut command = Command::new(ours);
        command
            .env("DATABASE_URL", "sqlite:bench.db")
            .env("LIVEKIT_URL", &url)
            .env("AUTAMEDICA_PORT", port.to_string());
        command.env("RATE_LIMIT_PER_SECOND", "100000").env("RUST_LOG", "warn");
        command
    } else {
        let mut command = Command::new("node");
        command.arg(express().join("server.mjs")).env("NODE_ENV", "production").env("PORT", port.to_string());
        command.env("LIVEKIT_URL", url.replace("ws:", "http:"));
        if server == EXPRESS {
            command.env("DATABASE", "bench.db");
        }
        command
    };
    command.env("LIVEKIT_API_KEY", Sfu::API_KEY).env("LIVEKIT_API_SECRET", Sfu::API_SECRET);
    command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
    let process = Process::spawn(server, command)?;
    wait_until(server, HANG_GUARD, || TcpStream::connect(("127.0.0.1", port)).ok())?;
    say(format_args!("{server}, {sfu}: {} callers for {} s", options.callers, options.seconds));
    // Warm-up: a just-in-time compiler needs the first seconds.
    load(port, options.callers, Duration::from_secs(2))?;
    let cpu = || (cpu_time(process.id()), real.as_ref().and_then(|sfu| cpu_time(sfu.pid())));
    let before = cpu();
    let mut latencies = load(port, options.callers, Duration::from_secs(options.seconds))?;
    let after = cpu();
    latencies.sort_unstable();
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let requests = latencies.len() as f64;
    #[expect(clippy::cast_precision_loss, reason = "seconds of a benchmark")]
    let per_second = requests / options.seconds as f64;
    let ms_a_request = |before: Option<Duration>, after: Option<Duration>| {
        Some(after?.saturating_sub(before?).as_secs_f64() * 1000.0 / requests)
    };
    Ok(Row {
        server,
        sfu,
        per_second,
        p50_ms: percentile(&latencies, 50),
        p99_ms: percentile(&latencies, 99),
        memory_mib: resident_mib(process.id())?,
        cpu_ms: ms_a_request(before.0, after.0).context("the server is gone")?,
        sfu_cpu_ms: ms_a_request(before.1, after.1),
    })
}

/// Creates consultations in a loop. Returns the latency of each request in microseconds.
fn load(port: u16, callers: u32, duration: Duration) -> Result<Vec<u64>> {
    let end = Instant::now() + duration;
    // Each load creates other consultations.
    static LOADS: AtomicU32 = AtomicU32::new(0);
    let load = LOADS.fetch_add(1, Ordering::Relaxed);
    let call = move |caller| std::thread::spawn(move || call(port, &format!("bench-{load}-{caller}"), end));
    let callers: Vec<_> = (0..callers).map(call).collect();
    let mut all = Vec::new();
    for caller in callers {
        all.extend(caller.join().map_err(|_| anyhow::anyhow!("a caller panicked"))??);
    }
    ensure!(!all.is_empty(), "there was no answer");
    Ok(all)
}

fn call(port: u16, caller: &str, end: Instant) -> Result<Vec<u64>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).context("connecting")?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut took = Vec::new();
    while Instant::now() < end {
        let id = format!("{caller}-{}", took.len());
        let body = json!({"consultationId": id, "patientId": "patient", "doctorId": "doctor"}).to_string();
        let head = "POST /api/consultations/create HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json";
        // Written at once, as HTTP clients do: formatting into the socket would send each piece as a packet.
        let request = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let start = Instant::now();
        stream.write_all(request.as_bytes())?;
        let answer = read_answer(&mut reader)?;
        took.push(u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX));
        ensure!(answer.contains("patientToken"), "this isn't a consultation: {answer}");
    }
    Ok(took)
}

/// Reads a message with a content length. Returns its body.
fn read_answer(reader: &mut impl BufRead) -> Result<String> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        ensure!(reader.read_line(&mut line)? > 0, "the connection was closed");
        if line.trim().is_empty() {
            break;
        }
        if let Some((_, value)) = line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
            length = value.trim().parse().context("content-length")?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// Starts a stub SFU that opens every room at no cost, so that only the servers are measured. Returns its address.
fn stub_sfu() -> Result<String> {
    // A `livekit.Room` with a sid and a name.
    const ROOM: &[u8] = b"\x0a\x07RM_stub\x12\x04stub";
    let listener = TcpListener::bind("127.0.0.1:0").context("listening")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || -> Result<()> {
                stream.set_nodelay(true)?;
                let mut reader = BufReader::new(stream.try_clone()?);
                let mut writer = stream;
                loop {
                    // livekit-server-sdk uses JSON here, livekit-api protobuf.
                    let is_json = read_answer(&mut reader)?.starts_with('{');
                    let (kind, body) = match is_json {
                        true => ("application/json", br#"{"sid":"RM_stub","name":"stub"}"#.as_slice()),
                        false => ("application/protobuf", ROOM),
                    };
                    let head =
                        format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
                    writer.write_all(&[head.as_bytes(), body].concat())?;
                }
            });
        }
    });
    Ok(format!("ws://{address}"))
}

fn percentile(sorted: &[u64], percent: usize) -> f64 {
    let micros = sorted[(sorted.len() * percent).div_ceil(100).saturating_sub(1)];
    Duration::from_micros(micros).as_secs_f64() * 1000.0
}

fn resident_mib(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().context("VmRSS")?;
    Ok(kib / 1024.0)
}
