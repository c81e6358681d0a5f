use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

/// Time in UTC with milliseconds, written as `2025-10-05T12:07:46.209Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

/// Error of a text that isn't a time in RFC 3339, or of a time outside the supported years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a date and time such as `2025-10-05T12:07:46.209Z`")]
pub struct InvalidTimestamp;

impl Timestamp {
    /// Returns the current time.
    pub fn now() -> Self {
        Self(jiff::Timestamp::now().as_millisecond())
    }

    /// Start of the year 0, the earliest time in RFC 3339.
    const FIRST: i64 = -62_167_219_200_000;
    /// End of 9999-12-29 in UTC. Later times are valid in RFC 3339, but not in all calendar libraries.
    const LAST: i64 = 253_402_127_999_999;

    /// Creates a time from milliseconds since 1970, clamped to the supported range.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(Self::FIRST, Self::LAST))
    }

    /// Returns milliseconds since 1970.
    pub const fn as_millis(self) -> i64 {
        self.0
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let moment = jiff::Timestamp::from_millisecond(self.0).map_err(|_| std::fmt::Error)?;
        write!(f, "{moment:.3}")
    }
}

impl From<Timestamp> for String {
    fn from(moment: Timestamp) -> Self {
        moment.to_string()
    }
}

impl TryFrom<String> for Timestamp {
    type Error = InvalidTimestamp;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let moment: jiff::Timestamp = text.parse().map_err(|_| InvalidTimestamp)?;
        let millis = moment.as_millisecond();
        if (Self::FIRST..=Self::LAST).contains(&millis) { Ok(Self(millis)) } else { Err(InvalidTimestamp) }
    }
}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .into()
    }
}

impl ToSchema for Timestamp {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Timestamp")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_fixed() {
        let text = "2025-10-05T12:07:46.209Z";
        let moment = Timestamp::try_from(text.to_owned()).unwrap();
        assert_eq!(moment.to_string(), text);
        assert_eq!(Timestamp::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert!(Timestamp::try_from("yesterday".to_owned()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn survives_the_wire(millis in proptest::num::i64::ANY) {
            let moment = Timestamp::from_millis(millis);
            let json = serde_json::to_string(&moment).unwrap();
            proptest::prop_assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), moment);
        }
    }
}
