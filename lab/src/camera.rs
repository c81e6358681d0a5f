use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

/// What the camera does from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CameraMode {
    /// It delivers.
    Run,
    /// It is there and delivers nothing; reading from it blocks.
    Stall,
    /// It is pulled out.
    Unplug,
    /// Another program has it.
    Busy,
    /// The system refuses us.
    Denied,
}

/// A V4L2 camera for a child process: a library which that process loads before all others (`LD_PRELOAD`).
///
/// It delivers frames as a real driver does, and can be pulled out and put back in at any time.
#[derive(Debug)]
pub struct VirtualCamera {
    folder: TempDir,
    settings: Vec<(&'static str, OsString)>,
}

impl VirtualCamera {
    /// Builds the library. The camera shows a moving ramp in YUYV, 640x480 at 30 frames a second.
    ///
    /// # Errors
    /// When there is no C compiler.
    pub fn new() -> Result<Self> {
        let folder = tempfile::tempdir().context("making a folder for the camera")?;
        let source = folder.path().join("virtual_camera.c");
        std::fs::write(&source, include_str!("../assets/virtual_camera.c")).context("writing the camera's source")?;
        let mut compile = Command::new("cc");
        compile.args(["-O2", "-shared", "-fPIC", "-o"]).arg(folder.path().join("libvirtual_camera.so"));
        let answer = compile.arg(&source).arg("-ldl").output().context("running cc")?;
        if !answer.status.success() {
            bail!("the virtual camera didn't compile: {}", String::from_utf8_lossy(&answer.stderr).trim());
        }
        let camera = Self { folder, settings: Vec::new() };
        camera.set_mode(CameraMode::Run)?;
        Ok(camera)
    }

    /// What it calls itself.
    pub fn name(self, name: &str) -> Self {
        self.setting("VIRTUAL_CAMERA_NAME", name)
    }

    /// Its one format: the V4L2 code (`YUYV`, `UYVY`, `MJPG`, `NV12`, `YU12`, `RGB3`, `BGR3`, `GREY`), width, height, frames a second.
    pub fn format(self, code: &str, width: u32, height: u32, fps: u32) -> Self {
        let camera = self.setting("VIRTUAL_CAMERA_FORMAT", code);
        camera
            .setting("VIRTUAL_CAMERA_SIZE", &format!("{width}x{height}"))
            .setting("VIRTUAL_CAMERA_FPS", &fps.to_string())
    }

    /// Its frame rate as a fraction: `(30_000, 1_001)` is 29.97 a second.
    pub fn rate(self, frames: u32, seconds: u32) -> Self {
        self.setting("VIRTUAL_CAMERA_FPS", &format!("{frames}/{seconds}"))
    }

    /// A format (V4L2 code) that it lists before its own.
    pub fn before(self, code: &str) -> Self {
        self.setting("VIRTUAL_CAMERA_BEFORE", code)
    }

    /// The sizes it lists and takes: `"none"`, `"stepwise"`, or some with commas in between.
    pub fn sizes(self, sizes: &str) -> Self {
        self.setting("VIRTUAL_CAMERA_SIZES", sizes)
    }

    /// Unused bytes at the end of each row, also in [`frames`](Self::frames).
    pub fn padding(self, bytes: u32) -> Self {
        self.setting("VIRTUAL_CAMERA_PADDING", &bytes.to_string())
    }

    /// What it says of its colours: `"full"`, `"709"`, `"full 709"`.
    pub fn colours(self, colours: &str) -> Self {
        self.setting("VIRTUAL_CAMERA_COLOURS", colours)
    }

    /// A second camera of the same name, which shows gray.
    pub fn twin(self) -> Self {
        self.setting("VIRTUAL_CAMERA_TWIN", "1")
    }

    /// The frames it shows in a loop, one after the other, in its format.
    ///
    /// # Errors
    /// When they can't be written to a file.
    pub fn frames(self, bytes: &[u8]) -> Result<Self> {
        let file = self.folder.path().join("frames");
        std::fs::write(&file, bytes).context("writing the camera's frames")?;
        Ok(self.setting("VIRTUAL_CAMERA_FRAMES", &file.to_string_lossy()))
    }

    fn setting(mut self, name: &'static str, value: &str) -> Self {
        self.settings.push((name, value.into()));
        self
    }

    /// What a program needs in its environment to see this camera.
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        let library = self.folder.path().join("libvirtual_camera.so");
        let mut all = self.settings.clone();
        all.push(("LD_PRELOAD", library.into()));
        all.push(("VIRTUAL_CAMERA_CONTROL", self.control().into()));
        all
    }

    /// The file that switches the camera's mode, for another process to do so; see [`set_camera_mode`].
    pub fn control(&self) -> PathBuf {
        self.folder.path().join("control")
    }

    /// Switches the camera, also while it is in use.
    ///
    /// # Errors
    /// When the control file can't be written.
    pub fn set_mode(&self, mode: CameraMode) -> Result<()> {
        set_camera_mode(&self.control(), mode)
    }
}

/// Switches the camera whose [`control`](VirtualCamera::control) file this is.
///
/// # Errors
/// When it can't be written.
pub fn set_camera_mode(control: &Path, mode: CameraMode) -> Result<()> {
    let text = match mode {
        CameraMode::Run => "run",
        CameraMode::Stall => "stall",
        CameraMode::Unplug => "unplug",
        CameraMode::Busy => "busy",
        CameraMode::Denied => "denied",
    };
    // Renamed into place, so that the camera never reads half a word.
    let next = control.with_extension("next");
    std::fs::write(&next, text).context("writing the camera's mode")?;
    std::fs::rename(&next, control).context("switching the camera's mode")
}
