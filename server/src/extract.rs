//! Request extractors that reject with the API's errors.

use std::io::Read as _;

use autamedica_api::{
    AddObserver, ChangeTransport, Check, CreateConsultation, ErrorCode, Feedback, GiveConsent, Id, InvalidId, Join,
    MoveConsultation, MuteParticipant, PermitObserver, QualitySample, StartRecording, StopRecording, consultation_of,
};
use axum::body::Bytes;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::header::CONTENT_ENCODING;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// JSON body; rejected with a code that tells invalid JSON from invalid data.
pub struct Json<T>(pub T);

/// Type of a JSON body.
pub trait JsonBody: DeserializeOwned {
    /// Required fields. A body in which one is missing or empty is rejected with a list of all of them.
    const REQUIRED: &'static [&'static str] = &[];
}

impl JsonBody for CreateConsultation {
    const REQUIRED: &'static [&'static str] = &["consultationId", "patientId", "doctorId"];
}
impl JsonBody for StartRecording {
    const REQUIRED: &'static [&'static str] = &["roomName"];
}
impl JsonBody for StopRecording {}
impl JsonBody for Join {}
impl JsonBody for Feedback {}
impl JsonBody for MuteParticipant {}
impl JsonBody for GiveConsent {}
impl JsonBody for QualitySample {}
impl JsonBody for MoveConsultation {}
impl JsonBody for Check {}
impl JsonBody for AddObserver {
    const REQUIRED: &'static [&'static str] = &["observerId"];
}
impl JsonBody for PermitObserver {}
impl JsonBody for ChangeTransport {}

/// Checks that the required fields are present.
///
/// # Errors
/// [`Error::MissingFields`] if one is missing, `null` or empty.
fn check_required(body: &[u8], required: &[&str]) -> Result<(), Error> {
    // Bodies other than objects are rejected by the deserializer.
    let Ok(serde_json::Value::Object(body)) = serde_json::from_slice(body) else { return Ok(()) };
    let is_missing = |name: &&&str| match body.get(**name) {
        None | Some(serde_json::Value::Null) => true,
        Some(value) => value.as_str() == Some(""),
    };
    let missing: Vec<_> = required.iter().filter(is_missing).copied().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let summary = match required {
        [only] => format!("Missing {only}"),
        several => format!("Missing required fields: {}", several.join(", ")),
    };
    Err(Error::MissingFields { summary, detail: format!("the body has no {}", missing.join(", ")) })
}

impl<S: Send + Sync, T: JsonBody> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let (mut parts, body) = request.into_parts();
        let Body(bytes) = Body::from_request(Request::from_parts(parts.clone(), body), state).await?;
        parts.headers.remove(CONTENT_ENCODING);
        // serde would accept an array as a struct with its fields in order.
        if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
            return Err(Error::refused(ErrorCode::InvalidRequest, "the body must be an object"));
        }
        let missing = check_required(&bytes, T::REQUIRED);
        let request = Request::from_parts(parts, bytes.into());
        let rejection = match axum::Json::from_request(request, state).await {
            Ok(axum::Json(body)) => return Ok(Self(body)),
            Err(rejection) => rejection,
        };
        let (code, message) = match &rejection {
            JsonRejection::JsonDataError(error) => {
                missing?;
                (ErrorCode::InvalidRequest, cause(error))
            }
            JsonRejection::JsonSyntaxError(error) => (ErrorCode::InvalidJson, cause(error)),
            JsonRejection::MissingJsonContentType(_) => {
                (ErrorCode::UnsupportedMediaType, "send the body as `Content-Type: application/json`".to_owned())
            }
            other if other.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE => {
                (ErrorCode::BodyTooLarge, "the body is too large".to_owned())
            }
            _ => (ErrorCode::InvalidRequest, "the body can't be read".to_owned()),
        };
        Err(Error::refused(code, message))
    }
}

/// Optional JSON body; its default if absent.
pub struct OptionalJson<T>(pub T);

impl<S: Send + Sync, T: JsonBody + Default> FromRequest<S> for OptionalJson<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let (mut parts, body) = request.into_parts();
        let Body(bytes) = Body::from_request(Request::from_parts(parts.clone(), body), state).await?;
        parts.headers.remove(CONTENT_ENCODING);
        if matches!(bytes.trim_ascii(), b"" | b"null") {
            return Ok(Self(T::default()));
        }
        let Json(body) = Json::from_request(Request::from_parts(parts, bytes.into()), state).await?;
        Ok(Self(body))
    }
}

/// Query parameters, rejected like a body.
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let query = axum::extract::Query::from_request_parts(parts, state).await;
        query
            .map(|axum::extract::Query(query)| Self(query))
            .map_err(|rejection| Error::refused(ErrorCode::InvalidRequest, cause(&rejection)))
    }
}

/// Maximum size of a body in bytes, before and after decompression.
pub const BODY_LIMIT: usize = 64 * 1024;

/// Body, decompressed if sent with `Content-Encoding: gzip`.
pub struct Body(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let encoding = request.headers().get(CONTENT_ENCODING).cloned();
        let is =
            |name: &str| encoding.as_ref().is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(name.as_bytes()));
        let (gzip, plain) = (false, encoding.is_none() || is("identity"));
        if !gzip && !plain {
            let message = "send the body plain or with `Content-Encoding: gzip`";
            return Err(Error::refused(ErrorCode::UnsupportedMediaType, message));
        }
        // Fails for bodies over the limit only, unless the caller has disconnected.
        let body = Bytes::from_request(request, state).await.map_err(|_| too_large())?;
        if gzip { inflate(&body).map(Self) } else { Ok(Self(body)) }
    }
}

fn too_large() -> Error {
    Error::refused(ErrorCode::BodyTooLarge, "the body is too large")
}

/// Decompresses a body, limited to the maximum size as protection against decompression bombs.
fn inflate(body: &[u8]) -> Result<Bytes, Error> {
    let mut plain = Vec::new();
    let max = u64::try_from(BODY_LIMIT + 1).unwrap_or(u64::MAX);
    let read = flate2::read::MultiGzDecoder::new(body).take(max).read_to_end(&mut plain);
    read.map_err(|_| Error::refused(ErrorCode::InvalidRequest, "the body isn't what `Content-Encoding: gzip` says"))?;
    if plain.len() > BODY_LIMIT { Err(too_large()) } else { Ok(plain.into()) }
}

/// Returns the innermost error, such as ``patientId: must be 1 to 128 letters…``; the outer ones only name axum's
/// types.
fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// Id of a consultation or participant that is a route's only path parameter.
pub struct PathId(pub Id);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let text = only_parameter(parts, state).await;
        text.and_then(|text| Id::new(text).ok())
            .map(Self)
            .ok_or_else(|| Error::refused(ErrorCode::InvalidId, format!("the id in the path {InvalidId}")))
    }
}

/// Consultation of a room whose name is a route's only path parameter.
pub struct PathRoom(pub Id);

impl<S: Send + Sync> FromRequestParts<S> for PathRoom {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let text = only_parameter(parts, state).await;
        text.and_then(|name| consultation_of(&name))
            .map(Self)
            .ok_or_else(|| Error::refused(ErrorCode::RoomNotFound, "there is no such room"))
    }
}

async fn only_parameter<S: Send + Sync>(parts: &mut Parts, state: &S) -> Option<String> {
    // Fails only for paths that aren't UTF-8, which aren't ids either.
    Path::<String>::from_request_parts(parts, state).await.ok().map(|Path(text)| text)
}
