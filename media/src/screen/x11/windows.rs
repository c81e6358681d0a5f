//! Windows of other programs: names, positions, and contents including covered parts (Composite).

use x11rb::connection::Connection as _;
use x11rb::errors::{ReplyError, ReplyOrIdError};
use x11rb::protocol::composite::{ConnectionExt as _, Redirect};
use x11rb::protocol::xproto::{AtomEnum, ConnectionExt as _, MapState, Pixmap, Visualid, Window};
use x11rb::rust_connection::RustConnection;

use super::reply::{Area, failed, lost};
use crate::DeviceProblem;
use crate::screen::WindowInfo;

/// Maximum length of titles and lists, in units of four bytes.
const MAX_PROPERTY_LENGTH: u32 = 4096;

/// Lists the windows in the window manager's order. Omits our own, which would show itself recursively.
pub fn list() -> Option<Vec<WindowInfo>> {
    let (connection, screen) = RustConnection::connect(None).ok()?;
    let root = connection.setup().roots.get(screen)?.root;
    let clients = atom(&connection, "_NET_CLIENT_LIST").ok()?;
    let windows =
        connection.get_property(false, root, clients, AtomEnum::WINDOW, 0, MAX_PROPERTY_LENGTH).ok()?.reply().ok()?;
    let windows: Vec<Window> = windows.value32().into_iter().flatten().collect();
    // A window may close in between.
    Some(windows.into_iter().filter_map(|id| describe(&connection, root, id).ok().flatten()).collect())
}

fn describe(connection: &RustConnection, root: Window, id: Window) -> Result<Option<WindowInfo>, DeviceProblem> {
    let pid = atom(connection, "_NET_WM_PID").map_err(failed)?;
    let owner = property(connection, id, pid, AtomEnum::CARDINAL.into())?;
    let ours = owner.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes)) == Some(std::process::id());
    let (name, area, visible) = locate(connection, root, id)?;
    let info = WindowInfo { id, name, width: area.width.into(), height: area.height.into(), minimized: !visible };
    Ok(Some(info).filter(|info| !ours && !info.name.is_empty()))
}

fn atom(connection: &RustConnection, name: &str) -> Result<u32, ReplyError> {
    Ok(connection.intern_atom(false, name.as_bytes())?.reply()?.atom)
}

fn property(connection: &RustConnection, id: Window, name: u32, kind: u32) -> Result<Vec<u8>, DeviceProblem> {
    let cookie = connection.get_property(false, id, name, kind, 0, MAX_PROPERTY_LENGTH).map_err(lost)?;
    Ok(cookie.reply().map_err(gone)?.value)
}

/// Returns title, position and visibility of a window.
pub fn locate(connection: &RustConnection, root: Window, id: Window) -> Result<(String, Area, bool), DeviceProblem> {
    let attributes = connection.get_window_attributes(id).map_err(lost)?;
    let geometry = connection.get_geometry(id).map_err(lost)?;
    let place = connection.translate_coordinates(id, root, 0, 0).map_err(lost)?;
    let visible = attributes.reply().map_err(gone)?.map_state == MapState::VIEWABLE;
    let (geometry, place) = (geometry.reply().map_err(gone)?, place.reply().map_err(gone)?);
    let area = Area { x: place.dst_x, y: place.dst_y, width: geometry.width, height: geometry.height };
    let names =
        || -> Result<_, ReplyError> { Ok((atom(connection, "_NET_WM_NAME")?, atom(connection, "UTF8_STRING")?)) };
    let (modern, utf8) = names().map_err(failed)?;
    let mut name = property(connection, id, modern, utf8)?;
    if name.is_empty() {
        name = property(connection, id, AtomEnum::WM_NAME.into(), AtomEnum::ANY.into())?;
    }
    Ok((String::from_utf8_lossy(&name).trim().to_owned(), area, visible))
}

/// Returns visual and depth of a window.
pub fn visual_and_depth(connection: &RustConnection, id: Window) -> Result<(Visualid, u8), DeviceProblem> {
    let attributes = connection.get_window_attributes(id).map_err(lost)?;
    let geometry = connection.get_geometry(id).map_err(lost)?;
    Ok((attributes.reply().map_err(gone)?.visual, geometry.reply().map_err(gone)?.depth))
}

/// Makes the server keep a window's contents including covered parts, until we disconnect.
pub fn keep_contents(connection: &RustConnection, id: Window) -> Result<(), DeviceProblem> {
    let ask = || -> Result<(), ReplyError> {
        connection.composite_query_version(0, 4)?.reply()?;
        connection.composite_redirect_window(id, Redirect::AUTOMATIC)?.check()
    };
    ask().map_err(failed)
}

/// Returns the window's contents in its current size.
pub fn contents(connection: &RustConnection, id: Window) -> Result<Pixmap, DeviceProblem> {
    let ask = || -> Result<Pixmap, ReplyOrIdError> {
        let pixmap = connection.generate_id()?;
        connection.composite_name_window_pixmap(id, pixmap)?.check()?;
        Ok(pixmap)
    };
    ask().map_err(|error| {
        tracing::info!(%error, "contents of the window not available");
        DeviceProblem::Failed
    })
}

pub fn free_contents(connection: &RustConnection, contents: Pixmap) {
    // Fails only after the connection and with it the contents are lost.
    let _ = connection.free_pixmap(contents);
}

/// Maps an unknown window to one that was closed.
fn gone(error: ReplyError) -> DeviceProblem {
    match error {
        ReplyError::X11Error(_) => DeviceProblem::NotFound,
        other => failed(other),
    }
}
