//! Schemathesis against the running server: everything that its description allows and forbids.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::process::Stdio;
use std::time::Duration;

use autamedica_lab::workspace_file;
use autamedica_server::{Config, Database, RateLimit, Scope, open_store};
use common::Backend;

/// How many examples an operation gets. By hand, try more: `AUTAMEDICA_EXAMPLES=200`.
const EXAMPLES: &str = "10";

/// Runs every check; `key` is the caller's.
async fn try_everything(backend: &Backend, key: Option<&str>) {
    let packages = std::fs::read_dir(workspace_file(".tools/schemathesis").unwrap()).unwrap();
    let packages = packages.flatten().map(|entry| entry.path()).max().expect("run `cargo xtask setup --tests`");
    let folder = tempfile::tempdir().unwrap();
    let examples = std::env::var("AUTAMEDICA_EXAMPLES").unwrap_or_else(|_| EXAMPLES.to_owned());
    let mut command = tokio::process::Command::new("python3");
    command.args(["-c", "from schemathesis.cli import schemathesis; schemathesis()", "run"]);
    command.arg(backend.url("/openapi.json")).args(["--checks", "all", "-n", &examples, "--request-timeout", "30"]);
    let mut selected = "37 selected / 37 total";
    if let Some(key) = key {
        // The contract's 501 for who may record on a server that doesn't would count as the server's fault.
        command.args(["--exclude-path-regex", "/recording/st(art|op)"]);
        selected = "35 selected / 37 total";
        command.args(["-H", &format!("Authorization: Bearer {key}")]);
    }
    command.env("PYTHONPATH", packages).current_dir(folder.path()).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    // It also succeeds when it had nothing to do.
    assert!(said.contains(selected), "{said}");
}

/// Not the limits but what is behind them is tried.
fn unlimited() -> Config {
    let limit = RateLimit { burst: u32::MAX, period: Duration::from_nanos(1) };
    Config { rate_limit: limit, code_limit: limit, check_limit: limit, refusal_limit: limit, ..Config::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_on_the_open_api() {
    let backend = Backend::start_with(unlimited()).await;
    try_everything(&backend, None).await;
    backend.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_with_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { database: Database::File(folder.path().join("a.db")), ..unlimited() };
    let store = open_store(&config).await.unwrap();
    let key = store.create_key("desk", Scope::Desk).await.unwrap();
    let backend = Backend::start_with(config).await;
    try_everything(&backend, Some(key.expose())).await;
    assert!(store.verify_audit().await.unwrap().is_ok());
    store.close().await;
    backend.server.shutdown().await;
}
