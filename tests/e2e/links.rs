//! Registration for `autamedica://` links, checked with the desktop's own tools in a scratch home.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use autamedica_lab::built_program;

fn in_home(program: impl AsRef<std::ffi::OsStr>, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("HOME", home).env("XDG_DATA_HOME", home.join("data")).env("XDG_CONFIG_HOME", home.join("config"));
    // Without these, the tools use their generic implementation.
    command.env_remove("XDG_CURRENT_DESKTOP").env_remove("KDE_SESSION_VERSION");
    command
}

#[test]
fn a_registered_app_is_who_opens_our_links() -> Result<()> {
    let home = tempfile::tempdir()?;
    std::fs::create_dir_all(home.path().join("config"))?;
    let program = built_program("autamedica")?;
    // Registering again changes nothing.
    for _ in 0..2 {
        let output = in_home(&program, home.path()).arg("--register").output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let query = in_home("xdg-mime", home.path()).args(["query", "default", "x-scheme-handler/autamedica"]).output();
    let query = query.context("running xdg-mime")?;
    let opens = String::from_utf8_lossy(&query.stdout).trim().to_owned();
    ensure!(opens == "com.autamedica.client.desktop", "{opens:?} opens them");
    let entry = std::fs::read_to_string(home.path().join("data/applications").join(opens))?;
    ensure!(entry.contains(&format!("Exec=\"{}\" %u", program.display())), "{entry}");
    let check = Command::new("desktop-file-validate")
        .arg(home.path().join("data/applications/com.autamedica.client.desktop"))
        .output();
    if let Ok(check) = check {
        ensure!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
    }
    Ok(())
}
