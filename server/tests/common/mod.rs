//! A backend of the test's own, with a real SFU, and a caller.
#![allow(dead_code, clippy::unwrap_used, reason = "each test binary uses its part; a test may panic")]

use autamedica_server::{Config, RunningServer, Server};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

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
        Self { server, http: reqwest::Client::new() }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.url())
    }

    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        read(self.http.get(self.url(path)).send().await.unwrap()).await
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
        let body = json!({"consultationId": id, "patientId": "patient-1", "doctorId": "doctor-1"});
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
    assert!(!answer["error"]["message"].as_str().unwrap().is_empty(), "{answer}");
    answer["error"]["code"].as_str().unwrap()
}
