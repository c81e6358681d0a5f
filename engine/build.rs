//! Generates the engine's protocol types from the descriptors that are packaged with the library.

use std::path::PathBuf;
use std::{env, fs};

const ENGINE_VERSION: &str = "0.13.2";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=AUTAMEDICA_ENGINE_DIR");
    println!("cargo::rustc-env=AUTAMEDICA_ENGINE_VERSION={ENGINE_VERSION}");
    if let Err(message) = generate() {
        println!("cargo::error={message}");
    }
}

fn generate() -> Result<(), String> {
    let path = engine_dir()?.join("protocol.binpb");
    println!("cargo::rerun-if-changed={}", path.display());
    let bytes = fs::read(&path).map_err(|error| {
        format!("the media engine's protocol is missing ({}: {error}); run cargo xtask setup", path.display())
    })?;
    let descriptors = prost::Message::decode(bytes.as_slice())
        .map_err(|error| format!("{} is damaged ({error}); run cargo xtask setup", path.display()))?;
    prost_build::Config::new()
        .compile_fds(descriptors)
        .map_err(|error| format!("cannot generate the engine's protocol types: {error}"))
}

fn engine_dir() -> Result<PathBuf, String> {
    if let Some(dir) = env::var_os("AUTAMEDICA_ENGINE_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from) {
        // The variable names the folder of one version, or the parent folder of all versions.
        let version = dir.join(ENGINE_VERSION);
        return Ok(if version.is_dir() { version } else { dir });
    }
    let manifest = env::var_os("CARGO_MANIFEST_DIR").ok_or("cargo sets CARGO_MANIFEST_DIR")?;
    Ok(PathBuf::from(manifest).join("..").join(".engine").join(ENGINE_VERSION))
}
