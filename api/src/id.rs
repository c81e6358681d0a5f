use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// Id of a consultation, user or room: 1–128 ASCII letters, digits, `-`, `_` or `.`, but neither `.` nor `..`, which
/// clients remove from a URL's path.
///
/// Ids appear in URLs and logs, so they must not be names or document numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id(String);

/// Error of a text that isn't an [`Id`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 128 letters, digits, `-`, `_` or `.`, and neither `.` nor `..`")]
pub struct InvalidId;

impl Id {
    /// Maximum length in characters.
    pub const MAX_LEN: usize = 128;
    /// Regular expression for ids, without the length limit.
    pub const PATTERN: &str = r"^(?:\.{0,2}[A-Za-z0-9_-][A-Za-z0-9._-]*|\.{3}[A-Za-z0-9._-]*)$";

    /// Creates an id from `text`.
    ///
    /// # Errors
    /// [`InvalidId`] if the length or a character isn't allowed, or for `.` and `..`.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
        let text = text.into();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if text.is_empty()
            || text.len() > Self::MAX_LEN
            || !text.bytes().all(allowed)
        {
            return Err(InvalidId);
        }
        Ok(Self(text))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Id {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(text)
    }
}

impl std::str::FromStr for Id {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.0
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialSchema for Id {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(Self::MAX_LEN))
            .pattern(Some(Self::PATTERN))
            .build()
            .into()
    }
}

impl ToSchema for Id {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Id")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_the_contract_shows() {
        for text in ["...", ".a", "uuid-consultation-001", "patient-maria-123", "a", "A.b_c-9", &"x".repeat(128)] {
            assert_eq!(Id::new(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in ["", " ", "a b", "a/b", "á", "a\n", "<script>", "a?b", "a#b", "%41", ".", "..", &"x".repeat(129)] {
            assert_eq!(Id::new(text), Err(InvalidId), "{text:?}");
        }
        assert!(serde_json::from_str::<Id>("\"a b\"").is_err());
    }

    proptest::proptest! {
        #[test]
        fn the_pattern_and_the_check_agree(text in "\\PC{0,140}") {
            let by_hand = (1..=128).contains(&text.chars().count())
                && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
                && !matches!(text.as_str(), "." | "..");
            proptest::prop_assert_eq!(Id::new(text).is_ok(), by_hand);
        }
    }
}
