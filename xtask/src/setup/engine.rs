//! The media engine: LiveKit's native library and its protocol descriptors, from the same wheel.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::hash::has_sha256;
use super::literal::serialized_descriptor;
use super::partial::partial_folder;
use super::platform::{self, Platform};
use super::python;
use crate::step::say;
use crate::workspace::root;

/// Version that the engine reports when it is loaded.
const VERSION: &str = "0.13.2";
/// Python package with the engine.
const REQUIREMENT: &str = "livekit==1.2.1";
/// File with all protocol types as a `FileDescriptorSet`.
const PROTOCOL: &str = "protocol.binpb";
/// SHA-256 of that file, the same on every platform.
const PROTOCOL_SHA256: &str = "1a7d22dfe0213bcb348cc4fec260335c0a1b7a23d392f04ad8e920939ccf0156";

/// Installs the engine in `.engine/VERSION/`, unless it is complete there.
pub fn install() -> Result<()> {
    let platform = platform::this()?;
    let parent = root().join(".engine");
    let target = parent.join(VERSION);
    if is_complete(&target, platform) {
        say(format_args!("Media engine {VERSION} is installed"));
        return Ok(());
    }
    let python = python::find_or_install()?;
    // Prepared beside the target and renamed at the end, so that an interrupted installation is not mistaken for a complete
    // one.
    let partial = partial_folder(&parent)?;
    let result = python
        .fetch_wheel(REQUIREMENT, platform.engine_tag, platform.engine_sha256, &partial)
        .and_then(|wheel| extract(&wheel, platform, &partial.join("engine")))
        .and_then(|()| replace(&partial.join("engine"), &target));
    // Removed after failures, too.
    let _ = fs::remove_dir_all(&partial);
    result.context("the media engine is not installed")?;
    ensure!(is_complete(&target, platform), "{} is incomplete: delete it and run this again", target.display());
    say(format_args!("Media engine {VERSION} installed in .engine/{VERSION}"));
    Ok(())
}

fn is_complete(folder: &Path, platform: &Platform) -> bool {
    folder.join(platform.library).is_file()
        && has_sha256(&folder.join(PROTOCOL), PROTOCOL_SHA256)
}

/// Copies the library and the descriptors from an unpacked wheel.
fn extract(wheel: &Path, platform: &Platform, into: &Path) -> Result<()> {
    fs::create_dir_all(into).with_context(|| format!("creating {}", into.display()))?;
    let library = wheel.join("livekit/rtc/resources").join(platform.library);
    fs::copy(&library, into.join(platform.library)).with_context(|| format!("copying {}", library.display()))?;
    let set = descriptor_set(&wheel.join("livekit/rtc/_proto"))?;
    fs::write(into.join(PROTOCOL), set).with_context(|| format!("writing {PROTOCOL}"))
}

/// Collects the descriptors of all `*_pb2.py` of a folder, ordered by file name, into a serialized `FileDescriptorSet`.
fn descriptor_set(folder: &Path) -> Result<Vec<u8>> {
    let mut modules = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>())
        .with_context(|| format!("reading {}", folder.display()))?;
    modules.retain(|path| path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.ends_with("_pb2.py")));
    modules.sort();
    if modules.is_empty() {
        bail!("no protocol descriptor in {}", folder.display());
    }
    let mut set = Vec::new();
    for module in modules {
        let source = fs::read_to_string(&module).with_context(|| format!("reading {}", module.display()))?;
        let file = serialized_descriptor(&source).with_context(|| format!("reading {}", module.display()))?;
        append_file(&mut set, &file);
    }
    Ok(set)
}

/// Appends a serialized `FileDescriptorProto` as field 1 of a `FileDescriptorSet`.
fn append_file(set: &mut Vec<u8>, file: &[u8]) {
    const FIELD_1_LENGTH_DELIMITED: u8 = 1 << 3 | 2;
    set.push(FIELD_1_LENGTH_DELIMITED);
    let mut length = file.len();
    while length >= 0x80 {
        set.push(length as u8 | 0x80);
        length >>= 7;
    }
    set.push(length as u8);
    set.extend_from_slice(file);
}

/// Moves `new` to `target`, after removing a broken installation there.
fn replace(new: &Path, target: &Path) -> Result<()> {
    if target.exists() {
        fs::remove_dir_all(target).with_context(|| format!("removing {}", target.display()))?;
    }
    fs::rename(new, target).with_context(|| format!("moving the engine to {}", target.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Creates the folder of a wheel, with a descriptor whose length takes two bytes. Returns the expected set.
    fn wheel(folder: &Path, library: &[u8]) -> Vec<u8> {
        let (resources, proto) = (folder.join("livekit/rtc/resources"), folder.join("livekit/rtc/_proto"));
        fs::create_dir_all(&resources).unwrap();
        fs::create_dir_all(&proto).unwrap();
        fs::write(resources.join(platform::this().unwrap().library), library).unwrap();
        let long = "x".repeat(300);
        fs::write(proto.join("b_pb2.py"), format!("D = pool.AddSerializedFile(b'\\n\\x07b.proto{long}')")).unwrap();
        fs::write(proto.join("a_pb2.py"), "D = pool.AddSerializedFile(b'\\n\\x07a.proto')").unwrap();
        fs::write(proto.join("__init__.py"), "").unwrap();
        let mut expected = b"\x0a\x09\n\x07a.proto\x0a\xb5\x02\n\x07b.proto".to_vec();
        expected.extend(long.bytes());
        expected
    }

    #[test]
    fn the_descriptor_set_is_ordered_by_file_name() {
        let folder = tempfile::tempdir().unwrap();
        let expected = wheel(folder.path(), b"engine");
        let target = folder.path().join("out");
        extract(folder.path(), platform::this().unwrap(), &target).unwrap();
        assert_eq!(fs::read(target.join(PROTOCOL)).unwrap(), expected);
        assert_eq!(fs::read(target.join(platform::this().unwrap().library)).unwrap(), b"engine");
    }

    #[test]
    fn a_library_with_another_hash_is_incomplete() {
        let real = root().join(".engine").join(VERSION);
        let platform = platform::this().unwrap();
        assert!(is_complete(&real, platform), "run `cargo xtask setup`");
        let folder = tempfile::tempdir().unwrap();
        for name in [platform.library, PROTOCOL] {
            for copied in [platform.library, PROTOCOL] {
                fs::copy(real.join(copied), folder.path().join(copied)).unwrap();
            }
            assert!(is_complete(folder.path(), platform));
            let mut bytes = fs::read(folder.path().join(name)).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(folder.path().join(name), bytes).unwrap();
            assert!(!is_complete(folder.path(), platform), "{name}");
        }
    }

    #[test]
    fn a_broken_target_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (new, target) = (folder.path().join("new"), folder.path().join("target"));
        fs::create_dir_all(&new).unwrap();
        fs::create_dir_all(&target).unwrap();
        fs::write(new.join("complete"), "").unwrap();
        fs::write(target.join("incomplete"), "").unwrap();
        replace(&new, &target).unwrap();
        assert!(target.join("complete").exists() && !target.join("incomplete").exists() && !new.exists());
    }
}
