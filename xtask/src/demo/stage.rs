//! Display of the windows: this screen or a virtual display.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use autamedica_lab::{Display, HANG_GUARD, Process, wait_until};

use super::role::Role;
use crate::step::say;

const WINDOW: (u32, u32) = (1280, 720);
/// Space around each window for the window manager's frame.
const FRAME: u32 = 40;

/// Time for the call's controls to appear.
const FADE: Duration = Duration::from_millis(400);

/// Screen or virtual display.
pub struct Stage {
    display: Option<Display>,
}

impl Stage {
    /// Creates a virtual display if requested or if there is no screen.
    pub fn new(headless: bool) -> Result<Self> {
        let has_screen = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some());
        if has_screen && !headless {
            return Ok(Self { display: None });
        }
        let display = Display::start(2 * (WINDOW.0 + FRAME), WINDOW.1 + FRAME)?;
        say(format_args!("Windows are in virtual display {}", display.name()));
        Ok(Self { display: Some(display) })
    }

    pub fn is_virtual(&self) -> bool {
        self.display.is_some()
    }

    /// Returns a command that shows its windows here.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.display.as_ref().map_or_else(|| Command::new(&program), |display| display.command(&program))
    }

    /// Waits for both windows and places them side by side, on a virtual display only.
    pub fn arrange(&self, windows: &[(Role, Process)]) -> Result<Vec<(Role, String)>> {
        let Some(display) = &self.display else { return Ok(Vec::new()) };
        let mut ids = Vec::new();
        let mut left = 0;
        for (role, process) in windows {
            let id = window_of(display, process.id()).with_context(|| format!("the {}'s window", role.name()))?;
            let (width, height) = (WINDOW.0.to_string(), WINDOW.1.to_string());
            display.xdotool(&["windowsize", "--sync", &id, &width, &height])?;
            display.xdotool(&["windowmove", &id, &left.to_string(), "0"])?;
            left += WINDOW.0 + FRAME;
            ids.push((*role, id));
        }
        Ok(ids)
    }

    /// Saves a screenshot of each window in a folder.
    pub fn save_screenshots(&self, windows: &[(Role, String)], folder: &Path) -> Result<()> {
        let Some(display) = &self.display else { bail!("screenshots need a virtual display") };
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        for (role, id) in windows {
            // Moving the pointer shows the call's controls, which fade in.
            for position in ["600", "640"] {
                display.xdotool(&["mousemove", "--window", id, position, "400"])?;
            }
            std::thread::sleep(FADE);
            display.screenshot(id, &folder.join(format!("{}.png", role.name())))?;
        }
        say(format_args!("Screenshots of both windows in {}", folder.display()));
        Ok(())
    }
}

/// Returns the id of a process's window, once it has one.
fn window_of(display: &Display, process: u32) -> Result<String> {
    wait_until("a window", HANG_GUARD, || {
        let arguments = ["search", "--all", "--onlyvisible", "--pid", &process.to_string()];
        display.xdotool(&arguments).ok()?.lines().next().map(str::to_owned)
    })
}
