//! A consultation that is recorded, and what becomes of its files.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use autamedica_api::Timestamp;
use autamedica_engine::{
    LocalTrack, LocalVideoTrack, NativeVideoSource, TrackPublishOptions, TrackSource, VideoResolution,
};
use autamedica_lab::HANG_GUARD;
use autamedica_server::{Config, RecordingConfig};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection as _};

use super::{Backend, Peer, text};

/// A consultation in which both sides are, on a server that records.
pub struct Case {
    pub backend: Backend,
    pub data: Value,
    pub people: [Peer; 2],
}

impl Case {
    pub async fn new(config: Config, recording: RecordingConfig, more: Value) -> Self {
        let backend = Backend::start_with(Config { recording, ..config }).await;
        let data = backend.create_with("filmed", &more).await;
        let people =
            [Peer::join(&data, text(&data, "doctorToken")).await, Peer::join(&data, text(&data, "patientToken")).await];
        for person in &people {
            publish_camera(person).await;
        }
        backend.until("/api/consultations/filmed", |data| data["state"] == "live").await;
        Self { backend, data, people }
    }

    pub fn doctor(&self) -> &str {
        text(&self.data, "doctorToken")
    }

    pub fn patient(&self) -> &str {
        text(&self.data, "patientToken")
    }

    pub async fn start(&self) -> (StatusCode, Value) {
        let body = json!({"roomName": "consultation-filmed"});
        self.backend.post("/api/consultations/filmed/recording/start", Some(self.doctor()), &body).await
    }

    pub async fn stop(&self) -> (StatusCode, Value) {
        self.backend.post("/api/consultations/filmed/recording/stop", Some(self.doctor()), &json!({})).await
    }

    /// The patient answers.
    pub async fn answer(&self, answer: &str) {
        self.answer_of(self.patient(), answer).await;
    }

    pub async fn answer_of(&self, token: &str, answer: &str) {
        let body = json!({"answer": answer, "textVersion": 1, "language": "es"});
        let path = "/api/consultations/filmed/recording/consent";
        let (status, said) = self.backend.post(path, Some(token), &body).await;
        assert_eq!(status, StatusCode::OK, "{said}");
    }

    /// Waits until the newest recording is as wanted.
    pub async fn until(&self, is_right: impl Fn(&Value) -> bool) -> Value {
        newest_recording(&self.backend.http, &self.backend.url(""), self.doctor(), is_right).await
    }

    pub async fn details(&self, recording: &Value) -> Value {
        let path = format!("/api/consultations/filmed/recordings/{}", text(recording, "recordingId"));
        self.backend.call(Method::GET, &path, self.doctor()).await.1["data"].clone()
    }

    pub async fn shutdown(self) {
        self.backend.server.shutdown().await;
    }
}

pub async fn publish_camera(person: &Peer) {
    let source = NativeVideoSource::new(VideoResolution { width: 320, height: 180 }, false).unwrap();
    let track = LocalTrack::Video(LocalVideoTrack::create_video_track("camera", source).unwrap());
    let options = TrackPublishOptions { source: TrackSource::Camera, ..TrackPublishOptions::default() };
    person.room.local_participant().publish_track(track, options).await.unwrap();
}

/// Waits until the newest recording of `filmed` on the server at `url` is as wanted.
pub async fn newest_recording(
    http: &reqwest::Client,
    url: &str,
    doctor: &str,
    is_right: impl Fn(&Value) -> bool,
) -> Value {
    let start = Instant::now();
    loop {
        let request = http.get(format!("{url}/api/consultations/filmed/recordings")).bearer_auth(doctor);
        let (_, answer) = super::read(request.send().await.unwrap()).await;
        let newest = answer["data"]["recordings"][0].clone();
        if is_right(&newest) {
            return newest;
        }
        assert!(start.elapsed() < HANG_GUARD, "it stays {answer}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until somebody in the room has heard this of the recording.
pub async fn wait_for_announcement(person: &Peer, what: &str, is_right: impl Fn(&Value) -> bool) -> Value {
    wait_for_metadata(person, what, |metadata| is_right(&metadata["recording"])).await["recording"].clone()
}

/// Waits until the room's metadata says this to somebody in it.
pub async fn wait_for_metadata(person: &Peer, what: &str, is_right: impl Fn(&Value) -> bool) -> Value {
    let start = Instant::now();
    loop {
        let metadata = serde_json::from_str::<Value>(&person.room.metadata()).unwrap_or_default();
        if is_right(&metadata) {
            return metadata;
        }
        assert!(start.elapsed() < HANG_GUARD, "{what}: the room hears {metadata}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub fn has_duration(recording: &Value, seconds: f64) -> bool {
    recording["state"] == "recording" && recording["durationSeconds"].as_f64().is_some_and(|length| length >= seconds)
}

/// Recording into a folder.
pub fn local(folder: &Path) -> RecordingConfig {
    RecordingConfig { folder: Some(folder.join("recordings")), ..RecordingConfig::default() }
}

/// Everything below a folder that is a recording.
pub fn recording_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(recording_files(&path));
        } else if path.extension().is_some_and(|kind| kind == "mp4" || kind == "mkv") {
            found.push(path);
        }
    }
    found
}

/// The recorders that a process has started.
pub fn recorders_of(parent: u32) -> Vec<i32> {
    let mut found = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten() {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for pid in children.split_whitespace() {
            if std::fs::read_to_string(format!("/proc/{pid}/comm"))
                .is_ok_and(|name| name.starts_with("autamedica-reco"))
            {
                found.push(pid.parse().unwrap());
            }
        }
    }
    found
}

pub fn sha256(bytes: &[u8]) -> String {
    ring::digest::digest(&ring::digest::SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A recording that was finished a moment ago and is to be stored.
pub struct Finished {
    pub id: String,
    pub file: PathBuf,
    pub sha256: String,
    pub bytes: u64,
}

/// Puts one of so many bytes, whose patient took their consent back, where the recorder of `filmed` would have: into the
/// database at `database`, and the file into the server's folder of recordings. The server finds it there within a moment.
pub async fn finished(database: &Path, recordings: &Path, bytes: usize) -> Finished {
    // No two of its blocks are the same.
    let content: Vec<u8> =
        (0_u64..).flat_map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()).take(bytes).collect();
    let id = uuid::Uuid::new_v4().to_string();
    let file = recordings.join(format!("{id}.part1.mp4"));
    std::fs::write(&file, &content).unwrap();
    let owner = std::fs::read_to_string(recordings.join("server-id")).unwrap().trim().to_owned();
    let (sha256, now) = (sha256(&content), Timestamp::now().as_millis());

    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(&format!("sqlite://{}", database.display())).await.unwrap();
    let mut transaction = connection.begin().await.unwrap();
    sqlx::query(
        "INSERT INTO recordings (id, consultation_id, state, problem, owner, requested_at, started_at, stopped_at) \
         VALUES ($1, 'filmed', 'storing', 'consent-withdrawn', $2, $3, $3, $3)",
    )
    .bind(&id)
    .bind(&owner)
    .bind(now)
    .execute(&mut *transaction)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO recording_parts (recording_id, number, state, started_at, file, seconds, bytes, sha256) \
         VALUES ($1, 1, 'finished', $2, $3, 60, $4, $5)",
    )
    .bind(&id)
    .bind(now)
    .bind(file.to_str().unwrap())
    .bind(i64::try_from(bytes).unwrap())
    .bind(&sha256)
    .execute(&mut *transaction)
    .await
    .unwrap();
    transaction.commit().await.unwrap();
    connection.close().await.unwrap();
    Finished { id, file, sha256, bytes: u64::try_from(bytes).unwrap() }
}
