//! The library: where it is, what it exports, raw requests and the handles that it gives out.

use std::env;
use std::ffi::{c_char, c_void};
use std::path::{Path, PathBuf};

use libloading::Library;
use prost::Message as _;

use crate::dispatch::Engine;
use crate::error::EngineError;
use crate::proto;

/// The build of the engine that the protocol types belong to.
pub(crate) const ENGINE_VERSION: &str = env!("AUTAMEDICA_ENGINE_VERSION");

#[cfg(target_os = "linux")]
const LIBRARY: &str = "liblivekit_ffi.so";
#[cfg(target_os = "macos")]
const LIBRARY: &str = "liblivekit_ffi.dylib";
#[cfg(target_os = "windows")]
const LIBRARY: &str = "livekit_ffi.dll";

/// What the engine calls with each event, on threads of its own.
pub(crate) type Callback = unsafe extern "C" fn(*const u8, usize);

/// A buffer as UniFFI, which exports only the build version here, passes it.
#[repr(C)]
struct RustBuffer {
    capacity: u64,
    len: u64,
    data: *mut u8,
}

#[repr(C)]
struct RustCallStatus {
    code: i8,
    error: RustBuffer,
}

impl RustCallStatus {
    fn new() -> Self {
        Self { code: 0, error: RustBuffer { capacity: 0, len: 0, data: std::ptr::null_mut() } }
    }
}

/// The functions of the loaded library, which is never unloaded: its threads live as long as the process.
pub(crate) struct Functions {
    initialize: unsafe extern "C" fn(Callback, bool, *const c_char, *const c_char),
    request: unsafe extern "C" fn(*const u8, usize, *mut *const u8, *mut usize) -> u64,
    drop_handle: unsafe extern "C" fn(u64) -> bool,
    dispose: unsafe extern "C" fn(),
}

impl Functions {
    /// Loads the library and checks that it is the build that the protocol types belong to.
    pub(crate) fn load() -> Result<Self, EngineError> {
        let path = find_library()?;
        let failed = |error: libloading::Error| EngineError::Load(format!("{}: {error}", path.display()));
        // SAFETY: the library is LiveKit's own; its initialisers only set up its runtime.
        let library = unsafe { Library::new(&path) }.map_err(failed)?;
        // Leaked at once: the engine's threads must never lose their code, whatever happens below.
        let library: &'static Library = Box::leak(Box::new(library));
        check_version(library)?;
        // SAFETY: the signatures are those of the engine's C interface, which its version stands for.
        unsafe {
            Ok(Self {
                initialize: *library.get(b"livekit_ffi_initialize").map_err(failed)?,
                request: *library.get(b"livekit_ffi_request").map_err(failed)?,
                drop_handle: *library.get(b"livekit_ffi_drop_handle").map_err(failed)?,
                dispose: *library.get(b"livekit_ffi_dispose").map_err(failed)?,
            })
        }
    }

    /// Starts the engine. To be called once; events come as soon as it returns.
    pub(crate) fn initialize(&self, callback: Callback) {
        let version = concat!(env!("CARGO_PKG_VERSION"), "\0");
        // SAFETY: both texts end in NUL and live for ever, and the callback never unwinds.
        unsafe { (self.initialize)(callback, true, c"rust".as_ptr(), version.as_ptr().cast()) }
    }

    /// One request and its immediate answer. `name` is what an error calls it.
    pub(crate) fn request(
        &self,
        name: &'static str,
        message: proto::ffi_request::Message,
    ) -> Result<proto::ffi_response::Message, EngineError> {
        let bytes = proto::FfiRequest { message: Some(message) }.encode_to_vec();
        let (mut data, mut len) = (std::ptr::null(), 0);
        // SAFETY: the pointers are to live memory of the right size for the length of the call.
        let owner = unsafe { (self.request)(bytes.as_ptr(), bytes.len(), &mut data, &mut len) };
        if owner == 0 {
            return Err(EngineError::Refused(name));
        }
        let answer = if data.is_null() {
            Err(EngineError::Protocol(name))
        } else {
            // SAFETY: the engine keeps these bytes until their handle, `owner`, is dropped below.
            let bytes = unsafe { std::slice::from_raw_parts(data, len) };
            let answer = proto::FfiResponse::decode(bytes).ok().and_then(|response| response.message);
            answer.ok_or(EngineError::Protocol(name))
        };
        self.drop_handle(owner);
        answer
    }

    fn drop_handle(&self, id: u64) {
        // SAFETY: takes any number; one that is no handle is only reported.
        if !unsafe { (self.drop_handle)(id) } {
            tracing::debug!(id, "the engine did not know a handle");
        }
    }

    /// Ends everything the engine does, waiting for it.
    pub(crate) fn dispose(&self) {
        // SAFETY: no argument; the caller makes sure that no request follows.
        unsafe { (self.dispose)() }
    }
}

fn check_version(library: &'static Library) -> Result<(), EngineError> {
    let other = |found: String| EngineError::Version { found, expected: ENGINE_VERSION };
    let unknown = |_| other("unknown".into());
    // SAFETY: the signatures are those that UniFFI generates for `fn build_version() -> String`.
    let (build_version, free) = unsafe {
        let build_version = library
            .get::<unsafe extern "C" fn(*mut RustCallStatus) -> RustBuffer>(b"uniffi_livekit_ffi_fn_func_build_version")
            .map_err(unknown)?;
        let free = library
            .get::<unsafe extern "C" fn(RustBuffer, *mut RustCallStatus)>(b"ffi_livekit_ffi_rustbuffer_free")
            .map_err(unknown)?;
        (build_version, free)
    };
    let mut status = RustCallStatus::new();
    // SAFETY: the status outlives the call; the buffer is freed by its owner after it was copied.
    let found = unsafe {
        let buffer = build_version(&mut status);
        if status.code != 0 || buffer.data.is_null() {
            return Err(other("unknown".into()));
        }
        let bytes = std::slice::from_raw_parts(buffer.data, buffer.len as usize);
        let found = String::from_utf8_lossy(bytes).into_owned();
        free(buffer, &mut RustCallStatus::new());
        found
    };
    if found == ENGINE_VERSION { Ok(()) } else { Err(other(found)) }
}

/// `AUTAMEDICA_ENGINE_DIR`, else beside the program, else the nearest `.engine/<version>` above it.
fn find_library() -> Result<PathBuf, EngineError> {
    let mut searched = Vec::new();
    let mut look_in = |dir: &Path| {
        let path = dir.join(LIBRARY);
        searched.push(dir.display().to_string());
        path.is_file().then_some(path)
    };
    let found = if let Some(dir) = env::var_os("AUTAMEDICA_ENGINE_DIR").filter(|dir| !dir.is_empty()) {
        look_in(Path::new(&dir))
    } else {
        let program = env::current_exe().unwrap_or_default();
        let beside = program.parent().and_then(&mut look_in);
        beside.or_else(|| {
            let above = program.ancestors().skip(1).map(|dir| dir.join(".engine").join(ENGINE_VERSION));
            above.filter(|dir| dir.is_dir()).find_map(|dir| look_in(&dir))
        })
    };
    found.ok_or_else(|| EngineError::Missing { searched: searched.join(", ") })
}

/// Something that the engine keeps for us, given back when dropped.
#[derive(Debug)]
pub(crate) struct Handle(u64);

/// Handles that are alive, so that a test sees whether all are given back.
#[cfg(test)]
pub(crate) static LIVE_HANDLES: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(0);

impl Handle {
    /// Takes the ownership that the engine hands over.
    pub(crate) fn new(owned: proto::FfiOwnedHandle) -> Self {
        #[cfg(test)]
        LIVE_HANDLES.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Self(owned.id)
    }

    pub(crate) fn id(&self) -> u64 {
        self.0
    }

    /// Gives up the ownership, because the engine takes it back with the next request.
    pub(crate) fn into_id(self) -> u64 {
        let id = self.0;
        #[cfg(test)]
        LIVE_HANDLES.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
        std::mem::forget(self);
        id
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        #[cfg(test)]
        LIVE_HANDLES.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
        if let Some(functions) = Engine::running() {
            functions.drop_handle(self.0);
        }
    }
}

/// A pointer in the form that the protocol carries it.
pub(crate) fn address<T>(data: *const T) -> u64 {
    data.cast::<c_void>() as usize as u64
}
