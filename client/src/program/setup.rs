//! Stored settings and pairing, overridden by the command line.

use std::path::PathBuf;

use autamedica_call::Secret;
use url::Url;

use super::CommonArgs;
use crate::pairing::Pairing;
use crate::settings::{self, Settings};
use crate::storage::{Loaded, config_folder};

/// Backend's address if none is configured.
const DEFAULT_SERVER: &str = "http://localhost:8888";

/// Stored settings and pairing, overridden by the command line.
pub struct Setup {
    /// Folder of the app's files; `None` stores nothing.
    pub folder: Option<PathBuf>,
    /// Saved settings.
    pub settings: Settings,
    /// Path to which a broken settings file was moved.
    pub broken_settings: Option<PathBuf>,
    /// Backend.
    pub server: Url,
    /// API key for the backend.
    pub key: Option<Secret>,
    /// The app has an API key.
    pub paired: bool,
    /// This app's own servers: the one in use and the paired one.
    pub own_servers: Vec<Url>,
}

impl Setup {
    /// Returns the folder of the app's files, if this user has one.
    pub fn folder() -> Option<PathBuf> {
        config_folder().inspect_err(|error| tracing::warn!(%error, "no config folder")).ok()
    }

    /// Loads the settings from `folder`. A key from the command line, `named_key`, comes before that of the pairing.
    pub fn new(
        args: &CommonArgs,
        folder: Option<PathBuf>,
        pairing: Option<Pairing>,
        named_key: Option<Secret>,
    ) -> Self {
        let (settings, broken_settings) = match folder.as_deref().map(settings::load) {
            Some(Ok(Loaded::Value(settings))) => (settings, None),
            Some(Ok(Loaded::Broken(aside))) => (Settings::default(), Some(aside)),
            Some(Ok(Loaded::Nothing)) | None => (Settings::default(), None),
            Some(Err(error)) => {
                tracing::warn!(%error, "settings not read");
                (Settings::default(), None)
            }
        };
        let paired = pairing.is_some() || named_key.is_some();
        // A key is sent only to the backend that it is for.
        let key_fits = args.server.is_none() || pairing.as_ref().map(|pairing| &pairing.server) == args.server.as_ref();
        let key = named_key.or_else(|| pairing.as_ref().filter(|_| key_fits).map(|pairing| pairing.key.clone()));
        let default = || Url::parse(DEFAULT_SERVER).expect("invariant: the default address is one");
        let paired_with = pairing.map(|pairing| pairing.server);
        let server = args.server.clone().or(paired_with.clone()).unwrap_or_else(default);
        let own_servers = std::iter::once(server.clone()).chain(paired_with).collect();
        Self { folder, settings, broken_settings, server, key, paired, own_servers }
    }
}
