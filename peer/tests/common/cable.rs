//! A TCP relay in front of a port, whose connections a test cuts.

use anyhow::{Context, Result};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A relay to one port. Dropping it cuts it.
pub struct Cable {
    url: String,
    cuts: watch::Sender<u32>,
    relay: JoinHandle<()>,
}

impl Cable {
    /// Starts a relay to the port of a `ws` address.
    pub async fn start(url: &str) -> Result<Self> {
        let target = url.strip_prefix("ws://").context("a ws address")?.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("ws://{}", listener.local_addr()?);
        let (cuts, cut) = watch::channel(0);
        let relay = tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (target, mut cut) = (target.clone(), cut.clone());
                cut.mark_unchanged();
                tokio::spawn(async move {
                    let Ok(mut far) = TcpStream::connect(target).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Ok(Self { url, cuts, relay })
    }

    /// Address for those who connect through the relay.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Breaks all present connections.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.relay.abort();
    }
}
