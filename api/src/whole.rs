use serde::{Deserialize, Deserializer, de};

/// Deserializes an optional integer. Accepts `30.0` as well, which JSON doesn't distinguish from `30`.
pub fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let Some(number) = Option::<serde_json::Number>::deserialize(deserializer)? else { return Ok(None) };
    let whole = number.as_u64().or_else(|| {
        let float =
            number.as_f64().filter(|float| float.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(float))?;
        // Formatting a whole float in this range yields exactly its integer.
        format!("{float:.0}").parse().ok()
    });
    let whole = whole.and_then(|whole| u32::try_from(whole).ok());
    whole.map(Some).ok_or_else(|| de::Error::custom("expected a whole number, not negative and not too large"))
}

/// Deserializes an integer. Accepts `5.0` as well.
pub fn required<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    optional(deserializer)?.ok_or_else(|| de::Error::custom("expected a whole number"))
}

/// Deserializes an integer; 0 if absent.
pub fn or_zero<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    Ok(optional(deserializer)?.unwrap_or_default())
}

/// Returns `true` for 0, which isn't serialized.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
pub const fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    #[derive(serde::Deserialize)]
    struct Holder {
        #[serde(default, deserialize_with = "super::optional")]
        number: Option<u32>,
    }

    #[test]
    fn whole_numbers_are_accepted_in_every_notation() {
        let read = |text: &str| serde_json::from_str::<Holder>(text).map(|holder| holder.number).ok();
        assert_eq!(read("{}"), Some(None));
        assert_eq!(read(r#"{"number": null}"#), Some(None));
        for (text, number) in [("30", 30), ("30.0", 30), ("3e1", 30), ("0.0", 0), ("4294967295.0", u32::MAX)] {
            assert_eq!(read(&format!(r#"{{"number": {text}}}"#)), Some(Some(number)), "{text}");
        }
        for wrong in ["30.5", "-1", "-1.0", "4294967296", "1e300", "\"30\"", "true"] {
            assert_eq!(read(&format!(r#"{{"number": {wrong}}}"#)), None, "{wrong}");
        }
    }
}
