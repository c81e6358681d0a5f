//! LiveKit's egress, which the SFU has record a room.

use std::time::Duration;

use livekit_api::services::egress::{
    EgressClient, EgressListFilter, EgressListOptions, EgressOutput, RoomCompositeOptions, encoding,
};
use livekit_api::services::{ServerError, ServiceError, ServiceResult};
use livekit_protocol::{EgressInfo, EncodedFileOutput, EncodedFileType, S3Upload, encoded_file_output};

use super::Sfu;

/// How long the SFU may take to say that no egress answers: 22 s, and nobody waits for it.
const TIMEOUT: Duration = Duration::from_secs(30);

impl Sfu {
    fn egress(&self) -> &EgressClient {
        self.egress.get_or_init(|| {
            let client = EgressClient::with_api_key(self.url.api(), &self.api_key, self.api_secret.expose());
            client.with_request_timeout(TIMEOUT)
        })
    }

    /// Has everybody in a room recorded into an object of a bucket.
    ///
    /// # Errors
    /// When the SFU doesn't answer, or no egress takes it.
    pub async fn start_egress(&self, room: &str, key: &str, bucket: S3Upload) -> ServiceResult<EgressInfo> {
        let file = EncodedFileOutput {
            file_type: EncodedFileType::Mp4.into(),
            filepath: key.to_owned(),
            // Nothing but the recording belongs into the bucket.
            disable_manifest: true,
            output: Some(encoded_file_output::Output::S3(bucket)),
        };
        let encoding = encoding::EncodingOptions {
            audio_frequency: 48_000,
            audio_codec: livekit_protocol::AudioCodec::Aac,
            ..encoding::H264_720P_30
        };
        let options = RoomCompositeOptions { layout: "grid".to_owned(), encoding, ..RoomCompositeOptions::default() };
        self.egress().start_room_composite_egress(room, vec![EgressOutput::File(file)], options).await
    }

    /// Has an egress finish.
    ///
    /// # Errors
    /// When the SFU or the egress doesn't answer, or the egress has ended.
    pub async fn stop_egress(&self, egress: &str) -> ServiceResult<EgressInfo> {
        self.egress().stop_egress(egress).await
    }

    /// The egresses of all rooms that haven't ended.
    ///
    /// # Errors
    /// When the SFU doesn't answer, or has no egress.
    pub async fn active_egresses(&self) -> ServiceResult<Vec<EgressInfo>> {
        self.egress().list_egress(EgressListOptions { active: true, ..EgressListOptions::default() }).await
    }

    /// A room's egresses, also those that have ended.
    ///
    /// # Errors
    /// When the SFU doesn't answer.
    pub async fn egresses(&self, room: &str) -> ServiceResult<Vec<EgressInfo>> {
        let filter = EgressListFilter::Room(room.to_owned());
        self.egress().list_egress(EgressListOptions { filter, ..EgressListOptions::default() }).await
    }
}

/// Whether the SFU has answered, and what it says is no.
pub fn is_answer(error: &ServiceError) -> bool {
    matches!(error, ServiceError::Twirp(ServerError::Twirp(_)))
}
