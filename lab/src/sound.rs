use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::process::Process;
use crate::wait::{HANG_GUARD, wait_until};

/// PulseAudio server whose sink `speaker` is looped back to its source `microphone`.
#[derive(Debug)]
pub struct SoundCard {
    process: Process,
    folder: TempDir,
    /// Source that exists once the server is ready.
    awaited: String,
}

impl SoundCard {
    /// Starts a server at this sample rate in hertz.
    ///
    /// # Errors
    /// PulseAudio isn't installed or doesn't start.
    pub fn start(rate: u32) -> Result<Self> {
        Self::start_with(&format!(
            "load-module module-null-sink sink_name=speaker rate={rate}\n\
             load-module module-remap-source master=speaker.monitor source_name=microphone\n"
        ))
    }

    /// Starts a server that simulates a room. The microphone gets the speaker's sound as an echo, delayed and
    /// attenuated, mixed with the sound of the sink `room`, which stands for a person in the room.
    ///
    /// # Errors
    /// PulseAudio isn't installed or doesn't start.
    pub fn in_a_room(echo_ms: u32, quieter_db: u32) -> Result<Self> {
        let card = Self::start_with(&format!(
            "load-module module-null-sink sink_name=speaker rate=48000\n\
             load-module module-null-sink sink_name=room rate=48000\n\
             load-module module-loopback source=speaker.monitor sink=room latency_msec={echo_ms} source_dont_move=true \
             sink_dont_move=true\n\
             load-module module-remap-source master=room.monitor source_name=microphone\n"
        ))?;
        // The loopback's stream is the only one so far.
        let mut command = Command::new("pactl");
        command.args(["set-sink-input-volume", "0", &format!("-{quieter_db}dB")]).envs(card.environment());
        let status = command.status().context("running pactl")?;
        ensure!(status.success(), "the echo's volume can't be set: {status}");
        Ok(card)
    }

    /// Starts a server without a microphone: its default source is the speaker's monitor.
    ///
    /// # Errors
    /// PulseAudio isn't installed or doesn't start.
    pub fn without_microphone() -> Result<Self> {
        Self::start_script(
            "load-module module-null-sink sink_name=speaker rate=48000\nset-default-sink speaker\n",
            "speaker",
        )
    }

    /// Starts a server whose microphone has these channels (PulseAudio's names with commas), fed by the sink `input`.
    ///
    /// # Errors
    /// PulseAudio isn't installed or doesn't start.
    pub fn with_channels(map: &str) -> Result<Self> {
        let channels = map.split(',').count();
        Self::start_with(&format!(
            "load-module module-null-sink sink_name=speaker rate=48000\n\
             load-module module-null-sink sink_name=input rate=48000 channels={channels} channel_map={map}\n\
             load-module module-remap-source master=input.monitor source_name=microphone channels={channels} \
             channel_map={map} master_channel_map={map} remix=no\n"
        ))
    }

    /// Starts a server with two headsets of one name. Its default source is the speaker's monitor.
    ///
    /// # Errors
    /// PulseAudio isn't installed or doesn't start.
    pub fn with_two_headsets(name: &str) -> Result<Self> {
        let source = |id: &str| {
            format!(
                "load-module module-null-sink sink_name=sink_{id}\n\
                 load-module module-remap-source master=sink_{id}.monitor source_name=microphone_{id} \
                 source_properties=device.description={name}\n"
            )
        };
        let (two, one) = (source("usb-2"), source("usb-1"));
        Self::start_script(&format!("{two}{one}set-default-source sink_usb-2.monitor\n"), "microphone_usb-1")
    }

    fn start_with(devices: &str) -> Result<Self> {
        Self::start_script(&format!("{devices}set-default-sink speaker\nset-default-source microphone\n"), "microphone")
    }

    fn start_script(devices: &str, awaited: &str) -> Result<Self> {
        let folder = tempfile::tempdir().context("making a folder for PulseAudio")?;
        let script = format!(
            "load-module module-native-protocol-unix socket={}\n{devices}",
            folder.path().join("native").display()
        );
        std::fs::write(folder.path().join("lab.pa"), script).context("writing PulseAudio's script")?;
        let process = Self::spawn(&folder)?;
        let card = Self { process, folder, awaited: awaited.to_owned() };
        card.wait_for_answer()?;
        Ok(card)
    }

    fn spawn(folder: &TempDir) -> Result<Process> {
        let mut command = Command::new("pulseaudio");
        command.args(["-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--disallow-exit", "-F"]);
        command.arg(folder.path().join("lab.pa"));
        command.env("XDG_RUNTIME_DIR", folder.path()).env("HOME", folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Process::spawn("pulseaudio", command)
    }

    fn wait_for_answer(&self) -> Result<()> {
        wait_until("PulseAudio", HANG_GUARD, || {
            let mut command = Command::new("pactl");
            command.args(["list", "short", "sources"]).envs(self.environment());
            let answer = command.output().ok()?;
            String::from_utf8_lossy(&answer.stdout).contains(&self.awaited).then_some(())
        })
    }

    /// Returns the environment variables with which a program uses only this server.
    pub fn environment(&self) -> [(&'static str, PathBuf); 3] {
        [
            ("PULSE_SERVER", PathBuf::from(format!("unix:{}", self.folder.path().join("native").display()))),
            ("PULSE_LATENCY_MSEC", PathBuf::from("20")),
            ("XDG_RUNTIME_DIR", self.folder.path().to_owned()),
        ]
    }

    /// Kills the server, which to programs is like unplugging a sound card.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts the server again.
    ///
    /// # Errors
    /// The server doesn't start.
    pub fn restart(&mut self) -> Result<()> {
        self.process.kill();
        // A killed server leaves its socket behind, which would block the next one.
        let _ = std::fs::remove_file(self.folder.path().join("native"));
        self.process = Self::spawn(&self.folder)?;
        self.wait_for_answer()
    }
}
