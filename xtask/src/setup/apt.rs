//! System packages on Debian and its derivatives.

use std::process::{Command, Stdio};
use std::sync::Once;

use anyhow::{Context, Result, bail};

use super::needs::Needs;
use crate::step::{self, say};
use crate::workspace::find_program;

/// A Debian package, and the programs that make it unnecessary.
#[derive(Debug)]
pub struct Package {
    name: &'static str,
    /// Programs of which one suffices in place of the package; they may be installed another way.
    programs: &'static [&'static str],
}

const fn library(name: &'static str) -> Package {
    Package { name, programs: &[] }
}

const fn program(name: &'static str, programs: &'static [&'static str]) -> Package {
    Package { name, programs }
}

/// Packages for building: C libraries and the tools that bind to them.
const BUILD: &[Package] = &[
    program("gcc", &["cc"]),
    program("pkg-config", &["pkg-config", "pkgconf"]),
    library("libasound2-dev"),                   // alsa-sys: cpal
    library("libclang-dev"),                     // bindgen: nokhwa's V4L2, PipeWire
    library("libegl-dev"),                       // khronos-egl: xcap on Wayland
    library("libgbm-dev"),                       // gbm-sys: xcap on Wayland
    library("libgstreamer-plugins-base1.0-dev"), // gstreamer-app-sys: the recorder
    library("libgstreamer1.0-dev"),              // gstreamer-sys
    library("libpipewire-0.3-dev"),              // pipewire-sys, libspa-sys: xcap's portal
    library("libxcb-randr0-dev"),                // xcb: xcap on X11
    library("libxcb1-dev"),
];

/// GStreamer plugins of the recorder. Without `ugly`, whose x264 is GPL.
const RECORDER: &[Package] = &[
    library("gstreamer1.0-plugins-bad"),  // openh264, voaacenc, h264parse
    library("gstreamer1.0-plugins-base"), // appsrc
    library("gstreamer1.0-plugins-good"), // matroskamux, mp4mux, aacparse
];

/// Packages for running the app on a server: libraries that a desktop has, and a virtual display.
const DEMO: &[Package] = &[
    library("libasound2-plugins"), // ALSA programs over PulseAudio or PipeWire
    library("libegl1"),
    library("libgl1"),
    library("libgl1-mesa-dri"), // OpenGL without a GPU
    library("libx11-xcb1"),
    library("libxcursor1"),
    library("libxi6"),
    library("libxkbcommon-x11-0"),
    library("libxrandr2"),
    program("imagemagick", &["import"]),
    program("openbox", &["openbox"]),
    program("x11-utils", &["xprop"]),
    program("xdotool", &["xdotool"]),
    program("xvfb", &["Xvfb"]),
];

const CHROMIUM: Package = program("chromium", super::web::BROWSERS);
/// Chromium on Ubuntu, where the package installs the snap.
const CHROMIUM_OF_UBUNTU: Package = program("chromium-browser", super::web::BROWSERS);

/// Packages for the tests: virtual audio devices, voices, browser automation, and services of a deployment.
const TESTS: &[Package] = &[
    library("at-spi2-core"), // accessibility, for screen readers
    program("dbus", &["dbus-daemon"]),
    program("espeak-ng", &["espeak-ng"]), // voices for the echo tests
    library("gir1.2-atspi-2.0"),
    library("nginx-light"),
    program("nodejs", &["node"]),
    program("npm", &["npm"]),
    program("openssl", &["openssl"]),
    library("postgresql"),
    program("pulseaudio", &["pulseaudio"]),
    program("pulseaudio-utils", &["pactl"]),
    library("python3-gi"),
    program("redis-server", &["redis-server"]),
];

/// Python with pip, which downloads the media engine.
pub const PYTHON: &[Package] = &[library("python3"), library("python3-pip")];

/// Installs the missing packages for `needs`.
pub fn install(needs: Needs) -> Result<()> {
    if !cfg!(target_os = "linux") {
        say(instructions());
        return Ok(());
    }
    let mut packages: Vec<&Package> = BUILD.iter().collect();
    if needs >= Needs::Demo {
        packages.extend(DEMO);
        packages.extend(RECORDER);
    }
    if needs >= Needs::Tests {
        packages.extend(TESTS);
        packages.push(if is_ubuntu() { &CHROMIUM_OF_UBUNTU } else { &CHROMIUM });
    }
    ensure(&packages)
}

fn is_ubuntu() -> bool {
    std::fs::read_to_string("/etc/os-release").is_ok_and(|text| text.lines().any(|line| line == "ID=ubuntu"))
}

/// Installs the missing ones of `packages`. Without apt, prints their names and succeeds.
///
/// # Errors
/// A package can't be installed. The message contains the command to run by hand.
pub fn ensure(packages: &[&Package]) -> Result<()> {
    let wanted: Vec<_> = packages
        .iter()
        .filter(|package| !package.programs.iter().any(|program| find_program(program).is_some()))
        .map(|package| package.name)
        .collect();
    if find_program("dpkg-query").is_none() || find_program("apt-get").is_none() {
        if !wanted.is_empty() {
            say(format_args!("apt not found: install the equivalents of Debian's {}", wanted.join(" ")));
        }
        return Ok(());
    }
    let missing = not_installed(&wanted)?;
    if missing.is_empty() {
        say(format_args!("All {} system packages are installed", packages.len()));
        return Ok(());
    }

    let by_hand =
        format!("Run it by hand to see why: sudo apt-get update && sudo apt-get install {}", missing.join(" "));
    let prefix = root_prefix()?;
    static UPDATED: Once = Once::new();
    let mut updated = Ok(String::new());
    UPDATED.call_once(|| {
        updated = step::run("Updating the list of system packages", apt(prefix, &["update"]), &by_hand);
    });
    updated?;
    let mut install = apt(prefix, &["install", "--yes", "--no-install-recommends"]);
    install.args(&missing);
    step::run(&format!("Installing {}", missing.join(" ")), install, &by_hand)?;
    match not_installed(&missing)?.as_slice() {
        [] => Ok(()),
        still => bail!("apt-get didn't install {}. {by_hand}", still.join(" ")),
    }
}

/// Returns the packages that are not installed according to dpkg.
fn not_installed<'a>(names: &[&'a str]) -> Result<Vec<&'a str>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat", "${Package} ${db:Status-Status}\n"]).args(names);
    // The exit code is ignored: dpkg-query fails for unknown packages but lists the others.
    let answer = query.stderr(Stdio::null()).output().context("running dpkg-query")?;
    let answer = String::from_utf8_lossy(&answer.stdout);
    let is_installed = |name: &str| answer.lines().any(|line| line.split_once(' ') == Some((name, "installed")));
    Ok(names.iter().copied().filter(|name| !is_installed(name)).collect())
}

/// Returns the command that runs apt-get as root, through sudo if necessary. sudo asks for the password here, where the
/// prompt is visible.
fn root_prefix() -> Result<&'static [&'static str]> {
    let id = Command::new("id").arg("-u").output().context("running id")?;
    if id.stdout.trim_ascii() == b"0" {
        return Ok(&["apt-get"]);
    }
    if find_program("sudo").is_none() {
        bail!("installing system packages needs root, and there is no sudo: run `cargo xtask setup` as root once");
    }
    step::show("Installing system packages needs sudo", Command::new("sudo").arg("--validate"))?;
    Ok(&["sudo", "--preserve-env=DEBIAN_FRONTEND", "apt-get"])
}

fn apt(prefix: &[&str], arguments: &[&str]) -> Command {
    let mut command = Command::new(prefix[0]);
    command.args(&prefix[1..]).env("DEBIAN_FRONTEND", "noninteractive");
    // Waits for another apt, which often runs after boot.
    command.args(["--quiet", "--option=DPkg::Lock::Timeout=300"]).args(arguments);
    command
}

/// Instructions for systems where setup installs no packages.
fn instructions() -> &'static str {
    if cfg!(target_os = "macos") {
        "macOS: the compiler comes with `xcode-select --install`, Go (for the SFU) with `brew install go`"
    } else {
        "Windows: install the C++ build tools and LLVM (`winget install LLVM.LLVM`), and Go for the SFU (`winget install GoLang.Go`)"
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn missing_packages_are_detected() {
        if find_program("dpkg-query").is_none() {
            return;
        }
        assert_eq!(not_installed(&["dpkg", "no-such-package-here"]).unwrap(), ["no-such-package-here"]);
    }

    #[test]
    fn a_package_is_not_installed_if_its_program_exists() {
        // The package doesn't exist, so that installing it would fail.
        ensure(&[&program("no-such-package-here", &["sh"])]).unwrap();
    }
}
