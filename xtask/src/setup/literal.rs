//! Extracts protobuf descriptors from the Python modules that `protoc` generates.

use anyhow::{Context, Result, bail, ensure};

/// Returns the serialized `FileDescriptorProto` of a generated `*_pb2.py`: the argument of `AddSerializedFile`.
///
/// # Errors
/// The module has no such call, or its argument is not a descriptor.
pub fn serialized_descriptor(module: &str) -> Result<Vec<u8>> {
    const CALL: &str = "AddSerializedFile(";
    let start = module.find(CALL).with_context(|| format!("no call of {CALL}…)"))? + CALL.len();
    let (bytes, rest) = bytes_literal(&module[start..])?;
    ensure!(rest.starts_with(')'), "more than one bytes literal in {CALL}…)");
    // Checks the first field of a FileDescriptorProto, the file name.
    match bytes.as_slice() {
        [0x0a, length, name @ ..] if name.get(..usize::from(*length)).is_some_and(|name| name.ends_with(b".proto")) => {
            Ok(bytes)
        }
        _ => bail!("these bytes don't begin with the name of a .proto file"),
    }
}

/// Parses a Python bytes literal at the start of `source`. Returns its value and the rest of the source.
///
/// # Errors
/// The literal is missing, unterminated, or uses syntax that `repr(bytes)` and `protoc` never write.
fn bytes_literal(source: &str) -> Result<(Vec<u8>, &str)> {
    let body = source.strip_prefix('b').context("no bytes literal")?;
    let quote = match body.bytes().next() {
        Some(quote @ (b'\'' | b'"')) => quote,
        _ => bail!("no quote after b"),
    };
    let mut value = Vec::new();
    let mut rest = &body.as_bytes()[1..];
    loop {
        match rest {
            [] => bail!("the bytes literal doesn't end"),
            [byte, ..] if *byte == quote => break,
            [b'\\', after @ ..] => {
                let (byte, length) = escape(after)?;
                value.push(byte);
                rest = &after[length..];
            }
            [byte @ (b' '..=b'~'), after @ ..] => {
                value.push(*byte);
                rest = after;
            }
            [byte, ..] => bail!("byte {byte:#04x} can't stand in a bytes literal"),
        }
    }
    // A character boundary, because `rest` starts with an ASCII quote.
    Ok((value, &source[source.len() - rest.len() + 1..]))
}

/// Decodes an escape sequence, without its backslash. Returns the byte and the length of the sequence.
fn escape(sequence: &[u8]) -> Result<(u8, usize)> {
    let simple = match sequence.first().context("the bytes literal ends in a backslash")? {
        b'\\' => b'\\',
        b'\'' => b'\'',
        b'"' => b'"',
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        b'x' => {
            let digits = sequence.get(1..3).and_then(|digits| std::str::from_utf8(digits).ok());
            let digits = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
            let digits = digits.context("\\x needs two hexadecimal digits")?;
            return Ok((u8::from_str_radix(digits, 16)?, 3));
        }
        b'0'..=b'7' => {
            let length = sequence.iter().take(3).take_while(|digit| matches!(digit, b'0'..=b'7')).count();
            let value = sequence[..length].iter().fold(0_u32, |value, digit| value * 8 + u32::from(digit - b'0'));
            return Ok((u8::try_from(value).context("an octal escape is larger than a byte")?, length));
        }
        other => bail!("unknown escape \\{}", char::from(*other)),
    };
    Ok((simple, 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_escapes_are_decoded() {
        let (value, rest) = bytes_literal(r#"b'a\n\t\r\\\'\"\x00\xfF\0\12\377\a\b\f\v"', 1"#).unwrap();
        assert_eq!(value, b"a\n\t\r\\'\"\x00\xff\x00\x0a\xff\x07\x08\x0c\x0b\"");
        assert_eq!(rest, ", 1");
    }

    #[test]
    fn a_digit_after_a_complete_escape_is_literal() {
        assert_eq!(bytes_literal(r"b'\x0a1\0011'").unwrap().0, b"\x0a1\x011");
    }

    #[test]
    fn broken_literals_are_refused() {
        for broken in [
            "", "'a'", "b", "bx", "b'a", r"b'\'", r"b'\x1'", r"b'\xg0'", r"b'\x+1'", r"b'\400'", r"b'\q'", "b'é'",
            "b'\n'",
        ] {
            assert!(bytes_literal(broken).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn the_descriptor_of_a_generated_module_is_returned() {
        let module =
            "DESCRIPTOR = _pool.Default().AddSerializedFile(b'\\n\\nffi.proto2\\x06proto2')\n_globals = b'x'\n";
        // With a length of 10 the name would be "ffi.proto2".
        assert!(serialized_descriptor(module).is_err());
        let module = module.replace(r"\n\n", r"\n\t");
        assert_eq!(serialized_descriptor(&module).unwrap(), b"\x0a\x09ffi.proto2\x06proto2");
    }

    #[test]
    fn modules_without_a_descriptor_are_refused() {
        for module in
            ["", "AddSerializedFile()", "AddSerializedFile(b'')", "AddSerializedFile(b'\\n\\x07a.proto' + b'')"]
        {
            assert!(serialized_descriptor(module).is_err(), "{module:?}");
        }
    }

    /// Formats bytes as Python's `repr` does, or with other escapes that Python allows.
    fn python_literal(bytes: &[u8], spellings: &[u8], quote: char) -> String {
        let mut text = format!("b{quote}");
        for (index, &byte) in bytes.iter().enumerate() {
            let plain = matches!(byte, b' '..=b'~') && byte != b'\\' && char::from(byte) != quote;
            match spellings[index % spellings.len()] % 4 {
                0 | 1 if plain => text.push(char::from(byte)),
                0 if matches!(byte, b'\\' | b'\'' | b'"') => text.extend(['\\', char::from(byte)]),
                2 => text.push_str(&format!("\\{byte:03o}")),
                _ => text.push_str(&format!("\\x{byte:02x}")),
            }
        }
        text.push(quote);
        text
    }

    proptest! {
        #[test]
        fn bytes_survive_all_escapes(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            spellings in proptest::collection::vec(any::<u8>(), 1..20),
            quote in prop_oneof![Just('\''), Just('"')],
        ) {
            let literal = python_literal(&bytes, &spellings, quote);
            let source = format!("{literal})");
            let (value, rest) = bytes_literal(&source).unwrap();
            prop_assert_eq!(value, bytes);
            prop_assert_eq!(rest, ")");
        }

        #[test]
        fn parsing_never_panics(text in "b?['\"]?[\\PC\\\\x0-9'\"]{0,40}") {
            let _ = bytes_literal(&text);
        }
    }
}
