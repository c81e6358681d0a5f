//! An SFU that runs elsewhere, and what it tells.

use autamedica_lab::Sfu;
use autamedica_server::{Config, LiveKitUrl, Secret, SfuConfig};
use base64::Engine as _;
use livekit_api::access_token::AccessToken;
use reqwest::StatusCode;
use serde_json::Value;

use super::{Backend, read};

/// As [`super::external`], at this address.
pub fn external_at(url: LiveKitUrl, config: Config) -> Config {
    let (api_key, api_secret) = (Sfu::API_KEY.to_owned(), Secret::new(Sfu::API_SECRET));
    Config { sfu: SfuConfig::External { url, api_key, api_secret }, ..config }
}

/// Sends an event as LiveKit would, signed with `secret`.
pub async fn send_webhook(backend: &Backend, event: &Value, secret: &str) -> (StatusCode, Value) {
    send(&backend.http, &backend.url(""), event, secret).await
}

/// As [`tell`], to the backend at `url`.
pub async fn send(http: &reqwest::Client, url: &str, event: &Value, secret: &str) -> (StatusCode, Value) {
    let body = event.to_string();
    let hash = ring::digest::digest(&ring::digest::SHA256, body.as_bytes());
    let hash = base64::engine::general_purpose::STANDARD.encode(hash);
    let token = AccessToken::with_api_key(Sfu::API_KEY, secret).with_sha256(&hash).to_jwt().unwrap();
    let request = http.post(format!("{url}/webhooks/livekit")).header("authorization", token);
    let request = request.header("content-type", "application/webhook+json").body(body);
    read(request.send().await.unwrap()).await
}
