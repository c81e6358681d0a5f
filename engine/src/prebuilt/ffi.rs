//! The library's C interface: exported functions and raw requests.

use std::ffi::{c_char, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use libloading::Library;
use prost::Message as _;

use crate::error::EngineError;
use crate::prebuilt::library::{self, ENGINE_VERSION};
use crate::prebuilt::proto;

/// Callback that the engine calls for each event, on its own threads.
pub(super) type Callback = unsafe extern "C" fn(*const u8, usize);

/// UniFFI's buffer; the library exports only its build version that way.
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

/// Functions of the loaded library, which is never unloaded: its threads live as long as the process.
pub(super) struct Functions {
    initialize: unsafe extern "C" fn(Callback, bool, *const c_char, *const c_char),
    request: unsafe extern "C" fn(*const u8, usize, *mut *const u8, *mut usize) -> u64,
    drop_handle: unsafe extern "C" fn(u64) -> bool,
    dispose: unsafe extern "C" fn(),
    disposed: AtomicBool,
}

/// Functions of the started library.
static FUNCTIONS: OnceLock<Functions> = OnceLock::new();

/// Returns the library's functions while the engine runs.
pub(super) fn running() -> Option<&'static Functions> {
    FUNCTIONS.get().filter(|functions| !functions.is_disposed())
}

impl Functions {
    /// Loads the library and checks that it is the build that the protocol types belong to.
    pub(super) fn load() -> Result<Self, EngineError> {
        let path = library::find()?;
        let failed = |error: libloading::Error| EngineError::Load(format!("{}: {error}", path.display()));
        // SAFETY: the library is LiveKit's own; its initialisers only set up its runtime.
        let library = unsafe { Library::new(&path) }.map_err(failed)?;
        // Leaked before anything can fail, so that no error below unloads code that the engine's threads run.
        let library: &'static Library = Box::leak(Box::new(library));
        check_version(library)?;
        // SAFETY: the signatures are those of the C interface of the version checked above.
        unsafe {
            Ok(Self {
                initialize: *library.get(b"livekit_ffi_initialize").map_err(failed)?,
                request: *library.get(b"livekit_ffi_request").map_err(failed)?,
                drop_handle: *library.get(b"livekit_ffi_drop_handle").map_err(failed)?,
                dispose: *library.get(b"livekit_ffi_dispose").map_err(failed)?,
                disposed: AtomicBool::new(false),
            })
        }
    }

    /// Makes these the functions of the process, unless it has some already.
    pub(super) fn install(self) -> &'static Self {
        FUNCTIONS.get_or_init(|| self)
    }

    /// Starts the engine. To be called once; events may arrive before it returns.
    pub(super) fn initialize(&self, callback: Callback) {
        let version = concat!(env!("CARGO_PKG_VERSION"), "\0");
        // SAFETY: both texts end in NUL and live for ever, and the callback never unwinds.
        unsafe { (self.initialize)(callback, true, c"rust".as_ptr(), version.as_ptr().cast()) }
    }

    /// Sends a request and returns its immediate response. Errors carry `name`.
    pub(super) fn request(
        &self,
        name: &'static str,
        message: proto::ffi_request::Message,
    ) -> Result<proto::ffi_response::Message, EngineError> {
        let bytes = proto::FfiRequest { message: Some(message) }.encode_to_vec();
        let (mut data, mut len) = (std::ptr::null(), 0);
        // SAFETY: all pointers are valid for the duration of the call.
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

    pub(super) fn drop_handle(&self, id: u64) {
        // SAFETY: the function accepts any number and returns `false` for an unknown handle.
        if !unsafe { (self.drop_handle)(id) } {
            tracing::debug!(id, "dropped handle unknown to the engine");
        }
    }

    /// Stops the engine and waits until it has stopped. Returns `false` if it was stopped before.
    pub(super) fn dispose(&self) -> bool {
        let first = !self.disposed.swap(true, Ordering::AcqRel);
        if first {
            // SAFETY: no request follows, because `Engine::get` and `running` check the flag.
            unsafe { (self.dispose)() }
        }
        first
    }

    pub(super) fn is_disposed(&self) -> bool {
        self.disposed.load(Ordering::Acquire)
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
    // SAFETY: the status outlives the call; the buffer is copied before it is freed.
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

/// Converts a pointer to the integer that the protocol carries.
pub(super) fn address<T>(data: *const T) -> u64 {
    data.cast::<c_void>() as usize as u64
}
