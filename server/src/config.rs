mod dot_env;
mod error;
mod existing;
mod folders;
mod ice;
mod recording;
mod values;

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use autamedica_api::{Language, Transport};
use axum::http::HeaderValue;
use url::Url;

use crate::connections::ConnectionLimits;
use crate::limits::RateLimit;
use crate::livekit_url::LiveKitUrl;
use crate::proxies::Network;
use crate::recording::RecordingConfig;
use crate::secret::Secret;
use crate::webhooks::WebhookConfig;
pub use error::ConfigError;
pub use existing::ExistingSettings;
use folders::data_dir;
pub use folders::data_folder;
pub use ice::{IceConfig, TURN_TTL};
use values::{boolean, language, networks, origins, public_address, transport, value, web_address};

/// Default port of the backend.
pub const DEFAULT_PORT: u16 = 8888;

/// Web page of the replaced deployment; may call the API by default if only this machine is served.
const DEFAULT_ORIGIN: &str = "http://localhost:3003";

/// Configuration of the backend. [`Config::from_env`] reads the operator's settings; the fields can be changed
/// afterwards.
#[derive(Clone, Debug)]
pub struct Config {
    /// IP address to listen on.
    pub host: IpAddr,
    /// Port to listen on; 0 selects any free port.
    pub port: u16,
    /// SFU to use.
    pub sfu: SfuConfig,
    /// Database to use.
    pub database: Database,
    /// Master key for the secrets in the database: 64 hexadecimal digits. Default: a key file next to the SQLite
    /// database.
    pub master_key: Option<Secret>,
    /// `true` if a reverse proxy terminates TLS and sends callers' addresses in `X-Forwarded-For`.
    pub behind_proxy: bool,
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<Network>,
    /// Public URL of the server, used in links. Default: this machine.
    pub public_url: Option<Url>,
    /// Default for the end-to-end encryption of new consultations.
    pub e2ee_default: bool,
    /// Default language of new consultations.
    pub language_default: Language,
    /// The path of new consultations' media when nobody says.
    pub transport_default: Transport,
    /// Grants LiveKit's `roomRecord` in doctors' tokens, which allows starting an egress at the SFU. Recording through
    /// this server doesn't need it.
    pub doctor_room_record: bool,
    /// Folder for a new local key, which callers on this machine must send. Set by an app that runs the backend in its
    /// process. Without a local key and without API keys, every caller on this machine is accepted.
    pub local_key_folder: Option<PathBuf>,
    /// Recording of consultations.
    pub recording: RecordingConfig,
    /// JWT secret of the clinic's Supabase project, whose accounts may use peer-to-peer signaling.
    pub supabase_jwt_secret: Option<Secret>,
    /// STUN and TURN servers for peer-to-peer calls.
    pub ice: IceConfig,
    /// Webhook of the integrator.
    pub webhook: Option<WebhookConfig>,
    /// Origins of the web pages that may call the API (CORS). Default: none.
    pub cors_origins: Vec<HeaderValue>,
    /// Limit for requests per address and per API key.
    pub rate_limit: RateLimit,
    /// Limit for attempts to use a code, per address or kiosk.
    pub code_limit: RateLimit,
    /// Limit for network checks per address or API key.
    pub check_limit: RateLimit,
    /// Limit for refusals per address in the audit log.
    pub refusal_limit: RateLimit,
    /// Settings of the replaced deployment, for the log.
    pub existing: ExistingSettings,
    /// Limits for connections and their duration.
    pub connection_limits: ConnectionLimits,
}

/// SFU of the backend.
#[derive(Clone, Debug)]
pub enum SfuConfig {
    /// An SFU on this machine's loopback interface. The backend starts it with a new secret each time and restarts it
    /// after a crash.
    Managed {
        /// Path of the program. Default: searched for.
        program: Option<PathBuf>,
    },
    /// An SFU elsewhere: LiveKit Cloud, a cluster, or another process.
    External {
        /// URL of the SFU.
        url: LiveKitUrl,
        /// Name of the API key.
        api_key: String,
        /// API secret.
        api_secret: Secret,
    },
}

/// Database of the backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// In memory; lost when the server stops. For tests and trials.
    Memory,
    /// SQLite file; created if missing.
    File(PathBuf),
    /// PostgreSQL server, `postgres://…`. The URL may contain a password.
    Postgres(Secret),
}

impl Default for Config {
    /// Everything embedded, on the loopback interface, without files.
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: DEFAULT_PORT,
            sfu: SfuConfig::Managed { program: None },
            database: Database::Memory,
            master_key: None,
            behind_proxy: false,
            trusted_proxies: Network::LOOPBACK.to_vec(),
            public_url: None,
            e2ee_default: false,
            language_default: Language::Es,
            transport_default: Transport::Sfu,
            doctor_room_record: true,
            local_key_folder: None,
            supabase_jwt_secret: None,
            ice: IceConfig::default(),
            webhook: None,
            recording: RecordingConfig::default(),
            cors_origins: Vec::new(),
            rate_limit: RateLimit { burst: 500, period: Duration::from_millis(10) },
            code_limit: RateLimit { burst: 20, period: Duration::from_secs(2) },
            check_limit: RateLimit { burst: 6, period: Duration::from_secs(10) },
            refusal_limit: RateLimit { burst: 60, period: Duration::from_secs(1) },
            existing: ExistingSettings::default(),
            connection_limits: ConnectionLimits::default(),
        }
    }
}

impl Config {
    /// Reads `.env` of the working folder and the environment, which takes precedence.
    ///
    /// # Errors
    /// [`ConfigError::DotEnv`] if `.env` can't be read or belongs to a user other than this one and root; otherwise as
    /// [`from_vars`](Self::from_vars).
    pub fn from_env() -> Result<Self, ConfigError> {
        let _ = dotenvy::dotenv();
        dot_env::load(Path::new(".env"))?;
        Self::from_environment()
    }

    /// Reads the environment only. Apps can be started in folders where other users may write a `.env`.
    ///
    /// # Errors
    /// As [`from_vars`](Self::from_vars).
    pub fn from_environment() -> Result<Self, ConfigError> {
        Self::from_vars(|name| std::env::var(name).ok())
    }

    /// Reads the settings from `variables`. An empty value counts as unset.
    ///
    /// # Errors
    /// [`ConfigError`] if a setting is invalid or requires another one that is missing.
    pub fn from_vars(variables: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let set = |name: &str| variables(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let (translated, existing) = existing::translate(&set)?;
        let get = |name: &str| set(name).or_else(|| translated.get(name).cloned());
        let sfu = match get("LIVEKIT_URL") {
            Some(url) => SfuConfig::External {
                url: match get("LIVEKIT_API_URL") {
                    Some(api) => LiveKitUrl::parse(&url)?.with_api(&LiveKitUrl::parse(&api)?),
                    None => LiveKitUrl::parse(&url)?,
                },
                api_key: get("LIVEKIT_API_KEY").ok_or(ConfigError::Missing("LIVEKIT_API_KEY"))?,
                api_secret: Secret::new(get("LIVEKIT_API_SECRET").ok_or(ConfigError::Missing("LIVEKIT_API_SECRET"))?),
            },
            None => SfuConfig::Managed { program: get("LIVEKIT_SERVER_BIN").map(PathBuf::from) },
        };
        let database = match get("DATABASE_URL") {
            Some(url) => Database::parse(&url)?,
            None => Database::File(data_dir(&get).ok_or(ConfigError::NoDataDir)?.join("autamedica.db")),
        };
        let defaults = Self::default();
        let webhook = match get("WEBHOOK_URL") {
            Some(url) => Some(WebhookConfig {
                url: web_address("WEBHOOK_URL", &url)?,
                secret: Secret::new(get("WEBHOOK_SECRET").ok_or(ConfigError::NoWebhookSecret)?),
            }),
            None => None,
        };
        let rate = match get("RATE_LIMIT_PER_SECOND") {
            Some(number) => {
                let number =
                    value("RATE_LIMIT_PER_SECOND", "a number from 1 to 100000", Some(number), |number: &u32| {
                        (1..=100_000).contains(number)
                    })?;
                let number = number.unwrap_or(1);
                RateLimit { burst: number.saturating_mul(5), period: Duration::from_secs(1) / number }
            }
            None => defaults.rate_limit,
        };
        Ok(Self {
            host: value("AUTAMEDICA_HOST", "an IP address", get("AUTAMEDICA_HOST"), |_| true)?.unwrap_or(defaults.host),
            port: value("AUTAMEDICA_PORT", "a port, 0 to 65535", get("AUTAMEDICA_PORT"), |_| true)?
                .unwrap_or(defaults.port),
            sfu,
            database,
            master_key: get("AUTAMEDICA_MASTER_KEY").map(Secret::new),
            behind_proxy: boolean("BEHIND_PROXY", get("BEHIND_PROXY"))?,
            trusted_proxies: match get("TRUSTED_PROXIES") {
                Some(text) => networks(&text)?,
                None => defaults.trusted_proxies,
            },
            public_url: get("PUBLIC_URL").map(|url| public_address(&url)).transpose()?,
            e2ee_default: boolean("E2EE_DEFAULT", get("E2EE_DEFAULT"))?,
            language_default: language("DEFAULT_LANGUAGE", get("DEFAULT_LANGUAGE"))?,
            transport_default: transport("TRANSPORT", get("TRANSPORT"))?,
            doctor_room_record: match get("DOCTOR_ROOM_RECORD") {
                None => defaults.doctor_room_record,
                set => boolean("DOCTOR_ROOM_RECORD", set)?,
            },
            local_key_folder: None,
            supabase_jwt_secret: get("SUPABASE_JWT_SECRET").map(Secret::new),
            ice: IceConfig::read(&get)?,
            webhook,
            recording: recording::read(&get)?,
            cors_origins: origins(get("CORS_ORIGINS"))?,
            rate_limit: rate,
            code_limit: defaults.code_limit,
            check_limit: defaults.check_limit,
            refusal_limit: defaults.refusal_limit,
            existing,
            connection_limits: ConnectionLimits {
                total: value(
                    "MAX_CONNECTIONS",
                    "a number from 10 to 100000",
                    get("MAX_CONNECTIONS"),
                    |number: &usize| (10..=100_000).contains(number),
                )?
                .unwrap_or(defaults.connection_limits.total),
                ..defaults.connection_limits
            },
        })
    }

    /// Returns the origins that may call the API. Without a setting, and without a proxy, it is the page of the
    /// replaced deployment.
    pub fn allowed_origins(&self) -> Vec<HeaderValue> {
        if self.cors_origins.is_empty() && !self.behind_proxy {
            return vec![HeaderValue::from_static(DEFAULT_ORIGIN)];
        }
        self.cors_origins.clone()
    }

    /// Checks that the settings are consistent. The server calls this before it starts.
    ///
    /// # Errors
    /// [`ConfigError::NoTls`], [`ConfigError::NoPublicUrl`], [`ConfigError::EmbeddedSfuBehindProxy`],
    /// [`ConfigError::EgressWithoutBucket`] or [`ConfigError::NoMasterKey`].
    pub fn check(&self) -> Result<(), ConfigError> {
        if !self.host.is_loopback() && !self.behind_proxy {
            return Err(ConfigError::NoTls(self.host));
        }
        if self.behind_proxy && self.public_url.is_none() {
            return Err(ConfigError::NoPublicUrl);
        }
        if self.behind_proxy && matches!(self.sfu, SfuConfig::Managed { .. }) {
            return Err(ConfigError::EmbeddedSfuBehindProxy);
        }
        if self.recording.egress && self.recording.s3.is_none() {
            return Err(ConfigError::EgressWithoutBucket);
        }
        if matches!(self.database, Database::Postgres(_)) && self.master_key.is_none() {
            return Err(ConfigError::NoMasterKey);
        }
        Ok(())
    }
}

impl Database {
    /// Parses `postgres://…`, `sqlite::memory:`, `sqlite:FILE` or `sqlite://FILE`.
    ///
    /// # Errors
    /// [`ConfigError::Database`] for other URLs.
    pub fn parse(url: &str) -> Result<Self, ConfigError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(Secret::new(url)));
        }
        let path = url.strip_prefix("sqlite:").ok_or(ConfigError::Database)?;
        match path.strip_prefix("//").unwrap_or(path) {
            ":memory:" => Ok(Self::Memory),
            "" => Err(ConfigError::Database),
            path => Ok(Self::File(path.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_vars(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn nothing_set_means_everything_embedded() {
        let config = read(&[("HOME", "/home/qa"), ("LIVEKIT_URL", " ")]).unwrap();
        assert!(matches!(config.sfu, SfuConfig::Managed { program: None }));
        assert_eq!((config.host.to_string(), config.port), ("127.0.0.1".to_owned(), 8888));
        #[cfg(target_os = "linux")]
        assert_eq!(config.database, Database::File("/home/qa/.local/share/autamedica/autamedica.db".into()));
    }

    #[test]
    fn an_sfu_elsewhere_needs_its_key_and_secret() {
        let url = ("LIVEKIT_URL", "https://x.livekit.cloud");
        let error = read(&[url]).unwrap_err().to_string();
        assert!(error.contains("LIVEKIT_API_KEY"), "{error}");
        let error = read(&[url, ("LIVEKIT_API_KEY", "key")]).unwrap_err().to_string();
        assert!(error.contains("LIVEKIT_API_SECRET"), "{error}");
        let config =
            read(&[url, ("LIVEKIT_API_KEY", "key"), ("LIVEKIT_API_SECRET", "very-secret"), ("HOME", "/")]).unwrap();
        assert!(!format!("{config:?}").contains("very-secret"), "{config:?}");
        let SfuConfig::External { url, .. } = config.sfu else { panic!("{config:?}") };
        assert_eq!(url.signaling(), "wss://x.livekit.cloud");
    }

    #[test]
    fn knows_its_databases() {
        let database = |url: &str| Database::parse(url);
        assert_eq!(database("sqlite::memory:").unwrap(), Database::Memory);
        assert_eq!(database("sqlite:///var/a.db").unwrap(), Database::File("/var/a.db".into()));
        assert_eq!(database("sqlite:a.db").unwrap(), Database::File("a.db".into()));
        assert!(matches!(database("postgres://u:p@h/d").unwrap(), Database::Postgres(_)));
        assert!(database("mysql://h/d").is_err());
        assert!(!format!("{:?}", database("postgres://u:hidden@h/d").unwrap()).contains("hidden"));
    }

    #[test]
    fn wrong_values_are_named() {
        let home = ("HOME", "/");
        assert!(read(&[home, ("AUTAMEDICA_PORT", "many")]).unwrap_err().to_string().contains("AUTAMEDICA_PORT"));
        assert!(read(&[home, ("AUTAMEDICA_HOST", "here")]).unwrap_err().to_string().contains("AUTAMEDICA_HOST"));
        assert!(read(&[home, ("DEFAULT_LANGUAGE", "de")]).unwrap_err().to_string().contains("DEFAULT_LANGUAGE"));
        assert!(read(&[home, ("TRANSPORT", "udp")]).unwrap_err().to_string().contains("TRANSPORT"));
        assert!(read(&[home, ("DOCTOR_ROOM_RECORD", "2")]).unwrap_err().to_string().contains("DOCTOR_ROOM_RECORD"));
    }

    #[test]
    fn a_doctors_token_records_unless_that_is_switched_off() {
        let home = ("HOME", "/");
        assert!(read(&[home]).unwrap().doctor_room_record);
        assert!(!read(&[home, ("DOCTOR_ROOM_RECORD", "false")]).unwrap().doctor_room_record);
        assert_eq!(read(&[home, ("DEFAULT_LANGUAGE", "en")]).unwrap().language_default, Language::En);
        assert_eq!(read(&[home, ("TRANSPORT", "p2p")]).unwrap().transport_default, Transport::P2p);
    }

    #[test]
    fn unsafe_combinations_are_refused() {
        let home = ("HOME", "/");
        let check = |more: &[(&str, &str)]| read(&[&[home], more].concat()).unwrap().check();
        assert!(check(&[]).is_ok());
        assert!(matches!(check(&[("AUTAMEDICA_HOST", "0.0.0.0")]), Err(ConfigError::NoTls(_))));
        let proxied = [("AUTAMEDICA_HOST", "0.0.0.0"), ("BEHIND_PROXY", "true")];
        assert!(matches!(check(&proxied), Err(ConfigError::NoPublicUrl)));
        let public = ("PUBLIC_URL", "https://clinic.example");
        let embedded = check(&[&proxied[..], &[public]].concat());
        assert!(matches!(embedded, Err(ConfigError::EmbeddedSfuBehindProxy)));
        let sfu =
            [("LIVEKIT_URL", "wss://x.livekit.cloud"), ("LIVEKIT_API_KEY", "key"), ("LIVEKIT_API_SECRET", "secret")];
        assert!(check(&[&proxied[..], &[public], &sfu].concat()).is_ok());
        assert!(matches!(check(&[("DATABASE_URL", "postgres://h/d")]), Err(ConfigError::NoMasterKey)));
        let egress = ("RECORDING", "egress");
        assert!(matches!(check(&[egress]), Err(ConfigError::EgressWithoutBucket)));
        let bucket = [("AWS_S3_BUCKET", "b"), ("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret")];
        assert!(check(&[&[egress], &bucket[..]].concat()).is_ok());
    }

    #[test]
    fn the_public_address_is_an_encrypted_origin() {
        let public = |url| read(&[("HOME", "/"), ("PUBLIC_URL", url)]).map(|config| config.public_url);
        for right in ["https://clinic.example", "https://clinic.example:8443/", "http://localhost:8888"] {
            assert!(public(right).is_ok(), "{right}");
        }
        for (wrong, says) in [
            ("http://clinic.example", "https"),
            ("https://clinic.example/video", "path"),
            ("https://clinic.example/?a=1", "path"),
            ("https://user@clinic.example", "path"),
            ("clinic.example", "address"),
        ] {
            let error = public(wrong).unwrap_err().to_string();
            assert!(error.contains("PUBLIC_URL") && error.contains(says), "{wrong}: {error}");
        }
    }

    #[test]
    fn an_sfu_beside_the_server_may_have_another_address_for_its_api() {
        let sfu = [
            ("HOME", "/"),
            ("LIVEKIT_URL", "wss://clinic.example"),
            ("LIVEKIT_API_URL", "http://127.0.0.1:7880"),
            ("LIVEKIT_API_KEY", "key"),
            ("LIVEKIT_API_SECRET", "secret"),
        ];
        let SfuConfig::External { url, .. } = read(&sfu).unwrap().sfu else { panic!("an SFU elsewhere") };
        assert_eq!((url.signaling(), url.api()), ("wss://clinic.example", "http://127.0.0.1:7880"));
    }

    #[test]
    fn origins_are_as_browsers_write_them() {
        let origins = |text| read(&[("HOME", "/"), ("CORS_ORIGINS", text)]).map(|config| config.cors_origins);
        let named = origins("https://a.example, http://localhost:3000").unwrap();
        assert_eq!(named, ["https://a.example", "http://localhost:3000"]);
        for wrong in ["*", "a.example", "https://a.example/", "https://a.example/path", "null"] {
            assert!(origins(wrong).is_err(), "{wrong}");
        }
    }
}
