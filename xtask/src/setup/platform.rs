//! Platforms with a prebuilt media engine, and the pinned hashes of each.

use anyhow::{Context, Result};

/// A desktop platform.
#[derive(Debug)]
pub struct Platform {
    /// Operating system, as in `std::env::consts::OS`.
    os: &'static str,
    /// Architecture, as in `std::env::consts::ARCH`.
    arch: &'static str,
    /// Platform tag of the engine's wheel.
    pub engine_tag: &'static str,
    /// SHA-256 of that wheel.
    pub engine_sha256: &'static str,
    /// File name of the engine's library in the wheel.
    pub library: &'static str,
    /// SHA-256 of that file.
    pub library_sha256: &'static str,
    /// Platform tag of the wheel of Go.
    pub go_tag: &'static str,
    /// SHA-256 of that wheel.
    pub go_sha256: &'static str,
}

/// All supported platforms.
pub const PLATFORMS: [Platform; 5] = [
    Platform {
        os: "linux",
        arch: "x86_64",
        engine_tag: "manylinux_2_28_x86_64",
        engine_sha256: "c9a0269cc23a889e20f716405a59fbae375a0248ea3d2d043da103cfb0b71711",
        library: "liblivekit_ffi.so",
        library_sha256: "b0e3b91dcf42b486045b6acca4863b132e3c4d114d5701b5759c7661c04ea1eb",
        go_tag: "manylinux_2_17_x86_64",
        go_sha256: "565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff",
    },
    Platform {
        os: "linux",
        arch: "aarch64",
        engine_tag: "manylinux_2_28_aarch64",
        engine_sha256: "8a3dd36574d5df73dba5baa8fbed97401e25b51ab38822fe2c4769fef994f09d",
        library: "liblivekit_ffi.so",
        library_sha256: "1851e0a2b740be6041e5a8bf66f419f78f0a424348b4d44d52bf2ece231ab740",
        go_tag: "manylinux_2_17_aarch64",
        go_sha256: "ab703942cbb119637e5306085b6f1f14eb51bd6a98b56dd2ff0a06b5afb742f8",
    },
    Platform {
        os: "macos",
        arch: "x86_64",
        engine_tag: "macosx_10_15_x86_64",
        engine_sha256: "7c3a09623b059f7d93c0c487ff4ba8b5bdebdfa7f0bd424cccbe655ea70c85f3",
        library: "liblivekit_ffi.dylib",
        library_sha256: "659767038036c1a6c6e33ffff6be08f10dec03b957a27d8a103fda713ec040c9",
        go_tag: "macosx_10_12_x86_64",
        go_sha256: "2f8d76337bdf2e8e12b655c2f2c4827a202d4198c5cb87f0fde8b286bfa5b816",
    },
    Platform {
        os: "macos",
        arch: "aarch64",
        engine_tag: "macosx_11_0_arm64",
        engine_sha256: "571d25d107b70e70b6b435e803554b0124272cc3d85a45998ea75a4eb09b5ab8",
        library: "liblivekit_ffi.dylib",
        library_sha256: "f7ef1bb6803a43559382dc72a5447fb6743dcacdad194edd065140af85078eb4",
        go_tag: "macosx_11_0_arm64",
        go_sha256: "7f30d0141d8052d9349b6e26c679ff51d14465ae3362ca9d1623ba1076e376a4",
    },
    Platform {
        os: "windows",
        arch: "x86_64",
        engine_tag: "win_amd64",
        engine_sha256: "a7892d9b7bd2f683c8789026519e84d6931b67dd19507450343e147dff789c2f",
        library: "livekit_ffi.dll",
        library_sha256: "f3456b002f2157b9cbacad5296433d71b2ba1228c1bc26c5a89c8e559e05c103",
        go_tag: "win_amd64",
        go_sha256: "2440ec27b056a19e9ce7c7e4c323f93a1ec0aa220b83838b9adf319487091582",
    },
];

/// Returns the platform of this program.
///
/// # Errors
/// There is no prebuilt engine for this platform.
pub fn this() -> Result<&'static Platform> {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    PLATFORMS.iter().find(|platform| platform.os == os && platform.arch == arch).with_context(|| {
        let known: Vec<_> = PLATFORMS.iter().map(|platform| format!("{} {}", platform.os, platform.arch)).collect();
        format!("there is no prebuilt media engine for {os} {arch}, only for {}", known.join(", "))
    })
}
