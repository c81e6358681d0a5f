use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Id, Language, RecordingConsent, Role, Timestamp, Transport};

/// The name of a consultation's room.
pub fn room_name(consultation: &Id) -> String {
    format!("consultation-{consultation}")
}

/// The consultation whose room this is: the inverse of [`room_name`].
pub fn consultation_of(room_name: &str) -> Option<Id> {
    Id::new(room_name.strip_prefix("consultation-")?).ok()
}

/// How far a consultation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConsultationState {
    /// Nobody has come yet.
    Created,
    /// One side is there, or the patient waits to be admitted.
    Waiting,
    /// Both sides have met.
    Live,
    /// It is over.
    Ended,
    /// It won't take place.
    Cancelled,
}

impl ConsultationState {
    /// The name in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Waiting => "waiting",
            Self::Live => "live",
            Self::Ended => "ended",
            Self::Cancelled => "cancelled",
        }
    }

    /// The inverse of [`as_str`](Self::as_str).
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::Created, Self::Waiting, Self::Live, Self::Ended, Self::Cancelled];
        all.into_iter().find(|state| state.as_str() == text)
    }
}

/// The body of `POST /api/consultations/create`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateConsultation {
    /// The caller's own id for it; creating it again with the same people is safe.
    pub consultation_id: Id,
    /// The patient's id.
    pub patient_id: Id,
    /// The doctor's id; another one than the patient's.
    pub doctor_id: Id,
    /// Whether the patient waits, seen and heard by nobody, until the doctor admits them. Default: no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_room: Option<bool>,
    /// Whether media is encrypted end to end. Default: as the operator set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e2ee: Option<bool>,
    /// When it is to begin; links work from 15 minutes before. Default: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<Timestamp>,
    /// How long it is to last, in minutes. Default: 30.
    #[serde(default, deserialize_with = "crate::whole::optional", skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1440)]
    pub duration_minutes: Option<u32>,
    /// What is known about the patient's consent to a recording. Default: nothing, so they are asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording_consent: Option<RecordingConsent>,
    /// The language of what a recording shows beside the people. Default: as the operator set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// The path of its media. Default: as the operator set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<Transport>,
}

impl CreateConsultation {
    /// One with everything optional left to its default.
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

/// What `POST /api/consultations/create` answers.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Consultation {
    /// As asked.
    pub consultation_id: Id,
    /// The room at the SFU: `consultation-` and the id.
    pub room_name: String,
    /// The SFU's own id of the room, new each time the room opens again; `p2p` where media goes from peer to peer.
    pub room_sid: String,
    /// As asked.
    pub patient_id: Id,
    /// As asked.
    pub doctor_id: Id,
    /// The patient's LiveKit token, good for two hours. A secret.
    pub patient_token: String,
    /// The doctor's LiveKit token, good for two hours. A secret.
    pub doctor_token: String,
    /// Where clients connect, `wss://…` or `ws://…`.
    pub livekit_url: String,
    /// When the consultation was created first.
    pub created_at: Timestamp,
    /// How far it has come.
    pub state: ConsultationState,
    /// Whether the patient waits until the doctor admits them.
    pub waiting_room: bool,
    /// The patient's link, `https://…/join#…`. A secret.
    pub patient_link: String,
    /// The doctor's link. A secret.
    pub doctor_link: String,
    /// The patient's link that opens the app, `autamedica://join?…#…`. A secret.
    pub patient_app_link: String,
    /// The doctor's link that opens the app. A secret.
    pub doctor_app_link: String,
    /// Eight digits that a kiosk exchanges for the patient's place. A secret.
    pub kiosk_code: String,
    /// The end-to-end key, 64 hexadecimal digits, when media is encrypted end to end. A secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e2ee_key: Option<String>,
    /// The number of that key; absent for the first, which has 0.
    #[serde(default, deserialize_with = "crate::whole::or_zero", skip_serializing_if = "crate::whole::is_zero")]
    pub e2ee_key_index: u32,
    /// When it is to begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<Timestamp>,
    /// How long it is to last, in minutes.
    #[serde(default, deserialize_with = "crate::whole::optional", skip_serializing_if = "Option::is_none")]
    pub duration_minutes: Option<u32>,
    /// The path of its media.
    #[serde(default)]
    pub transport: Transport,
}

/// Secrets stay out of logs.
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

/// What `GET /api/consultations/{id}` answers: everything but secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsultationDetails {
    /// Its id.
    pub consultation_id: Id,
    /// Its room at the SFU.
    pub room_name: String,
    /// Who is treated.
    pub patient_id: Id,
    /// Who treats.
    pub doctor_id: Id,
    /// How far it has come.
    pub state: ConsultationState,
    /// Why it ended: `doctor`, or `empty` when all had left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Whether the patient waits until the doctor admits them.
    pub waiting_room: bool,
    /// Whether the patient may send and receive media.
    pub admitted: bool,
    /// Whether media is encrypted end to end.
    pub e2ee: bool,
    /// When it is to begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<Timestamp>,
    /// How long it is to last, in minutes.
    #[serde(default, deserialize_with = "crate::whole::optional", skip_serializing_if = "Option::is_none")]
    pub duration_minutes: Option<u32>,
    /// When it was created first.
    pub created_at: Timestamp,
    /// When somebody came first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_at: Option<Timestamp>,
    /// When both sides met first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_at: Option<Timestamp>,
    /// When it ended or was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The language of what a recording shows beside the people.
    #[serde(default)]
    pub language: Language,
    /// How many recordings of it were asked for and not declined, also those that failed or were deleted.
    #[serde(default)]
    pub recordings: u32,
    /// The path of its media.
    #[serde(default)]
    pub transport: Transport,
}

/// The body of `PATCH /api/consultations/{id}`: another time for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MoveConsultation {
    /// When it is to begin now.
    pub scheduled_at: Timestamp,
    /// How long it is to last, in minutes. Default: as before, else 30.
    #[serde(default, deserialize_with = "crate::whole::optional", skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1440)]
    pub duration_minutes: Option<u32>,
}

/// The body of `POST /api/consultations/{id}/transport`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeTransport {
    /// The new path of its media: the SFU.
    pub transport: Transport,
}

/// What `GET /api/consultations?day=2026-11-24&zone=America/Argentina/Buenos_Aires` answers: the consultations of a day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsultationList {
    /// By the time at which they are to begin, or were created.
    pub consultations: Vec<ConsultationDetails>,
    /// Number of the day's consultations on all pages.
    #[serde(default)]
    pub total: u64,
    /// The `cursor` of the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Fresh links to a consultation.
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
    /// Eight digits for a kiosk. A secret.
    pub kiosk_code: String,
}

impl std::fmt::Debug for ConsultationLinks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ConsultationLinks(…)")
    }
}

/// Somebody in a consultation, and what was done about them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParticipantChanged {
    /// Who.
    pub identity: Id,
    /// Whether they are in the room now; if not, the change holds when they come.
    pub present: bool,
}

/// What `DELETE /api/rooms/{roomName}/participants/{identity}` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ParticipantRemoved {
    /// Always `true`.
    pub success: bool,
    /// Sentence for people.
    pub message: String,
    /// The participant.
    pub data: ParticipantChanged,
}

/// The body of `POST /api/consultations/{id}/participants/{identity}/mute`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MuteParticipant {
    /// `microphone`, `camera`, `screen_share` or `screen_share_audio`. Default: `microphone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<MediaSource>,
}

/// What a track carries, by LiveKit's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MediaSource {
    /// The camera.
    Camera,
    /// The microphone.
    Microphone,
    /// The screen.
    ScreenShare,
    /// The screen's sound.
    ScreenShareAudio,
}

/// The JSON text in a token's `metadata`, in this order of fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParticipantMetadata {
    /// Who it is.
    pub role: Role,
    /// Where.
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
    fn what_callers_sent_before_still_reads() {
        let old = r#"{"consultationId": "c", "patientId": "p", "doctorId": "d", "someday": 1}"#;
        let id = |text| Id::new(text).unwrap();
        let expected = CreateConsultation::new(id("c"), id("p"), id("d"));
        assert_eq!(serde_json::from_str::<CreateConsultation>(old).unwrap(), expected);
    }
}
