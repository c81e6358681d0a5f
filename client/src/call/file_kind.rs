//! What kind of file it is, by its bytes: a name says what its sender likes.

/// The longest a name may be, in characters.
const LONGEST_NAME: usize = 120;

/// The type of these bytes, if it is one that is allowed: pictures, documents, plain text and DICOM.
pub(super) fn mime_type(bytes: &[u8]) -> Option<&'static str> {
    let starts = |sign: &[u8]| bytes.starts_with(sign);
    if starts(&[0xff, 0xd8, 0xff]) {
        Some("image/jpeg")
    } else if starts(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if starts(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some("image/webp")
    } else if starts(b"%PDF-") {
        Some("application/pdf")
    } else if bytes.get(128..132) == Some(b"DICM") {
        Some("application/dicom")
    } else if is_text(bytes) {
        Some("text/plain")
    } else {
        None
    }
}

fn is_text(bytes: &[u8]) -> bool {
    let plain = |character: char| !character.is_control() || matches!(character, '\t' | '\n' | '\r' | '\x0c');
    !bytes.is_empty() && std::str::from_utf8(bytes).is_ok_and(|text| text.chars().all(plain))
}

/// Whether a small one can be shown in the chat.
pub(super) fn is_picture(mime_type: &str) -> bool {
    mime_type.starts_with("image/")
}

/// A name that is a name and no path, short, and ends as its type does, so that the system opens it as what it is.
pub(super) fn safe_name(name: &str, mime_type: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let odd = |c: char| c.is_control() || matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*') || is_invisible(c);
    let clean: String = last.chars().filter(|c| !odd(*c)).collect();
    let clean = clean.trim().trim_matches('.');
    let (stem, ending) = match clean.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() => (stem, ending.to_lowercase()),
        _ => (clean, String::new()),
    };
    let endings = endings(mime_type);
    let (stem, ending) = match endings.first() {
        None => (clean, ""),
        Some(_) if endings.contains(&ending.as_str()) => (stem, ending.as_str()),
        Some(first) => (clean, *first),
    };
    let stem = if stem.is_empty() { "file" } else { stem };
    let stem: String = stem.chars().take(LONGEST_NAME - ending.len() - 1).collect();
    if ending.is_empty() { stem } else { format!("{stem}.{ending}") }
}

/// Marks that turn the direction of what follows: they make `exe.gpj` of `jpg.exe`.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn endings(mime_type: &str) -> &'static [&'static str] {
    match mime_type {
        "image/jpeg" => &["jpg", "jpeg"],
        "image/png" => &["png"],
        "image/webp" => &["webp"],
        "application/pdf" => &["pdf"],
        "application/dicom" => &["dcm", "dicom"],
        "text/plain" => &["txt", "csv", "md", "log"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_tell_their_type_and_names_do_not() {
        let mut dicom = vec![0; 128];
        dicom.extend_from_slice(b"DICM\x02\x00");
        for (bytes, expected) in [
            (&b"\xff\xd8\xff\xe0\x00\x10JFIF"[..], Some("image/jpeg")),
            (b"\x89PNG\r\n\x1a\n\x00\x00", Some("image/png")),
            (b"RIFF\x10\x00\x00\x00WEBPVP8 ", Some("image/webp")),
            (b"RIFF\x10\x00\x00\x00WAVEfmt ", None),
            (b"%PDF-1.7\n", Some("application/pdf")),
            (&dicom, Some("application/dicom")),
            ("Tensión: 120/80\r\n".as_bytes(), Some("text/plain")),
            (b"\x7fELF\x02\x01\x01\x00", None),
            (b"MZ\x90\x00", None),
            (b"PK\x03\x04", None),
            (b"\xef\xbb\xff", None),
            (b"", None),
        ] {
            assert_eq!(mime_type(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_name_is_no_path_and_ends_as_its_type_does() {
        for (name, kind, expected) in [
            ("../../etc/Análisis de sangre.PDF", "application/pdf", "Análisis de sangre.pdf"),
            ("C:\\Temp\\foto.jpeg", "image/jpeg", "foto.jpeg"),
            ("invoice.exe", "text/plain", "invoice.exe.txt"),
            ("photo\u{202e}gpj.exe", "image/png", "photogpj.exe.png"),
            ("", "image/png", "file.png"),
            ("...", "text/plain", "file.txt"),
            (".bashrc", "text/plain", "bashrc.txt"),
            ("a\nb<c>.txt", "text/plain", "abc.txt"),
            ("scan.2026", "", "scan.2026"),
        ] {
            assert_eq!(safe_name(name, kind), expected, "{name:?}");
        }
        assert_eq!(safe_name(&"ñ".repeat(500), "image/webp").chars().count(), LONGEST_NAME);
    }
}
