//! Loading of a missing, broken or different library, and shutdown. A test of its own, because a process has one engine.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use anyhow::Result;
use autamedica_engine::{EngineError, NativeAudioSource, load, shutdown, version};
use autamedica_lab::workspace_file;

const LIBRARY: &str = "liblivekit_ffi.so";

fn load_from(folder: &Path) -> Result<(), EngineError> {
    // SAFETY: this process has one test, and no thread of the engine reads the environment.
    unsafe { std::env::set_var("AUTAMEDICA_ENGINE_DIR", folder) };
    load()
}

#[test]
fn only_the_pinned_library_is_loaded() -> Result<()> {
    let real = workspace_file(&format!(".engine/{}/{LIBRARY}", version()))?;
    let folder = tempfile::tempdir()?;
    let library = folder.path().join(LIBRARY);

    let missing = load_from(folder.path()).unwrap_err();
    assert!(matches!(missing, EngineError::Missing { .. }), "{missing:?}");
    assert!(missing.to_string().contains("cargo xtask setup"), "{missing}");

    std::fs::write(&library, b"no library at all")?;
    let broken = load_from(folder.path()).unwrap_err();
    assert!(matches!(broken, EngineError::Load(_)), "{broken:?}");

    // Another build: the pinned library with its version number replaced.
    let mut bytes = std::fs::read(&real)?;
    let (number, other) = (version().as_bytes(), b"0.99.9");
    assert_eq!(number.len(), other.len());
    let places: Vec<usize> = (0..bytes.len() - number.len()).filter(|&at| bytes[at..].starts_with(number)).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + other.len()].copy_from_slice(other);
    }
    std::fs::remove_file(&library)?;
    std::fs::write(&library, bytes)?;
    let refused = load_from(folder.path()).unwrap_err();
    assert_eq!(refused, EngineError::Version { found: "0.99.9".into(), expected: version() });
    assert!(refused.to_string().contains("cargo xtask setup"), "{refused}");

    // Loading succeeds after earlier failures.
    load_from(real.parent().unwrap())?;
    let source = NativeAudioSource::new(48_000, 1, 0)?;
    source.try_capture_frame(&[0; 480])?;
    shutdown();
    shutdown();
    assert_eq!(load(), Err(EngineError::ShutDown));
    assert_eq!(source.try_capture_frame(&[0; 480]), Err(EngineError::ShutDown.into()));
    drop(source);
    Ok(())
}
