//! Detects a file's type by its content, because names cannot be trusted.

use std::io::{self, Read, Seek};

use autamedica_text::is_invisible;

/// Bytes needed to recognize every type but plain text.
const HEAD_BYTES: u64 = 132;
/// Bytes of text that are checked at a time.
const CHUNK_SIZE: u64 = 64 * 1024;
/// Maximum length of a file name in characters.
const MAX_NAME_CHARS: usize = 120;

/// Returns the MIME type of these bytes if it is allowed: images, documents, plain text and DICOM.
pub(super) fn mime_type(bytes: &[u8]) -> Option<&'static str> {
    signature(bytes).or_else(|| is_text(bytes).then_some("text/plain"))
}

/// Reads as much of a file as needed to detect its MIME type. Returns it if it is allowed.
///
/// # Errors
/// When reading or seeking fails.
pub(super) fn mime_type_of(file: &mut (impl Read + Seek)) -> io::Result<Option<&'static str>> {
    let mut piece = Vec::new();
    file.rewind()?;
    file.by_ref().take(HEAD_BYTES).read_to_end(&mut piece)?;
    if piece.is_empty() || signature(&piece).is_some() {
        return Ok(signature(&piece));
    }
    loop {
        // The rest of a piece is the beginning of a character.
        let valid = match std::str::from_utf8(&piece) {
            Ok(_) => piece.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return Ok(None),
        };
        if valid > 0 && !is_text(&piece[..valid]) {
            return Ok(None);
        }
        piece.drain(..valid);
        let rest = piece.len();
        if file.by_ref().take(CHUNK_SIZE).read_to_end(&mut piece)? == 0 {
            return Ok((rest == 0).then_some("text/plain"));
        }
    }
}

fn signature(bytes: &[u8]) -> Option<&'static str> {
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
    } else {
        None
    }
}

fn is_text(bytes: &[u8]) -> bool {
    let plain = |character: char| !character.is_control() || matches!(character, '\t' | '\n' | '\r' | '\x0c');
    !bytes.is_empty() && std::str::from_utf8(bytes).is_ok_and(|text| text.chars().all(plain))
}

/// Returns whether the chat can show a preview.
pub(super) fn is_picture(mime_type: &str) -> bool {
    mime_type.starts_with("image/")
}

/// Returns a short file name without path, with the type's extension, so that the system opens the file as what it is.
pub(super) fn safe_name(name: &str, mime_type: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    // With characters that change the direction of text, `jpg.exe` looks like `exe.gpj`.
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
    let stem: String = stem.chars().take(MAX_NAME_CHARS - ending.len() - 1).collect();
    if ending.is_empty() { stem } else { format!("{stem}.{ending}") }
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
            let read = mime_type_of(&mut io::Cursor::new(bytes)).unwrap();
            assert_eq!(read, expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_long_text_is_known_piece_by_piece() {
        let mut text = "señal ñandú ".repeat(50_000).into_bytes();
        assert_eq!(mime_type_of(&mut io::Cursor::new(&text)).unwrap(), Some("text/plain"));
        text.pop();
        text.push(0);
        assert_eq!(mime_type_of(&mut io::Cursor::new(&text)).unwrap(), None);
        text.pop();
        text.push(0xc3);
        assert_eq!(mime_type_of(&mut io::Cursor::new(&text)).unwrap(), None, "half a character at the end");
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
        assert_eq!(safe_name(&"ñ".repeat(500), "image/webp").chars().count(), MAX_NAME_CHARS);
    }
}
