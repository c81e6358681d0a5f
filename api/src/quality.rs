use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Timestamp;

/// Measurements of a client, sent every five seconds. All are optional, because not every client can measure all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QualityFigures {
    /// Round-trip time to the SFU in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub round_trip_ms: Option<f64>,
    /// Jitter in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub jitter_ms: Option<f64>,
    /// Packet loss in percent (0–100).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 100)]
    pub packet_loss_percent: Option<f64>,
    /// Bitrate in kbit/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub bitrate_kbps: Option<f64>,
    /// Frame rate in frames per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub fps: Option<f64>,
    /// Width of the video in pixels.
    #[serde(default, deserialize_with = "crate::whole::optional", skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height of the video in pixels.
    #[serde(default, deserialize_with = "crate::whole::optional", skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
}

impl QualityFigures {
    /// Returns `true` if all figures are finite and not negative, and the packet loss is at most 100 %.
    pub fn is_plausible(&self) -> bool {
        let figures = [self.round_trip_ms, self.jitter_ms, self.packet_loss_percent, self.bitrate_kbps, self.fps];
        figures.into_iter().flatten().all(|figure| figure.is_finite() && figure >= 0.0)
            && self.packet_loss_percent.is_none_or(|loss| loss <= 100.0)
    }
}

/// Body of `POST /api/consultations/{id}/quality`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QualitySample {
    /// Measurements of the whole connection.
    #[serde(flatten)]
    pub figures: QualityFigures,
    /// Measurements of single tracks.
    #[serde(default)]
    #[schema(max_items = 16)]
    pub tracks: Vec<TrackQuality>,
}

impl QualitySample {
    /// Maximum number of tracks in a sample.
    pub const MAX_TRACKS: usize = 16;
}

/// Measurements of one track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrackQuality {
    /// The SFU's id of the track.
    #[schema(max_length = 64)]
    pub sid: String,
    /// Measurements of the track.
    #[serde(flatten)]
    pub figures: QualityFigures,
}

/// Quality during the last ten minutes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QualitySummary {
    /// Number of samples.
    pub samples: u64,
    /// Last sample, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<LatestQuality>,
    /// Median of each figure.
    pub p50: QualityFigures,
    /// 95th percentile of each figure.
    pub p95: QualityFigures,
}

/// Last sample with its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LatestQuality {
    /// Time of arrival.
    pub at: Timestamp,
    /// The sample.
    #[serde(flatten)]
    pub sample: QualitySample,
}
