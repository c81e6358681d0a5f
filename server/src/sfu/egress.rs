//! Client of LiveKit's egress API.

use std::time::Duration;

use livekit_api::services::egress::{
    EgressClient, EgressListFilter, EgressListOptions, EgressOutput, RoomCompositeOptions, encoding,
};
use livekit_api::services::{ServerError, ServiceError, ServiceResult};
use livekit_protocol::{EgressInfo, EncodedFileOutput, EncodedFileType, S3Upload, encoded_file_output};

use super::Sfu;

/// Timeout of a request. The SFU needs 22 s to report that no egress worker is available, and no caller waits for it.
const TIMEOUT: Duration = Duration::from_secs(30);

impl Sfu {
    fn egress(&self) -> &EgressClient {
        self.egress.get_or_init(|| {
            let client = EgressClient::with_api_key(self.url.api(), &self.api_key, self.api_secret.expose());
            client.with_request_timeout(TIMEOUT)
        })
    }

    /// Starts recording a room into an object of a bucket.
    ///
    /// # Errors
    /// [`ServiceError`] if the SFU doesn't answer or no egress worker is available.
    pub async fn start_egress(&self, room: &str, key: &str, bucket: S3Upload) -> ServiceResult<EgressInfo> {
        let file = EncodedFileOutput {
            file_type: EncodedFileType::Mp4.into(),
            filepath: key.to_owned(),
            // The bucket must only contain recordings.
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

    /// Stops an egress.
    ///
    /// # Errors
    /// [`ServiceError`] if the SFU or the egress doesn't answer, or the egress has ended.
    pub async fn stop_egress(&self, egress: &str) -> ServiceResult<EgressInfo> {
        self.egress().stop_egress(egress).await
    }

    /// Returns the active egresses of all rooms.
    ///
    /// # Errors
    /// [`ServiceError`] if the SFU doesn't answer or has no egress.
    pub async fn active_egresses(&self) -> ServiceResult<Vec<EgressInfo>> {
        self.egress().list_egress(EgressListOptions { active: true, ..EgressListOptions::default() }).await
    }

    /// Returns a room's egresses, including ended ones.
    ///
    /// # Errors
    /// [`ServiceError`] if the SFU doesn't answer.
    pub async fn egresses(&self, room: &str) -> ServiceResult<Vec<EgressInfo>> {
        let filter = EgressListFilter::Room(room.to_owned());
        self.egress().list_egress(EgressListOptions { filter, ..EgressListOptions::default() }).await
    }
}

/// Returns `true` if the SFU itself has answered with an error.
pub fn is_answer(error: &ServiceError) -> bool {
    matches!(error, ServiceError::Twirp(ServerError::Twirp(_)))
}
