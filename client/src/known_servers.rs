//! Servers that join links may lead to without confirmation: this app's own, and those that the person approved.

use autamedica_call::local_key::is_this_machine;
use url::Url;

/// Maximum number of approved servers.
const MAX_APPROVED: usize = 100;

/// Returns whether a server is one of the app's `own` or was approved before.
pub fn is_known(server: &Url, own: &[Url], approved: &[String]) -> bool {
    let origin = origin(server);
    approved.contains(&origin) || own.iter().any(|own| is_same(own, server))
}

/// Adds a server to the approved ones.
pub fn approve(server: &Url, approved: &mut Vec<String>) {
    let origin = origin(server);
    approved.retain(|known| *known != origin);
    approved.insert(0, origin);
    approved.truncate(MAX_APPROVED);
}

/// Returns the displayed name of a server: its host, and its port unless that is the default. A host with foreign
/// letters is shown in ASCII (Punycode), so that none looks like another.
pub fn shown_name(server: &Url) -> String {
    let host = server.host_str().unwrap_or_default();
    server.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Returns whether two addresses are the same server. This machine has several names: `localhost`, `127.0.0.1` and
/// `::1`.
fn is_same(one: &Url, other: &Url) -> bool {
    let is_same_port = one.port_or_known_default() == other.port_or_known_default();
    let are_here = is_this_machine(one) && is_this_machine(other);
    one.origin() == other.origin() || (are_here && is_same_port && one.scheme() == other.scheme())
}

fn origin(server: &Url) -> String {
    server.origin().ascii_serialization()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_server_is_known_by_its_whole_origin() {
        let own = [url("https://clinic.example/"), url("http://localhost:8888/")];
        let known = |server: &str| is_known(&url(server), &own, &["https://other.example:8443".to_owned()]);
        for server in
            ["https://clinic.example", "http://127.0.0.1:8888", "http://[::1]:8888", "https://other.example:8443"]
        {
            assert!(known(server), "{server}");
        }
        for server in [
            "https://clinic.example:8443",
            "https://clinic.example.evil.example",
            "https://evil.example/clinic.example",
            "http://127.0.0.1:8889",
            "https://localhost:8888",
            "https://other.example",
            "https://xclinic.example",
        ] {
            assert!(!known(server), "{server}");
        }
    }

    #[test]
    fn approving_keeps_the_newest_and_no_server_twice() {
        let mut approved = Vec::new();
        for n in 0..MAX_APPROVED + 5 {
            approve(&url(&format!("https://clinic-{n}.example")), &mut approved);
        }
        approve(&url("https://clinic-50.example/join"), &mut approved);
        assert_eq!((approved.len(), approved[0].as_str()), (MAX_APPROVED, "https://clinic-50.example"));
        assert_eq!(approved.iter().filter(|origin| origin.contains("clinic-50.")).count(), 1);
    }

    #[test]
    fn the_name_hides_nothing() {
        assert_eq!(shown_name(&url("https://clinic.example/")), "clinic.example");
        assert_eq!(shown_name(&url("https://clinic.example:8443/")), "clinic.example:8443");
        // Contains a Cyrillic letter that looks like a Latin one.
        assert_eq!(shown_name(&url("https://сlinic.example/")), "xn--linic-0ye.example");
    }
}
