//! Forwards the engine's log to `tracing`, without secrets.

use std::borrow::Cow;

use crate::prebuilt::proto;

/// The `tracing` target of forwarded records.
const TARGET: &str = "livekit_engine";

/// Log targets that are dropped: network libraries, which log raw traffic, tokens included, in hexadecimal.
const NETWORK_TARGETS: [&str; 6] = ["tungstenite", "tokio_tungstenite", "hyper", "rustls", "h2", "reqwest"];

/// Forwards a batch of records.
pub(super) fn forward(batch: proto::LogBatch) {
    for record in batch.records {
        if NETWORK_TARGETS.iter().any(|target| record.target.starts_with(target)) {
            continue;
        }
        // Failures that matter to a caller are returned or come as events, so the engine's records are lowered by one
        // level. Those of libwebrtc are lowered by two: it warns of ordinary network conditions.
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

/// Removes tokens, keys and the queries of URLs from a message.
pub(super) fn redact(message: &str) -> String {
    // The engine logs refused requests whole, keys included.
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
    // A JSON web token starts with the base64url of `{"`.
    match trimmed.find("eyJ") {
        Some(start) => Cow::Owned(format!("{}…{space}", &trimmed[..start])),
        None => Cow::Borrowed(word),
    }
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn tokens_and_queries_are_removed() {
        let line = redact("connecting to ws://host:7880/rtc?access_token=eyJhbGciOi.eyJzdWI.sig&sdk=rust now");
        assert_eq!(line, "connecting to ws://host:7880/rtc?… now");
        assert_eq!(redact("token \"eyJhbGciOi.x.y\" bad"), "token \"… bad");
        assert_eq!(redact("plain? yes"), "plain? yes");
    }

    #[test]
    fn a_refused_request_is_reduced_to_its_name() {
        let line = redact("failed to handle request FfiRequest { message: Some(E2ee(shared_key: [1, 2])) }: bad");
        assert_eq!(line, "failed to handle request FfiRequest  …");
    }
}
