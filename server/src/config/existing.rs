//! Settings under the names of the deployment that this server replaces (Express, LiveKit Cloud, Cloudflare R2).
//!
//! Its `.env` must work unchanged. Its names are translated into ours; docs/migration.md lists them.

use std::collections::HashMap;

use super::error::ConfigError;

/// Pairs of the replaced deployment's name and our name for settings with the same value.
const SAME_VALUE: [(&str, &str); 5] = [
    ("PORT", "AUTAMEDICA_PORT"),
    ("CORS_ORIGIN", "CORS_ORIGINS"),
    ("R2_BUCKET_NAME", "AWS_S3_BUCKET"),
    ("R2_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID"),
    ("R2_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"),
];

/// Known settings without effect, each with advice for the operator.
const UNSUPPORTED: [(&str, &str); 1] = [(
    "SKIP_AUTH",
    "the API always authenticates callers: without an API key only this machine may call it; create keys with \
     `autamedica-server key create`",
)];

/// Settings with the same name in both.
const SAME_NAME: [&str; 1] = ["SUPABASE_JWT_SECRET"];

/// Settings of the replaced deployment in this environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExistingSettings {
    /// Names whose values are used, in alphabetical order.
    pub used: Vec<&'static str>,
    /// Names without effect, each with advice for the operator.
    pub unsupported: Vec<(&'static str, &'static str)>,
}

impl ExistingSettings {
    /// Logs the names that are used and those without effect.
    pub fn log(&self) {
        if !self.used.is_empty() {
            tracing::info!(names = self.used.join(", "), "using settings of the replaced deployment");
        }
        for (name, advice) in &self.unsupported {
            tracing::warn!(name, advice, "setting of the replaced deployment has no effect");
        }
    }
}

/// Translates the replaced deployment's settings. Returns the values under our names and a report for the log.
///
/// # Errors
/// [`ConfigError::Disagree`] if both names are set to different values, and [`ConfigError::Value`] if a value can't be
/// translated.
pub fn translate(
    get: &impl Fn(&str) -> Option<String>,
) -> Result<(HashMap<&'static str, String>, ExistingSettings), ConfigError> {
    let mut values = HashMap::new();
    let mut settings = ExistingSettings::default();
    let mut take = |theirs: &'static str, ours: &'static str, value: String| {
        match get(ours) {
            Some(set) if set != value => return Err(ConfigError::Disagree { ours, theirs }),
            Some(_) => {}
            None => {
                values.insert(ours, value);
                settings.used.push(theirs);
            }
        }
        Ok(())
    };
    for (theirs, ours) in SAME_VALUE {
        if let Some(value) = get(theirs) {
            take(theirs, ours, value)?;
        }
    }
    if let Some(account) = get("R2_ACCOUNT_ID") {
        if !account.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(ConfigError::Value { name: "R2_ACCOUNT_ID", expected: "the account's letters and digits" });
        }
        take("R2_ACCOUNT_ID", "AWS_ENDPOINT_URL", format!("https://{account}{R2_HOST}"))?;
        if get("AWS_REGION").is_none() {
            values.insert("AWS_REGION", "auto".to_owned());
        }
    }
    // `LIVEKIT_API_URL` is the SFU's only URL there, and an optional second one here.
    if let (None, Some(url)) = (get("LIVEKIT_URL"), get("LIVEKIT_API_URL")) {
        values.insert("LIVEKIT_URL", url);
        settings.used.push("LIVEKIT_API_URL");
    }
    settings.used.extend(SAME_NAME.into_iter().filter(|name| get(name).is_some()));
    settings.used.sort_unstable();
    let is_on = |name: &str, value: &str| name != "SKIP_AUTH" || !matches!(value, "false" | "0" | "no" | "off");
    settings.unsupported =
        UNSUPPORTED.into_iter().filter(|(name, _)| get(name).is_some_and(|value| is_on(name, &value))).collect();
    Ok((values, settings))
}

/// Domain of Cloudflare R2's S3 API, after the account.
pub const R2_HOST: &str = ".r2.cloudflarestorage.com";

#[cfg(test)]
mod tests {
    use super::super::{Config, SfuConfig};
    use super::*;
    use crate::secret::Secret;

    fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let value = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned()).or_else(|| (name == "HOME").then(|| "/".to_owned()))
        };
        Config::from_vars(value)
    }

    /// The replaced deployment's `.env`, with exactly these names.
    const THEIRS: [(&str, &str); 12] = [
        ("PORT", "8890"),
        ("CORS_ORIGIN", "https://patients.clinic.example"),
        ("LIVEKIT_API_URL", "wss://clinic.livekit.cloud"),
        ("LIVEKIT_API_KEY", "key"),
        ("LIVEKIT_API_SECRET", "secret"),
        ("SUPABASE_JWT_SECRET", "another secret"),
        ("SKIP_AUTH", "false"),
        ("NODE_ENV", "production"),
        ("R2_ACCOUNT_ID", "0123abcd"),
        ("R2_ACCESS_KEY_ID", "r2-key"),
        ("R2_SECRET_ACCESS_KEY", "r2-secret"),
        ("R2_BUCKET_NAME", "recordings"),
    ];

    #[test]
    fn the_replaced_deployments_file_works_unchanged() {
        let config = read(&THEIRS).unwrap();
        let SfuConfig::External { url, .. } = &config.sfu else { panic!("an SFU of its own: {config:?}") };
        assert_eq!((url.signaling(), url.api()), ("wss://clinic.livekit.cloud", "https://clinic.livekit.cloud"));
        assert_eq!(config.port, 8890);
        assert_eq!(config.cors_origins, ["https://patients.clinic.example"]);
        let s3 = config.recording.s3.as_ref().unwrap();
        assert_eq!((s3.bucket.as_str(), s3.region.as_str(), s3.access_key.as_str()), ("recordings", "auto", "r2-key"));
        assert_eq!(s3.endpoint.as_ref().unwrap().as_str(), "https://0123abcd.r2.cloudflarestorage.com/");
        assert!(s3.encrypted_by_provider && s3.path_style);
        let used = &config.existing.used;
        for name in ["PORT", "CORS_ORIGIN", "LIVEKIT_API_URL", "R2_ACCOUNT_ID", "R2_BUCKET_NAME", "SUPABASE_JWT_SECRET"]
        {
            assert!(used.contains(&name), "{name} isn't said: {used:?}");
        }
        assert!(config.existing.unsupported.is_empty(), "{:?}", config.existing.unsupported);
        assert_eq!(config.supabase_jwt_secret.as_ref().map(Secret::expose), Some("another secret"));
        assert!(!format!("{config:?}").contains("secret\""), "{config:?}");
    }

    #[test]
    fn both_names_must_agree() {
        for (ours, theirs) in [
            (("AUTAMEDICA_PORT", "8888"), ("PORT", "8889")),
            (("CORS_ORIGINS", "https://a.example"), ("CORS_ORIGIN", "https://b.example")),
            (("AWS_S3_BUCKET", "a"), ("R2_BUCKET_NAME", "b")),
            (("AWS_ENDPOINT_URL", "https://s3.example"), ("R2_ACCOUNT_ID", "abc")),
        ] {
            let error = read(&[ours, theirs]).unwrap_err().to_string();
            assert!(error.contains(ours.0) && error.contains(theirs.0), "{error}");
        }
        let same = read(&[("AUTAMEDICA_PORT", "8889"), ("PORT", "8889")]).unwrap();
        assert_eq!((same.port, same.existing.used.len()), (8889, 0));
    }

    #[test]
    fn skipping_authentication_has_no_effect() {
        let config = read(&[("SKIP_AUTH", "true")]).unwrap();
        assert_eq!(config.existing.unsupported[0].0, "SKIP_AUTH");
        assert!(config.existing.unsupported[0].1.contains("key create"));
    }

    #[test]
    fn their_pages_may_call_where_only_this_machine_is_served() {
        let origins = |more: &[(&str, &str)]| read(more).unwrap().allowed_origins();
        assert_eq!(origins(&[]), ["http://localhost:3003"]);
        assert_eq!(origins(&[("CORS_ORIGINS", "https://a.example")]), ["https://a.example"]);
        let public = [("BEHIND_PROXY", "true"), ("PUBLIC_URL", "https://clinic.example")];
        assert!(origins(&public).is_empty());
    }

    #[test]
    fn an_account_cannot_change_the_host() {
        let error = read(&[("R2_ACCOUNT_ID", "evil.example/")]).unwrap_err().to_string();
        assert!(error.contains("R2_ACCOUNT_ID"), "{error}");
    }
}
