//! A way through which all TCP to another port goes, and which can be shut.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How the way is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyState {
    /// Everything passes.
    Open,
    /// What comes is taken, and goes no further: a network that swallows packets.
    Stalled,
    /// Connections break, and new ones come to nothing: a server that is gone.
    Closed,
}

/// A listening port that leads to another.
pub struct TcpProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    port: u16,
    state: watch::Sender<ProxyState>,
    sent: Mutex<Sent>,
}

#[derive(Default)]
struct Sent {
    bytes: u64,
    /// How the way becomes when it is so much.
    change: Option<(u64, ProxyState)>,
}

impl TcpProxy {
    /// One to a port of this machine.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (state, _) = watch::channel(ProxyState::Open);
        let shared = Arc::new(Shared { port, state, sent: Mutex::default() });
        let accepting = shared.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, accepting.clone()));
            }
        });
        Self { address, shared }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn set(&self, state: ProxyState) {
        self.shared.state.send_replace(state);
    }

    /// Makes it so as soon as clients have sent this much.
    pub fn set_after(&self, bytes: u64, state: ProxyState) {
        self.shared.sent.lock().unwrap().change = Some((bytes, state));
    }

    /// Waits until it is so.
    pub async fn wait_for_state(&self, wanted: ProxyState) {
        super::soon("the way", self.shared.state.subscribe().wait_for(|state| *state == wanted)).await.unwrap();
    }

    /// Bytes that clients have sent through it.
    pub fn sent(&self) -> u64 {
        self.shared.sent.lock().unwrap().bytes
    }
}

impl Shared {
    fn count(&self, bytes: usize) {
        let mut sent = self.sent.lock().unwrap();
        sent.bytes += bytes as u64;
        if let Some((limit, state)) = sent.change
            && sent.bytes >= limit
        {
            sent.change = None;
            self.state.send_replace(state);
        }
    }
}

async fn pass(mut client: TcpStream, shared: Arc<Shared>) {
    let mut state = shared.state.subscribe();
    if *state.borrow() == ProxyState::Closed {
        return;
    }
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", shared.port)).await else { return };
    let (mut up, mut down) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        let now = *state.borrow_and_update();
        if now == ProxyState::Closed {
            return;
        }
        let passes = now == ProxyState::Open;
        let goes_on = tokio::select! {
            changed = state.changed() => changed.is_ok(),
            read = client.read(&mut up), if passes => match read {
                Ok(length) if length > 0 => {
                    shared.count(length);
                    server.write_all(&up[..length]).await.is_ok()
                }
                _ => false,
            },
            read = server.read(&mut down), if passes => match read {
                Ok(length) if length > 0 => client.write_all(&down[..length]).await.is_ok(),
                _ => false,
            },
        };
        if !goes_on {
            return;
        }
    }
}
