//! Backend: REST API, tokens, rooms, database, and supervision of the SFU.
//!
//! It is both a program, `autamedica-server`, and a library, which the desktop app uses to run the backend in its
//! process:
//!
//! ```no_run
//! # async fn example() -> Result<(), autamedica_server::StartError> {
//! use autamedica_server::{Config, Server};
//!
//! let server = Server::start(Config::default()).await?;
//! println!("{}", server.url());
//! server.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod caller;
mod config;
mod connections;
mod counts;
mod error;
mod extract;
mod files;
mod health;
mod layers;
mod limits;
mod links;
mod livekit_url;
mod local_key;
mod metadata_locks;
mod metrics;
mod presence_sync;
mod programs;
mod proxies;
mod recording;
mod routes;
mod secret;
mod server;
mod sfu;
mod signaling;
mod state;
mod store;
mod token;
mod vault;
mod webhooks;

pub use config::{Config, ConfigError, DEFAULT_PORT, Database, SfuConfig, data_folder};
pub use connections::ConnectionLimits;
pub use limits::RateLimit;
pub use livekit_url::{InvalidLiveKitUrl, LiveKitUrl};
pub use proxies::Network;
pub use recording::{RecordingConfig, RecordingError, S3Config, StorageError};
pub use secret::Secret;
pub use server::{RunningServer, Server, StartError, open_store};
pub use sfu::SfuStartError;
pub use sfu::find_program as find_sfu_program;
pub use store::{ApiKey, AuditEntry, AuditHead, InvalidHead, LockError, OpenError, Scope, Store, Tampering};
pub use vault::VaultError;
pub use webhooks::WebhookConfig;
