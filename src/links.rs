//! Registration as the handler of `autamedica://` links on Linux desktops.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// File name in `~/.local/share/applications`: the app's id, by which desktops find its icon and windows.
const FILE: &str = "com.autamedica.client.desktop";
const SCHEME: &str = "x-scheme-handler/autamedica";

/// Registers this program as this user's handler of the links.
///
/// # Errors
/// A file can't be written, or `xdg-mime` is missing or fails.
pub fn register() -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "only Linux desktops are registered this way");
    let program = std::env::current_exe().context("finding our own program")?;
    let folder = applications()?;
    std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let file = folder.join(FILE);
    std::fs::write(&file, entry(&program)).with_context(|| format!("writing {}", file.display()))?;
    // Only desktops with an index of these files have this program.
    if let Err(error) = Command::new("update-desktop-database").arg(&folder).status() {
        tracing::debug!(%error, "desktop file index not updated");
    }
    let status = Command::new("xdg-mime").args(["default", FILE, SCHEME]).status();
    let status = status.context("running xdg-mime (Debian: xdg-utils)")?;
    ensure!(status.success(), "xdg-mime refused: {status}");
    println!("autamedica:// links open with {}", program.display());
    Ok(())
}

fn applications() -> Result<PathBuf> {
    if let Some(data) = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute()) {
        return Ok(data.join("applications"));
    }
    let home = std::env::var_os("HOME").context("this user has no home")?;
    Ok(Path::new(&home).join(".local/share/applications"))
}

/// Returns the desktop file. The link is a separate argument: no shell parses it.
fn entry(program: &Path) -> String {
    format!(
        "[Desktop Entry]\n\
         Type=Application\n\
         Name=AutaMedica\n\
         Comment=Video consultation\n\
         Comment[es]=Consulta por video\n\
         Exec={} %u\n\
         Icon=camera-video\n\
         Terminal=false\n\
         Categories=Network;VideoConference;\n\
         StartupWMClass=com.autamedica.client\n\
         MimeType={SCHEME};\n",
        quoted(&program.to_string_lossy())
    )
}

/// Quotes an argument as the desktop entry specification demands, in a value of type string.
fn quoted(argument: &str) -> String {
    let mut quoted = String::from("\"");
    for c in argument.chars() {
        match c {
            // Escaped once for the argument, and its backslash once more for the value.
            '"' | '`' | '$' => quoted.extend(['\\', '\\', c]),
            '\\' => quoted.push_str("\\\\\\\\"),
            // A single `%` would start a field code.
            '%' => quoted.push_str("%%"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_programs_path_is_quoted_as_the_specification_says() {
        assert_eq!(quoted("/opt/auta medica/app"), "\"/opt/auta medica/app\"");
        assert_eq!(quoted("/a%b$c\"d"), "\"/a%%b\\\\$c\\\\\"d\"");
        assert!(entry(Path::new("/usr/bin/autamedica")).contains("\nExec=\"/usr/bin/autamedica\" %u\n"));
    }
}
