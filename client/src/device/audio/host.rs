//! The sound system.

use parking_lot::Mutex;

/// Asks the sound system. There is one connection to it: each takes one of the 64 that PulseAudio has, and isn't given back.
/// When `ask` finds nothing, the next question is asked over a new one, because the sound system may have been started anew.
pub(super) fn ask<T>(ask: impl FnOnce(&cpal::Host) -> Option<T>) -> Option<T> {
    static HOST: Mutex<Option<cpal::Host>> = Mutex::new(None);
    let mut host = HOST.lock();
    let answer = ask(host.get_or_insert_with(connect));
    if answer.is_none() {
        *host = None;
    }
    answer
}

/// PulseAudio (or PipeWire in its place) where its server answers, else ALSA; elsewhere the platform's own.
fn connect() -> cpal::Host {
    #[cfg(all(unix, not(target_os = "macos")))]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| {
            let Some(home) = std::env::home_dir() else { return };
            if let Err(error) = cookie::ensure(&home) {
                tracing::info!(%error, "no cookie for PulseAudio");
            }
        });
    }
    cpal::default_host()
}

#[cfg(all(unix, not(target_os = "macos")))]
mod cookie {
    use std::fs::{DirBuilder, OpenOptions};
    use std::io::{self, Write};
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    use std::path::Path;

    use ring::rand::{SecureRandom, SystemRandom};

    /// `PA_NATIVE_COOKIE_LENGTH`: a client that sends another length is cut off, even one that the server trusts anyway.
    const LENGTH: usize = 256;

    /// Makes the cookie that PulseAudio's own library would make at a program's first use of sound; ours only reads it.
    pub fn ensure(home: &Path) -> io::Result<()> {
        let folder = home.join(".config/pulse");
        let file = folder.join("cookie");
        if std::env::var_os("PULSE_COOKIE").is_some() || file.exists() || home.join(".pulse-cookie").exists() {
            return Ok(());
        }
        let mut cookie = [0; LENGTH];
        SystemRandom::new().fill(&mut cookie).map_err(|_| io::Error::other("no random numbers"))?;
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?.write_all(&cookie)
    }

    #[cfg(test)]
    mod tests {
        #[test]
        fn a_cookie_is_made_once_and_nobody_elses() {
            use std::os::unix::fs::PermissionsExt;
            let home = tempfile::tempdir().unwrap();
            super::ensure(home.path()).unwrap();
            let file = home.path().join(".config/pulse/cookie");
            let made = std::fs::read(&file).unwrap();
            assert_eq!(made.len(), super::LENGTH);
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            super::ensure(home.path()).unwrap();
            assert_eq!(std::fs::read(&file).unwrap(), made);
        }
    }
}
