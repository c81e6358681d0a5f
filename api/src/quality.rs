use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Timestamp;

/// What a client measured; sent every five seconds. Every figure is optional, because not every client can measure all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QualityFigures {
    /// To the SFU and back, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub round_trip_ms: Option<f64>,
    /// In milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub jitter_ms: Option<f64>,
    /// Packets lost, of a hundred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 100)]
    pub packet_loss_percent: Option<f64>,
    /// Thousand bits a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub bitrate_kbps: Option<f64>,
    /// Frames a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub fps: Option<f64>,
    /// Pixels.
    #[serde(default, deserialize_with = "crate::whole::optional", skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Pixels.
    #[serde(default, deserialize_with = "crate::whole::optional", skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
}

impl QualityFigures {
    /// Whether every figure can be true: finite, not negative, and a loss of a hundred percent at most.
    pub fn is_plausible(&self) -> bool {
        let figures = [self.round_trip_ms, self.jitter_ms, self.packet_loss_percent, self.bitrate_kbps, self.fps];
        figures.into_iter().flatten().all(|figure| figure.is_finite() && figure >= 0.0)
            && self.packet_loss_percent.is_none_or(|loss| loss <= 100.0)
    }
}

/// The body of `POST /api/consultations/{id}/quality`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QualitySample {
    /// Of the whole connection.
    #[serde(flatten)]
    pub figures: QualityFigures,
    /// Of single tracks.
    #[serde(default)]
    #[schema(max_items = 16)]
    pub tracks: Vec<TrackQuality>,
}

impl QualitySample {
    /// The most tracks that one sample may tell of.
    pub const MAX_TRACKS: usize = 16;
}

/// What a client measured of one track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrackQuality {
    /// The SFU's id of the track.
    #[schema(max_length = 64)]
    pub sid: String,
    /// The figures.
    #[serde(flatten)]
    pub figures: QualityFigures,
}

/// Quality over the last ten minutes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QualitySummary {
    /// How many samples it rests on.
    pub samples: u64,
    /// The last sample; absent until there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<LatestQuality>,
    /// The median of each figure.
    pub p50: QualityFigures,
    /// What 95 of 100 samples don't exceed, of each figure.
    pub p95: QualityFigures,
}

/// The last sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LatestQuality {
    /// When it came.
    pub at: Timestamp,
    /// What it said.
    #[serde(flatten)]
    pub sample: QualitySample,
}
