use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Id, Language, RecordingConsent, Role, Timestamp, Transport};

/// Returns the name of a consultation's room.
pub fn room_name(consultation: &Id) -> String {
    format!("consultation-{consultation}")
}

/// Returns the consultation that a room belongs to: the inverse of [`room_name`].
pub fn consultation_of(room_name: &str) -> Option<Id> {
    Id::new(room_name.strip_prefix("consultation-")?).ok()
}

/// State of a consultation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConsultationState {
    /// Nobody has joined yet.
    Created,
    /// The patient or the doctor is in the room, or the patient waits to be admitted.
    Waiting,
    /// The patient and the doctor have been in the room together.
    Live,
    /// Ended.
    Ended,
    /// Cancelled before it began.
    Cancelled,
}

impl ConsultationState {
    /// Returns the name in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Waiting => "waiting",
            Self::Live => "live",
            Self::Ended => "ended",
            Self::Cancelled => "cancelled",
        }
    }

    /// Parses a name: the inverse of [`as_str`](Self::as_str).
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::Created, Self::Waiting, Self::Live, Self::Ended, Self::Cancelled];
        all.into_iter().find(|state| state.as_str() == text)
    }
}

/// Body of `POST /api/consultations/create`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateConsultation {
    /// Id of the consultation, chosen by the caller. Creating it again with the same people is safe.
    pub consultation_id: Id,
    /// The patient's id.
    pub patient_id: Id,
    /// The doctor's id; differs from the patient's.
    pub doctor_id: Id,
    /// Enables the waiting room: the patient sends and receives no media until the doctor admits them. Default:
    /// `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_room: Option<bool>,
    /// Enables end-to-end encryption. Default: the server's setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e2ee: Option<bool>,
    /// Time of the appointment. Links work from 15 minutes before. Default: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<Timestamp>,
    /// Planned duration in minutes. Default: 30.
    #[serde(default, deserialize_with = "crate::whole::optional", skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1440)]
    pub duration_minutes: Option<u32>,
    /// Consent to recording that the patient has given already. Default: none, so the app asks them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording_consent: Option<RecordingConsent>,
    /// Language of the texts in the recorded picture. Default: the server's setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// Path of the media. Default: the server's setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<Transport>,
}

impl CreateConsultation {
    /// Creates a body with defaults for all optional fields.
    pub const fn new(consultation_id: Id, patient_id: Id, doctor_id: Id) -> Self {
        Self {
            consultation_id,
            patient_id,
            doctor_id,
            waiting_room: None,
            e2ee: None,
            scheduled_at: None,
            duration_minutes: None,
            recording_consent: None,
            language: None,
            transport: None,
        }
    }
}

/// Answer of `POST /api/consultations/create`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Consultation {
    /// Id of the consultation, as in the request.
    pub consultation_id: Id,
    /// The room at the SFU: `consultation-` and the id.
    pub room_name: String,
    /// The SFU's id of the room; changes each time the room opens again. `p2p` for a peer-to-peer consultation.
    pub room_sid: String,
    /// The patient's id, as in the request.
    pub patient_id: Id,
    /// The doctor's id, as in the request.
    pub doctor_id: Id,
    /// The patient's LiveKit token, valid for two hours. A secret.
    pub patient_token: String,
    /// The doctor's LiveKit token, valid for two hours. A secret.
    pub doctor_token: String,
    /// URL of the SFU for clients, `wss://…` or `ws://…`.
    pub livekit_url: String,
    /// Time at which the consultation was first created.
    pub created_at: Timestamp,
    /// State of the consultation.
    pub state: ConsultationState,
    /// `true` if the patient waits until the doctor admits them.
    pub waiting_room: bool,
    /// The patient's link, `https://…/join#…`. A secret.
    pub patient_link: String,
    /// The doctor's link. A secret.
    pub doctor_link: String,
    /// The patient's link that opens the app, `autamedica://join?…#…`. A secret.
    pub patient_app_link: String,
    /// The doctor's link that opens the app. A secret.
    pub doctor_app_link: String,
    /// Kiosk code: eight digits that a kiosk exchanges for the patient's token. A secret.
    pub kiosk_code: String,
    /// The end-to-end key, 64 hexadecimal digits, if media is encrypted end to end. A secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e2ee_key: Option<String>,
    /// Index of that key; absent for the first key, whose index is 0.
    #[serde(default, deserialize_with = "crate::whole::or_zero", skip_serializing_if = "crate::whole::is_zero")]
    pub e2ee_key_index: u32,
    /// Time of the appointment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<Timestamp>,
    /// Planned duration in minutes.
    #[serde(default, deserialize_with = "crate::whole::optional", skip_serializing_if = "Option::is_none")]
    pub duration_minutes: Option<u32>,
    /// Path of the media.
    #[serde(default)]
    pub transport: Transport,
}

/// Omits the secrets.
impl std::fmt::Debug for Consultation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consultation")
            .field("consultation_id", &self.consultation_id)
            .field("room_name", &self.room_name)
            .field("room_sid", &self.room_sid)
            .field("livekit_url", &self.livekit_url)
            .field("created_at", &self.created_at)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// Answer of `GET /api/consultations/{id}`: everything except secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsultationDetails {
    /// Id of the consultation.
    pub consultation_id: Id,
    /// Name of its room at the SFU.
    pub room_name: String,
    /// The patient's id.
    pub patient_id: Id,
    /// The doctor's id.
    pub doctor_id: Id,
    /// State of the consultation.
    pub state: ConsultationState,
    /// Cause of the end: `doctor`, or `empty` if all participants had left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// `true` if the patient waits until the doctor admits them.
    pub waiting_room: bool,
    /// `true` if the patient may send and receive media.
    pub admitted: bool,
    /// `true` if media is encrypted end to end.
    pub e2ee: bool,
    /// Time of the appointment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<Timestamp>,
    /// Planned duration in minutes.
    #[serde(default, deserialize_with = "crate::whole::optional", skip_serializing_if = "Option::is_none")]
    pub duration_minutes: Option<u32>,
    /// Time at which the consultation was first created.
    pub created_at: Timestamp,
    /// Time at which the first participant joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_at: Option<Timestamp>,
    /// Time at which the patient and the doctor were first in the room together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_at: Option<Timestamp>,
    /// Time at which it ended or was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Language of the texts in the recorded picture.
    #[serde(default)]
    pub language: Language,
    /// Number of recordings, including failed and deleted ones, without refused and cancelled ones.
    #[serde(default)]
    pub recordings: u32,
    /// Path of the media.
    #[serde(default)]
    pub transport: Transport,
    /// The desk's word to the waiting patient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
}

/// Body of `PATCH /api/consultations/{id}`: reschedules the appointment, or tells the waiting patient something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MoveConsultation {
    /// New time of the appointment. Default: unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<Timestamp>,
    /// Planned duration in minutes. Default: unchanged, or 30 if there was none.
    #[serde(default, deserialize_with = "crate::whole::optional", skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1440)]
    pub duration_minutes: Option<u32>,
    /// The desk's word to the waiting patient, such as "The doctor is ten minutes late". An empty one removes it.
    /// Default: unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub notice: Option<String>,
}

impl MoveConsultation {
    /// Maximum length of a notice in characters.
    pub const MAX_NOTICE: usize = 200;
}

/// Answer of `GET /api/consultations/{id}/queue`: what a waiting patient may know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueuePosition {
    /// Number of patients who wait for the same doctor and have an earlier appointment.
    pub ahead: u32,
    /// The desk's word to the patient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
}

/// Body of `POST /api/consultations/{id}/transport`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeTransport {
    /// New path of the media.
    pub transport: NewTransport,
}

/// Path to which a call can move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum NewTransport {
    /// Through the SFU.
    Sfu,
}

/// Answer of `GET /api/consultations?day=2026-11-24&zone=America/Argentina/Buenos_Aires`: the consultations of a day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsultationList {
    /// Consultations, ordered by time of the appointment or, without one, of creation.
    pub consultations: Vec<ConsultationDetails>,
    /// Number of the day's consultations on all pages.
    #[serde(default)]
    pub total: u64,
    /// The `cursor` of the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// New links to a consultation.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsultationLinks {
    /// The patient's link. A secret.
    pub patient_link: String,
    /// The doctor's link. A secret.
    pub doctor_link: String,
    /// The patient's link that opens the app. A secret.
    pub patient_app_link: String,
    /// The doctor's link that opens the app. A secret.
    pub doctor_app_link: String,
    /// Kiosk code: eight digits. A secret.
    pub kiosk_code: String,
}

impl std::fmt::Debug for ConsultationLinks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ConsultationLinks(…)")
    }
}

/// Participant of a consultation whose permissions or presence were changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParticipantChanged {
    /// Identity of the participant.
    pub identity: Id,
    /// `true` if they are in the room now. Otherwise the change applies when they join.
    pub present: bool,
}

/// Answer of `DELETE /api/rooms/{roomName}/participants/{identity}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ParticipantRemoved {
    /// Always `true`.
    pub success: bool,
    /// Message for people.
    pub message: String,
    /// The participant.
    pub data: ParticipantChanged,
}

/// Body of `POST /api/consultations/{id}/participants/{identity}/mute`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MuteParticipant {
    /// `microphone`, `camera`, `screen_share` or `screen_share_audio`. Default: `microphone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<MediaSource>,
}

/// Source of a track, by LiveKit's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MediaSource {
    /// The camera.
    Camera,
    /// The microphone.
    Microphone,
    /// The screen.
    ScreenShare,
    /// The screen's audio.
    ScreenShareAudio,
}

/// Metadata in a token, serialized as JSON in this order of fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParticipantMetadata {
    /// Role in the consultation.
    pub role: Role,
    /// Id of the consultation.
    pub consultation_id: Id,
    /// The participant's identity.
    pub user_id: Id,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rooms_name_leads_back_to_its_consultation() {
        for id in ["uuid-consultation-001", &"x".repeat(Id::MAX_LEN)] {
            let id = Id::new(id).unwrap();
            assert_eq!(consultation_of(&room_name(&id)), Some(id));
        }
        assert_eq!(consultation_of("consultation-"), None);
        assert_eq!(consultation_of("lobby"), None);
    }

    #[test]
    fn a_state_has_one_name_everywhere() {
        for name in ["created", "waiting", "live", "ended", "cancelled"] {
            let state = ConsultationState::parse(name).unwrap();
            assert_eq!(serde_json::to_value(state).unwrap(), name);
        }
        assert_eq!(ConsultationState::parse("Live"), None);
    }

    #[test]
    fn a_body_without_the_optional_fields_parses() {
        let old = r#"{"consultationId": "c", "patientId": "p", "doctorId": "d", "someday": 1}"#;
        let id = |text| Id::new(text).unwrap();
        let expected = CreateConsultation::new(id("c"), id("p"), id("d"));
        assert_eq!(serde_json::from_str::<CreateConsultation>(old).unwrap(), expected);
    }
}
