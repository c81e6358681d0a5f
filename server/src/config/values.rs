//! Parsers for single settings.

use std::str::FromStr;

use autamedica_api::{Language, Transport};
use axum::http::HeaderValue;
use url::Url;

use super::error::ConfigError;
use crate::proxies::Network;

/// Parses an optional value.
///
/// # Errors
/// [`ConfigError::Value`] if it can't be parsed or `is_valid` rejects it.
pub fn value<T: FromStr>(
    name: &'static str,
    expected: &'static str,
    text: Option<String>,
    is_valid: impl Fn(&T) -> bool,
) -> Result<Option<T>, ConfigError> {
    let read = |text: String| text.parse().ok().filter(|value| is_valid(value));
    text.map(|text| read(text).ok_or(ConfigError::Value { name, expected })).transpose()
}

/// Parses a boolean; `false` if unset.
///
/// # Errors
/// [`ConfigError::Value`] for other values.
pub fn boolean(name: &'static str, text: Option<String>) -> Result<bool, ConfigError> {
    match text.as_deref() {
        None | Some("0" | "false" | "off" | "no") => Ok(false),
        Some("1" | "true" | "on" | "yes") => Ok(true),
        Some(_) => Err(ConfigError::Value { name, expected: "`true` or `false`" }),
    }
}

/// Parses a language; Spanish if unset.
///
/// # Errors
/// [`ConfigError::Value`] for other languages.
pub fn language(name: &'static str, text: Option<String>) -> Result<Language, ConfigError> {
    let read = |text: String| Language::parse(&text).ok_or(ConfigError::Value { name, expected: "`es` or `en`" });
    text.map_or(Ok(Language::default()), read)
}

/// Parses a path of media; through the SFU if unset.
///
/// # Errors
/// [`ConfigError::Value`] for other values.
pub fn transport(name: &'static str, text: Option<String>) -> Result<Transport, ConfigError> {
    let read = |text: String| Transport::parse(&text).ok_or(ConfigError::Value { name, expected: "`sfu` or `p2p`" });
    text.map_or(Ok(Transport::default()), read)
}

/// Parses comma-separated origins as browsers send them, without a trailing slash.
pub fn origins(text: Option<String>) -> Result<Vec<HeaderValue>, ConfigError> {
    let wrong = || ConfigError::Value {
        name: "CORS_ORIGINS",
        expected: "origins such as `https://clinic.example`, with commas between them",
    };
    let text = text.unwrap_or_default();
    let origins = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
    origins
        .map(|origin| {
            let is_origin = Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == origin);
            HeaderValue::from_str(origin).ok().filter(|_| is_origin).ok_or_else(wrong)
        })
        .collect()
}

/// Parses an `http` or `https` URL.
///
/// # Errors
/// [`ConfigError::Value`] for other values.
pub fn web_address(name: &'static str, text: &str) -> Result<Url, ConfigError> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
    url.ok_or(ConfigError::Value { name, expected: "an address such as `https://clinic.example`" })
}

/// Parses the server's public URL: scheme, host and optional port; `https` unless the host is this machine.
pub fn public_address(text: &str) -> Result<Url, ConfigError> {
    let url = web_address("PUBLIC_URL", text)?;
    let is_local = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let expected = if url.scheme() != "https" && !is_local {
        "`https://…`, because links over plain HTTP would reveal tokens"
    } else if url.path() != "/" || url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        "no more than `https://clinic.example`, without a path: links add their own"
    } else {
        return Ok(url);
    };
    Err(ConfigError::Value { name: "PUBLIC_URL", expected })
}

/// Parses comma-separated IP addresses and networks.
pub fn networks(text: &str) -> Result<Vec<Network>, ConfigError> {
    let wrong = |_| ConfigError::Value {
        name: "TRUSTED_PROXIES",
        expected: "addresses or networks such as `127.0.0.1,10.0.0.0/8`",
    };
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| part.parse().map_err(wrong)).collect()
}
