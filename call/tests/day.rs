//! Requests for a day's list of consultations.
#![allow(clippy::unwrap_used, reason = "tests")]

use autamedica_api::Timestamp;
use autamedica_call::backend::Backend;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use url::Url;

/// The fake backend returns two pages.
#[tokio::test]
async fn a_day_is_all_its_pages() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let serving = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            let request = String::from_utf8_lossy(&request[..length]);
            // No time zone is named: it may have no name.
            let asked = "?from=2026-11-24T05%3A00%3A00.000Z&until=2026-11-25T05%3A00%3A00.000Z";
            assert!(request.contains(asked) && !request.contains("zone"), "{request}");
            let is_second = request.contains("&cursor=1.a");
            let (id, next) = if is_second { ("b", "") } else { ("a", r#","next":"1.a""#) };
            let one = format!(
                r#"{{"consultationId":"{id}","roomName":"consultation-{id}","patientId":"p","doctorId":"d","state":"created",
                "waitingRoom":true,"admitted":false,"e2ee":true,"createdAt":"2026-11-24T12:00:00Z"}}"#
            );
            let body = format!(r#"{{"success":true,"data":{{"consultations":[{one}],"total":2{next}}}}}"#);
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
            let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    // An error means that another test has installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let [from, until] =
        ["2026-11-24T05:00:00Z", "2026-11-25T05:00:00Z"].map(|at| Timestamp::try_from(at.to_owned()).unwrap());
    let day = Backend::new().unwrap().consultations(&server, from, until, None).await.unwrap();
    let ids: Vec<_> = day.consultations.iter().map(|one| one.consultation_id.as_str()).collect();
    assert_eq!((ids, day.total, day.next), (vec!["a", "b"], 2, None));
    serving.abort();
}
