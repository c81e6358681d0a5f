//! The engine's log lines, in `tracing`, without what must not be logged.

use std::borrow::Cow;

use crate::proto;

/// The `tracing` target of the engine's own lines.
const TARGET: &str = "livekit_engine";

/// The libraries that carry the engine's messages.
const WIRE: [&str; 6] = ["tungstenite", "tokio_tungstenite", "hyper", "rustls", "h2", "reqwest"];

/// Passes a batch of the engine's lines on.
pub(crate) fn forward(batch: proto::LogBatch) {
    for record in batch.records {
        // They log what goes over the wire, tokens and all, in hexadecimal.
        if WIRE.iter().any(|target| record.target.starts_with(target)) {
            continue;
        }
        // What matters to a caller is returned or told as an event, so the engine's own levels are one too high; what
        // libwebrtc calls a warning is an ordinary event of a network.
        let webrtc = record.target.starts_with("libwebrtc");
        let from = record.target.as_str();
        match (record.level(), webrtc) {
            (proto::LogLevel::LogError, false) => {
                tracing::warn!(target: TARGET, from, "{}", redact(&record.message));
            }
            (proto::LogLevel::LogWarn, false) | (proto::LogLevel::LogError, true) => {
                tracing::info!(target: TARGET, from, "{}", redact(&record.message));
            }
            (proto::LogLevel::LogInfo, false) | (proto::LogLevel::LogWarn, true) => {
                tracing::debug!(target: TARGET, from, "{}", redact(&record.message));
            }
            _ => tracing::trace!(target: TARGET, from, "{}", redact(&record.message)),
        }
    }
}

/// A message without tokens, keys, or the query of an address.
pub(crate) fn redact(message: &str) -> String {
    // A refused request is logged whole by the engine, with whatever it carried.
    let message = match message.split_once("failed to handle request") {
        Some((before, request)) => {
            let name: String = request.chars().take_while(|c| !matches!(c, '{' | '(')).collect();
            Cow::Owned(format!("{before}failed to handle request{name} …"))
        }
        None => Cow::Borrowed(message),
    };
    message.split_inclusive(char::is_whitespace).map(redact_word).collect()
}

fn redact_word(word: &str) -> Cow<'_, str> {
    let trimmed = word.trim_end();
    let space = &word[trimmed.len()..];
    if let Some((address, _)) = trimmed.split_once('?').filter(|(address, _)| address.contains("://")) {
        return Cow::Owned(format!("{address}?…{space}"));
    }
    // A JSON web token: base64url of `{"…`, dots between its parts.
    match trimmed.find("eyJ") {
        Some(start) => Cow::Owned(format!("{}…{space}", &trimmed[..start])),
        None => Cow::Borrowed(word),
    }
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn tokens_and_queries_are_cut() {
        let line = redact("connecting to ws://host:7880/rtc?access_token=eyJhbGciOi.eyJzdWI.sig&sdk=rust now");
        assert_eq!(line, "connecting to ws://host:7880/rtc?… now");
        assert_eq!(redact("token \"eyJhbGciOi.x.y\" bad"), "token \"… bad");
        assert_eq!(redact("plain? yes"), "plain? yes");
    }

    #[test]
    fn a_refused_request_is_named_and_not_shown() {
        let line = redact("failed to handle request FfiRequest { message: Some(E2ee(shared_key: [1, 2])) }: bad");
        assert_eq!(line, "failed to handle request FfiRequest  …");
    }
}
