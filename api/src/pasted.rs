//! Extracts a join link or a kiosk code from pasted text, such as a whole message or a link that a mail program
//! wrapped.

use autamedica_text::is_invisible;
use url::Url;

use crate::join_link::{JoinCode, JoinLink, is_loopback};

/// Number of digits of a kiosk code.
pub const KIOSK_CODE_DIGITS: usize = 8;
/// Length of the codes that a backend creates: 32 bytes in base64. Distinguishes a wrapped code from one that a word
/// follows.
const CODE_LEN: usize = 43;
/// Maximum length of the searched text.
const MAX_SEARCHED_BYTES: usize = 100_000;

/// Result of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pasted {
    /// A join link.
    Link(JoinLink),
    /// A kiosk code of eight digits.
    Digits(String),
}

/// Reason why a text contains neither a join link nor a kiosk code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasteError {
    /// The text is empty.
    Empty,
    /// The text contains a link that isn't a join link, is incomplete, or names an unsafe server.
    InvalidLink,
    /// The text contains neither a link nor a kiosk code.
    NotFound,
}

/// Extracts the join link of a text or, without one, the kiosk code.
///
/// # Errors
/// [`PasteError`] with the reason, if there is neither.
pub fn read(text: &str) -> Result<Pasted, PasteError> {
    let text = text.get(..text.floor_char_boundary(MAX_SEARCHED_BYTES)).unwrap_or_default();
    let text = normalized(text);
    if text.trim().is_empty() {
        return Err(PasteError::Empty);
    }
    if let Some(link) = link_in(&text) {
        return Ok(Pasted::Link(link));
    }
    match digits_in(&text) {
        Some(digits) => Ok(Pasted::Digits(digits)),
        None if looks_like_link(&text) => Err(PasteError::InvalidLink),
        None => Err(PasteError::NotFound),
    }
}

/// Normalizes line ends and spaces, and removes invisible characters, quote marks of mail replies and the percent
/// encoding of a link's delimiters.
fn normalized(text: &str) -> String {
    let text = text.replace("=\r\n", "").replace("=\n", "").replace("\r\n", "\n").replace('\r', "\n");
    let lines = text.split('\n').map(|line| line.trim_start_matches(['>', ' ', '\t']).trim_end());
    let text = lines.collect::<Vec<_>>().join("\n");
    let mut normalized = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(c) = rest.chars().next() {
        if let Some((decoded, length)) = percent(rest) {
            normalized.push(decoded);
            rest = &rest[length..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            c if is_invisible(c) => {}
            c if c != '\n' && c.is_whitespace() => normalized.push(' '),
            c => normalized.push(c),
        }
    }
    normalized
}

/// Decodes a percent encoding at the start of `text`, if it is one of a link's delimiters. Returns the character and
/// the length of its encoding.
fn percent(text: &str) -> Option<(char, usize)> {
    let code = text.strip_prefix('%')?.get(..2)?;
    let decoded = match code.to_ascii_uppercase().as_str() {
        "23" => '#',
        "2F" => '/',
        "3A" => ':',
        "3D" => '=',
        "3F" => '?',
        _ => return None,
    };
    Some((decoded, 3))
}

fn looks_like_link(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.contains("://") || text.contains("autamedica:") || text.contains("/join")
}

/// Returns the first join link in a normalized text.
fn link_in(text: &str) -> Option<JoinLink> {
    let hashes = || text.match_indices('#').map(|(at, _)| at);
    let found = hashes().find_map(|at| {
        let address = text[..at].rsplit(is_delimiter).next().unwrap_or_default();
        let before = &text[..at - address.len()];
        // The previous line ends within a name or a path, so the text before `#` is only the rest of an address.
        let is_rest = before.ends_with(['\n', ' ']) && before.trim_end().ends_with(['.', '-', '/']) && {
            let last = before.trim_end().rsplit(is_delimiter).next().unwrap_or_default();
            last.contains("://")
        };
        if is_rest { None } else { link(address, &text[at + 1..], false) }
    });
    // A mail program can wrap a link at any character.
    found.or_else(|| {
        hashes().find_map(|at| {
            let whole = text[..at].replace(['\n', ' '], "");
            let address = whole.rsplit(is_delimiter).next().unwrap_or_default();
            link(address, text[at + 1..].trim_start(), true)
        })
    })
}

/// Returns `true` if the character delimits an address.
fn is_delimiter(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '<' | '>' | '"' | '\'' | '«' | '»' | '“' | '”' | '‘' | '’' | '(' | ')' | '{' | '}')
        || matches!(c, '|' | ',' | ';' | '`' | '*' | '\\' | '#')
}

/// Creates a link from an address such as `https://clinic.example/join` and the text after its `#`.
fn link(address: &str, rest: &str, needs_scheme: bool) -> Option<JoinLink> {
    let lower = address.to_ascii_lowercase();
    let start = match lower.find("autamedica:") {
        Some(at) => Some(at),
        None => lower.rfind("https://").or_else(|| lower.rfind("http://")),
    };
    let address = match start {
        Some(at) => with_plain_path(&address[at..])?,
        None if needs_scheme || address.contains("://") => return None,
        None => with_plain_path(&with_scheme(address.trim_start_matches('/')))?,
    };
    let code = code_at(rest)?;
    JoinLink::parse(&format!("{address}#{}", code.expose())).ok()
}

/// Adds the missing scheme to an address.
fn with_scheme(address: &str) -> String {
    // Removes a word before a colon, as in "Enlace:clinic.example/join".
    let address = match address.split_once(':') {
        Some((before, after)) if !after.starts_with(|c: char| c.is_ascii_digit()) && !before.starts_with('[') => after,
        _ => address,
    };
    let as_http = format!("http://{address}");
    match Url::parse(&as_http) {
        Ok(url) if is_loopback(&url) => as_http,
        // A name without a dot is the rest of a wrapped address.
        Ok(url) if url.host_str().is_some_and(|host| host.contains('.')) => format!("https://{address}"),
        _ => String::new(),
    }
}

/// Replaces variants of the path, such as `/JOIN/`, by `/join`.
fn with_plain_path(address: &str) -> Option<String> {
    let mut url = Url::parse(address).ok()?;
    if matches!(url.scheme(), "http" | "https") {
        if !url.path().trim_matches('/').eq_ignore_ascii_case("join") {
            return None;
        }
        url.set_path("/join");
        return Some(url.into());
    }
    // Browsers add the slash in `autamedica://join/?server=…`.
    let (scheme, rest) = address.split_once(':')?;
    let (path, query) = rest.split_once('?')?;
    path.trim_matches('/')
        .eq_ignore_ascii_case("join")
        .then(|| format!("{}://join?{query}", scheme.to_ascii_lowercase()))
}

/// Returns the code at the start of a text. Joins lines if that makes the code complete.
fn code_at(text: &str) -> Option<JoinCode> {
    let is_code = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let first: String = text.chars().take_while(is_code).collect();
    let mut whole = first.clone();
    let mut rest = &text[first.len()..];
    while whole.len() < CODE_LEN
        && let Some(next) = rest.strip_prefix(['\n', ' '])
    {
        let more: String = next.chars().take_while(is_code).collect();
        rest = &next[more.len()..];
        whole.push_str(&more);
    }
    if whole.len() == CODE_LEN { JoinCode::new(whole).ok() } else { JoinCode::new(first).ok() }
}

/// Returns the kiosk code in a text: eight digits in one group or several (`3183 6728`). If there are several
/// candidates, exactly one must be preceded by the word "code".
fn digits_in(text: &str) -> Option<String> {
    let mut found: Vec<(String, bool)> = Vec::new();
    let is_separator = |c: char| matches!(c, ' ' | '-' | '.' | '·' | '‐' | '‑' | '–' | '_');
    let mut at = 0;
    while let Some(begin) = text[at..].find(|c: char| c.is_ascii_digit()).map(|offset| at + offset) {
        let mut groups: Vec<&str> = Vec::new();
        let mut end = begin;
        loop {
            let group = &text[end..];
            let group = &group[..group.find(|c: char| !c.is_ascii_digit()).unwrap_or(group.len())];
            groups.push(group);
            end += group.len();
            let mut after = text[end..].chars();
            match (after.next(), after.next()) {
                (Some(separator), Some(digit)) if is_separator(separator) && digit.is_ascii_digit() => {
                    end += separator.len_utf8();
                }
                _ => break,
            }
        }
        let is_called_code = is_called_code(&text[..begin]);
        let is_apart =
            |place: Option<char>| place.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '/' | ':' | '+'));
        let is_apart = is_apart(text[..begin].chars().next_back()) && is_apart(text[end..].chars().next());
        let alone = groups.iter().filter(|group| group.len() == KIOSK_CODE_DIGITS).map(|group| (*group).to_owned());
        found.extend(alone.map(|code| (code, is_called_code)));
        let lengths: Vec<_> = groups.iter().map(|group| group.len()).collect();
        let is_everything = text[..begin].trim().is_empty() && text[end..].trim().is_empty();
        // `24-11-2026` in a message is a date.
        let is_date = matches!(*lengths, [2, 2, 4] | [4, 2, 2]) && !is_everything && !is_called_code;
        if groups.len() > 1 && is_apart && lengths.iter().sum::<usize>() == KIOSK_CODE_DIGITS && !is_date {
            found.push((groups.concat(), is_called_code));
        }
        at = end;
    }
    let only = |found: &[(String, bool)]| match found {
        [(first, _), rest @ ..] if rest.iter().all(|(code, _)| code == first) => Some(first.clone()),
        _ => None,
    };
    let called: Vec<_> = found.iter().filter(|(_, called)| *called).cloned().collect();
    only(&called).or_else(|| only(&found))
}

/// Returns `true` if the text just before the digits contains the word "code".
fn is_called_code(before: &str) -> bool {
    let start = before.char_indices().rev().nth(23).map_or(0, |(at, _)| at);
    let words = before[start..].to_lowercase();
    ["código", "codigo", "code"].iter().any(|word| words.contains(word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CODE: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ-_01234";

    fn link(text: &str) -> JoinLink {
        JoinLink::parse(text).unwrap()
    }

    fn web() -> JoinLink {
        link(&format!("https://clinic.example/join#{CODE}"))
    }

    #[test]
    fn a_link_is_found_in_what_people_paste() {
        assert_eq!(CODE.len(), CODE_LEN);
        let (first, second) = CODE.split_at(25);
        for text in [
            format!("  https://clinic.example/join#{CODE}\n"),
            format!("https://clinic.example/join#{CODE}."),
            format!("https://clinic.example/join#{CODE}…"),
            format!("<https://clinic.example/join#{CODE}>"),
            format!("(https://clinic.example/join#{CODE}),"),
            format!("«https://clinic.example/join#{CODE}»"),
            format!("\"https://clinic.example/join#{CODE}\""),
            format!("[Entrar](https://clinic.example/join#{CODE})"),
            format!("https://clinic.example/join/#{CODE}"),
            format!("clinic.example/join#{CODE}"),
            format!("//clinic.example/join/#{CODE}"),
            format!("Enlace:clinic.example/join#{CODE}"),
            format!("Enlace:https://clinic.example/join#{CODE}"),
            format!("HTTPS://CLINIC.EXAMPLE/JOIN#{CODE}"),
            format!("Https://Clinic.example/Join/#{CODE}"),
            format!("https://clinic.example/join%23{CODE}"),
            format!("https%3A%2F%2Fclinic.example%2Fjoin%23{CODE}"),
            format!("https://links.example/?url=https%3a%2f%2fclinic.example%2fjoin%23{CODE}&data=1"),
            format!("https://clinic.example/join?utm_source=mail#{CODE}"),
            format!("https://clinic.example/join#{first}\n{second}"),
            format!("https://clinic.example/join#{first}\r\n{second}\r\nGracias"),
            format!("> https://clinic.example/join#{first}\n> {second}\n"),
            format!("https://clinic.example/join#{first}=\n{second}"),
            format!("https://clinic.example/join#\n{CODE}"),
            format!("https://clinic.example/\njoin#{CODE}"),
            format!("https://clinic.exa\nmple/join#{CODE}\nGracias"),
            format!("https://\nclinic.example/join#{CODE}\nGracias"),
            format!("https://clinic.\nexample/join#{CODE}"),
            format!("https://clinic.example/join#{CODE}\nGracias"),
            format!("\u{feff}https://clinic.example/join#{CODE}\u{200b}"),
            format!(
                "Hola, María:\nSu cita es el 24-11-2026 a las 10:30 (código 31836728).\nEntre aquí: https://clinic.example/join#{CODE}.\n\
                 Más en https://clinic.example/ayuda#preguntas-que-nos-hacen-a-menudo"
            ),
        ] {
            let query = text.contains("utm_source");
            let found = read(&text);
            assert_eq!(found, Ok(Pasted::Link(web())), "{text}, {query}");
        }
        for text in [
            format!("autamedica://join?server=https%3A%2F%2Fclinic.example#{CODE}"),
            format!("autamedica://join/?server=https://clinic.example#{CODE}."),
            format!("AutaMedica:join?server=https%3A%2F%2Fclinic.example%23{CODE}"),
        ] {
            assert_eq!(read(&text), Ok(Pasted::Link(web())), "{text}");
        }
        for local in ["localhost:8888", "127.0.0.1:8888", "[::1]:8888"] {
            let expected = link(&format!("http://{local}/join#{CODE}"));
            assert_eq!(read(&format!("{local}/join#{CODE}")), Ok(Pasted::Link(expected)), "{local}");
        }
        // A code of another length ends at the end of its line.
        let short = &CODE[..26];
        let expected = link(&format!("https://clinic.example/join#{short}"));
        assert_eq!(read(&format!("https://clinic.example/join#{short}\nGracias")), Ok(Pasted::Link(expected)));
    }

    #[test]
    fn eight_digits_are_found_in_what_people_type() {
        for text in [
            "31836728",
            " 3183 6728 ",
            "3183-6728",
            "3183\u{a0}6728",
            "31 83 67 28",
            "3 1 8 3 6 7 2 8",
            "Código: 31836728",
            "Código: 3183 6728.",
            "«31836728»",
            "Su código es 3183-6728",
            "código 31-83-6728",
            "Su cita es el 24-11-2026 a las 10:30. Código: 31836728. Teléfono: 5555-1234.",
            "Su cita es el 24/11/2026, 10:30\nCódigo:\n31836728\nTel. +54 11 5555 1234",
            "31836728 31836728",
        ] {
            assert_eq!(read(text), Ok(Pasted::Digits("31836728".to_owned())), "{text}");
        }
        for text in [
            "3183672",
            "318367289",
            "4821",
            "24-11-2026 a las 10:30",
            "31836728 o 41836728",
            "tel. 11 5555 1234",
            "a/b",
        ] {
            assert_eq!(read(text), Err(PasteError::NotFound), "{text}");
        }
    }

    #[test]
    fn an_unusable_text_returns_its_reason() {
        for text in ["", " \n", "\u{200b}"] {
            assert_eq!(read(text), Err(PasteError::Empty), "{text:?}");
        }
        for text in [
            "https://clinic.example/".to_owned(),
            "https://clinic.example/join".to_owned(),
            "https://clinic.example/join#short".to_owned(),
            format!("https://clinic.example/joined#{CODE}"),
            format!("ftp://clinic.example/join#{CODE}"),
            format!("http://clinic.example/join#{CODE}"),
            format!("autamedica://join#{CODE}"),
            format!("autamedica://join?server=javascript:alert(1)#{CODE}"),
        ] {
            assert_eq!(read(&text), Err(PasteError::InvalidLink), "{text}");
        }
        assert_eq!(read("hola"), Err(PasteError::NotFound));
    }

    proptest! {
        #[test]
        fn a_link_survives_what_is_delimiter_it(
            host in "[a-z][a-z0-9]{0,9}\\.[a-z]{2,5}",
            code in "[A-Za-z0-9_-]{43}",
            before in "([A-Za-zñáé]{1,8}[ :,.]? ){0,4}",
            after in "([.,;)>»\" \n]|…)?",
            cut in proptest::option::of(1_usize..43),
            upper in any::<bool>(),
        ) {
            let expected = link(&format!("https://{host}/join#{code}"));
            let mut given = code.clone();
            if let Some(cut) = cut {
                given.insert(cut, '\n');
            }
            let place = format!("https://{host}/join");
            let place = if upper { place.to_uppercase() } else { place };
            let text = format!("{before}{place}#{given}{after}");
            prop_assert_eq!(read(&text), Ok(Pasted::Link(expected)), "{}", text);
        }

        #[test]
        fn grouped_digits_are_one_code(code in "[0-9]{8}", cuts in proptest::collection::btree_set(1_usize..8, 0..4), separator in "[ .-]") {
            let mut text = code.clone();
            for cut in cuts.iter().rev() {
                text.insert_str(*cut, &separator);
            }
            prop_assert_eq!(read(&text), Ok(Pasted::Digits(code)), "{}", text);
        }

        #[test]
        fn no_text_makes_it_panic(text in "(\\PC|\n|#|join|https://|autamedica:){0,60}") {
            let _ = read(&text);
        }
    }
}
