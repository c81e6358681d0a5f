//! A client that shares no code with ours: LiveKit's signaling, spoken over a plain WebSocket. It has no media, and keeps
//! to no rule but those that the SFU enforces.

use autamedica_lab::HANG_GUARD;
use futures_util::{SinkExt as _, StreamExt as _};
use livekit_protocol::{
    AddTrackRequest, DisconnectReason, JoinResponse, SignalRequest, SignalResponse, TrackSource, TrackType,
    request_response, signal_request, signal_response,
};
use prost::Message as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::soon;

pub struct Signal {
    socket: WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>,
    pub joined: JoinResponse,
}

impl Signal {
    /// Joins; the status of the refusal when the SFU refuses.
    pub async fn join(url: &str, token: &str) -> Result<Self, u16> {
        let address = format!("{url}/rtc?access_token={token}&protocol=16&sdk=foreign&auto_subscribe=1");
        let (mut socket, _) = match soon("signaling", connect_async(address)).await {
            Ok(connected) => connected,
            Err(Error::Http(answer)) => return Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        };
        loop {
            match next(&mut socket).await {
                Some(signal_response::Message::Join(joined)) => return Ok(Self { socket, joined }),
                Some(_) => {}
                None => panic!("closed before it joined"),
            }
        }
    }

    /// Announces a track of this source: whether the SFU takes it.
    pub async fn publish(&mut self, source: TrackSource) -> bool {
        let r#type = match source {
            TrackSource::Microphone | TrackSource::ScreenShareAudio => TrackType::Audio,
            _ => TrackType::Video,
        };
        let cid = format!("foreign-{}", source.as_str_name());
        let request = AddTrackRequest {
            cid: cid.clone(),
            name: cid.clone(),
            r#type: r#type.into(),
            source: source.into(),
            width: 320,
            height: 180,
            ..Default::default()
        };
        self.send(signal_request::Message::AddTrack(request)).await;
        loop {
            match next(&mut self.socket).await.expect("the SFU hung up") {
                signal_response::Message::TrackPublished(published) if published.cid == cid => return true,
                signal_response::Message::RequestResponse(answer) => {
                    assert_eq!(answer.reason(), request_response::Reason::NotAllowed, "{answer:?}");
                    return false;
                }
                _ => {}
            }
        }
    }

    async fn send(&mut self, message: signal_request::Message) {
        let bytes = SignalRequest { message: Some(message) }.encode_to_vec();
        self.socket.send(Message::Binary(bytes.into())).await.unwrap();
    }

    /// Why the SFU says that it is over.
    pub async fn sent_out(mut self) -> DisconnectReason {
        loop {
            let message = next(&mut self.socket).await.expect("the SFU hung up without a word");
            if let signal_response::Message::Leave(leave) = message {
                return leave.reason();
            }
        }
    }

    /// Waits until the SFU ends it.
    pub async fn ended(mut self) {
        while next(&mut self.socket).await.is_some() {}
    }
}

/// The next thing that the SFU says; `None` when it hangs up.
async fn next(socket: &mut WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>) -> Option<signal_response::Message> {
    loop {
        let message = tokio::time::timeout(HANG_GUARD, socket.next()).await.expect("the SFU says nothing");
        match message {
            Some(Ok(Message::Binary(bytes))) => {
                if let Some(message) = SignalResponse::decode(bytes).unwrap().message {
                    return Some(message);
                }
            }
            Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
            Some(Ok(_)) => {}
        }
    }
}
