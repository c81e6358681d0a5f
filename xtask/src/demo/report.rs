//! Merged report of both clients.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// Figures that every client must report, each a number above zero.
const FIGURES: [&str; 11] = [
    "join_ms",
    "video_fps",
    "video_width",
    "video_height",
    "latency_p50_ms",
    "latency_p95_ms",
    "audio_frames",
    "audio_tone_hz",
    "cpu_percent",
    "rss_mib",
    "ui_fps",
];

/// Merges the clients of several reports into `file`.
///
/// # Errors
/// A part can't be read, or a client lacks a figure; the file is still written in that case.
pub fn merge(parts: &[PathBuf], file: &Path) -> Result<()> {
    let mut clients = Vec::new();
    for part in parts {
        clients.extend(clients_of(part)?);
    }
    let gaps: Vec<_> = clients.iter().flat_map(gaps).collect();
    let text = serde_json::to_string_pretty(&json!({ "clients": clients })).context("making the report")?;
    fs::write(file, text + "\n").with_context(|| format!("writing {}", file.display()))?;
    if clients.len() != parts.len() {
        bail!("the report has {} clients instead of {}", clients.len(), parts.len());
    }
    if !gaps.is_empty() {
        bail!("the report is incomplete: {}", gaps.join(", "));
    }
    Ok(())
}

/// Reads the report of one client.
///
/// # Errors
/// The file can't be read, or the client lacks a figure.
pub fn client(file: &Path) -> Result<Value> {
    let client = clients_of(file)?.pop().context("a report without clients")?;
    let gaps = gaps(&client);
    if !gaps.is_empty() {
        bail!("the report is incomplete: {}", gaps.join(", "));
    }
    Ok(client)
}

fn clients_of(file: &Path) -> Result<Vec<Value>> {
    let text = fs::read_to_string(file).with_context(|| format!("a window left no report: {}", file.display()))?;
    let report: Value = serde_json::from_str(&text).with_context(|| format!("reading {}", file.display()))?;
    Ok(report["clients"].as_array().context("a report without clients")?.clone())
}

/// Returns messages about the missing figures of a client.
fn gaps(client: &Value) -> Vec<String> {
    let role = client["role"].as_str().unwrap_or("a client without a role");
    let mut gaps: Vec<_> = FIGURES
        .iter()
        .filter(|figure| !client[**figure].as_f64().is_some_and(|value| value > 0.0))
        .map(|figure| format!("{role} has no {figure}"))
        .collect();
    for name in ["codec", "encoder"] {
        if client[name].as_str().is_none_or(str::is_empty) {
            gaps.push(format!("{role} has no {name}"));
        }
    }
    if client["chat_received"] != Value::Bool(true) {
        gaps.push(format!("{role} got no chat message"));
    }
    if client["end"].as_str().is_none_or(str::is_empty) {
        gaps.push(format!("{role} has no end reason"));
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(role: &str) -> Value {
        let mut client =
            json!({ "role": role, "chat_received": true, "end": "hung up", "codec": "H264", "encoder": "OpenH264" });
        for figure in FIGURES {
            client[figure] = json!(1.5);
        }
        client
    }

    fn write(folder: &Path, name: &str, client: &Value) -> PathBuf {
        let file = folder.join(name);
        fs::write(&file, json!({ "clients": [client] }).to_string()).unwrap();
        file
    }

    #[test]
    fn two_whole_reports_become_one() {
        let folder = tempfile::tempdir().unwrap();
        let parts = [write(folder.path(), "d", &client("doctor")), write(folder.path(), "p", &client("patient"))];
        let file = folder.path().join("both.json");
        merge(&parts, &file).unwrap();
        let both: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        assert_eq!(both, json!({ "clients": [client("doctor"), client("patient")] }));
    }

    #[test]
    fn a_missing_figure_is_named_and_the_file_still_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut deaf = client("patient");
        deaf["audio_tone_hz"] = Value::Null;
        deaf["audio_frames"] = json!(0);
        deaf["chat_received"] = json!(false);
        let file = folder.path().join("both.json");
        let error = merge(&[write(folder.path(), "p", &deaf)], &file).unwrap_err().to_string();
        for gap in ["patient has no audio_tone_hz", "patient has no audio_frames", "patient got no chat message"] {
            assert!(error.contains(gap), "{error}");
        }
        assert!(file.exists());
    }

    #[test]
    fn a_missing_report_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(merge(&[folder.path().join("none")], &folder.path().join("both")).is_err());
    }
}
