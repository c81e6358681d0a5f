//! CPU and memory usage of this process. Linux only.

use std::collections::BTreeMap;
use std::time::Duration;

/// CPU time used so far, in total and by thread name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CpuTime {
    /// All threads, including those that have ended.
    pub total: Duration,
    /// Running threads, by name without its trailing number.
    pub by_thread: BTreeMap<String, Duration>,
}

/// Returns the CPU time used so far; `None` where the system does not report it.
pub fn cpu_time() -> Option<CpuTime> {
    let total = parse_stat(&std::fs::read_to_string("/proc/self/stat").ok()?)?.1;
    let mut by_thread = BTreeMap::new();
    for entry in std::fs::read_dir("/proc/self/task").ok()?.flatten() {
        // The thread may have ended since listing.
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        if let Some((name, time)) = parse_stat(&stat) {
            *by_thread.entry(group(&name)).or_default() += time;
        }
    }
    Some(CpuTime { total, by_thread })
}

/// Returns the resident memory in MiB; `None` where the system does not report it.
pub fn rss_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib / 1024.0)
}

/// Returns name and CPU time from a line of `/proc/…/stat` (proc(5): fields 2, 14 and 15, in ticks of 10 ms).
fn parse_stat(line: &str) -> Option<(String, Duration)> {
    let (start, end) = (line.find('(')?, line.rfind(')')?);
    let name = line.get(start + 1..end)?.to_owned();
    let mut fields = line.get(end + 1..)?.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((name, Duration::from_millis((user + system) * 10)))
}

fn group(name: &str) -> String {
    name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | ' ' | '#' | ':')).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_stat_line_with_odd_names() {
        let line = "12 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 1 0";
        assert_eq!(parse_stat(line), Some(("a) b (c".to_owned(), Duration::from_secs(2))));
        assert_eq!(parse_stat("nothing"), None);
    }

    #[test]
    fn groups_threads_by_name() {
        assert_eq!(group("tokio-worker-12"), "tokio-worker");
        assert_eq!(group("llvmpipe-0"), "llvmpipe");
        assert_eq!(group("camera"), "camera");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_costs_something() {
        assert!(rss_mib().expect("memory") > 1.0);
        assert!(!cpu_time().expect("time").by_thread.is_empty());
    }
}
