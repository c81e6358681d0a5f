//! Recording of a consultation in which one participant hasn't been asked for consent, with a slow database.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use autamedica_engine::TrackSource;
use autamedica_lab::{HANG_GUARD, Sfu};
use autamedica_server::{Config, Database, LiveKitUrl, RecordingConfig, Secret, Server, SfuConfig};
use serde_json::{Value, json};

use crate::film::{Film, LEFT, Place, RIGHT};
use crate::media::Person;
use crate::postgres;

const COMPANION_HZ: f64 = 2500.0;
/// Area of the first of three participants. It has no time code when there are two.
const FIRST_OF_THREE: Place = (0, 0, 640, 360);

/// Makes PostgreSQL delay the writes at the recorder's start by five seconds, and the registration of participants by
/// more.
const HOLD: &str = "
    CREATE TABLE held (what TEXT PRIMARY KEY, seconds DOUBLE PRECISION);
    INSERT INTO held VALUES ('recording_parts', 5), ('stays', 25);
    CREATE FUNCTION hold() RETURNS trigger AS $$ BEGIN
        PERFORM pg_sleep((SELECT seconds FROM held WHERE what = TG_TABLE_NAME)); RETURN NEW;
    END $$ LANGUAGE plpgsql;
    CREATE TRIGGER hold BEFORE INSERT OR UPDATE ON recording_parts FOR EACH ROW EXECUTE FUNCTION hold();
    CREATE TRIGGER hold BEFORE INSERT ON stays FOR EACH ROW EXECUTE FUNCTION hold();";

/// A companion with camera and microphone is in the room before the recorder. The server doesn't know the companion
/// yet, and each write at the recorder's start takes five seconds.
#[tokio::test(flavor = "multi_thread")]
async fn a_companion_who_has_not_answered_is_in_neither_picture_nor_sound() -> Result<()> {
    let (sfu, folder) = (Sfu::start()?, tempfile::tempdir()?);
    let database = postgres::database();
    let config = Config {
        port: 0,
        sfu: SfuConfig::External {
            url: LiveKitUrl::parse(&sfu.url())?,
            api_key: Sfu::API_KEY.to_owned(),
            api_secret: Secret::new(Sfu::API_SECRET),
        },
        database: Database::Postgres(database.clone()),
        master_key: Some(Secret::new("0123456789abcdef".repeat(4))),
        recording: RecordingConfig { folder: Some(folder.path().join("recordings")), ..RecordingConfig::default() },
        ..Config::default()
    };
    let server = Server::start(config).await?;
    let api = Api { url: server.url(), http: reqwest::Client::new() };
    let wanted = json!({"consultationId": "filmed", "patientId": "patient-ana", "doctorId": "doctor-luis",
        "recordingConsent": "already-given", "e2ee": false});
    let consultation = api.post("create", None, &wanted).await?;
    let doctor_token = consultation["doctorToken"].as_str();
    let room = "consultation-filmed";
    let mut doctor = Person::join(&sfu, room, "doctor-luis").await?;
    let mut patient = Person::join(&sfu, room, "patient-ana").await?;
    for (person, hz) in [(&mut doctor, 1700.0), (&mut patient, 1000.0)] {
        person.film(TrackSource::Camera, 1280, 720).await?;
        person.beep(hz).await?;
    }
    api.until("filmed", doctor_token, |it| it["state"] == "live").await?;

    postgres::run_inside(&database, HOLD);
    let mut companion = Person::join(&sfu, room, "companion-1").await?;
    companion.film(TrackSource::Camera, 1280, 720).await?;
    companion.beep(COMPANION_HZ).await?;
    api.post("filmed/recording/start", doctor_token, &json!({"roomName": room})).await?;
    let newest = |it: &Value| it["recordings"][0].clone();
    api.until("filmed/recordings", doctor_token, |it| newest(it)["state"] == "recording").await?;
    postgres::run_inside(&database, "UPDATE held SET seconds = 0 WHERE what = 'recording_parts'");
    let lasts = |it: &Value, seconds: f64| newest(it)["durationSeconds"].as_f64().is_some_and(|it| it > seconds);
    api.until("filmed/recordings", doctor_token, |it| lasts(it, 6.0)).await?;
    api.post("filmed/recording/stop", doctor_token, &json!({})).await?;
    let ready = api.until("filmed/recordings", doctor_token, |it| newest(it)["state"] == "ready").await?;
    let parts = newest(&ready)["parts"].clone();
    ensure!(parts.as_array().is_some_and(|parts| parts.len() == 1), "{ready}");
    let file = url::Url::parse(parts[0]["location"].as_str().unwrap_or_default())?.to_file_path();
    let file = file.map_err(|()| anyhow::anyhow!("the recording isn't a file: {ready}"))?;

    let film = Film::open(&file, &[LEFT, RIGHT, FIRST_OF_THREE])?;
    let [left, right, first_of_three] = [0, 1, 2].map(|place| film.delays(place));
    println!("{left:.2?}\n{right:.2?}\n{first_of_three:.2?}");
    ensure!(left[3].is_some() && right[3].is_some(), "doctor and patient are side by side");
    ensure!(first_of_three.iter().all(Option::is_none), "three people were in the picture");
    let heard = [1700.0, 1000.0, COMPANION_HZ].map(|hz| film.beeps(hz));
    println!("{heard:.2?}");
    ensure!(heard[0].len() > 2 && heard[1].len() > 2, "doctor and patient are heard");
    ensure!(heard[2].is_empty(), "the companion is heard at {:.2?}", heard[2]);
    companion.leave().await?;
    server.shutdown().await;
    Ok(())
}

/// Client of the server's API that returns the `data` of answers.
struct Api {
    url: String,
    http: reqwest::Client,
}

impl Api {
    async fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Result<Value> {
        let request = self.http.post(format!("{}/api/consultations/{path}", self.url)).json(body);
        Self::data(token.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth)).await
    }

    /// Polls `path` until its answer is right.
    async fn until(&self, path: &str, token: Option<&str>, is_right: impl Fn(&Value) -> bool) -> Result<Value> {
        let started = Instant::now();
        loop {
            let request = self.http.get(format!("{}/api/consultations/{path}", self.url));
            let data = Self::data(token.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth)).await?;
            if is_right(&data) {
                return Ok(data);
            }
            ensure!(started.elapsed() < HANG_GUARD, "{path} stays {data}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn data(request: reqwest::RequestBuilder) -> Result<Value> {
        let answer: Value = request.send().await?.json().await?;
        ensure!(answer["success"] == true, "{answer}");
        Ok(answer["data"].clone())
    }
}
