//! Attributes of the peer's descriptions: which the engine gets, and their syntax.

use crate::candidate;
use crate::text::{is_ice, is_id};

/// What to do with an attribute.
pub(super) enum Verdict {
    Keep,
    /// Unknown or not needed.
    Drop,
    /// Known, but not in its syntax.
    Malformed(&'static str),
}

/// Checks an attribute of the session part.
pub(super) fn check_session(attribute: &str) -> Verdict {
    let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
    match name {
        // The mids are compared once the sections are known.
        "group" => {
            if value.starts_with("BUNDLE") {
                Verdict::Keep
            } else {
                Verdict::Drop
            }
        }
        "extmap-allow-mixed" => {
            if value.is_empty() {
                Verdict::Keep
            } else {
                Verdict::Malformed("extmap-allow-mixed")
            }
        }
        "ice-ufrag" | "ice-pwd" | "ice-options" | "fingerprint" | "setup" => check_transport(name, value),
        _ => Verdict::Drop,
    }
}

/// Checks an attribute of a media section, apart from `mid` and the direction.
pub(super) fn check_media(attribute: &str) -> Verdict {
    let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
    let verdict = |name, is_valid: bool| if is_valid { Verdict::Keep } else { Verdict::Malformed(name) };
    match name {
        "ice-ufrag" | "ice-pwd" | "ice-options" | "fingerprint" | "setup" => check_transport(name, value),
        "rtcp-mux" | "rtcp-rsize" | "bundle-only" | "extmap-allow-mixed" => verdict("flag", value.is_empty()),
        "rtpmap" => verdict("rtpmap", is_rtpmap(value)),
        "fmtp" => verdict("fmtp", value.split_once(' ').is_some_and(|(pt, rest)| is_payload(pt) && !rest.is_empty())),
        "rtcp-fb" => {
            let is_valid =
                value.split_once(' ').is_some_and(|(pt, rest)| (pt == "*" || is_payload(pt)) && is_words(rest));
            verdict("rtcp-fb", is_valid)
        }
        "extmap" => verdict("extmap", is_extmap(value)),
        "msid" => verdict("msid", is_msid(value)),
        "ssrc" => check_ssrc(value),
        "ssrc-group" => verdict("ssrc-group", is_ssrc_group(value)),
        "ptime" | "maxptime" => verdict("ptime", value.parse::<u16>().is_ok()),
        "sctp-port" => verdict("sctp-port", value.parse::<u16>().is_ok_and(|port| port > 0)),
        "max-message-size" => verdict("max-message-size", value.parse::<u32>().is_ok_and(|size| size < 1 << 30)),
        // A candidate that is malformed may be of a kind that is not known here, and others may do.
        "candidate" => {
            if candidate::rewrite(attribute).is_some_and(|(line, _)| line == attribute) {
                Verdict::Keep
            } else {
                Verdict::Drop
            }
        }
        _ => Verdict::Drop,
    }
}

fn check_transport(name: &str, value: &str) -> Verdict {
    let (name, is_valid) = match name {
        "ice-ufrag" => ("ice-ufrag", is_ice(value, 4..=256)),
        "ice-pwd" => ("ice-pwd", is_ice(value, 22..=256)),
        "ice-options" => ("ice-options", is_words(value)),
        "fingerprint" => ("fingerprint", is_fingerprint(value)),
        _ => ("setup", matches!(value, "actpass" | "active" | "passive" | "holdconn")),
    };
    if is_valid { Verdict::Keep } else { Verdict::Malformed(name) }
}

fn is_payload(text: &str) -> bool {
    text.parse::<u8>().is_ok_and(|number| number < 128)
}

fn is_token(text: &str) -> bool {
    (1..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_words(text: &str) -> bool {
    text.split(' ').all(is_token)
}

fn is_rtpmap(value: &str) -> bool {
    let Some((payload, codec)) = value.split_once(' ') else { return false };
    let mut parts = codec.split('/');
    let (name, clock, channels, rest) = (parts.next(), parts.next(), parts.next(), parts.next());
    is_payload(payload)
        && name.is_some_and(|name| is_id(&name.replace('.', "-"), 32))
        && clock.is_some_and(|clock| clock.parse::<u32>().is_ok_and(|hz| (1..=1_000_000).contains(&hz)))
        && channels.is_none_or(|channels| channels.parse::<u8>().is_ok_and(|number| (1..=24).contains(&number)))
        && rest.is_none()
}

fn is_extmap(value: &str) -> bool {
    let mut words = value.split(' ');
    let Some(id) = words.next() else { return false };
    let (id, direction) = id.split_once('/').unwrap_or((id, "sendrecv"));
    id.parse::<u8>().is_ok_and(|id| (1..=254).contains(&id) && id != 15)
        && matches!(direction, "sendrecv" | "sendonly" | "recvonly" | "inactive")
        && words.next().is_some_and(is_token)
        && words.all(is_token)
}

fn is_msid(value: &str) -> bool {
    let mut words = value.split(' ');
    words.next().is_some_and(is_token) && words.next().is_none_or(is_token) && words.next().is_none()
}

fn check_ssrc(value: &str) -> Verdict {
    let Some((ssrc, attribute)) = value.split_once(' ') else { return Verdict::Malformed("ssrc") };
    let Some((name, value)) = attribute.split_once(':') else { return Verdict::Drop };
    let is_valid = ssrc.parse::<u32>().is_ok()
        && match name {
            "cname" => is_token(value),
            "msid" => is_msid(value),
            _ => return Verdict::Drop,
        };
    if is_valid { Verdict::Keep } else { Verdict::Malformed("ssrc") }
}

fn is_ssrc_group(value: &str) -> bool {
    let mut words = value.split(' ');
    let is_known = words.next().is_some_and(|word| matches!(word, "FID" | "FEC-FR" | "SIM"));
    let ssrcs: Vec<_> = words.collect();
    is_known && (1..=8).contains(&ssrcs.len()) && ssrcs.iter().all(|ssrc| ssrc.parse::<u32>().is_ok())
}

fn is_fingerprint(value: &str) -> bool {
    let Some((algorithm, digest)) = value.split_once(' ') else { return false };
    let length = match algorithm.to_ascii_lowercase().as_str() {
        "sha-1" => 20,
        "sha-224" => 28,
        "sha-256" => 32,
        "sha-384" => 48,
        "sha-512" => 64,
        _ => return false,
    };
    let is_byte = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    digest.split(':').count() == length && digest.split(':').all(is_byte)
}
