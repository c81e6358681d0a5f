//! The system's player.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

/// Time after which a running opener counts as the player itself.
const OPENED_AFTER: Duration = Duration::from_secs(3);

/// Program that opens files like a double click.
#[derive(Clone, Debug)]
pub struct Player {
    program: OsString,
    arguments: &'static [&'static str],
}

impl Player {
    /// Returns the desktop's opener.
    pub fn of_system() -> Self {
        let (program, arguments): (&str, &[&str]) = if cfg!(target_os = "windows") {
            ("cmd", &["/C", "start", ""])
        } else if cfg!(target_os = "macos") {
            ("open", &[])
        } else {
            ("xdg-open", &[])
        };
        Self { program: program.into(), arguments }
    }

    /// Returns a player that runs this program with the file's path.
    pub fn of_program(program: impl Into<OsString>) -> Self {
        Self { program: program.into(), arguments: &[] }
    }

    /// Opens a file.
    ///
    /// # Errors
    /// When the opener does not start or fails.
    pub(super) async fn open(&self, file: &Path) -> io::Result<()> {
        let mut child = Command::new(&self.program)
            .args(self.arguments)
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let Ok(ended) = timeout(OPENED_AFTER, child.wait()).await else { return Ok(()) };
        if ended?.success() { Ok(()) } else { Err(io::Error::other("the opener found nothing that plays this")) }
    }
}
