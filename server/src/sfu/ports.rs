use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};

/// Ports of an embedded SFU on the loopback interface.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// TCP port for signaling and API.
    pub signaling: u16,
    /// UDP port for all media.
    pub media: u16,
}

impl Ports {
    /// Returns ports that are currently free. Another process may take them first, so the caller must be able to retry.
    ///
    /// # Errors
    /// If no port is free.
    pub fn free() -> io::Result<Self> {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        Ok(Self { signaling: tcp.local_addr()?.port(), media: udp.local_addr()?.port() })
    }
}
