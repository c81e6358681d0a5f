use url::Url;

/// URL of LiveKit in two forms: `ws(s)://` for the clients' signaling, `http(s)://` for the API.
///
/// The only place that converts between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveKitUrl {
    signaling: String,
    api: String,
}

/// Error of a text that isn't a LiveKit URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`LIVEKIT_URL` must look like `wss://project.livekit.cloud` or `https://project.livekit.cloud`: {0}")]
pub struct InvalidLiveKitUrl(&'static str);

impl LiveKitUrl {
    /// Parses a URL with any of the four schemes.
    ///
    /// # Errors
    /// [`InvalidLiveKitUrl`] if it isn't a URL of scheme, host, optional port and optional path.
    pub fn parse(text: &str) -> Result<Self, InvalidLiveKitUrl> {
        let url = Url::parse(text.trim()).map_err(|_| InvalidLiveKitUrl("it isn't a URL"))?;
        let (signaling, api) = match url.scheme() {
            "wss" | "https" => ("wss", "https"),
            "ws" | "http" => ("ws", "http"),
            _ => return Err(InvalidLiveKitUrl("its scheme must be one of wss, ws, https, http")),
        };
        let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
            return Err(InvalidLiveKitUrl("it has no host"));
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidLiveKitUrl("it must not contain a user or password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidLiveKitUrl("it must not contain a query or a fragment"));
        }
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let path = url.path().trim_end_matches('/');
        Ok(Self { signaling: format!("{signaling}://{host}{port}{path}"), api: format!("{api}://{host}{port}{path}") })
    }

    /// Replaces the URL of the API. On the same machine it can bypass the proxy that clients use.
    pub fn with_api(self, other: &Self) -> Self {
        Self { api: other.api.clone(), ..self }
    }

    /// Returns the URL for clients: `wss://…` or `ws://…`, without a trailing slash.
    pub fn signaling(&self) -> &str {
        &self.signaling
    }

    /// Returns the URL of LiveKit's API: `https://…` or `http://…`, without a trailing slash.
    pub fn api(&self) -> &str {
        &self.api
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_accepted() {
        for text in ["wss://x.livekit.cloud", "https://x.livekit.cloud/", " wss://x.livekit.cloud:443/ "] {
            let url = LiveKitUrl::parse(text).unwrap();
            assert_eq!(url.signaling(), "wss://x.livekit.cloud", "{text}");
            assert_eq!(url.api(), "https://x.livekit.cloud", "{text}");
        }
        let url = LiveKitUrl::parse("http://[::1]:7880").unwrap();
        assert_eq!((url.signaling(), url.api()), ("ws://[::1]:7880", "http://[::1]:7880"));
    }

    #[test]
    fn the_error_names_the_cause() {
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
        fn both_forms_convert(
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
            // Parsing either form again yields the same URL.
            proptest::prop_assert_eq!(&LiveKitUrl::parse(url.signaling()).unwrap(), &url);
            proptest::prop_assert_eq!(&LiveKitUrl::parse(url.api()).unwrap(), &url);
        }
    }
}
