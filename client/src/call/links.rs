//! Links in chat messages: only `http` and `https` addresses, as written, that do not disguise their host.

use std::ops::Range;

use url::Url;

use super::limits::{MAX_LINK_BYTES, MAX_LINKS};

/// Returns the byte ranges of the first links in `text`, at most [`MAX_LINKS`].
pub(super) fn links(text: &str) -> Vec<Range<usize>> {
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = next_start(text, &lower, from) {
        let rest = &text[start..];
        let end =
            rest.find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '«' | '»')).unwrap_or(rest.len());
        if end <= MAX_LINK_BYTES {
            let candidate = without_trailing_marks(&rest[..end]);
            if is_honest(candidate) {
                found.push(start..start + candidate.len());
            }
        }
        from = start + end.max(1);
    }
    found
}

/// Finds the next `http://` or `https://` that is not part of a word.
fn next_start(text: &str, lower: &str, from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(offset) = lower.get(at..)?.find("http") {
        let start = at + offset;
        let scheme = lower[start..].starts_with("http://") || lower[start..].starts_with("https://");
        let apart = !text[..start].chars().next_back().is_some_and(char::is_alphanumeric);
        if scheme && apart {
            return Some(start);
        }
        at = start + "http".len();
    }
    None
}

/// Removes trailing punctuation, except a closing bracket whose opening one is part of the address.
fn without_trailing_marks(address: &str) -> &str {
    let mut address = address;
    loop {
        let Some(last) = address.chars().next_back() else { return address };
        let opened = |open: char, close: char| address.matches(open).count() >= address.matches(close).count();
        let keep = match last {
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '’' | '…' => false,
            ')' => opened('(', ')'),
            ']' => opened('[', ']'),
            _ => true,
        };
        if keep {
            return address;
        }
        address = &address[..address.len() - last.len_utf8()];
    }
}

/// Returns whether the address has a host and no user name, which could pass for the host.
fn is_honest(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.host_str().is_some_and(|host| host.contains('.') || host == "localhost" || host.starts_with('['))
            && url.username().is_empty()
            && url.password().is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::links;
    use proptest::prelude::*;

    fn found(text: &str) -> Vec<&str> {
        links(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn addresses_are_found_whole_and_without_the_sentence_around_them() {
        assert_eq!(found("Mire https://clinic.example/a?b=c#d, por favor."), ["https://clinic.example/a?b=c#d"]);
        assert_eq!(found("(HTTP://Clinic.example)."), ["HTTP://Clinic.example"]);
        assert_eq!(
            found("https://es.example/Ibu_(x) y https://b.example"),
            ["https://es.example/Ibu_(x)", "https://b.example"]
        );
        assert_eq!(found("«https://clínica.example/ñ»"), ["https://clínica.example/ñ"]);
    }

    #[test]
    fn nothing_else_is_a_link() {
        for text in [
            "javascript:alert(1)",
            "file:///etc/passwd",
            "ftp://a.example",
            "xhttps://a.example",
            "https://",
            "http://clinic",
            "https://bank.example@evil.example/",
            "www.clinic.example",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_text_full_of_addresses_has_the_first_ones_as_links() {
        let text = "http://a.b ".repeat(6000);
        assert_eq!(found(&text), ["http://a.b"; super::MAX_LINKS]);
        assert_eq!(found(&format!("http://{}.example", "a".repeat(super::MAX_LINK_BYTES))), [""; 0]);
    }

    proptest! {
        #[test]
        fn any_text_is_searched_without_a_slip(text in "\\PC{0,80}", before in "[a-z ñ¿]{0,5}") {
            let text = format!("{before}http{text}https://a.example/{text}");
            for range in links(&text) {
                prop_assert!(text.is_char_boundary(range.start) && text.is_char_boundary(range.end));
                prop_assert!(text[range].to_ascii_lowercase().starts_with("http"));
            }
        }
    }
}
