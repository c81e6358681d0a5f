//! Bandwidth fallback: reduces our camera's video while the connection is weak, so that audio gets through.

use std::time::{Duration, Instant};

use autamedica_engine::ConnectionQuality;

use super::CallPhase;
use super::task::Task;

/// Time of a weak connection before video is reduced.
const BAD_FOR: Duration = Duration::from_secs(4);
/// Time of a good connection before full video resumes; doubled after each relapse, up to [`CALM_AT_MOST`].
const CALM_FOR: Duration = Duration::from_secs(10);
const CALM_AT_MOST: Duration = Duration::from_secs(80);
/// Maximum time between resuming and a weak connection that counts as a relapse.
const RELAPSE: Duration = Duration::from_secs(60);
/// Packet loss in percent and round-trip time in milliseconds below which a connection is good.
const MOST_LOSS: f64 = 3.0;
const LONGEST_MS: f64 = 400.0;

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
    fn is_well(self) -> bool {
        self.loss_percent < MOST_LOSS && self.round_trip_ms < LONGEST_MS
    }
}

/// Decides on the bandwidth fallback, with hysteresis.
#[derive(Debug)]
pub(super) struct Hold {
    held: bool,
    /// Start of the period in which the connection contradicts `held`.
    since: Option<Instant>,
    calm_for: Duration,
    let_go: Option<Instant>,
}

impl Default for Hold {
    fn default() -> Self {
        Self { held: false, since: None, calm_for: CALM_FOR, let_go: None }
    }
}

impl Hold {
    /// Updates the decision, about once a second. Returns whether to reduce the video.
    ///
    /// The SFU also rates a camera as poor that sends less than it could, as during the fallback. So measurements take
    /// precedence over the SFU's rating.
    fn look(&mut self, now: Instant, quality: ConnectionQuality, upstream: Option<Upstream>) -> bool {
        let poor = matches!(quality, ConnectionQuality::Poor | ConnectionQuality::Lost);
        let turns = match (self.held, upstream) {
            (false, Some(upstream)) => poor && (upstream.limited || !upstream.is_well()),
            (false, None) => poor,
            (true, Some(upstream)) => upstream.is_well(),
            (true, None) => !poor,
        };
        if !turns {
            self.since = None;
            return self.held;
        }
        let since = *self.since.get_or_insert(now);
        let wait = if self.held { self.calm_for } else { BAD_FOR };
        if now.saturating_duration_since(since) >= wait {
            self.since = None;
            self.held = !self.held;
            if self.held {
                let relapsed = self.let_go.is_some_and(|at| now.saturating_duration_since(at) < RELAPSE);
                self.calm_for = if relapsed { (self.calm_for * 2).min(CALM_AT_MOST) } else { CALM_FOR };
            } else {
                self.let_go = Some(now);
            }
        }
        self.held
    }
}

impl Task {
    /// Updates the bandwidth fallback, once a second.
    pub(super) fn tend_hold(&mut self, upstream: Option<Upstream>) {
        if self.state().phase != CallPhase::InCall {
            return;
        }
        let quality = self.state().quality;
        let held = self.hold.look(Instant::now(), quality, upstream);
        if self.state().video_held_back != held {
            tracing::info!(held, ?quality, ?upstream, "bandwidth fallback changed");
            self.state().video_held_back = held;
            self.local.hold_camera_back(held);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: Option<Upstream> = Some(Upstream { loss_percent: 0.5, round_trip_ms: 40.0, limited: false });
    const LOSSY: Option<Upstream> = Some(Upstream { loss_percent: 20.0, round_trip_ms: 40.0, limited: false });

    /// Simulates one sample a second from `start`. Returns the seconds at which the decision changed.
    fn changes(
        hold: &mut Hold,
        start: u64,
        seconds: u64,
        quality: ConnectionQuality,
        up: Option<Upstream>,
    ) -> Vec<u64> {
        let zero = *ZERO;
        let mut before = hold.held;
        let look = |second: u64| {
            let now = hold.look(zero + Duration::from_secs(second), quality, up);
            (std::mem::replace(&mut before, now) != now).then_some(second)
        };
        (start..start + seconds).filter_map(look).collect()
    }

    static ZERO: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);

    #[test]
    fn a_bad_connection_holds_the_camera_back_and_a_good_one_lets_it_go_late() {
        use ConnectionQuality::{Excellent, Poor};
        let mut hold = Hold::default();
        assert!(changes(&mut hold, 0, 10, Excellent, WELL).is_empty());
        assert!(changes(&mut hold, 10, 10, Poor, WELL).is_empty(), "poor for another reason than the connection");
        assert!(changes(&mut hold, 20, 3, Poor, LOSSY).is_empty());
        assert!(changes(&mut hold, 23, 1, Excellent, WELL).is_empty(), "not for so long");
        assert_eq!(changes(&mut hold, 24, 10, Poor, LOSSY), [28]);
        assert_eq!(changes(&mut hold, 34, 15, Poor, WELL), [44], "what is measured is believed first");
        assert_eq!(changes(&mut hold, 49, 10, Poor, LOSSY), [53]);
        assert_eq!(changes(&mut hold, 59, 30, Excellent, WELL), [79], "twice as long after a relapse");
        assert_eq!(changes(&mut hold, 200, 10, Poor, LOSSY), [204]);
        assert_eq!(changes(&mut hold, 210, 30, Excellent, WELL), [220], "and not after a long good while");
    }

    #[test]
    fn without_figures_the_sfu_is_believed() {
        use ConnectionQuality::{Excellent, Lost};
        let mut hold = Hold::default();
        assert_eq!(changes(&mut hold, 0, 10, Lost, None), [4]);
        assert_eq!(changes(&mut hold, 10, 20, Excellent, None), [20]);
    }
}
