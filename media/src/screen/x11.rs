//! X11: the server writes the picture into memory shared with us (MIT-SHM), which costs us 0.2 ms for 1280x800.

use std::sync::Arc;

use x11rb::connection::Connection;
use x11rb::errors::ReplyError;
use x11rb::protocol::randr::ConnectionExt as _;
use x11rb::protocol::xfixes::{ConnectionExt as _, GetCursorImageReply};
use x11rb::protocol::xproto::{ConnectionExt as _, ImageFormat, ImageOrder, Pixmap, Window};
use x11rb::rust_connection::RustConnection;

use super::stream::{Captured, ScreenInfo, ScreenSource, ScreenStream};
use crate::DeviceProblem;
use crate::clock::now_us;
use crate::i420::{PixelFormat, to_i420};

mod cursor;
mod memory;
mod reply;
mod windows;

use memory::{Memory, SharedMemory};
use reply::{Area, failed, lost};
pub use windows::list as list_windows;

/// Number of captures between two checks of the monitor's size and position.
const CHECK_INTERVAL: u32 = 15;

/// Returns whether this session uses X11: on Wayland an X11 client sees only other X11 clients.
pub fn is_here() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    set("DISPLAY") && !set("WAYLAND_DISPLAY")
}

/// Lists the monitors, the primary one first.
pub fn list() -> Option<Vec<ScreenInfo>> {
    let (connection, screen) = RustConnection::connect(None).ok()?;
    let root = connection.setup().roots.get(screen)?.root;
    let monitors = monitors(&connection, root).ok()?;
    Some(monitors.into_iter().map(|(info, _)| info).collect())
}

fn monitors(connection: &RustConnection, root: Window) -> Result<Vec<(ScreenInfo, Area)>, ReplyError> {
    let mut found = Vec::new();
    for monitor in connection.randr_get_monitors(root, true)?.reply()?.monitors {
        let name = connection.get_atom_name(monitor.name)?.reply()?.name;
        let info = ScreenInfo {
            name: String::from_utf8_lossy(&name).into_owned(),
            width: monitor.width.into(),
            height: monitor.height.into(),
            primary: monitor.primary,
        };
        found.push((info, Area { x: monitor.x, y: monitor.y, width: monitor.width, height: monitor.height }));
    }
    found.sort_by_key(|(info, _)| !info.primary);
    Ok(found)
}

/// Monitor or window to capture.
enum Target {
    Monitor(ScreenSource),
    Window {
        id: Window,
        /// The server's copy of the window, including covered parts; `None` while it is minimised.
        contents: Option<Pixmap>,
    },
}

pub struct X11Screen {
    connection: Arc<RustConnection>,
    root: Window,
    format: PixelFormat,
    target: Target,
    name: String,
    /// Position and size on the screen.
    area: Area,
    /// Current and previous picture, swapped with each capture.
    memory: [Memory; 2],
    current: usize,
    seen_before: bool,
    cursor: Option<GetCursorImageReply>,
    until_check: u32,
}

impl X11Screen {
    pub fn open(source: &ScreenSource) -> Result<Self, DeviceProblem> {
        let (connection, screen) = RustConnection::connect(None).map_err(|error| {
            tracing::info!(%error, "X11 display not available");
            DeviceProblem::NotFound
        })?;
        let setup = connection.setup();
        let root = setup.roots.get(screen).ok_or(DeviceProblem::NotFound)?;
        let window = match source {
            ScreenSource::Window { id, .. } => Some(*id),
            ScreenSource::Primary | ScreenSource::Monitor(_) => None,
        };
        let (visual, depth) = match window {
            Some(id) => windows::visual_and_depth(&connection, id)?,
            None => (root.root_visual, root.root_depth),
        };
        let visuals = root.allowed_depths.iter().flat_map(|depth| &depth.visuals);
        let visual = visuals.into_iter().find(|known| known.visual_id == visual);
        let pixel = setup.pixmap_formats.iter().find(|format| format.depth == depth);
        let format = match (visual.map(|visual| visual.red_mask), pixel.map(|pixel| pixel.bits_per_pixel)) {
            (Some(0xff_0000), Some(32)) if setup.image_byte_order == ImageOrder::LSB_FIRST => PixelFormat::Bgrx,
            (Some(0x3ff0_0000), Some(32)) if setup.image_byte_order == ImageOrder::LSB_FIRST => PixelFormat::Bgr30,
            (Some(0x3ff), Some(32)) if setup.image_byte_order == ImageOrder::LSB_FIRST => PixelFormat::Rgb30,
            (Some(0xff), Some(32)) if setup.image_byte_order == ImageOrder::LSB_FIRST => PixelFormat::Rgbx,
            other => {
                tracing::warn!(?other, depth, "pixel format of the display not supported");
                return Err(DeviceProblem::Unsupported);
            }
        };
        let root = root.root;
        // The version must be negotiated before requesting cursors. Without the extension the cursor is not drawn.
        if let Err(error) = connection.xfixes_query_version(5, 0).map_err(ReplyError::from).and_then(|c| c.reply()) {
            tracing::debug!(%error, "X11 cursor not available");
        }
        let connection = Arc::new(connection);
        let (target, name, area) = match window {
            Some(id) => {
                windows::keep_contents(&connection, id)?;
                let (name, area, _) = windows::locate(&connection, root, id)?;
                (Target::Window { id, contents: None }, name, area)
            }
            None => {
                let (name, area) = locate(&connection, root, source)?;
                // Fixed by name: the primary monitor may change.
                (Target::Monitor(ScreenSource::Monitor(name.clone())), name, area)
            }
        };
        let memory = memory_for(&connection, area);
        Ok(Self {
            connection,
            root,
            format,
            target,
            name,
            area,
            memory,
            current: 0,
            seen_before: false,
            cursor: None,
            until_check: CHECK_INTERVAL,
        })
    }

    /// Follows a monitor or window that was resized, moved or removed. Returns whether it is visible.
    fn check_area(&mut self) -> Result<bool, DeviceProblem> {
        self.until_check = CHECK_INTERVAL;
        let (name, area, visible) = match &self.target {
            Target::Monitor(source) => {
                let (name, area) = locate(&self.connection, self.root, source)?;
                (name, area, true)
            }
            Target::Window { id, .. } => windows::locate(&self.connection, self.root, *id)?,
        };
        let resized = (area.width, area.height) != (self.area.width, self.area.height);
        if let Target::Window { id, contents } = &mut self.target {
            if (resized || !visible)
                && let Some(old) = contents.take()
            {
                windows::free_contents(&self.connection, old);
            }
            if visible && contents.is_none() {
                *contents = Some(windows::contents(&self.connection, *id)?);
            }
        }
        if visible && (resized || !self.seen_before) {
            tracing::info!(?area, name, "captured area changed");
            self.memory = memory_for(&self.connection, area);
            self.seen_before = false;
        }
        if visible {
            (self.name, self.area) = (name, area);
        }
        Ok(visible)
    }

    /// Requests the picture into the current memory.
    fn fetch(&mut self) -> Result<(), DeviceProblem> {
        let Area { width, height, .. } = self.area;
        let (drawable, x, y) = match self.target {
            Target::Monitor(_) => (self.root, self.area.x, self.area.y),
            Target::Window { contents: Some(contents), .. } => (contents, 0, 0),
            // A minimised window has no contents; the screen below must not be shared instead.
            Target::Window { contents: None, .. } => return Err(DeviceProblem::Failed),
        };
        let format = ImageFormat::Z_PIXMAP;
        match &mut self.memory[self.current] {
            Memory::Shared(memory) => {
                let (connection, memory) = (&*self.connection, memory.id());
                let format = u8::from(format);
                let cookie =
                    x11rb::protocol::shm::get_image(connection, drawable, x, y, width, height, !0, format, memory, 0);
                cookie.map_err(lost).and_then(|cookie| cookie.reply().map_err(failed)).map(drop)
            }
            Memory::Own(bytes) => {
                let cookie = self.connection.get_image(format, drawable, x, y, width, height, !0).map_err(lost)?;
                *bytes = cookie.reply().map_err(failed)?.data;
                Ok(())
            }
        }
    }

    fn fetch_cursor(&self) -> Option<GetCursorImageReply> {
        self.connection.xfixes_get_cursor_image().ok()?.reply().ok()
    }
}

/// Finds the monitor.
fn locate(connection: &RustConnection, root: Window, source: &ScreenSource) -> Result<(String, Area), DeviceProblem> {
    let mut all = monitors(connection, root).map_err(failed)?;
    if let ScreenSource::Monitor(name) = source {
        // Exact match only: a monitor with a similar name may be private.
        all.retain(|(info, _)| info.name == *name);
    }
    let (info, area) = all.into_iter().next().ok_or(DeviceProblem::NotFound)?;
    Ok((info.name, area))
}

/// Returns memory shared with the server, or our own without MIT-SHM, when pictures are sent over the connection.
fn memory_for(connection: &Arc<RustConnection>, area: Area) -> [Memory; 2] {
    let len = usize::from(area.width) * usize::from(area.height) * 4;
    let memory = || SharedMemory::new(connection, len);
    match memory().and_then(|first| Ok([first, memory()?])) {
        Ok(both) => both.map(Memory::Shared),
        Err(error) => {
            tracing::info!(%error, "no shared memory with the X server; copying pictures");
            [Memory::Own(Vec::new()), Memory::Own(Vec::new())]
        }
    }
}

impl ScreenStream for X11Screen {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn capture(&mut self, repeat: bool) -> Result<Captured, DeviceProblem> {
        self.until_check = self.until_check.saturating_sub(1);
        let is_window = matches!(self.target, Target::Window { .. });
        let captured = now_us();
        if (is_window || self.until_check == 0) && !self.check_area()? {
            // A minimised window has no new picture; participants who join get the last one.
            return if repeat && self.seen_before { self.picture(captured) } else { Ok(Captured::Unchanged) };
        }
        self.current = 1 - self.current;
        if let Err(problem) = self.fetch() {
            // The monitor may have shrunk since the last check.
            if problem != DeviceProblem::Failed {
                return Err(problem);
            }
            if !self.check_area()? {
                return Ok(Captured::Unchanged);
            }
            self.fetch()?;
        }
        let cursor = self.fetch_cursor();
        let moved = match (&cursor, &self.cursor) {
            (Some(now), Some(before)) => {
                (now.x, now.y, now.cursor_serial) != (before.x, before.y, before.cursor_serial)
            }
            (now, before) => now.is_some() != before.is_some(),
        };
        self.cursor = cursor;
        let [now, before] = [self.current, 1 - self.current].map(|i| self.memory[i].bytes());
        let same = self.seen_before && !moved && now == before;
        self.seen_before = true;
        if same && !repeat {
            return Ok(Captured::Unchanged);
        }
        self.picture(captured)
    }
}

impl X11Screen {
    /// Converts the last picture, with the cursor.
    fn picture(&self, captured: i64) -> Result<Captured, DeviceProblem> {
        let Area { x, y, width, height } = self.area;
        let stride = usize::from(width) * 4;
        let bytes = self.memory[self.current].bytes();
        let frame = to_i420(self.format, bytes, stride, width.into(), height.into(), captured);
        let mut frame = frame.ok_or(DeviceProblem::Unsupported)?;
        if let Some(image) = &self.cursor {
            frame = cursor::draw(frame, image, (x, y));
        }
        Ok(Captured::Frame(frame))
    }
}
