//! A way through which all TCP to another port goes, and which can be shut.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How the way is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Everything passes.
    Open,
    /// What comes is taken, and goes no further: a network that swallows packets.
    Stuck,
    /// Connections break, and new ones come to nothing: a server that is gone.
    Shut,
}

/// A listening port that leads to another.
pub struct Gate {
    address: SocketAddr,
    inside: Arc<Inside>,
}

struct Inside {
    port: u16,
    way: watch::Sender<Way>,
    sent: Mutex<Sent>,
}

#[derive(Default)]
struct Sent {
    bytes: u64,
    /// How the way becomes when it is so much.
    change: Option<(u64, Way)>,
}

impl Gate {
    /// One to a port of this machine.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (way, _) = watch::channel(Way::Open);
        let inside = Arc::new(Inside { port, way, sent: Mutex::default() });
        let accepting = inside.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, accepting.clone()));
            }
        });
        Self { address, inside }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn set(&self, way: Way) {
        self.inside.way.send_replace(way);
    }

    /// Makes it so as soon as clients have sent this much.
    pub fn set_after(&self, bytes: u64, way: Way) {
        self.inside.sent.lock().unwrap().change = Some((bytes, way));
    }

    /// Waits until it is so.
    pub async fn until(&self, wanted: Way) {
        super::soon("the way", self.inside.way.subscribe().wait_for(|way| *way == wanted)).await.unwrap();
    }

    /// Bytes that clients have sent through it.
    pub fn sent(&self) -> u64 {
        self.inside.sent.lock().unwrap().bytes
    }
}

impl Inside {
    fn count(&self, bytes: usize) {
        let mut sent = self.sent.lock().unwrap();
        sent.bytes += bytes as u64;
        if let Some((limit, way)) = sent.change
            && sent.bytes >= limit
        {
            sent.change = None;
            self.way.send_replace(way);
        }
    }
}

async fn pass(mut client: TcpStream, inside: Arc<Inside>) {
    let mut way = inside.way.subscribe();
    if *way.borrow() == Way::Shut {
        return;
    }
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", inside.port)).await else { return };
    let (mut up, mut down) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        let now = *way.borrow_and_update();
        if now == Way::Shut {
            return;
        }
        let passes = now == Way::Open;
        let goes_on = tokio::select! {
            changed = way.changed() => changed.is_ok(),
            read = client.read(&mut up), if passes => match read {
                Ok(length) if length > 0 => {
                    inside.count(length);
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
