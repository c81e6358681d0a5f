use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

/// Behaviour of the virtual camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CameraMode {
    /// Delivers frames.
    Run,
    /// Stays present without frames; reading from it blocks.
    Stall,
    /// Is unplugged.
    Unplug,
    /// Is in use by another program.
    Busy,
    /// Denies access.
    Denied,
}

/// Virtual V4L2 camera of a child process: a library that is loaded with `LD_PRELOAD`.
///
/// It delivers frames as a real driver does, and can be unplugged and plugged in at any time.
#[derive(Debug)]
pub struct VirtualCamera {
    folder: TempDir,
    settings: Vec<(&'static str, OsString)>,
}

impl VirtualCamera {
    /// Builds the library. The camera shows a moving ramp in YUYV, 640x480 at 30 frames a second.
    ///
    /// # Errors
    /// There is no C compiler.
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

    /// Sets the name.
    pub fn name(self, name: &str) -> Self {
        self.setting("VIRTUAL_CAMERA_NAME", name)
    }

    /// Sets the only format: V4L2 code (`YUYV`, `UYVY`, `MJPG`, `NV12`, `YU12`, `RGB3`, `BGR3`, `GREY`), width, height,
    /// frames a second.
    pub fn format(self, code: &str, width: u32, height: u32, fps: u32) -> Self {
        let camera = self.setting("VIRTUAL_CAMERA_FORMAT", code);
        camera
            .setting("VIRTUAL_CAMERA_SIZE", &format!("{width}x{height}"))
            .setting("VIRTUAL_CAMERA_FPS", &fps.to_string())
    }

    /// Sets the frame rate as a fraction: `(30_000, 1_001)` is 29.97 a second.
    pub fn rate(self, frames: u32, seconds: u32) -> Self {
        self.setting("VIRTUAL_CAMERA_FPS", &format!("{frames}/{seconds}"))
    }

    /// Lists another format (V4L2 code) before the one of [`format`](Self::format).
    pub fn preceding_format(self, code: &str) -> Self {
        self.setting("VIRTUAL_CAMERA_BEFORE", code)
    }

    /// Sets the sizes that it lists and accepts: `"none"`, `"stepwise"`, or a comma-separated list.
    pub fn sizes(self, sizes: &str) -> Self {
        self.setting("VIRTUAL_CAMERA_SIZES", sizes)
    }

    /// Adds unused bytes at the end of each row, also in [`frames`](Self::frames).
    pub fn padding(self, bytes: u32) -> Self {
        self.setting("VIRTUAL_CAMERA_PADDING", &bytes.to_string())
    }

    /// Sets the reported colour space: `"full"`, `"709"`, `"full 709"`.
    pub fn colours(self, colours: &str) -> Self {
        self.setting("VIRTUAL_CAMERA_COLOURS", colours)
    }

    /// Adds a second camera of the same name, which shows gray.
    pub fn twin(self) -> Self {
        self.setting("VIRTUAL_CAMERA_TWIN", "1")
    }

    /// Sets the frames that it shows in a loop, in its format.
    ///
    /// # Errors
    /// The frames can't be written to a file.
    pub fn frames(self, bytes: &[u8]) -> Result<Self> {
        let file = self.folder.path().join("frames");
        std::fs::write(&file, bytes).context("writing the camera's frames")?;
        Ok(self.setting("VIRTUAL_CAMERA_FRAMES", &file.to_string_lossy()))
    }

    fn setting(mut self, name: &'static str, value: &str) -> Self {
        self.settings.push((name, value.into()));
        self
    }

    /// Returns the environment variables with which a program sees this camera.
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        let library = self.folder.path().join("libvirtual_camera.so");
        let mut all = self.settings.clone();
        all.push(("LD_PRELOAD", library.into()));
        all.push(("VIRTUAL_CAMERA_CONTROL", self.control().into()));
        all
    }

    /// Returns the path of the file through which another process switches the mode; see [`set_camera_mode`].
    pub fn control(&self) -> PathBuf {
        self.folder.path().join("control")
    }

    /// Switches the mode, also while the camera is in use.
    ///
    /// # Errors
    /// The control file can't be written.
    pub fn set_mode(&self, mode: CameraMode) -> Result<()> {
        set_camera_mode(&self.control(), mode)
    }
}

/// Switches the mode of the camera with this [`control`](VirtualCamera::control) file.
///
/// # Errors
/// The file can't be written.
pub fn set_camera_mode(control: &Path, mode: CameraMode) -> Result<()> {
    let text = match mode {
        CameraMode::Run => "run",
        CameraMode::Stall => "stall",
        CameraMode::Unplug => "unplug",
        CameraMode::Busy => "busy",
        CameraMode::Denied => "denied",
    };
    // The rename is atomic: the camera never reads a partial word.
    let next = control.with_extension("next");
    std::fs::write(&next, text).context("writing the camera's mode")?;
    std::fs::rename(&next, control).context("switching the camera's mode")
}
