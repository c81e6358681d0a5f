//! Trusted proxies and callers' addresses.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap};

/// Proxies whose `X-Forwarded-For` is trusted. Default: none.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Arc<[Network]>);

/// Network such as `10.0.0.0/8` or `2001:db8::/32`, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Proxies {
    /// Creates a set of trusted networks.
    pub fn new(networks: impl IntoIterator<Item = Network>) -> Self {
        Self(networks.into_iter().collect())
    }

    /// Returns `true` if this address is a trusted proxy's.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// Returns the caller's address: the peer's, or, for trusted proxies, the last address in `X-Forwarded-For` that
    /// isn't a trusted proxy's.
    pub fn caller_address(&self, headers: &HeaderMap, extensions: &Extensions) -> IpAddr {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip().to_canonical());
        let peer = peer.unwrap_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED));
        let forwarded = headers.get_all("x-forwarded-for").iter().rev().flat_map(|value| {
            // An invalid entry ends the chain, because nobody vouches for the ones before it.
            value.to_str().unwrap_or("").rsplit(',').map(|text| text.trim().parse::<IpAddr>().ok())
        });
        let mut caller = peer;
        for address in forwarded.map_while(|address| address) {
            if !self.trusts(caller) {
                break;
            }
            caller = address.to_canonical();
        }
        caller
    }
}

impl Network {
    /// Loopback networks of IPv4 and IPv6.
    pub const LOOPBACK: [Self; 2] = [
        Self { address: IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), prefix: 8 },
        Self { address: IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), prefix: 128 },
    ];

    fn contains(self, address: IpAddr) -> bool {
        let differ = |one: u128, other: u128, bits: u32| {
            (one ^ other).checked_shr(bits - self.prefix.min(bits)).is_some_and(|rest| rest != 0)
        };
        match (self.address, address) {
            (IpAddr::V4(one), IpAddr::V4(other)) => !differ(one.to_bits().into(), other.to_bits().into(), 32),
            (IpAddr::V6(one), IpAddr::V6(other)) => !differ(one.to_bits(), other.to_bits(), 128),
            _ => false,
        }
    }
}

/// Error of a text that isn't an address or a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidNetwork;

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| InvalidNetwork)?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(bits), str::parse).map_err(|_| InvalidNetwork)?;
        if prefix <= bits { Ok(Self { address, prefix }) } else { Err(InvalidNetwork) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller_address(proxies: &Proxies, peer: &str, forwarded: &[&str]) -> String {
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        proxies.caller_address(&headers, &extensions).to_string()
    }

    #[test]
    fn only_entries_of_trusted_proxies_count() {
        let local = Proxies::new(Network::LOOPBACK);
        assert_eq!(caller_address(&local, "127.0.0.1", &["198.51.100.7, 192.0.2.1"]), "192.0.2.1");
        assert_eq!(caller_address(&local, "::ffff:127.0.0.1", &["198.51.100.7", "192.0.2.1"]), "192.0.2.1");
        assert_eq!(caller_address(&local, "::1", &["2001:db8::5"]), "2001:db8::5");
        assert_eq!(caller_address(&local, "127.0.0.1", &["192.0.2.1, nonsense"]), "127.0.0.1");
        assert_eq!(caller_address(&local, "127.0.0.1", &[]), "127.0.0.1");
        // A peer that isn't a trusted proxy can claim anything.
        assert_eq!(caller_address(&local, "203.0.113.9", &["192.0.2.1"]), "203.0.113.9");
        assert_eq!(caller_address(&Proxies::default(), "127.0.0.1", &["192.0.2.1"]), "127.0.0.1");
        // A proxy behind a proxy.
        let two = Proxies::new(["127.0.0.1".parse().unwrap(), "10.1.0.0/16".parse().unwrap()]);
        assert_eq!(caller_address(&two, "127.0.0.1", &["192.0.2.1, 10.1.2.3"]), "192.0.2.1");
        assert_eq!(caller_address(&two, "127.0.0.1", &["192.0.2.1, 10.2.2.3"]), "10.2.2.3");
    }

    #[test]
    fn networks_are_parsed_and_contain_their_addresses() {
        let contains =
            |network: &str, address: &str| network.parse::<Network>().unwrap().contains(address.parse().unwrap());
        assert!(contains("10.0.0.0/8", "10.255.1.1") && !contains("10.0.0.0/8", "11.0.0.1"));
        assert!(contains("0.0.0.0/0", "8.8.8.8") && !contains("0.0.0.0/0", "::1"));
        assert!(contains("2001:db8::/32", "2001:db8:ffff::1") && !contains("2001:db8::/32", "2001:db9::1"));
        assert!(contains("192.0.2.1", "192.0.2.1") && !contains("192.0.2.1", "192.0.2.2"));
        assert!(contains("::/0", "2001:db8::1"));
        for wrong in ["", "here", "10.0.0.0/33", "::1/129", "10.0.0.0/", "10.0.0.0/x"] {
            assert_eq!(wrong.parse::<Network>(), Err(InvalidNetwork), "{wrong}");
        }
    }
}
