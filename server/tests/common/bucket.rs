//! A real S3 server with TLS, SSE-S3 and SSE-KMS: SeaweedFS.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use autamedica_lab::{HANG_GUARD, Process, free_port, wait_until, workspace_file};
use autamedica_server::{RecordingConfig, S3Config, Secret};
use object_store::ObjectStoreExt as _;
use object_store::aws::AmazonS3Builder;

use super::recording::local;

/// Its bucket; made when it is first written to.
pub const BUCKET: &str = "clinic";
/// Its access key.
pub const ACCESS_KEY: &str = "clinic-key";
/// Its secret.
pub const SECRET_KEY: &str = "clinic-secret";

/// The server, with a certificate and a disk of its own.
pub struct S3Server {
    pub port: u16,
    _process: Process,
    folder: tempfile::TempDir,
}

impl S3Server {
    /// The one of this test binary: it takes seconds to start.
    ///
    /// # Panics
    /// When it isn't installed (`cargo xtask setup --tests`) or doesn't start.
    pub fn shared() -> &'static Self {
        static SERVER: OnceLock<S3Server> = OnceLock::new();
        SERVER.get_or_init(Self::start)
    }

    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        certificate(folder.path(), "server");
        let identity = serde_json::json!({
            "name": "server",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "Write", "List"],
        });
        let kms = serde_json::json!({
            "default_provider": "own",
            "providers": {"own": {"type": "local", "enableOnDemandCreate": true}},
        });
        let config = serde_json::json!({"identities": [identity], "kms": kms});
        std::fs::write(folder.path().join("s3.json"), config.to_string()).unwrap();
        let port = free_port().unwrap();
        let mut command = Command::new(workspace_file(".tools/bin/weed").expect("run `cargo xtask setup --tests`"));
        command.args(["server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", "-master.telemetry=false"]);
        command.args(["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.config=s3.json", "-volume.max=200"]);
        command.args(["-s3.cert.file=server.pem", "-s3.key.file=server.key", "-dir=.", "-master.volumeSizeLimitMB=64"]);
        command.args(["-filer.localSocket=filer.sock", "-s3.localSocket=s3.sock"]);
        command.arg(format!("-s3.port={port}"));
        for part in ["master.port", "volume.port", "filer.port", "master.port.grpc", "volume.port.grpc"] {
            command.arg(format!("-{part}={}", free_port().unwrap()));
        }
        for part in ["filer.port.grpc", "s3.port.grpc"] {
            command.arg(format!("-{part}={}", free_port().unwrap()));
        }
        // What the keys of SSE-S3 are derived from.
        command.env("WEED_S3_SSE_KEY", "of this test").current_dir(folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = Process::spawn("SeaweedFS", command).unwrap();
        wait_until("SeaweedFS", HANG_GUARD, || std::net::TcpStream::connect(("127.0.0.1", port)).ok()).unwrap();
        Self { port, _process: process, folder }
    }

    /// The certificate to trust, as PEM.
    pub fn ca(&self) -> Vec<u8> {
        std::fs::read(self.folder.path().join("server.pem")).unwrap()
    }

    /// A client that trusts it.
    pub fn client(&self) -> reqwest::Client {
        let certificate = reqwest::Certificate::from_pem(&self.ca()).unwrap();
        super::client();
        // The address that was signed is in a header, which HTTP/2 has no place for.
        reqwest::Client::builder().http1_only().tls_certs_only([certificate]).build().unwrap()
    }

    /// A way to one of its buckets.
    pub fn bucket(&self, name: &str) -> AmazonS3Builder {
        super::client();
        let certificate = object_store::Certificate::from_pem(&self.ca()).unwrap();
        AmazonS3Builder::new()
            .with_bucket_name(name)
            .with_region("us-east-1")
            .with_access_key_id(ACCESS_KEY)
            .with_secret_access_key(SECRET_KEY)
            .with_endpoint(format!("https://127.0.0.1:{}", self.port))
            .with_client_options(object_store::ClientOptions::new().with_root_certificate(certificate))
    }

    /// Whether there is an object of this key.
    pub async fn has(&self, key: &str) -> bool {
        match self.bucket(BUCKET).build().unwrap().head(&key.into()).await {
            Ok(_) => true,
            Err(object_store::Error::NotFound { .. }) => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// What the backend must know of its bucket, found at `port`.
    pub fn config(&self, port: u16, kms_key: Option<&str>) -> S3Config {
        S3Config {
            bucket: BUCKET.to_owned(),
            region: "us-east-1".to_owned(),
            access_key: ACCESS_KEY.to_owned(),
            secret_key: Secret::new(SECRET_KEY),
            endpoint: Some(format!("https://127.0.0.1:{port}").parse().unwrap()),
            path_style: true,
            kms_key: kms_key.map(str::to_owned),
            encrypted_by_provider: false,
            ca: Some(self.ca()),
        }
    }

    /// Recording into its bucket, found at `port`.
    pub fn recording(&self, folder: &Path, port: u16, kms_key: Option<&str>) -> RecordingConfig {
        RecordingConfig { s3: Some(self.config(port, kms_key)), ..local(folder) }
    }
}

/// A key and its certificate for this machine's address: `NAME.key` and `NAME.pem` in the folder.
pub fn certificate(folder: &Path, name: &str) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=bucket", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")])
        .current_dir(folder)
        .stderr(Stdio::null())
        .status();
    assert!(made.unwrap().success());
}
