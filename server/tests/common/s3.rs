//! An S3 server.

use std::process::{Command, Stdio};

use autamedica_lab::{HANG_GUARD, Process, free_port, wait_until, workspace_file};
use autamedica_server::{S3Config, Secret};

/// An S3 server that keeps what it is told about encryption.
pub fn moto() -> (Process, u16) {
    let port = free_port().unwrap();
    let packages = std::fs::read_dir(workspace_file(".tools/moto").unwrap()).unwrap();
    let packages = packages.flatten().map(|entry| entry.path()).max().expect("run `cargo xtask setup --tests`");
    let mut command = Command::new("python3");
    command.args(["-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", &port.to_string()]);
    command.env("PYTHONPATH", packages);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let process = Process::spawn("moto_server", command).unwrap();
    wait_until("moto", HANG_GUARD, || std::net::TcpStream::connect(("127.0.0.1", port)).ok()).unwrap();
    (process, port)
}

/// The bucket `clinic` of the S3 server on this port.
pub fn bucket(port: u16, kms_key: Option<&str>) -> S3Config {
    S3Config {
        bucket: "clinic".to_owned(),
        region: "us-east-1".to_owned(),
        access_key: "key".to_owned(),
        secret_key: Secret::new("secret"),
        endpoint: Some(format!("http://127.0.0.1:{port}").parse().unwrap()),
        path_style: true,
        kms_key: kms_key.map(str::to_owned),
        ca: None,
    }
}
