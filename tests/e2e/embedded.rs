//! Two apps of one user without a backend: the first app starts the bundled backend for this user only.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use autamedica_api::{Role, local_key_file};
use autamedica_lab::{Display, free_port};
use serde_json::json;

use crate::support::App;

/// Hang guard of the apps; the test closes them earlier.
const SECONDS: u64 = 90;

#[test]
fn two_apps_of_one_user_meet_and_another_account_gets_no_token() -> Result<()> {
    let (display, folder) = (Display::start(1400, 800)?, tempfile::tempdir()?);
    // An app may be started in a folder in which others write: with this setting its backend would not start.
    std::fs::write(folder.path().join(".env"), "LIVEKIT_URL=https://elsewhere.example\n")?;
    let port = free_port()?;
    let url = format!("http://localhost:{port}");
    let mut doctor = App::start_at(&display, &url, Role::Doctor, "own", SECONDS, "hello", folder.path())?;
    doctor.wait_for_screen("Call", 1)?;

    // Another account reaches the port but can't read the key.
    ensure!(create(port, None)? == 401, "a token for anybody on this machine");
    let file = folder.path().join("data/autamedica").join(local_key_file(port));
    let mode = |path: &Path| anyhow::Ok(std::fs::metadata(path)?.permissions().mode() & 0o777);
    ensure!(mode(&file)? == 0o600, "{:o}", mode(&file)?);
    // A script of this user can read the key.
    ensure!(create(port, Some(std::fs::read_to_string(&file)?))? == 200);

    let mut patient = App::start_at(&display, &url, Role::Patient, "own", SECONDS, "hello", folder.path())?;
    patient.wait_for_screen("Call", 1)?;
    for mut app in [patient, doctor] {
        app.close()?;
        let report = app.report()?;
        ensure!(report["end"] == "HungUp", "{report}");
    }
    ensure!(!file.exists(), "the key went with its backend");
    Ok(())
}

/// Returns the status of a create request to the backend at this port.
fn create(port: u16, key: Option<String>) -> Result<u16> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Another test of this process may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let body = json!({"consultationId": "script", "patientId": "p", "doctorId": "d"});
        let address = format!("http://127.0.0.1:{port}/api/consultations/create");
        let mut request = reqwest::Client::new().post(address).json(&body);
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        Ok(request.send().await.context("asking the backend")?.status().as_u16())
    })
}
