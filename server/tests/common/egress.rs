//! A double of LiveKit's egress: it answers the Twirp calls, brings objects to a bucket and tells by webhooks. Every other
//! call goes on to the real SFU.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use autamedica_lab::Sfu;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use livekit_protocol::{
    EgressInfo, EgressStatus, FileInfo, ListEgressRequest, ListEgressResponse, RoomCompositeEgressRequest,
    StopEgressRequest, WebhookEvent, egress_info,
};
use object_store::aws::AmazonS3;
use object_store::{ObjectStoreExt as _, PutPayload};
use prost::Message;

use super::{client, livekit};

/// How the double behaves.
#[derive(Clone, Copy, Debug)]
pub struct Behavior {
    /// Whether it tells the backend by webhooks.
    pub sends_webhooks: bool,
    /// How many of the first egresses fail.
    pub failures: usize,
    /// Whether its egresses write without ever saying that they are active.
    pub stays_starting: bool,
}

/// The double.
#[derive(Clone)]
pub struct EgressDouble {
    bucket: Arc<AmazonS3>,
    sfu: String,
    behavior: Behavior,
    http: reqwest::Client,
    backend: Arc<OnceLock<String>>,
    all: Arc<Mutex<Vec<EgressInfo>>>,
    requests: Arc<Mutex<Vec<RoomCompositeEgressRequest>>>,
    metadata_delay: Arc<OnceLock<Duration>>,
}

impl EgressDouble {
    /// In front of an SFU, with a bucket; gives its address, too.
    pub async fn start(sfu: &Sfu, bucket: Arc<AmazonS3>, behavior: Behavior) -> (Self, String) {
        let sfu = format!("http://127.0.0.1:{}", sfu.port());
        let double = Self {
            bucket,
            sfu,
            behavior,
            http: client(),
            backend: Arc::default(),
            all: Arc::default(),
            requests: Arc::default(),
            metadata_delay: Arc::default(),
        };
        let routes = axum::Router::new()
            .route("/twirp/livekit.Egress/{method}", post(egress))
            .fallback(forward)
            .with_state(double.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (double, url)
    }

    /// Whom it tells.
    pub fn set_backend(&self, backend: &str) {
        self.backend.set(backend.to_owned()).unwrap();
    }

    /// Delays changes of rooms' metadata from now on.
    pub fn delay_metadata(&self, delay: Duration) {
        self.metadata_delay.set(delay).unwrap();
    }

    /// What it was asked to record.
    pub fn requests(&self) -> Vec<RoomCompositeEgressRequest> {
        self.requests.lock().unwrap().clone()
    }

    /// How its egresses stand.
    pub fn states(&self) -> Vec<EgressStatus> {
        self.all.lock().unwrap().iter().map(EgressInfo::status).collect()
    }

    /// The bytes of the object that the egress of this index brings.
    pub fn object(index: usize) -> Vec<u8> {
        format!("a recording, number {index}").into_bytes()
    }

    fn start_egress(&self, request: RoomCompositeEgressRequest) -> EgressInfo {
        let mut all = self.all.lock().unwrap();
        let info = EgressInfo {
            egress_id: format!("EG_{}", all.len()),
            room_name: request.room_name.clone(),
            file_results: vec![FileInfo { filename: request.file_outputs[0].filepath.clone(), ..FileInfo::default() }],
            request: Some(egress_info::Request::RoomComposite(request.clone())),
            ..EgressInfo::default()
        };
        self.requests.lock().unwrap().push(request);
        all.push(info.clone());
        tokio::spawn(self.clone().run(all.len() - 1));
        info
    }

    /// What becomes of an egress.
    async fn run(self, index: usize) {
        self.post_webhook(index, "egress_started").await;
        if self.behavior.stays_starting {
            return;
        }
        let fails = index < self.behavior.failures;
        let status = if fails { EgressStatus::EgressFailed } else { EgressStatus::EgressActive };
        {
            let mut all = self.all.lock().unwrap();
            // It may have been stopped already.
            if all[index].status() != EgressStatus::EgressStarting {
                return;
            }
            all[index].set_status(status);
        }
        self.post_webhook(index, if fails { "egress_ended" } else { "egress_updated" }).await;
    }

    fn stop_egress(&self, id: &str) -> Option<EgressInfo> {
        let mut all = self.all.lock().unwrap();
        let index = all.iter().position(|info| info.egress_id == id)?;
        if !matches!(all[index].status(), EgressStatus::EgressStarting | EgressStatus::EgressActive) {
            return None;
        }
        all[index].set_status(EgressStatus::EgressEnding);
        tokio::spawn(self.clone().finish(index));
        Some(all[index].clone())
    }

    async fn finish(self, index: usize) {
        self.post_webhook(index, "egress_updated").await;
        let key = self.all.lock().unwrap()[index].file_results[0].filename.clone();
        let object = Self::object(index);
        let size = object.len().try_into().unwrap();
        self.bucket.put(&key.into(), PutPayload::from(object)).await.unwrap();
        {
            let mut all = self.all.lock().unwrap();
            all[index].set_status(EgressStatus::EgressComplete);
            (all[index].file_results[0].size, all[index].file_results[0].duration) = (size, 2_500_000_000);
        }
        self.post_webhook(index, "egress_ended").await;
    }

    async fn post_webhook(&self, index: usize, event: &str) {
        let Some(backend) = self.backend.get().filter(|_| self.behavior.sends_webhooks) else { return };
        let info = self.all.lock().unwrap()[index].clone();
        let id = format!("{}-{event}-{}", info.egress_id, info.status().as_str_name());
        let event = WebhookEvent { event: event.to_owned(), id, egress_info: Some(info), ..WebhookEvent::default() };
        let event = serde_json::to_value(event).unwrap();
        let (status, answer) = livekit::send(&self.http, backend, &event, Sfu::API_SECRET).await;
        assert_eq!(status.as_u16(), 200, "{answer}");
    }
}

async fn egress(
    State(double): State<EgressDouble>,
    Path(method): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    assert!(headers[header::AUTHORIZATION].to_str().unwrap().starts_with("Bearer "));
    let answer = match method.as_str() {
        "StartRoomCompositeEgress" => Some(double.start_egress(Message::decode(body).unwrap()).encode_to_vec()),
        "StopEgress" => {
            let StopEgressRequest { egress_id } = Message::decode(body).unwrap();
            double.stop_egress(&egress_id).map(|info| info.encode_to_vec())
        }
        "ListEgress" => {
            let ListEgressRequest { room_name, active, .. } = Message::decode(body).unwrap();
            let mut items = double.all.lock().unwrap().clone();
            items.retain(|info| room_name.is_empty() || info.room_name == room_name);
            items.retain(|info| !active || info.status() as i32 <= EgressStatus::EgressEnding as i32);
            Some(ListEgressResponse { items, ..ListEgressResponse::default() }.encode_to_vec())
        }
        other => panic!("{other}"),
    };
    match answer {
        Some(answer) => ([(header::CONTENT_TYPE, "application/protobuf")], answer).into_response(),
        None => {
            let error = r#"{"code": "failed_precondition", "msg": "egress cannot be stopped"}"#;
            (StatusCode::PRECONDITION_FAILED, [(header::CONTENT_TYPE, "application/json")], error).into_response()
        }
    }
}

async fn forward(State(double): State<EgressDouble>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if let Some(delay) = double.metadata_delay.get().filter(|_| parts.uri.path().ends_with("/UpdateRoomMetadata")) {
        tokio::time::sleep(*delay).await;
    }
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let mut headers = parts.headers;
    headers.remove(header::HOST);
    let call = double.http.request(parts.method, format!("{}{}", double.sfu, parts.uri)).headers(headers).body(body);
    let answer = call.send().await.unwrap();
    let (status, kind) = (answer.status(), answer.headers()[header::CONTENT_TYPE].clone());
    (status, [(header::CONTENT_TYPE, kind)], Body::from(answer.bytes().await.unwrap())).into_response()
}
