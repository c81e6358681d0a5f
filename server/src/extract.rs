//! Extractors whose rejections are the API's own errors.

use autamedica_api::{ErrorCode, Id, InvalidId, consultation_of};
use axum::body::Bytes;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// A JSON body, refused with a code that says what is wrong with it.
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let (parts, body) = request.into_parts();
        let Body(bytes) = Body::from_request(Request::from_parts(parts.clone(), body), state).await?;
        // serde would read a list as an object whose fields come in order.
        if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
            return Err(Error::refused(ErrorCode::InvalidRequest, "the body must be an object"));
        }
        let request = Request::from_parts(parts, bytes.into());
        let rejection = match axum::Json::from_request(request, state).await {
            Ok(axum::Json(body)) => return Ok(Self(body)),
            Err(rejection) => rejection,
        };
        let (code, message) = match &rejection {
            JsonRejection::JsonDataError(error) => (ErrorCode::InvalidRequest, cause(error)),
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

/// The parameters after a path's `?`, refused like a body.
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

/// A body as it came.
pub struct Body(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let body = Bytes::from_request(request, state).await;
        // Nothing but its length can be wrong with it, unless the caller has hung up.
        body.map(Self).map_err(|_| Error::refused(ErrorCode::BodyTooLarge, "the body is too large"))
    }
}

/// The innermost reason, such as ``patientId: must be 1 to 128 letters…``; the outer ones only name axum's types.
fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// The consultation's or participant's id that is a route's only parameter.
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

/// The room's name that is a route's only parameter, as the consultation it belongs to.
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
    // It fails only when the path isn't UTF-8, and then it is no id either.
    Path::<String>::from_request_parts(parts, state).await.ok().map(|Path(text)| text)
}
