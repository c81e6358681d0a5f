use url::Url;

/// Where LiveKit is, in the two forms it wants: `ws(s)://` for clients' signaling, `http(s)://` for its API.
///
/// The environment may name it in either; this is the only place that converts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveKitUrl {
    signaling: String,
    api: String,
}

/// Why a text isn't a LiveKit address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`LIVEKIT_URL` must look like `wss://project.livekit.cloud` or `https://project.livekit.cloud`: {0}")]
pub struct InvalidLiveKitUrl(&'static str);

impl LiveKitUrl {
    /// Reads any of the four schemes.
    ///
    /// # Errors
    /// When it isn't a plain address: a scheme, a host, perhaps a port and a path.
    pub fn parse(text: &str) -> Result<Self, InvalidLiveKitUrl> {
        let url = Url::parse(text.trim()).map_err(|_| InvalidLiveKitUrl("it isn't a URL"))?;
        let (signaling, api) = match url.scheme() {
            "wss" | "https" => ("wss", "https"),
            "ws" | "http" => ("ws", "http"),
            _ => return Err(InvalidLiveKitUrl("its scheme must be one of wss, ws, https, http")),
        };
        let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
            return Err(InvalidLiveKitUrl("it names no host"));
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidLiveKitUrl("it must hold no user or password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidLiveKitUrl("it must hold no query and no fragment"));
        }
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let path = url.path().trim_end_matches('/');
        Ok(Self { signaling: format!("{signaling}://{host}{port}{path}"), api: format!("{api}://{host}{port}{path}") })
    }

    /// With another address for LiveKit's API: that of a server of one's own, which needn't go through the proxy that
    /// clients go through.
    pub fn with_api(self, other: &Self) -> Self {
        Self { api: other.api.clone(), ..self }
    }

    /// For clients: `wss://…` or `ws://…`, without a slash at the end.
    pub fn signaling(&self) -> &str {
        &self.signaling
    }

    /// For LiveKit's API: `https://…` or `http://…`, without a slash at the end.
    pub fn api(&self) -> &str {
        &self.api
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_either_form() {
        for text in ["wss://x.livekit.cloud", "https://x.livekit.cloud/", " wss://x.livekit.cloud:443/ "] {
            let url = LiveKitUrl::parse(text).unwrap();
            assert_eq!(url.signaling(), "wss://x.livekit.cloud", "{text}");
            assert_eq!(url.api(), "https://x.livekit.cloud", "{text}");
        }
        let url = LiveKitUrl::parse("http://[::1]:7880").unwrap();
        assert_eq!((url.signaling(), url.api()), ("ws://[::1]:7880", "http://[::1]:7880"));
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, why) in [
            ("x.livekit.cloud", "isn't a URL"),
            ("ftp://x", "scheme"),
            ("wss://", "isn't a URL"),
            ("wss://key:secret@x", "user or password"),
            ("wss://x?access_token=1", "query"),
        ] {
            let error = LiveKitUrl::parse(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn converts_either_way(
            secure in proptest::bool::ANY,
            web in proptest::bool::ANY,
            host in "[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,5})?(\\.[a-z]{2,5}){0,2}",
            port in proptest::option::of(1_u16..),
            path in "(/[a-z0-9]{1,8}){0,2}/?",
        ) {
            let default_port = if secure { 443 } else { 80 };
            let scheme = match (secure, web) { (true, true) => "https", (true, false) => "wss", (false, true) => "http", (false, false) => "ws" };
            let written = port.map(|port| format!(":{port}")).unwrap_or_default();
            let kept = port.filter(|port| *port != default_port).map(|port| format!(":{port}")).unwrap_or_default();
            let url = LiveKitUrl::parse(&format!("{scheme}://{host}{written}{path}")).unwrap();
            let rest = format!("{host}{kept}{}", path.trim_end_matches('/'));
            let s = if secure { "s" } else { "" };
            proptest::prop_assert_eq!(url.signaling(), format!("ws{s}://{rest}"));
            proptest::prop_assert_eq!(url.api(), format!("http{s}://{rest}"));
            // Each form, read again, gives the same address.
            proptest::prop_assert_eq!(&LiveKitUrl::parse(url.signaling()).unwrap(), &url);
            proptest::prop_assert_eq!(&LiveKitUrl::parse(url.api()).unwrap(), &url);
        }
    }
}
