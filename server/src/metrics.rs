//! Prometheus metrics of this process.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the latency histogram, in milliseconds.
const BOUNDS: [u64; 8] = [1, 5, 10, 25, 50, 100, 500, 2500];

/// HTTP requests by status class, and their latency.
#[derive(Debug, Default)]
pub struct Metrics {
    by_class: [AtomicU64; 5],
    /// Histogram; the last bucket counts values above all bounds.
    by_latency: [AtomicU64; BOUNDS.len() + 1],
    latency_micros: AtomicU64,
}

impl Metrics {
    /// Counts an answered request.
    pub fn count(&self, status: u16, took: Duration) {
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        self.by_class[class].fetch_add(1, Ordering::Relaxed);
        let bucket = BOUNDS.iter().position(|bound| took <= Duration::from_millis(*bound)).unwrap_or(BOUNDS.len());
        self.by_latency[bucket].fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.latency_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Appends the metrics in Prometheus' text format.
    // Writing to a string doesn't fail.
    pub fn write(&self, text: &mut String) {
        text.push_str("# HELP autamedica_http_requests_total Answered requests, event status class.\n");
        text.push_str("# TYPE autamedica_http_requests_total counter\n");
        for (class, number) in (1..).zip(&self.by_class) {
            let number = number.load(Ordering::Relaxed);
            let _ = writeln!(text, "autamedica_http_requests_total{{status=\"{class}xx\"}} {number}");
        }
        text.push_str("# HELP autamedica_http_request_duration_seconds Time to answer a request, in seconds.\n");
        text.push_str("# TYPE autamedica_http_request_duration_seconds histogram\n");
        let mut total = 0;
        for (bound, number) in BOUNDS.iter().zip(&self.by_latency) {
            total += number.load(Ordering::Relaxed);
            let seconds = Duration::from_millis(*bound).as_secs_f64();
            let _ = writeln!(text, "autamedica_http_request_duration_seconds_bucket{{le=\"{seconds}\"}} {total}");
        }
        total += self.by_latency[BOUNDS.len()].load(Ordering::Relaxed);
        let sum = Duration::from_micros(self.latency_micros.load(Ordering::Relaxed)).as_secs_f64();
        let _ = writeln!(text, "autamedica_http_request_duration_seconds_bucket{{le=\"+Inf\"}} {total}");
        let _ = writeln!(text, "autamedica_http_request_duration_seconds_sum {sum}");
        let _ = writeln!(text, "autamedica_http_request_duration_seconds_count {total}");
    }
}

/// Appends a gauge with optional labels such as `state="live"`.
pub fn gauge(text: &mut String, name: &str, help: &str, values: &[(String, i64)]) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
    for (labels, value) in values {
        let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        let _ = writeln!(text, "{name}{labels} {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_buckets_add_up() {
        let metrics = Metrics::default();
        for (status, millis) in [(200, 0), (200, 7), (404, 7), (503, 9000)] {
            metrics.count(status, Duration::from_millis(millis));
        }
        let mut text = String::new();
        metrics.write(&mut text);
        for line in [
            "autamedica_http_requests_total{status=\"2xx\"} 2",
            "autamedica_http_requests_total{status=\"4xx\"} 1",
            "autamedica_http_requests_total{status=\"5xx\"} 1",
            "autamedica_http_request_duration_seconds_bucket{le=\"0.001\"} 1",
            "autamedica_http_request_duration_seconds_bucket{le=\"0.01\"} 3",
            "autamedica_http_request_duration_seconds_bucket{le=\"2.5\"} 3",
            "autamedica_http_request_duration_seconds_bucket{le=\"+Inf\"} 4",
            "autamedica_http_request_duration_seconds_count 4",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}
