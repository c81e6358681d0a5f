//! The program, as an operator runs it.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use autamedica_lab::Process;

/// The program with its files in `folder`, and nothing of this machine's configuration.
pub fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_autamedica-server"));
    command.current_dir(folder).env("AUTAMEDICA_DATA_DIR", folder).stdin(Stdio::null());
    for name in ["LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "DATABASE_URL", "RUST_LOG"] {
        command.env_remove(name);
    }
    command
}

/// Starts it on a free port, logging to `log` in the folder, and waits for the address that it prints.
pub fn serve(folder: &Path, arguments: &[&str]) -> (Process, String) {
    let mut command = program(folder);
    command.args(["--port", "0"]).args(arguments);
    serve_with(folder, command)
}

/// As [`serve`], with a command of the test's own.
pub fn serve_with(folder: &Path, mut command: Command) -> (Process, String) {
    let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
    command.stdout(Stdio::piped()).stderr(log);
    let mut process = Process::spawn("autamedica-server", command).unwrap();
    let mut line = String::new();
    BufReader::new(process.child().stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("AutaMedica serves on ");
    let log = || std::fs::read_to_string(folder.join("log")).unwrap();
    (process, url.unwrap_or_else(|| panic!("{line:?}\n{}", log())).to_owned())
}
