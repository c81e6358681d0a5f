//! STUN and TURN servers for peer-to-peer calls.

use std::time::Duration;

use autamedica_api::{IceServer, Id, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use super::error::ConfigError;
use crate::secret::Secret;

/// STUN and TURN servers for clients.
#[derive(Clone, Debug, Default)]
pub struct IceConfig {
    /// Servers without credentials or with permanent ones.
    pub servers: Vec<IceServer>,
    /// TURN server with temporary credentials.
    pub turn: Option<TurnConfig>,
}

/// TURN server that shares a secret with this server (coturn's `use-auth-secret`).
#[derive(Clone, Debug)]
pub struct TurnConfig {
    /// URLs of the server.
    pub urls: Vec<String>,
    /// coturn's `static-auth-secret`.
    pub secret: Secret,
}

/// Allowed URL schemes.
const SCHEMES: [&str; 4] = ["stun:", "stuns:", "turn:", "turns:"];

impl IceConfig {
    /// Reads `ICE_SERVERS`, `TURN_URLS` and `TURN_SECRET`.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for an invalid value, and [`ConfigError::MissingFor`] if only one of the last two is set.
    pub fn read(get: &impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let wrong = || ConfigError::Value {
            name: "ICE_SERVERS",
            expected: "a JSON list in the format of `RTCPeerConnection`, such as `[{\"urls\": \"stun:stun.example:3478\"}]`",
        };
        let servers: Vec<IceServer> = match get("ICE_SERVERS") {
            Some(text) => serde_json::from_str(&text).map_err(|_| wrong())?,
            None => Vec::new(),
        };
        let has_scheme =
            |url: &String| SCHEMES.iter().any(|scheme| url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
        if !servers.iter().all(|server| !server.urls.is_empty() && server.urls.iter().all(has_scheme)) {
            return Err(wrong());
        }
        let turn = match (get("TURN_URLS"), get("TURN_SECRET")) {
            (None, None) => None,
            (Some(urls), Some(secret)) => {
                let urls: Vec<_> = urls.split(',').map(|url| url.trim().to_owned()).collect();
                if !urls.iter().all(|url| has_scheme(url) && url.starts_with("turn")) {
                    let expected = "addresses such as `turn:turn.example:3478`, with commas between them";
                    return Err(ConfigError::Value { name: "TURN_URLS", expected });
                }
                Some(TurnConfig { urls, secret: Secret::new(secret) })
            }
            (Some(_), None) => return Err(ConfigError::MissingFor { name: "TURN_SECRET", needed_by: "TURN_URLS" }),
            (None, Some(_)) => return Err(ConfigError::MissingFor { name: "TURN_URLS", needed_by: "TURN_SECRET" }),
        };
        Ok(Self { servers, turn })
    }
}

impl TurnConfig {
    /// Returns the server with temporary credentials for a user. The password is the base64 of the user name's
    /// HMAC-SHA1 (draft-uberti-behave-turn-rest-00).
    pub fn server_for(&self, user: &Id, until: Timestamp) -> IceServer {
        let username = format!("{}:{user}", until.as_millis() / 1000);
        // The protocol requires SHA-1.
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.secret.expose().as_bytes());
        let credential = STANDARD.encode(hmac::sign(&key, username.as_bytes()));
        IceServer { urls: self.urls.clone(), username: Some(username), credential: Some(credential) }
    }
}

/// Validity of TURN credentials; same as a token's.
pub const TURN_TTL: Duration = crate::token::TTL;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<IceConfig, ConfigError> {
        IceConfig::read(&|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn servers_are_in_the_format_of_browsers() {
        let text = r#"[{"urls": "stun:a.example"}, {"urls": ["turn:b.example", "turns:b.example"], "username": "u", "credential": "p"}]"#;
        let config = read(&[("ICE_SERVERS", text)]).unwrap();
        assert_eq!(config.servers[0].urls, ["stun:a.example"]);
        assert_eq!(config.servers[1].credential.as_deref(), Some("p"));
        assert!(!format!("{config:?}").contains("\"p\""));
        for wrong in
            ["stun:a.example", r#"[{"urls": []}]"#, r#"[{"urls": "https://a.example"}]"#, r#"{"urls": "stun:a"}"#]
        {
            assert!(read(&[("ICE_SERVERS", wrong)]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_turn_server_needs_urls_and_secret() {
        let (urls, secret) = (("TURN_URLS", "turn:a.example:3478, turns:a.example"), ("TURN_SECRET", "s"));
        assert_eq!(read(&[urls, secret]).unwrap().turn.unwrap().urls.len(), 2);
        for (only, other) in [(urls, "TURN_SECRET"), (secret, "TURN_URLS")] {
            assert!(read(&[only]).unwrap_err().to_string().contains(other));
        }
        assert!(read(&[("TURN_URLS", "stun:a.example"), secret]).is_err());
    }

    #[test]
    fn passwords_match_coturns() {
        // Computed with `printf '1700000000:doctor-1' | openssl dgst -sha1 -hmac north -binary | base64`.
        let turn = TurnConfig { urls: vec!["turn:a.example".to_owned()], secret: Secret::new("north") };
        let server = turn.server_for(&Id::new("doctor-1").unwrap(), Timestamp::from_millis(1_700_000_000_000));
        assert_eq!(server.username.as_deref(), Some("1700000000:doctor-1"));
        assert_eq!(server.credential.as_deref(), Some("EDq9Tvf9KZN5YaruvNanFlQOM4A="));
    }
}
