//! One window for each user: a link that is clicked while it is open goes to it.
//!
//! The first start holds a lock in the config folder and listens on a socket beside it. Later ones hand over their link and end.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};

use autamedica_client::app::UiHandle;

/// Time for the first start to begin to listen, and for one message.
const PATIENCE: Duration = Duration::from_secs(2);
/// Most bytes of a message: a whole invitation.
const MOST: u64 = 64 * 1024;
const LOCK: &str = "window.lock";
const SOCKET: &str = "window.sock";

/// What this start is.
pub enum Instance {
    /// The first one: it opens the window.
    First(Listening),
    /// The window is open already, and was given the link.
    HandedOver,
}

/// The right to the window, and where others hand over their links.
pub struct Listening {
    listener: UnixListener,
    /// Held until this process ends.
    _lock: File,
}

/// Opens the way for later starts, or hands `link` over to the first one. `None`: only bring the window to the front.
///
/// # Errors
/// When the folder can't be written, or the first start does not answer: then this one opens a window of its own.
pub fn take(folder: &Path, link: Option<&str>) -> io::Result<Instance> {
    std::fs::create_dir_all(folder)?;
    let socket = folder.join(SOCKET);
    let lock = File::options().create(true).truncate(false).write(true).open(folder.join(LOCK))?;
    match lock.try_lock() {
        Ok(()) => {
            // Left by one that was killed: nobody else holds the lock.
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
            // The first start has the lock, and doesn't listen yet.
            Err(_) if started.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(20)),
            connected => break connected?,
        }
    };
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(text.as_bytes())?;
    stream.shutdown(std::net::Shutdown::Write)?;
    stream.read_exact(&mut [0])
}

impl Listening {
    /// Gives the window what later starts hand over, on a thread of its own.
    pub fn serve(self, window: UiHandle) {
        let serve = move || {
            for stream in self.listener.incoming() {
                match stream.and_then(receive) {
                    Ok(text) => window.open(text),
                    Err(error) => tracing::warn!(%error, "another start could not hand over its link"),
                }
            }
        };
        if let Err(error) = std::thread::Builder::new().name("links".to_owned()).spawn(serve) {
            tracing::warn!(%error, "links that are clicked from now on open windows of their own");
        }
    }
}

fn receive(mut stream: UnixStream) -> io::Result<String> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut text = Vec::new();
    (&stream).take(MOST).read_to_end(&mut text)?;
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
        // The socket stays, as after a kill; the lock goes with its process.
        drop(first);
        assert!(folder.path().join(SOCKET).exists());
        assert!(matches!(take(folder.path(), None).unwrap(), Instance::First(_)));
    }
}
