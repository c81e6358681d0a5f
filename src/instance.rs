//! Single window per user: a link clicked while it is open is passed to that window.
//!
//! The first process holds a lock in the config folder and listens on a socket beside it. Later ones hand over their
//! link and exit.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};

use autamedica_client::app::UiHandle;

/// Timeout for the first process to listen, and for one message.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum size of a message in bytes: a whole invitation.
const MAX_BYTES: u64 = 64 * 1024;
const LOCK: &str = "window.lock";
const SOCKET: &str = "window.sock";

pub enum Instance {
    /// First process: it opens the window.
    First(Listening),
    /// The window is open already and received the link.
    HandedOver,
}

/// Lock and socket of the first process.
pub struct Listening {
    listener: UnixListener,
    /// Held until this process ends.
    _lock: File,
}

/// Becomes the first process, or hands `link` over to it. Without a link, only brings the window to the front.
///
/// # Errors
/// The folder can't be written, or the first process doesn't answer; the caller then opens a window of its own.
pub fn take(folder: &Path, link: Option<&str>) -> io::Result<Instance> {
    std::fs::create_dir_all(folder)?;
    let socket = folder.join(SOCKET);
    let lock = File::options().create(true).truncate(false).write(true).open(folder.join(LOCK))?;
    match lock.try_lock() {
        Ok(()) => {
            // A leftover of a killed process: nobody else holds the lock.
            if let Err(error) = std::fs::remove_file(&socket)
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(error);
            }
            Ok(Instance::First(Listening { listener: UnixListener::bind(&socket)?, _lock: lock }))
        }
        Err(TryLockError::WouldBlock) => {
            hand_over(&socket, link.unwrap_or_default())?;
            Ok(Instance::HandedOver)
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn hand_over(socket: &Path, text: &str) -> io::Result<()> {
    let started = Instant::now();
    let mut stream = loop {
        match UnixStream::connect(socket) {
            // The first process has the lock but doesn't listen yet.
            Err(_) if started.elapsed() < TIMEOUT => std::thread::sleep(Duration::from_millis(20)),
            connected => break connected?,
        }
    };
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(text.as_bytes())?;
    stream.shutdown(std::net::Shutdown::Write)?;
    stream.read_exact(&mut [0])
}

impl Listening {
    /// Passes received links to the window, on its own thread.
    pub fn serve(self, window: UiHandle) {
        let serve = move || {
            for stream in self.listener.incoming() {
                match stream.and_then(receive) {
                    Ok(text) => window.open(text),
                    Err(error) => tracing::warn!(%error, "link from another process not received"),
                }
            }
        };
        if let Err(error) = std::thread::Builder::new().name("links".to_owned()).spawn(serve) {
            tracing::warn!(%error, "thread not started: links open new windows");
        }
    }
}

fn receive(mut stream: UnixStream) -> io::Result<String> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    let mut text = Vec::new();
    (&stream).take(MAX_BYTES).read_to_end(&mut text)?;
    stream.write_all(&[1])?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_start_hands_its_link_over_and_a_killed_one_leaves_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let Instance::First(first) = take(folder.path(), None).unwrap() else { panic!("nobody was there") };
        let listener = first.listener.try_clone().unwrap();
        let reading = std::thread::spawn(move || {
            let mut given = Vec::new();
            for stream in listener.incoming().take(2) {
                given.push(receive(stream.unwrap()).unwrap());
            }
            given
        });
        let link = "https://clinic.example/join#a-secret";
        for given in [Some(link), None] {
            assert!(matches!(take(folder.path(), given).unwrap(), Instance::HandedOver));
        }
        assert_eq!(reading.join().unwrap(), [link, ""]);
        // The socket stays, as after a kill; the lock is released with its process.
        drop(first);
        assert!(folder.path().join(SOCKET).exists());
        assert!(matches!(take(folder.path(), None).unwrap(), Instance::First(_)));
    }
}
