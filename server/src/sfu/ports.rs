use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};

/// The ports of one managed SFU, all on loopback.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// Signaling and API, TCP.
    pub signaling: u16,
    /// Media, UDP, all of it through one port.
    pub media: u16,
}

impl Ports {
    /// Ports that are free now. Another process may still take them first, so the caller tries again when that happens.
    ///
    /// # Errors
    /// When the system has none left.
    pub fn free() -> io::Result<Self> {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        Ok(Self { signaling: tcp.local_addr()?.port(), media: udp.local_addr()?.port() })
    }
}
