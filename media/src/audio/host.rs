//! Connection to the sound system.

use cpal::traits::HostTrait;
use parking_lot::Mutex;

/// Calls `ask` with the sound system. Returns `None` while that does not answer.
///
/// There is one connection, because each uses one of PulseAudio's 64 and is never released. A broken connection is
/// replaced at the next call.
pub(super) fn ask<T>(ask: impl FnOnce(&cpal::Host) -> Option<T>) -> Option<T> {
    static SYSTEM: Mutex<System> = Mutex::new(System::new());
    let mut system = SYSTEM.lock();
    let host = match system.host.take() {
        Some(host) => host,
        None => system.connect()?,
    };
    let answer = ask(&host);
    // `None` may also mean that there is no such device.
    if answer.is_some() || host.devices().is_ok() {
        system.keep(host);
    }
    answer
}

#[cfg(any(not(unix), target_os = "macos"))]
pub(super) fn has_numbered_channels(_source: &str) -> bool {
    false
}

#[cfg(all(unix, not(target_os = "macos")))]
pub(super) use channels::has_numbered_channels;

struct System {
    host: Option<cpal::Host>,
    #[cfg(all(unix, not(target_os = "macos")))]
    pulse: pulse::PulseState,
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
impl System {
    const fn new() -> Self {
        Self { host: None }
    }

    fn connect(&mut self) -> Option<cpal::Host> {
        Some(cpal::default_host())
    }

    fn keep(&mut self, host: cpal::Host) {
        self.host = Some(host);
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
mod pulse {
    use std::time::{Duration, Instant};

    use super::{System, cookie};

    /// Time without an answer after which ALSA replaces PulseAudio: a busy machine needs seconds after booting. The two
    /// name devices differently, so that switching loses the person's selection.
    const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

    /// State of PulseAudio, or of PipeWire in its place.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) enum PulseState {
        /// Not asked yet.
        Unknown,
        /// Has a socket and has not answered since this time.
        Silent(Instant),
        /// Has answered: ALSA is never used, even while PulseAudio restarts.
        Answered,
    }

    impl PulseState {
        /// Records that PulseAudio did not answer at `now`. Returns whether to use ALSA.
        pub(super) fn silent(&mut self, now: Instant) -> bool {
            match *self {
                Self::Unknown => {
                    *self = Self::Silent(now);
                    false
                }
                Self::Silent(since) => now.duration_since(since) >= ANSWER_TIMEOUT,
                Self::Answered => false,
            }
        }
    }

    impl System {
        pub(super) const fn new() -> Self {
            Self { host: None, pulse: PulseState::Unknown }
        }

        /// Connects to PulseAudio where there is one, else to ALSA.
        pub(super) fn connect(&mut self) -> Option<cpal::Host> {
            if self.pulse == PulseState::Unknown
                && let Some(home) = std::env::home_dir()
                && let Err(error) = cookie::ensure(&home)
            {
                tracing::info!(%error, "PulseAudio cookie not created");
            }
            if cpal::available_hosts().contains(&cpal::HostId::PulseAudio) {
                match cpal::host_from_id(cpal::HostId::PulseAudio) {
                    Ok(host) => {
                        self.pulse = PulseState::Answered;
                        return Some(host);
                    }
                    Err(error) => {
                        tracing::info!(%error, "PulseAudio not reachable");
                        if !self.pulse.silent(Instant::now()) {
                            return None;
                        }
                    }
                }
            } else if self.pulse == PulseState::Answered {
                return None;
            }
            cpal::host_from_id(cpal::HostId::Alsa).ok()
        }

        /// Keeps a connection to PulseAudio. ALSA is cheap to reopen, and PulseAudio may have started by then.
        pub(super) fn keep(&mut self, host: cpal::Host) {
            if host.id() == cpal::HostId::PulseAudio {
                self.host = Some(host);
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn alsa_is_asked_once_pulseaudio_was_silent_for_long_and_never_after_it_answered() {
            let (mut standing, start) = (PulseState::Unknown, Instant::now());
            assert!(!standing.silent(start));
            assert!(!standing.silent(start + ANSWER_TIMEOUT / 2));
            assert!(standing.silent(start + ANSWER_TIMEOUT));
            standing = PulseState::Answered;
            assert!(!standing.silent(start + ANSWER_TIMEOUT * 9));
        }
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
mod cookie {
    use std::fs::{DirBuilder, OpenOptions};
    use std::io::{self, Write};
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    use std::path::Path;

    use ring::rand::{SecureRandom, SystemRandom};

    /// `PA_NATIVE_COOKIE_LENGTH`. The server disconnects clients with a cookie of another length, even trusted ones.
    const LENGTH: usize = 256;

    /// Creates the cookie that PulseAudio's own library creates at first use. Our client library only reads it.
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

#[cfg(all(unix, not(target_os = "macos")))]
mod channels {
    use std::ffi::CString;
    use std::time::Duration;

    use parking_lot::Mutex;
    use pulseaudio::Client;
    use pulseaudio::protocol::ChannelPosition;

    const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

    /// Returns whether PulseAudio numbers the channels of this source, as with sound cards of many inputs. cpal does
    /// not expose that.
    pub fn has_numbered_channels(source: &str) -> bool {
        // A single connection, for the reason given at `ask`.
        static CLIENT: Mutex<Option<Client>> = Mutex::new(None);
        let mut client = CLIENT.lock();
        let Some(connected) = client.take().or_else(|| Client::from_env(c"autamedica-channels").ok()) else {
            return false;
        };
        let Some(info) = ask(&connected, source) else { return false };
        *client = Some(connected);
        let numbered = ChannelPosition::Aux0 as u8..=ChannelPosition::Aux31 as u8;
        info.channel_map.into_iter().any(|position| numbered.contains(&(position as u8)))
    }

    fn ask(client: &Client, source: &str) -> Option<pulseaudio::protocol::SourceInfo> {
        let source = CString::new(source).ok()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().ok()?;
        let answer = async { tokio::time::timeout(ANSWER_TIMEOUT, client.source_info_by_name(source)).await };
        let answer = runtime.block_on(answer).ok()?;
        answer.inspect_err(|error| tracing::debug!(%error, "channels of the source not reported by PulseAudio")).ok()
    }
}
