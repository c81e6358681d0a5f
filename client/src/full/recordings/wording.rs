//! Text keys of a recording's states and problems.

use std::time::{Duration, SystemTime};

use autamedica_api::{Recording, RecordingPart, RecordingState, Timestamp};
use autamedica_call::recordings::{DeleteProblem, FetchProblem};

use crate::i18n::Texts;
use crate::ui::wording::{clock, file_size, time_of_day};

/// Returns the text key of a recording state.
pub(super) fn state(state: RecordingState) -> &'static str {
    match state {
        RecordingState::Asking => "recording-state-asking",
        RecordingState::Starting => "recording-state-starting",
        RecordingState::Recording => "recording-state-on",
        RecordingState::Paused => "recording-state-paused",
        RecordingState::Stopping => "recording-state-stopping",
        RecordingState::Storing => "recording-state-storing",
        RecordingState::Ready => "recording-state-ready",
        RecordingState::Refused => "recording-state-refused",
        RecordingState::Cancelled => "recording-state-cancelled",
        RecordingState::Failed => "recording-state-failed",
        RecordingState::Deleted => "recording-state-deleted",
    }
}

/// Returns the text key of a problem, given the backend's name of it.
pub(in crate::full) fn trouble(name: &str) -> &'static str {
    match name {
        "recorder-crashed" => "recording-trouble-crashed",
        "part-missing" => "recording-trouble-missing",
        "consent-withdrawn" => "recording-trouble-withdrawn",
        "disk-full" => "recording-trouble-disk",
        "write-failed" | "file-unreadable" => "recording-trouble-file",
        "connection-lost" => "recording-trouble-connection",
        "not-joined" => "recording-trouble-not-joined",
        "undecryptable" => "recording-trouble-undecryptable",
        "too-slow" => "recording-trouble-slow",
        "remux-failed" => "recording-trouble-kind",
        "storage-full" => "recording-trouble-room",
        "egress-unavailable" => "recording-trouble-unavailable",
        "egress-failed" => "recording-trouble-crashed",
        "storage-unreachable" => "recording-trouble-storage",
        "not-encrypted" => "recording-trouble-not-encrypted",
        "checksum-differs" => "recording-trouble-differs",
        _ => "recording-trouble-other",
    }
}

/// Returns the text key of a failed download and its remedy.
pub(super) fn fetch_problem(problem: FetchProblem) -> &'static str {
    match problem {
        FetchProblem::Unreachable => "recording-fetch-unreachable",
        FetchProblem::Denied => "recording-fetch-denied",
        FetchProblem::Gone => "recording-fetch-gone",
        FetchProblem::Differs => "recording-fetch-differs",
        FetchProblem::DiskFull => "recording-fetch-disk-full",
        FetchProblem::NotWritable => "recording-fetch-not-writable",
        FetchProblem::NoPlayer => "recording-fetch-no-player",
    }
}

/// Returns the text key of a failed deletion and its remedy.
pub(super) fn delete_problem(problem: DeleteProblem) -> &'static str {
    match problem {
        DeleteProblem::Unreachable => "recording-delete-unreachable",
        DeleteProblem::Denied => "recording-delete-denied",
        DeleteProblem::Unfinished => "recording-delete-unfinished",
    }
}

/// Formats when it was recorded or requested: `24 de noviembre de 2026, 15:30`.
pub(super) fn when(texts: &Texts, recording: &Recording) -> String {
    let at = moment(recording.started_at.unwrap_or(recording.requested_at));
    // The time is outside of the calendar's range.
    let Ok(stamp) = jiff::Timestamp::try_from(at) else { return String::new() };
    let day = stamp.to_zoned(jiff::tz::TimeZone::system()).date();
    let whole = |number: i8| u64::from(number.unsigned_abs());
    let (year, time) = (day.year().to_string(), time_of_day(at));
    let month = texts.with("recording-month", &[("month", whole(day.month()).into())]);
    texts.with(
        "recording-when",
        &[
            ("day", whole(day.day()).into()),
            ("month", month.as_str().into()),
            ("year", year.as_str().into()),
            ("time", time.as_str().into()),
        ],
    )
}

/// Returns a file name for a part; it contains no person's name.
pub(super) fn file_name(texts: &Texts, recording: &Recording, part: &RecordingPart) -> String {
    let at = moment(recording.started_at.unwrap_or(recording.requested_at));
    let time = jiff::Timestamp::try_from(at).map(|at| at.to_zoned(jiff::tz::TimeZone::system()));
    let time = time.map(|time| time.strftime("%Y-%m-%d-%H%M").to_string()).unwrap_or_default();
    let number = if recording.parts.len() > 1 { format!("-{}", part.number) } else { String::new() };
    let kind = if part.location.as_deref().is_some_and(|at| at.ends_with(".mkv")) { "mkv" } else { "mp4" };
    let name = format!("{}-{time}{number}.{kind}", recording.consultation_id);
    texts.with("recording-file", &[("name", name.as_str().into())])
}

/// Formats length and size as one text.
pub(super) fn measure(texts: &Texts, seconds: f64, bytes: u64) -> String {
    let (time, size) = time_and_size(texts, seconds, bytes);
    texts.with("recording-measure", &[("time", time.as_str().into()), ("size", size.as_str().into())])
}

/// Formats length and size as two texts.
pub(super) fn time_and_size(texts: &Texts, seconds: f64, bytes: u64) -> (String, String) {
    (clock(Duration::try_from_secs_f64(seconds).unwrap_or_default()), file_size(texts, bytes))
}

fn moment(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(at.as_millis().unsigned_abs())
}
