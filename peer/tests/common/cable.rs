//! A TCP relay in front of a port, whose connections a test cuts.

use std::io;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A relay to one port. Dropping it cuts it.
pub struct Cable {
    url: String,
    cuts: watch::Sender<u32>,
    is_held: watch::Sender<bool>,
    relay: JoinHandle<()>,
}

impl Cable {
    /// Starts a relay to the port of a `ws` address.
    pub async fn start(url: &str) -> Result<Self> {
        let target = url.strip_prefix("ws://").context("a ws address")?.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("ws://{}", listener.local_addr()?);
        let ((cuts, cut), (is_held, held)) = (watch::channel(0), watch::channel(false));
        let relay = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (target, mut cut, held, never) =
                    (target.clone(), cut.clone(), held.clone(), watch::channel(false).1);
                cut.mark_unchanged();
                tokio::spawn(async move {
                    let Ok(far) = TcpStream::connect(target).await else { return };
                    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                    tokio::select! {
                        _ = forward(near_in, far_out, never) => {}
                        _ = forward(far_in, near_out, held) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Ok(Self { url, cuts, is_held, relay })
    }

    /// Address for those who connect through the relay.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Delivers nothing to those who connected, until the next [`cut`](Self::cut).
    pub fn hold(&self) {
        self.is_held.send_replace(true);
    }

    /// Breaks all present connections. What was held is lost.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
        self.is_held.send_replace(false);
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.relay.abort();
    }
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut held: watch::Receiver<bool>) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        // A sender that was dropped holds nothing.
        let _ = held.wait_for(|is_held| !is_held).await;
        to.write_all(&buffer[..length]).await?;
    }
}
