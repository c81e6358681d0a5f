//! Returns the text keys of states and errors.

use std::time::{Duration, SystemTime};

use autamedica_api::{FeedbackReason, Role};
use autamedica_call::check::{NetworkProblem, NetworkStep, NetworkVerdict};
use autamedica_call::{CallState, CameraAbsence, DeviceKind, EndReason, ParticipantState, RecordingProblem};
use autamedica_engine::ConnectionQuality;
use autamedica_media::DeviceProblem;

use crate::i18n::{Language, Texts};

/// Returns the text keys of a camera problem and of the advice for it.
pub fn camera_problem(problem: DeviceProblem) -> (&'static str, &'static str) {
    match problem {
        DeviceProblem::NotFound => ("camera-problem-not-found", "camera-advice-not-found"),
        DeviceProblem::Busy => ("camera-problem-busy", "camera-advice-busy"),
        DeviceProblem::Denied => ("camera-problem-denied", "camera-advice-denied"),
        DeviceProblem::Unplugged => ("camera-problem-unplugged", "camera-advice-unplugged"),
        DeviceProblem::Silent => ("camera-problem-silent", "camera-advice-silent"),
        DeviceProblem::Unsupported => ("camera-problem-unsupported", "camera-advice-unsupported"),
        DeviceProblem::Failed => ("camera-problem-failed", "camera-advice-failed"),
    }
}

/// Returns the text key of the reason why a participant's camera is off.
pub fn camera_off(person: &ParticipantState) -> &'static str {
    match person.camera_absence {
        None | Some(CameraAbsence::SwitchedOff) => "person-camera-off",
        Some(CameraAbsence::NotFound) => "person-camera-not-found",
        Some(CameraAbsence::Busy) => "person-camera-busy",
        Some(CameraAbsence::Denied) => "person-camera-denied",
        Some(CameraAbsence::Unplugged) => "person-camera-unplugged",
        Some(CameraAbsence::Failed) => "person-camera-failed",
    }
}

/// Returns the text keys of a microphone problem and of the advice for it.
pub fn microphone_problem(problem: DeviceProblem) -> (&'static str, &'static str) {
    match problem {
        DeviceProblem::NotFound => ("microphone-problem-not-found", "microphone-advice-not-found"),
        DeviceProblem::Busy => ("microphone-problem-busy", "microphone-advice-busy"),
        DeviceProblem::Denied => ("microphone-problem-denied", "microphone-advice-denied"),
        DeviceProblem::Unplugged => ("microphone-problem-unplugged", "microphone-advice-unplugged"),
        DeviceProblem::Silent => ("microphone-problem-silent", "microphone-advice-silent"),
        DeviceProblem::Unsupported => ("microphone-problem-unsupported", "microphone-advice-unsupported"),
        DeviceProblem::Failed => ("microphone-problem-failed", "microphone-advice-failed"),
    }
}

/// Returns the text key of a device kind.
pub fn device_caption(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Camera => "camera-caption",
        DeviceKind::Microphone => "microphone-caption",
        DeviceKind::Speaker => "speaker-caption",
    }
}

/// Returns the text key of the system's default device. Each kind has its own: in Spanish they differ in gender.
pub fn device_default(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Camera => "camera-default",
        DeviceKind::Microphone => "microphone-default",
        DeviceKind::Speaker => "speaker-default",
    }
}

/// Returns the text key of using no device.
pub fn device_none(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Camera => "camera-none",
        DeviceKind::Microphone => "microphone-none",
        DeviceKind::Speaker => "speaker-none",
    }
}

/// Returns the text key of the test source of this kind.
pub fn device_test(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Camera => "camera-test",
        DeviceKind::Microphone => "microphone-test",
        DeviceKind::Speaker => "speaker-test",
    }
}

/// Returns the text key of a step of the network test.
pub fn network_step(step: NetworkStep) -> &'static str {
    match step {
        NetworkStep::Connecting => "check-network-connecting",
        NetworkStep::Measuring => "check-network-measuring",
    }
}

/// Returns the text keys of a network verdict and of the advice for it.
pub fn network_verdict(verdict: NetworkVerdict) -> (&'static str, Option<&'static str>) {
    match verdict {
        NetworkVerdict::Good => ("check-network-good", None),
        NetworkVerdict::Fair => ("check-network-fair", Some("check-network-fair-advice")),
        NetworkVerdict::Poor => ("check-network-poor", Some("check-network-poor-advice")),
    }
}

/// Returns the text keys of the reason why the network test failed and of the advice for it.
pub fn network_problem(problem: NetworkProblem) -> (&'static str, &'static str) {
    match problem {
        NetworkProblem::ServerUnreachable => ("check-network-unreachable", "check-network-unreachable-advice"),
        NetworkProblem::Refused => ("check-network-refused", "check-network-refused-advice"),
        NetworkProblem::DeadEnd(reason) => end(&reason),
        NetworkProblem::ClinicTrouble => ("end-clinic-trouble", "check-clinic-trouble-advice"),
        NetworkProblem::MediaUnreachable => ("check-network-blocked", "check-network-blocked-advice"),
        NetworkProblem::TooSlow => ("check-network-slow", "check-network-slow-advice"),
        NetworkProblem::Busy => ("check-network-busy", "check-network-busy-advice"),
        NetworkProblem::Failed => ("check-network-failed", "check-network-failed-advice"),
    }
}

/// Reasons for a poor rating, the most frequent first.
pub const FEEDBACK_REASONS: [FeedbackReason; 8] = [
    FeedbackReason::HeardBadly,
    FeedbackReason::WasHeardBadly,
    FeedbackReason::Echo,
    FeedbackReason::BadPicture,
    FeedbackReason::Frozen,
    FeedbackReason::Dropped,
    FeedbackReason::HardToJoin,
    FeedbackReason::Other,
];

/// Returns the text key of a feedback reason.
pub fn feedback_reason(reason: FeedbackReason) -> &'static str {
    match reason {
        FeedbackReason::HeardBadly => "reason-heard-badly",
        FeedbackReason::WasHeardBadly => "reason-was-heard-badly",
        FeedbackReason::Echo => "reason-echo",
        FeedbackReason::BadPicture => "reason-bad-picture",
        FeedbackReason::Frozen => "reason-frozen",
        FeedbackReason::Dropped => "reason-dropped",
        FeedbackReason::HardToJoin => "reason-hard-to-join",
        FeedbackReason::Other => "reason-other",
    }
}

/// Returns the text keys of the reason why a call is over and of the next step.
pub fn end(reason: &EndReason) -> (&'static str, &'static str) {
    match reason {
        EndReason::HungUp => ("end-hung-up", "end-hung-up-next"),
        EndReason::RoomClosed => ("end-room-closed", "end-room-closed-next"),
        EndReason::Removed => ("end-removed", "end-removed-next"),
        EndReason::Refused => ("end-refused", "end-refused-next"),
        EndReason::JoinedElsewhere => ("end-joined-elsewhere", "end-joined-elsewhere-next"),
        EndReason::ConnectionLost => ("end-connection-lost", "end-connection-lost-next"),
        EndReason::ServerUnreachable => ("end-server-unreachable", "end-server-unreachable-next"),
        EndReason::NotAllowed => ("end-not-allowed", "end-not-allowed-next"),
        EndReason::ClinicTrouble => ("end-clinic-trouble", "end-clinic-trouble-next"),
        EndReason::NoAppointment => ("end-no-appointment", "end-no-appointment-next"),
        EndReason::NoClinic => ("end-no-clinic", "end-no-clinic-next"),
        EndReason::TooEarly => ("end-too-early", "end-too-early-next"),
        EndReason::Over => ("end-over", "end-over-next"),
        EndReason::Cancelled => ("end-cancelled", "end-cancelled-next"),
        EndReason::JoinFailed => ("end-join-failed", "end-join-failed-next"),
    }
}

/// Returns the text key of a connection quality.
pub fn quality(quality: ConnectionQuality) -> &'static str {
    match quality {
        ConnectionQuality::Excellent => "quality-excellent",
        ConnectionQuality::Good => "quality-good",
        ConnectionQuality::Poor => "quality-poor",
        ConnectionQuality::Lost => "quality-lost",
    }
}

/// Returns the text key of a role.
pub fn role(role: Option<Role>) -> &'static str {
    match role {
        Some(Role::Doctor) => "role-doctor",
        Some(Role::Patient) => "role-patient",
        Some(Role::Observer) => "role-observer",
        None => "role-guest",
    }
}

/// Returns a participant's display name: their own, or else their role. Some tokens carry the identity as the name,
/// which means nothing to people.
pub fn name(texts: &Texts, participant: &ParticipantState) -> String {
    if participant.name.trim().is_empty() || participant.name == participant.identity {
        texts.t(role(participant.role)).into_owned()
    } else {
        participant.name.clone()
    }
}

/// Returns the display name of a chat message's sender, who may have left.
pub fn name_of(texts: &Texts, state: &CallState, identity: &str, fallback: Option<Role>) -> String {
    match state.participants.iter().find(|participant| participant.identity == identity) {
        Some(participant) => name(texts, participant),
        None => texts.t(role(fallback)).into_owned(),
    }
}

/// Formats one decimal place with the language's decimal separator.
pub fn decimal(texts: &Texts, value: f64) -> String {
    let text = format!("{value:.1}");
    match texts.language() {
        Language::Spanish => text.replace('.', ","),
        Language::English => text,
    }
}

/// Formats a file size: `820 kB`, `1.4 MB`.
pub fn file_size(texts: &Texts, bytes: u64) -> String {
    const MEGA: u64 = 1_000_000;
    if bytes >= MEGA {
        format!("{} MB", decimal(texts, bytes as f64 / MEGA as f64))
    } else {
        format!("{} kB", bytes.div_ceil(1000))
    }
}

/// Formats a duration as `mm:ss`, from one hour on as `h:mm:ss`.
pub fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes:02}:{seconds:02}") }
}

/// Formats the local time as `hh:mm`.
pub fn time_of_day(at: SystemTime) -> String {
    match jiff::Timestamp::try_from(at) {
        Ok(at) => at.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M").to_string(),
        // The time is outside of the calendar's range.
        Err(_) => String::new(),
    }
}

/// Formats the local time within a sentence: Spanish adds the article (`las 9:30`, `la 1:05`).
pub fn clock_time(texts: &Texts, at: SystemTime) -> String {
    match jiff::Timestamp::try_from(at) {
        Ok(at) => clock_time_in(texts, &at.to_zoned(jiff::tz::TimeZone::system())),
        Err(_) => String::new(),
    }
}

fn clock_time_in(texts: &Texts, at: &jiff::Zoned) -> String {
    let time = at.strftime("%-H:%M").to_string();
    texts.with("clock-time", &[("hour", u64::from(at.hour().unsigned_abs()).into()), ("time", time.as_str().into())])
}

/// Formats whole milliseconds; a value below one gets its own text instead of "0".
pub fn milliseconds(texts: &Texts, ms: f64) -> String {
    if ms < 1.0 {
        return texts.t("milliseconds-none").into_owned();
    }
    texts.with("milliseconds", &[("ms", (ms.round() as u64).into())])
}

/// Returns the text keys of a recording problem and of the advice for it.
pub fn recording_problem(problem: RecordingProblem) -> (&'static str, &'static str) {
    match problem {
        RecordingProblem::Unavailable => ("record-problem", "record-unavailable"),
        RecordingProblem::Active => ("record-problem", "record-active"),
        RecordingProblem::JustRefused => ("recording-declined", "record-just-refused"),
        RecordingProblem::Encrypted => ("record-problem", "record-encrypted"),
        RecordingProblem::Unreachable => ("record-problem", "record-unreachable"),
        RecordingProblem::Denied => ("record-problem", "record-denied"),
        RecordingProblem::Broke => ("record-broke", "record-broke-next"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_the_language_does() {
        let [spanish, english] = Language::ALL.map(Texts::new);
        assert_eq!(file_size(&english, 1_440_000), "1.4 MB");
        assert_eq!(file_size(&spanish, 1_440_000), "1,4 MB");
        assert_eq!(file_size(&spanish, 819_200), "820 kB");
        assert_eq!(file_size(&spanish, 1), "1 kB");
    }

    #[test]
    fn one_oclock_is_one_and_a_round_trip_is_never_none() {
        let [spanish, english] = Language::ALL.map(Texts::new);
        let at = |hour| jiff::civil::datetime(2026, 11, 24, hour, 5, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).unwrap();
        for (hour, in_spanish, in_english) in
            [(1, "la 1:05", "1:05"), (9, "las 9:05", "9:05"), (13, "las 13:05", "13:05")]
        {
            assert_eq!(clock_time_in(&spanish, &at(hour)), in_spanish);
            assert_eq!(clock_time_in(&english, &at(hour)), in_english);
        }
        assert_eq!(milliseconds(&spanish, 0.0), "menos de 1 ms");
        assert_eq!(milliseconds(&english, 0.4), "less than 1 ms");
        assert_eq!(milliseconds(&spanish, 24.4), "24 ms");
    }

    #[test]
    fn durations_read_like_a_clock() {
        assert_eq!(clock(Duration::from_secs(5)), "00:05");
        assert_eq!(clock(Duration::from_secs(724)), "12:04");
        assert_eq!(clock(Duration::from_secs(3725)), "1:02:05");
    }
}
