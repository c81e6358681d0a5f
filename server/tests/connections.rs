//! Callers who are slow, many or guess can't keep others from the API.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use autamedica_lab::Sfu;
use autamedica_server::{Config, ConnectionLimits, LiveKitUrl, RateLimit};
use common::livekit::external_at;
use common::{Backend, external, soon};
use futures_util::future::join_all;
use reqwest::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// Another caller on this machine: all of 127.0.0.0/8 is loopback.
const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

async fn connect_from(address: IpAddr, server: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(address, 0)).unwrap();
    socket.connect(server).await.unwrap()
}

/// Waits until the server has closed the connection.
async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    // A reset is an end, too.
    let _ = stream.read_to_end(&mut rest).await;
}

async fn backend(sfu: &Sfu, connection_limits: ConnectionLimits) -> Backend {
    Backend::start_with(external(sfu, Config { connection_limits, ..Config::default() })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_headers_are_cut_off_and_others_are_served() {
    let sfu = Sfu::start().unwrap();
    let limits = ConnectionLimits { headers: Duration::from_secs(1), total: 200, per_address: 100 };
    let backend = backend(&sfu, limits).await;
    let server = backend.server.local_addr();
    let slow = (0..200).map(|_| async move {
        let (mut read, mut write) = connect_from(OTHER, server).await.into_split();
        // One byte at a time of headers without an end, as long as the server takes them.
        let drip = async {
            write.write_all(b"GET /health HTTP/1.1\r\nx-long: ").await?;
            loop {
                write.write_all(b"a").await?;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let drip: std::pin::Pin<Box<dyn Future<Output = std::io::Result<()>> + Send>> = Box::pin(drip);
        let mut rest = Vec::new();
        tokio::select! {
            // A reset is an end, too.
            _ = read.read_to_end(&mut rest) => {}
            _ = drip => {}
        }
    });
    let slow = tokio::spawn(join_all(slow));
    for number in 0..20 {
        backend.create(&format!("beside-{number}")).await;
    }
    soon("the end of 200 slow connections", slow).await.unwrap();
    backend.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_limited_for_each_address_and_in_all() {
    let sfu = Sfu::start().unwrap();
    // Nothing here is closed for its slow headers.
    let limits = ConnectionLimits { headers: Duration::from_secs(3600), total: 6, per_address: 4 };
    let backend = backend(&sfu, limits).await;
    let server = backend.server.local_addr();
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(connect_from(OTHER, server).await);
    }
    // The fifth of one address is closed at once, and another address is served.
    soon("the end of the fifth", closed(&mut connect_from(OTHER, server).await)).await;
    assert_eq!(backend.get("/api/rooms/active").await.0, StatusCode::OK);
    // When all places are taken, the next caller waits until one is free.
    for last in 3..6 {
        held.push(connect_from(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), server).await);
    }
    let waiting = reqwest::Client::builder().local_address(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9))).build().unwrap();
    let mut answer = Box::pin(waiting.get(backend.url("/api/rooms/active")).send());
    // A server without the limit answers within milliseconds.
    assert!(tokio::time::timeout(Duration::from_secs(1), &mut answer).await.is_err(), "more are served than allowed");
    drop(held);
    let answer = soon("a free place", answer).await.unwrap();
    assert_ne!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    backend.server.shutdown().await;
}

/// Whoever invents a key, or knows somebody's, can't use up that key's limit from an address that is over its own.
#[tokio::test(flavor = "multi_thread")]
async fn the_limit_by_address_comes_before_the_one_by_key() {
    let sfu = Sfu::start().unwrap();
    let rate_limit = RateLimit { burst: 5, period: Duration::from_secs(3600) };
    let backend = Backend::start_with(external(&sfu, Config { rate_limit, ..Config::default() })).await;
    let from = |address| reqwest::Client::builder().local_address(address).build().unwrap();
    let (flood, user) = (from(Some(OTHER)), from(Some(IpAddr::V4(Ipv4Addr::LOCALHOST))));
    let url = backend.url("/api/rooms/active");
    let key = format!("amk_{:08}_{:064}", 0, 0);
    for _ in 0..5 {
        assert_ne!(flood.get(&url).send().await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
    }
    for _ in 0..20 {
        let refused = flood.get(&url).bearer_auth(&key).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    }
    let status = user.get(&url).bearer_auth(&key).send().await.unwrap().status();
    assert_eq!(status, StatusCode::UNAUTHORIZED, "the key is unknown, and not over its limit");
    backend.server.shutdown().await;
}

/// Anonymous calls don't cause a request to the SFU and a write each. What stands for the SFU counts the requests.
#[tokio::test(flavor = "multi_thread")]
async fn health_is_checked_once_for_all_who_ask() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let counting = axum::Router::new().fallback(async move |request: axum::extract::Request| {
        let body = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
        // The reconciler asks for other rooms.
        if body.windows(6).any(|part| part == b"health") {
            counted.fetch_add(1, Ordering::Relaxed);
        }
        // An empty list of rooms.
        ([("content-type", "application/protobuf")], "")
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = LiveKitUrl::parse(&format!("ws://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move { axum::serve(listener, counting).await });
    let backend = Backend::start_with(external_at(url, Config::default())).await;
    let start = std::time::Instant::now();
    let answers = join_all((0..100).map(|_| backend.get("/health"))).await;
    assert!(answers.iter().all(|(status, answer)| *status == StatusCode::OK && answer["data"]["status"] == "ok"));
    let (asked, allowed) = (asked.load(Ordering::Relaxed), 2 + start.elapsed().as_secs());
    assert!(asked >= 1 && u64::try_from(asked).unwrap() <= allowed, "asked {asked} times, {allowed} are allowed");
    backend.server.shutdown().await;
}
