//! Proxy before a server; while it is down it answers with 503.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// Proxy that forwards connections to a local port, or answers them with 503.
pub struct Proxy {
    pub port: u16,
    open: Arc<Mutex<Vec<TcpStream>>>,
    down: Arc<AtomicBool>,
    refused: Arc<AtomicUsize>,
}

impl Proxy {
    pub fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().port();
        let (down, refused) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (is_down, count) = (down.clone(), refused.clone());
        let open = Arc::<Mutex<Vec<TcpStream>>>::default();
        let passed = open.clone();
        // The thread ends with the test's process.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if is_down.load(Ordering::Acquire) {
                    count.fetch_add(1, Ordering::AcqRel);
                    thread::spawn(move || refuse(client));
                } else if let Ok(server) = TcpStream::connect(("127.0.0.1", port)) {
                    pass(&client, &server);
                    pass(&server, &client);
                    passed.lock().unwrap().push(client);
                }
            }
        });
        Self { port: own, open, down, refused }
    }

    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::Release);
    }

    /// Breaks all connections.
    pub fn cut(&self) {
        for client in self.open.lock().unwrap().drain(..) {
            // The client may have closed it.
            let _ = client.shutdown(std::net::Shutdown::Both);
        }
    }

    /// Returns the number of connections answered with 503.
    pub fn refused(&self) -> usize {
        self.refused.load(Ordering::Acquire)
    }
}

fn refuse(mut client: TcpStream) {
    let mut request = [0; 4096];
    let answer = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    // The client may have disconnected.
    let _ = client.read(&mut request).and_then(|_| client.write_all(answer.as_bytes()));
}

fn pass(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    thread::spawn(move || {
        // Either side may end the connection.
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Both);
    });
}
