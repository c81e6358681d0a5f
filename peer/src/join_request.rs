//! Join request of the engine, as the query of `/rtc/v1` carries it.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use livekit_protocol as lk;
use lk::wrapped_join_request::Compression;
use prost::Message as _;

/// Largest decompressed request.
const MAX_BYTES: u64 = 512 * 1024;

/// Decodes a request. Returns `None` when it is malformed.
pub(crate) fn decode(text: &str) -> Option<lk::JoinRequest> {
    let bytes = URL_SAFE.decode(text).ok()?;
    let wrapped = lk::WrappedJoinRequest::decode(&*bytes).ok()?;
    let bytes = match wrapped.compression() {
        Compression::Gzip => {
            let mut bytes = Vec::new();
            flate2::read::GzDecoder::new(&*wrapped.join_request).take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
            bytes
        }
        Compression::None => wrapped.join_request,
    };
    lk::JoinRequest::decode(&*bytes).ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn plain_and_compressed_requests_are_decoded() {
        let request = lk::JoinRequest { reconnect: true, participant_sid: "PA_local".into(), ..Default::default() };
        let plain = request.encode_to_vec();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&plain).unwrap();
        let compressed = encoder.finish().unwrap();
        for (compression, join_request) in [(Compression::None, plain), (Compression::Gzip, compressed)] {
            let wrapped = lk::WrappedJoinRequest { compression: compression.into(), join_request };
            assert_eq!(decode(&URL_SAFE.encode(wrapped.encode_to_vec())), Some(request.clone()));
        }
        assert_eq!(decode("*"), None);
    }
}
