//! The backend: the REST API, tokens, rooms, the database and the SFU's supervision.
//!
//! It is a program, `autamedica-server`, and a library, with which the desktop app serves itself when nobody else does:
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
mod error;
mod extract;
mod files;
mod follow;
mod layers;
mod limits;
mod links;
mod livekit_url;
mod metrics;
mod outgoing;
mod proxies;
mod recording;
mod routes;
mod secret;
mod server;
mod sfu;
mod state;
mod store;
mod token;
mod vault;

pub use config::{Config, ConfigError, DEFAULT_PORT, Database, SfuConfig};
pub use limits::RateLimit;
pub use livekit_url::{InvalidLiveKitUrl, LiveKitUrl};
pub use outgoing::OutgoingConfig;
pub use proxies::Network;
pub use recording::{RecordingConfig, RecordingError, S3Config, StorageError};
pub use secret::Secret;
pub use server::{RunningServer, Server, StartError, open_store};
pub use sfu::SfuStartError;
pub use sfu::find_program as find_sfu_program;
pub use store::{ApiKey, AuditEntry, OpenError, Scope, Store, Tampering};
pub use vault::VaultError;
