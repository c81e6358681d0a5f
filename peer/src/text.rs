//! Rules for identifiers and names that come from outside.

/// Longest user id, room id, name and role.
pub(crate) const MAX_TEXT: usize = 200;

/// Returns `true` for a text that may be shown and logged: not empty, not long, no control characters.
pub(crate) fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_TEXT && !text.chars().any(char::is_control)
}

/// Returns `true` for ASCII letters, digits, `_` and `-` only.
pub(crate) fn is_id(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// Returns `true` for the id of a track as an adapter assigns it.
pub(crate) fn is_track_sid(text: &str) -> bool {
    text.strip_prefix("TR_").is_some_and(|rest| is_id(rest, 64))
}

/// Returns `true` for the characters of ICE user fragments and passwords.
pub(crate) fn is_ice(text: &str, lengths: std::ops::RangeInclusive<usize>) -> bool {
    // Some browsers use more than RFC 8839's letters, digits, `+` and `/`.
    let extra = b"+/_-=";
    lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || extra.contains(&byte))
}

/// Shortens a text of the server for people: no control characters, at most [`MAX_TEXT`] bytes.
pub(crate) fn shorten(text: &str) -> String {
    let mut short: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    short.truncate(short.floor_char_boundary(MAX_TEXT));
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_of_the_engine_are_in_no_track_sid() {
        assert!(is_track_sid("TR_V0"));
        for sid in ["", "TR_", "PA_x", "TR_a|b", "TR_a b", "TR_á", "TR_a\n"] {
            assert!(!is_track_sid(sid), "{sid:?}");
        }
    }

    #[test]
    fn a_server_message_is_shortened_to_one_line() {
        assert_eq!(shorten("a\r\nb"), "a  b");
        assert!(shorten(&"ñ".repeat(500)).len() <= MAX_TEXT);
    }
}
