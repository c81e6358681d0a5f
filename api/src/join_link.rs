use std::fmt;

use url::Url;

/// Secret of a join link: URL-safe base64 of at least 128 random bits. Omitted by `Debug` and logs.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinCode(String);

impl JoinCode {
    const MIN_LEN: usize = 22;
    const MAX_LEN: usize = 128;

    /// Creates a code from `text`. Checks the format, not that a server knows the code.
    ///
    /// # Errors
    /// [`InvalidJoinLink::Code`] if the length or a character isn't allowed.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidJoinLink> {
        let text = text.into();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !(Self::MIN_LEN..=Self::MAX_LEN).contains(&text.len()) || !text.bytes().all(allowed) {
            return Err(InvalidJoinLink::Code);
        }
        Ok(Self(text))
    }

    /// Returns the secret.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for JoinCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinCode(…)")
    }
}

/// Join link of a consultation: a server and a code.
///
/// It has two forms: `https://clinic.example/join#CODE`, and `autamedica://join?server=https://clinic.example#CODE`,
/// which opens the app. The code is the fragment in both, because browsers don't send fragments to servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinLink {
    server: Url,
    code: JoinCode,
}

/// Error of a text that isn't a join link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidJoinLink {
    /// Not a URL.
    #[error("this isn't a link")]
    NotALink,
    /// A URL that isn't a join link.
    #[error("this link doesn't lead to a consultation")]
    NotAJoinLink,
    /// The server is missing or not allowed. Plain `http` is only allowed for this machine.
    #[error("this link names no server, or one without encryption")]
    Server,
    /// The code is missing or incomplete.
    #[error("this link is incomplete: its code is missing")]
    Code,
}

impl JoinLink {
    /// Creates a link from a server's URL, of which only the origin is used, and a code.
    ///
    /// # Errors
    /// [`InvalidJoinLink::Server`] if `server` is neither `https` nor this machine.
    pub fn new(server: &Url, code: JoinCode) -> Result<Self, InvalidJoinLink> {
        Ok(Self { server: origin(server)?, code })
    }

    /// Parses either form; ignores white space around it.
    ///
    /// # Errors
    /// [`InvalidJoinLink`] with the part that is wrong.
    pub fn parse(text: &str) -> Result<Self, InvalidJoinLink> {
        let url = Url::parse(text.trim()).map_err(|_| InvalidJoinLink::NotALink)?;
        let server = match url.scheme() {
            "autamedica" => {
                // `autamedica://join` has the host `join`; `autamedica:join` and `autamedica:///join` a path.
                let target = url.host_str().unwrap_or_else(|| url.path().trim_matches('/'));
                if target != "join" {
                    return Err(InvalidJoinLink::NotAJoinLink);
                }
                let (_, server) =
                    url.query_pairs().find(|(name, _)| name == "server").ok_or(InvalidJoinLink::Server)?;
                origin(&Url::parse(&server).map_err(|_| InvalidJoinLink::Server)?)?
            }
            "https" | "http" if url.path() == "/join" => origin(&url)?,
            _ => return Err(InvalidJoinLink::NotAJoinLink),
        };
        let code = JoinCode::new(url.fragment().ok_or(InvalidJoinLink::Code)?)?;
        Ok(Self { server, code })
    }

    /// Returns the server's origin, such as `https://clinic.example/`.
    pub fn server(&self) -> &Url {
        &self.server
    }

    /// Returns the code.
    pub fn code(&self) -> &JoinCode {
        &self.code
    }

    /// Returns `https://clinic.example/join#CODE`. Contains the secret.
    pub fn web(&self) -> String {
        format!("{}/join#{}", self.bare_origin(), self.code.expose())
    }

    /// Returns `autamedica://join?server=https%3A%2F%2Fclinic.example#CODE`. Contains the secret.
    pub fn app(&self) -> String {
        let query =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("server", self.bare_origin()).finish();
        format!("autamedica://join?{query}#{}", self.code.expose())
    }

    fn bare_origin(&self) -> &str {
        self.server.as_str().trim_end_matches('/')
    }
}

impl std::str::FromStr for JoinLink {
    type Err = InvalidJoinLink;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// Returns scheme, host and port. Requires `https`, except for this machine, so that no code is sent unencrypted.
fn origin(url: &Url) -> Result<Url, InvalidJoinLink> {
    let is_safe = url.has_host() && (url.scheme() == "https" || url.scheme() == "http" && is_loopback(url));
    if !is_safe {
        return Err(InvalidJoinLink::Server);
    }
    Url::parse(&url.origin().ascii_serialization()).map_err(|_| InvalidJoinLink::Server)
}

/// Returns `true` if the URL's host is this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "abcdefghijklmnopqrstuvwxyz_-0123456789";

    #[test]
    fn reads_both_forms() {
        let web = JoinLink::parse(&format!(" https://clinic.example/join#{CODE}\n")).unwrap();
        assert_eq!(web.server().as_str(), "https://clinic.example/");
        assert_eq!(web.code().expose(), CODE);
        for app in
            ["autamedica://join?server=https://clinic.example", "autamedica:join?server=https%3A%2F%2Fclinic.example"]
        {
            assert_eq!(JoinLink::parse(&format!("{app}#{CODE}")).unwrap(), web, "{app}");
        }
        assert_eq!(web.web(), format!("https://clinic.example/join#{CODE}"));
        assert_eq!(web.app(), format!("autamedica://join?server=https%3A%2F%2Fclinic.example#{CODE}"));
    }

    #[test]
    fn other_links_are_rejected() {
        use InvalidJoinLink::{Code, NotAJoinLink, NotALink, Server};
        for (text, why) in [
            ("hello", NotALink),
            ("https://clinic.example/", NotAJoinLink),
            ("https://clinic.example/joined#abcdefghijklmnopqrstuvwxyz", NotAJoinLink),
            ("ftp://clinic.example/join#abcdefghijklmnopqrstuvwxyz", NotAJoinLink),
            ("autamedica://elsewhere?server=https://a.example#abcdefghijklmnopqrstuvwxyz", NotAJoinLink),
            ("http://clinic.example/join#abcdefghijklmnopqrstuvwxyz", Server),
            ("autamedica://join#abcdefghijklmnopqrstuvwxyz", Server),
            ("autamedica://join?server=http://clinic.example#abcdefghijklmnopqrstuvwxyz", Server),
            ("autamedica://join?server=javascript:alert(1)#abcdefghijklmnopqrstuvwxyz", Server),
            ("https://clinic.example/join", Code),
            ("https://clinic.example/join#short", Code),
            ("https://clinic.example/join#abcdefghijklmnopqrstu%20vwxyz", Code),
        ] {
            assert_eq!(JoinLink::parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn hides_its_code() {
        let link = JoinLink::parse(&format!("http://localhost:8888/join#{CODE}")).unwrap();
        assert!(!format!("{link:?}").contains(CODE), "{link:?}");
    }

    proptest::proptest! {
        #[test]
        fn both_forms_survive(
            host in "[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,5})?(\\.[a-z]{2,5}){0,2}",
            port in proptest::option::of(1_u16..),
            code in "[A-Za-z0-9_-]{22,128}",
        ) {
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            let server = Url::parse(&format!("https://{host}{port}/")).unwrap();
            let link = JoinLink::new(&server, JoinCode::new(code).unwrap()).unwrap();
            proptest::prop_assert_eq!(&JoinLink::parse(&link.web()).unwrap(), &link);
            proptest::prop_assert_eq!(&JoinLink::parse(&link.app()).unwrap(), &link);
            proptest::prop_assert_eq!(link.server(), &server);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}") {
            let _ = JoinLink::parse(&text);
        }
    }
}
