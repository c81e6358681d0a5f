//! A real PostgreSQL of the tests' own.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use autamedica_lab::{HANG_GUARD, Process, free_port, wait_until};
use autamedica_server::Secret;

/// PostgreSQL refuses to run as root; this is what Debian calls `nobody`.
const NOBODY: u32 = 65534;

struct Cluster {
    port: u16,
    _process: Process,
    _folder: tempfile::TempDir,
}

/// A database of its own in the one cluster of this test binary, as its URL.
///
/// # Panics
/// When PostgreSQL isn't installed (`apt-get install postgresql`) or doesn't start.
pub fn database() -> Secret {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let port = CLUSTER.get_or_init(start).port;
    let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let made = tool("createdb").args(["-h", "127.0.0.1", "-p", &port.to_string(), "-U", "tester", &name]).status();
    assert!(made.unwrap().success(), "a database can't be made");
    Secret::new(format!("postgres://tester@127.0.0.1:{port}/{name}"))
}

fn start() -> Cluster {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let is_root =
        std::fs::metadata(folder.path()).map(|folder| std::os::unix::fs::MetadataExt::uid(&folder)).unwrap() == 0;
    let as_nobody = |mut command: Command| {
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    if is_root {
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let mut init = as_nobody(tool("initdb"));
    init.args(["-U", "tester", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale", "C", "-D"]).arg(&data);
    assert!(init.status().unwrap().success(), "initdb failed");
    let port = free_port().unwrap();
    let mut command = as_nobody(tool("postgres"));
    command.arg("-D").arg(&data).args(["-h", "127.0.0.1", "-p", &port.to_string(), "-c", "fsync=off"]);
    command.arg("-k").arg(folder.path());
    let process = Process::spawn("postgres", command).unwrap();
    wait_until("PostgreSQL", HANG_GUARD, || {
        let ready = tool("pg_isready").args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]).status();
        ready.unwrap().success().then_some(())
    })
    .unwrap();
    Cluster { port, _process: process, _folder: folder }
}

/// Debian keeps PostgreSQL's programs out of `PATH`.
fn tool(name: &str) -> Command {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = debian.map(|version| version.path().join("bin").join(name)).collect();
    found.retain(|program| program.is_file());
    found.sort();
    Command::new(found.pop().unwrap_or_else(|| name.into()))
}
