//! Bandwidth fallback: reduces our camera's video while the connection is weak, so that audio gets through.

use std::time::{Duration, Instant};

use autamedica_engine::ConnectionQuality;

use super::CallPhase;
use super::task::Task;

/// Time of a weak connection before video is reduced.
const WEAK_FOR: Duration = Duration::from_secs(4);
/// Time of a good connection before full video resumes; doubled after each relapse, up to [`MAX_GOOD_FOR`].
const GOOD_FOR: Duration = Duration::from_secs(10);
const MAX_GOOD_FOR: Duration = Duration::from_secs(80);
/// Maximum time between resuming and a weak connection that counts as a relapse.
const RELAPSE: Duration = Duration::from_secs(60);
/// Packet loss in percent and round-trip time in milliseconds below which a connection is good.
const MAX_LOSS_PERCENT: f64 = 3.0;
const MAX_ROUND_TRIP_MS: f64 = 400.0;

/// Quality of the upstream connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Upstream {
    /// Recent packet loss in percent (0–100).
    pub(super) loss_percent: f64,
    /// Round-trip time.
    pub(super) round_trip_ms: f64,
    /// The encoder is limited by bandwidth.
    pub(super) limited: bool,
}

impl Upstream {
    fn is_good(self) -> bool {
        self.loss_percent < MAX_LOSS_PERCENT && self.round_trip_ms < MAX_ROUND_TRIP_MS
    }
}

/// Decides on the bandwidth fallback, with hysteresis.
#[derive(Debug)]
pub(super) struct BandwidthFallback {
    reduced: bool,
    /// Start of the period in which the connection contradicts `reduced`.
    since: Option<Instant>,
    good_for: Duration,
    resumed_at: Option<Instant>,
}

impl Default for BandwidthFallback {
    fn default() -> Self {
        Self { reduced: false, since: None, good_for: GOOD_FOR, resumed_at: None }
    }
}

impl BandwidthFallback {
    /// Updates the decision, about once a second. Returns whether to reduce the video.
    ///
    /// The SFU also rates a camera as poor that sends less than it could, as during the fallback. So measurements take
    /// precedence over the SFU's rating.
    fn update(&mut self, now: Instant, quality: ConnectionQuality, upstream: Option<Upstream>) -> bool {
        let poor = matches!(quality, ConnectionQuality::Poor | ConnectionQuality::Lost);
        let contradicts = match (self.reduced, upstream) {
            (false, Some(upstream)) => poor && (upstream.limited || !upstream.is_good()),
            (false, None) => poor,
            (true, Some(upstream)) => upstream.is_good(),
            (true, None) => !poor,
        };
        if !contradicts {
            self.since = None;
            return self.reduced;
        }
        let since = *self.since.get_or_insert(now);
        let wait = if self.reduced { self.good_for } else { WEAK_FOR };
        if now.saturating_duration_since(since) >= wait {
            self.since = None;
            self.reduced = !self.reduced;
            if self.reduced {
                let relapsed = self.resumed_at.is_some_and(|at| now.saturating_duration_since(at) < RELAPSE);
                self.good_for = if relapsed { (self.good_for * 2).min(MAX_GOOD_FOR) } else { GOOD_FOR };
            } else {
                self.resumed_at = Some(now);
            }
        }
        self.reduced
    }
}

impl Task {
    /// Updates the bandwidth fallback, once a second.
    pub(super) fn update_bandwidth_fallback(&mut self, upstream: Option<Upstream>) {
        if self.state().phase != CallPhase::InCall {
            return;
        }
        let quality = self.state().quality;
        let reduced = self.bandwidth_fallback.update(Instant::now(), quality, upstream);
        if self.state().video_reduced != reduced {
            tracing::info!(reduced, ?quality, ?upstream, "bandwidth fallback changed");
            self.state().video_reduced = reduced;
            self.local.reduce_camera(reduced);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Option<Upstream> = Some(Upstream { loss_percent: 0.5, round_trip_ms: 40.0, limited: false });
    const LOSSY: Option<Upstream> = Some(Upstream { loss_percent: 20.0, round_trip_ms: 40.0, limited: false });

    /// Simulates one sample a second from `start`. Returns the seconds at which the decision changed.
    fn changes(
        fallback: &mut BandwidthFallback,
        start: u64,
        seconds: u64,
        quality: ConnectionQuality,
        up: Option<Upstream>,
    ) -> Vec<u64> {
        let zero = *ZERO;
        let mut before = fallback.reduced;
        let update = |second: u64| {
            let now = fallback.update(zero + Duration::from_secs(second), quality, up);
            (std::mem::replace(&mut before, now) != now).then_some(second)
        };
        (start..start + seconds).filter_map(update).collect()
    }

    static ZERO: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);

    #[test]
    fn a_bad_connection_holds_the_camera_back_and_a_good_one_lets_it_go_late() {
        use ConnectionQuality::{Excellent, Poor};
        let mut fallback = BandwidthFallback::default();
        assert!(changes(&mut fallback, 0, 10, Excellent, GOOD).is_empty());
        assert!(changes(&mut fallback, 10, 10, Poor, GOOD).is_empty(), "poor for another reason than the connection");
        assert!(changes(&mut fallback, 20, 3, Poor, LOSSY).is_empty());
        assert!(changes(&mut fallback, 23, 1, Excellent, GOOD).is_empty(), "not for so long");
        assert_eq!(changes(&mut fallback, 24, 10, Poor, LOSSY), [28]);
        assert_eq!(changes(&mut fallback, 34, 15, Poor, GOOD), [44], "what is measured is believed first");
        assert_eq!(changes(&mut fallback, 49, 10, Poor, LOSSY), [53]);
        assert_eq!(changes(&mut fallback, 59, 30, Excellent, GOOD), [79], "twice as long after a relapse");
        assert_eq!(changes(&mut fallback, 200, 10, Poor, LOSSY), [204]);
        assert_eq!(changes(&mut fallback, 210, 30, Excellent, GOOD), [220], "and not after a long good while");
    }

    #[test]
    fn without_figures_the_sfu_is_believed() {
        use ConnectionQuality::{Excellent, Lost};
        let mut fallback = BandwidthFallback::default();
        assert_eq!(changes(&mut fallback, 0, 10, Lost, None), [4]);
        assert_eq!(changes(&mut fallback, 10, 20, Excellent, None), [20]);
    }
}
