//! Inhibition of the screen saver and the screen lock during a call: nobody touches mouse or keyboard for as long as they talk.

use std::sync::mpsc::{self, Sender};
use std::thread;

/// Keeps the screen on until it is dropped.
///
/// Linux only: through the X server's MIT-SCREEN-SAVER extension, and through `org.freedesktop.ScreenSaver` on the session bus,
/// which GNOME and KDE serve on X11 and Wayland. Both end the inhibition with the connection.
#[derive(Debug)]
pub struct Awake {
    _inhibited: Sender<()>,
}

impl Awake {
    /// Inhibits the screen saver. Returns at once; the work is done on a thread, whose failures are logged.
    pub fn hold() -> Self {
        let (inhibited, released) = mpsc::channel();
        let work = move || {
            let _connections = platform::inhibit();
            // Fails when the other end is dropped, which is what it waits for.
            let _ = released.recv();
        };
        if let Err(error) = thread::Builder::new().name("awake".to_owned()).spawn(work) {
            tracing::warn!(%error, "screen saver not inhibited");
        }
        Self { _inhibited: inhibited }
    }
}

#[cfg(target_os = "linux")]
mod platform {
    use x11rb::connection::RequestConnection as _;
    use x11rb::errors::{ConnectError, ConnectionError, ReplyError};
    use x11rb::protocol::screensaver::{self, ConnectionExt as _};
    use x11rb::rust_connection::RustConnection;

    /// Connections that inhibit the screen saver for as long as they are open.
    pub(super) struct Connections {
        _display: Option<RustConnection>,
        _bus: Option<zbus::Connection>,
    }

    pub(super) fn inhibit() -> Connections {
        let display = display().inspect_err(|error| tracing::debug!(%error, "no X server to keep the screen on"));
        let bus = zbus::block_on(bus());
        let bus = bus.inspect_err(|error| tracing::debug!(%error, "no desktop to keep the screen on"));
        Connections { _display: display.ok(), _bus: bus.ok() }
    }

    #[derive(Debug, thiserror::Error)]
    enum DisplayError {
        #[error(transparent)]
        Connect(#[from] ConnectError),
        #[error(transparent)]
        Connection(#[from] ConnectionError),
        #[error(transparent)]
        Reply(#[from] ReplyError),
        #[error("the X server lacks MIT-SCREEN-SAVER")]
        NoExtension,
    }

    fn display() -> Result<RustConnection, DisplayError> {
        let (connection, _) = RustConnection::connect(None)?;
        if connection.extension_information(screensaver::X11_EXTENSION_NAME)?.is_none() {
            return Err(DisplayError::NoExtension);
        }
        // The server counts versions per client, and refuses requests before the version is agreed.
        connection.screensaver_query_version(1, 1)?.reply()?;
        connection.screensaver_suspend(1)?.check()?;
        Ok(connection)
    }

    async fn bus() -> zbus::Result<zbus::Connection> {
        let connection = zbus::Connection::session().await?;
        let name = "org.freedesktop.ScreenSaver";
        let arguments = ("AutaMedica", "Video consultation");
        connection.call_method(Some(name), "/org/freedesktop/ScreenSaver", Some(name), "Inhibit", &arguments).await?;
        Ok(connection)
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    pub(super) fn inhibit() {}
}
