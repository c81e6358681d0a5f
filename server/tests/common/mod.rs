//! A backend of the test's own, with a real SFU, and a caller.
#![allow(dead_code, clippy::unwrap_used, reason = "each test binary uses its part; a test may panic")]

pub mod bucket;
pub mod disk;
pub mod egress;
pub mod livekit;
pub mod postgres;
mod program;
pub mod recording;
pub mod signal;
pub mod sockets;
pub mod tcp_proxy;

use std::future::Future;

#[allow(unused_imports, reason = "not every test binary runs the program")]
pub use program::{program, serve, serve_with};

use autamedica_engine::{Room, RoomEvent, RoomOptions};
use autamedica_lab::{HANG_GUARD, Sfu};
use autamedica_server::{Config, Database, LiveKitUrl, RunningServer, Secret, Server};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::mpsc::Receiver;

/// The same tests run on each of these: SQLite and a real PostgreSQL.
pub fn databases() -> [Config; 2] {
    let master_key = Some(Secret::new("0123456789abcdef".repeat(4)));
    let postgres = Database::Postgres(postgres::database());
    [Config::default(), Config { database: postgres, master_key, ..Config::default() }]
}

/// A backend that uses this SFU instead of one of its own.
pub fn external(sfu: &Sfu, config: Config) -> Config {
    livekit::external_at(LiveKitUrl::parse(&sfu.url()).unwrap(), config)
}

/// A caller. The cryptography is chosen here, as a backend in this process would.
pub fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// A backend on a free port, with its own SFU and database.
pub struct Backend {
    pub server: RunningServer,
    pub http: reqwest::Client,
}

impl Backend {
    pub async fn start() -> Self {
        Self::start_with(Config::default()).await
    }

    pub async fn start_with(mut config: Config) -> Self {
        config.port = 0;
        let server = Server::start(config).await.unwrap();
        Self { server, http: client() }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.url())
    }

    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        read(self.http.get(self.url(path)).send().await.unwrap()).await
    }

    /// Any method, with a key or token, without a body.
    pub async fn call(&self, method: Method, path: &str, token: &str) -> (StatusCode, Value) {
        read(self.http.request(method, self.url(path)).bearer_auth(token).send().await.unwrap()).await
    }

    /// Waits until `GET path` answers data of which `is_right` is true, and gives it.
    pub async fn until(&self, path: &str, is_right: impl Fn(&Value) -> bool) -> Value {
        let start = std::time::Instant::now();
        loop {
            let (_, answer) = self.get(path).await;
            if is_right(&answer["data"]) {
                return answer["data"].clone();
            }
            assert!(start.elapsed() < HANG_GUARD, "{path} stays {answer}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    /// Posts JSON, perhaps with a bearer token.
    pub async fn post(&self, path: &str, token: Option<&str>, body: &Value) -> (StatusCode, Value) {
        let mut request = self.http.request(Method::POST, self.url(path)).json(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        read(request.send().await.unwrap()).await
    }

    /// Creates a consultation of this id between `patient-1` and `doctor-1`, and gives the answer's data.
    pub async fn create(&self, id: &str) -> Value {
        self.create_with(id, &json!({})).await
    }

    /// As [`create`](Self::create), with more fields.
    pub async fn create_with(&self, id: &str, more: &Value) -> Value {
        let mut body = json!({"consultationId": id, "patientId": "patient-1", "doctorId": "doctor-1"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, answer) = self.post("/api/consultations/create", None, &body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["data"].clone()
    }
}

/// An answer's status and JSON; everything the API answers is JSON.
pub async fn read(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(kind.starts_with("application/json"), "{kind}");
    (status, response.json().await.unwrap())
}

/// The claims inside a token, without checking it.
pub fn claims(token: &str) -> Value {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

pub fn error_code(answer: &Value) -> &str {
    assert_eq!(answer["success"], json!(false), "{answer}");
    assert!(!text(answer, "error").is_empty() && !text(answer, "message").is_empty(), "{answer}");
    text(answer, "code")
}

/// The text of a field.
pub fn text<'a>(data: &'a Value, field: &str) -> &'a str {
    data[field].as_str().unwrap_or_else(|| panic!("no `{field}` in {data}"))
}

/// Somebody with a real client in a real room.
pub struct Peer {
    pub room: Room,
    pub events: Receiver<RoomEvent>,
}

impl Peer {
    pub async fn join(data: &Value, token: &str) -> Self {
        let connecting = Room::connect(text(data, "livekitUrl"), token, RoomOptions::default());
        let (room, events) = soon("joining", connecting).await.unwrap();
        Self { room, events }
    }

    /// Waits for an event of which `pick` makes something.
    pub async fn wait<T>(&mut self, what: &str, mut pick: impl FnMut(RoomEvent) -> Option<T>) -> T {
        let found = async {
            loop {
                let event = self.events.recv().await.unwrap_or_else(|| panic!("{what}: the events ended"));
                if let Some(found) = pick(event) {
                    return found;
                }
            }
        };
        soon(what, found).await
    }
}

pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANG_GUARD, future).await.unwrap_or_else(|_| panic!("{what}: nothing within {HANG_GUARD:?}"))
}
