//! Quality samples of clients.

use autamedica_api::{Id, LatestQuality, QualityFigures, QualitySample, QualitySummary, Timestamp, TrackQuality};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::Store;

/// Period of the statistics in milliseconds.
const SUMMARY_PERIOD: i64 = 10 * 60 * 1000;
/// Maximum number of samples read. Exceeds ten minutes of samples from four participants.
const MAX_SAMPLES: i64 = 2000;

/// Maximum number of samples per participant and minute: twice as many as clients send.
const MAX_SAMPLES_PER_MINUTE: i64 = 24;

/// A participant's sample.
#[derive(Clone, Debug)]
pub struct StoredSample {
    /// The participant's identity.
    pub identity: String,
    /// The sample with its time.
    pub latest: LatestQuality,
}

impl Store {
    /// Stores a sample. Returns `false` if the participant sent too many within a minute.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn add_sample(&self, id: &Id, identity: &Id, sample: &QualitySample) -> sqlx::Result<bool> {
        let QualityFigures { round_trip_ms, jitter_ms, packet_loss_percent, bitrate_kbps, fps, width, height } =
            sample.figures;
        let now = Timestamp::now().as_millis();
        let recent = sqlx::query(
            "SELECT COUNT(*) AS number FROM quality_samples WHERE consultation_id = $1 AND identity = $2 AND at > $3",
        )
        .bind(id.as_str())
        .bind(identity.as_str())
        .bind(now - 60_000)
        .fetch_one(&self.reads)
        .await?;
        if recent.try_get::<i64, _>("number")? >= MAX_SAMPLES_PER_MINUTE {
            return Ok(false);
        }
        self.pool.execute(sqlx::query(
            "INSERT INTO quality_samples (consultation_id, identity, at, round_trip_ms, jitter_ms, loss_percent, \
             bitrate_kbps, fps, width, height, tracks) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(id.as_str())
        .bind(identity.as_str())
        .bind(now)
        .bind(round_trip_ms)
        .bind(jitter_ms)
        .bind(packet_loss_percent)
        .bind(bitrate_kbps)
        .bind(fps)
        .bind(width.map(i64::from))
        .bind(height.map(i64::from))
        .bind(serde_json::to_string(&sample.tracks).expect("plausible figures always become JSON")))
        .await?;
        Ok(true)
    }

    /// Returns the samples of the last ten minutes, oldest first.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn recent_samples(&self, id: &Id) -> sqlx::Result<Vec<StoredSample>> {
        let rows = sqlx::query(
            "SELECT identity, at, round_trip_ms, jitter_ms, loss_percent, bitrate_kbps, fps, width, height, tracks \
             FROM quality_samples WHERE consultation_id = $1 AND at >= $2 ORDER BY at DESC LIMIT $3",
        )
        .bind(id.as_str())
        .bind(Timestamp::now().as_millis() - SUMMARY_PERIOD)
        .bind(MAX_SAMPLES)
        .fetch_all(&self.reads)
        .await?;
        rows.iter().rev().map(read).collect()
    }
}

fn read(row: &AnyRow) -> sqlx::Result<StoredSample> {
    let pixels =
        |column: &str| Ok::<_, sqlx::Error>(row.try_get::<Option<i64>, _>(column)?.and_then(|n| n.try_into().ok()));
    let tracks: Vec<TrackQuality> = serde_json::from_str(&row.try_get::<String, _>("tracks")?)
        .map_err(|error| sqlx::Error::Decode(error.into()))?;
    let figures = QualityFigures {
        round_trip_ms: row.try_get("round_trip_ms")?,
        jitter_ms: row.try_get("jitter_ms")?,
        packet_loss_percent: row.try_get("loss_percent")?,
        bitrate_kbps: row.try_get("bitrate_kbps")?,
        fps: row.try_get("fps")?,
        width: pixels("width")?,
        height: pixels("height")?,
    };
    Ok(StoredSample {
        identity: row.try_get("identity")?,
        latest: LatestQuality {
            at: Timestamp::from_millis(row.try_get("at")?),
            sample: QualitySample { figures, tracks },
        },
    })
}

/// Summarizes samples in chronological order.
pub fn summarize<'a>(samples: impl Iterator<Item = &'a LatestQuality> + Clone) -> QualitySummary {
    let at = |percent: usize| {
        let float = |figure: fn(&QualityFigures) -> Option<f64>| {
            let mut values: Vec<f64> = samples.clone().filter_map(|latest| figure(&latest.sample.figures)).collect();
            values.sort_by(f64::total_cmp);
            rank(percent, values.len()).and_then(|rank| values.get(rank).copied())
        };
        let whole = |figure: fn(&QualityFigures) -> Option<u32>| {
            let mut values: Vec<u32> = samples.clone().filter_map(|latest| figure(&latest.sample.figures)).collect();
            values.sort_unstable();
            rank(percent, values.len()).and_then(|rank| values.get(rank).copied())
        };
        QualityFigures {
            round_trip_ms: float(|figures| figures.round_trip_ms),
            jitter_ms: float(|figures| figures.jitter_ms),
            packet_loss_percent: float(|figures| figures.packet_loss_percent),
            bitrate_kbps: float(|figures| figures.bitrate_kbps),
            fps: float(|figures| figures.fps),
            width: whole(|figures| figures.width),
            height: whole(|figures| figures.height),
        }
    };
    QualitySummary {
        samples: samples.clone().count().try_into().unwrap_or(u64::MAX),
        latest: samples.clone().last().cloned(),
        p50: at(50),
        p95: at(95),
    }
}

/// Returns the index of a percentile among `len` sorted values (nearest rank).
fn rank(percent: usize, len: usize) -> Option<usize> {
    (len * percent).div_ceil(100).checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_samples_that_have_the_figure() {
        let sample = |round_trip_ms: Option<f64>| LatestQuality {
            at: Timestamp::from_millis(0),
            sample: QualitySample {
                figures: QualityFigures { round_trip_ms, ..QualityFigures::default() },
                tracks: Vec::new(),
            },
        };
        let mut samples: Vec<_> = (1..=100).rev().map(|ms| sample(Some(f64::from(ms)))).collect();
        samples.push(sample(None));
        let summary = summarize(samples.iter());
        assert_eq!(summary.samples, 101);
        assert_eq!((summary.p50.round_trip_ms, summary.p95.round_trip_ms), (Some(50.0), Some(95.0)));
        assert_eq!((summary.p50.fps, summary.latest), (None, Some(sample(None))));
        assert_eq!(summarize(std::iter::empty()), QualitySummary::default());
        assert_eq!(summarize([sample(Some(7.0))].iter()).p95.round_trip_ms, Some(7.0));
    }
}
