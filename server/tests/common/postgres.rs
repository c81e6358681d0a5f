//! A real PostgreSQL of the tests' own.
#![allow(dead_code, reason = "each test binary uses its part")]

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

/// Runs SQL in a database of this cluster, as another client of it.
///
/// # Panics
/// When it fails.
pub fn run_inside(database: &Secret, sql: &str) {
    let done = tool("psql").args(["-q", "-v", "ON_ERROR_STOP=1", "-d", database.expose(), "-c", sql]).status();
    assert!(done.unwrap().success(), "{sql}");
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

/// A database of its own whose tables are kept in `folder`.
pub fn database_in(folder: &std::path::Path) -> Secret {
    let url = database();
    if std::fs::metadata(folder).map(|folder| std::os::unix::fs::MetadataExt::uid(&folder)).unwrap() == 0 {
        chown(folder, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let space = format!("{}_space", name(&url));
    let made = format!("CREATE TABLESPACE {space} LOCATION '{}'", folder.display());
    run(&url, &made);
    run(&url, &format!("ALTER DATABASE {} SET TABLESPACE {space}", name(&url)));
    url
}

/// Drops a database of [`database_in`] with its folder's tablespace.
pub fn drop_database(url: &Secret) {
    run(url, &format!("DROP DATABASE {} WITH (FORCE)", name(url)));
    run(url, &format!("DROP TABLESPACE {}_space", name(url)));
}

/// The name of the database at a URL.
pub fn name(url: &Secret) -> String {
    url.expose().rsplit('/').next().unwrap().to_owned()
}

/// The statement that ends every connection to the database at a URL.
pub fn kill_connections(url: &Secret) -> String {
    format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'", name(url))
}

/// Runs statements beside the database at a URL, on the same server.
pub fn run(url: &Secret, statements: &str) {
    let beside = format!("{}/postgres", url.expose().rsplit_once('/').unwrap().0);
    let ran = tool("psql").args(["--quiet", "-v", "ON_ERROR_STOP=1", "-c", statements]).arg(beside).output().unwrap();
    assert!(ran.status.success(), "{statements}: {}", String::from_utf8_lossy(&ran.stderr));
}
