use tokio::net::TcpListener;
use tokio_tungstenite::accept_async;

use super::*;

type ServerSocket = WebSocketStream<TcpStream>;

/// Server that answers packets as a test says.
struct FakeServer(TcpListener);

impl FakeServer {
    async fn start() -> (Self, Url) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = address(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        (Self(listener), url)
    }

    /// Accepts a connection. Returns it with the `auth` of the client.
    async fn accept(&self) -> (ServerSocket, Value) {
        let (stream, _) = self.0.accept().await.unwrap();
        let mut socket = accept_async(stream).await.unwrap();
        socket.send(Message::text(r#"0{"sid":"x","pingInterval":25000,"pingTimeout":30000}"#)).await.unwrap();
        let text = text(&mut socket).await;
        let auth = serde_json::from_str(text.strip_prefix("40").unwrap()).unwrap();
        (socket, auth)
    }
}

async fn text(socket: &mut ServerSocket) -> String {
    loop {
        if let Message::Text(text) = socket.next().await.unwrap().unwrap() {
            return text.to_string();
        }
    }
}

fn credentials(token: &str) -> (watch::Sender<Secret>, Credentials) {
    let (sender, token) = watch::channel(Secret::new(token));
    (sender, Credentials { user_id: "ana".into(), token })
}

#[test]
fn the_address_has_no_token() {
    let address = |server: &str| address(server).map(|url| url.to_string());
    let query = "EIO=4&transport=websocket";
    assert_eq!(address("http://h:1").unwrap(), format!("ws://h:1/socket.io/?{query}"));
    assert_eq!(address("wss://h/api/?x#y").unwrap(), format!("wss://h/api/socket.io/?{query}"));
    for server in ["ftp://h", "h:1", "", "data:x"] {
        assert!(address(server).is_err(), "{server}");
    }
}

#[tokio::test]
async fn a_passing_refusal_is_tried_again_and_a_final_one_is_not() {
    let (server, url) = FakeServer::start().await;
    let (token, credentials) = credentials("t");
    let (client, mut incoming) = Client::start(url, credentials);
    for refusal in ["rate_limited: wait", "internal: try again", "Failed"] {
        let (mut socket, auth) = server.accept().await;
        assert_eq!(auth, json!({ "userId": "ana", "token": "t" }));
        socket.send(Message::text(format!("44{}", json!({ "message": refusal })))).await.unwrap();
    }
    let (mut socket, _) = server.accept().await;
    socket.send(Message::text(r#"40{"sid":"y"}"#)).await.unwrap();
    assert!(matches!(incoming.recv().await, Some(Incoming::Connected)));
    drop(socket);
    assert!(matches!(incoming.recv().await, Some(Incoming::Lost)));
    let (mut socket, _) = server.accept().await;
    socket.send(Message::text(r#"44{"message":"unauthorized: too old"}"#)).await.unwrap();
    let refused = incoming.recv().await;
    assert!(matches!(&refused, Some(Incoming::Refused(message)) if message == "too old"), "{refused:?}");
    // It waits for another token, and meanwhile for the end.
    token.send_replace(Secret::new("new"));
    let (mut socket, auth) = server.accept().await;
    assert_eq!(auth["token"], "new");
    socket.send(Message::text(r#"44{"message":"unauthorized: revoked"}"#)).await.unwrap();
    assert!(matches!(incoming.recv().await, Some(Incoming::Refused(_))));
    drop(client);
    assert!(incoming.recv().await.is_none());
}

#[tokio::test]
async fn each_connection_uses_the_newest_token() {
    let (server, url) = FakeServer::start().await;
    let (token, credentials) = credentials("old");
    let (_client, mut incoming) = Client::start(url, credentials);
    let (mut socket, auth) = server.accept().await;
    assert_eq!(auth["token"], "old");
    socket.send(Message::text(r#"40{"sid":"x"}"#)).await.unwrap();
    assert!(matches!(incoming.recv().await, Some(Incoming::Connected)));
    token.send_replace(Secret::new("new"));
    drop(socket);
    assert!(matches!(incoming.recv().await, Some(Incoming::Lost)));
    let (mut socket, auth) = server.accept().await;
    assert_eq!(auth["token"], "new");
    // The old token is refused while a newer one is there already.
    token.send_replace(Secret::new("newest"));
    socket.send(Message::text(r#"44{"message":"unauthorized: too old"}"#)).await.unwrap();
    let (_socket, auth) = server.accept().await;
    assert_eq!(auth["token"], "newest");
}
