//! A file with a key, as editors write it.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use super::PASTED_MAX_BYTES;

/// The text of a file: UTF-8 or UTF-16, with a byte order mark or without. What is neither keeps its ASCII characters,
/// and a key has no others.
pub fn read(path: &Path) -> Option<String> {
    // Not a pipe or a device, which might never end.
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    // UTF-16 takes twice the room.
    let limit = u64::try_from(2 * PASTED_MAX_BYTES).unwrap_or(u64::MAX);
    fs::File::open(path).ok()?.take(limit).read_to_end(&mut bytes).ok()?;
    Some(decoded(&bytes))
}

fn decoded(bytes: &[u8]) -> String {
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [first, 0, ..] if *first != 0 => utf16(bytes, u16::from_le_bytes),
        [0, second, ..] if *second != 0 => utf16(bytes, u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units).map(|read| read.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_the_same_in_every_encoding() {
        let text = "eyJ 密钥";
        let units: Vec<u16> = text.encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for bytes in [
            text.as_bytes().to_vec(),
            little.clone(),
            big.clone(),
            [&[0xff, 0xfe][..], &little].concat(),
            [&[0xfe, 0xff][..], &big].concat(),
        ] {
            assert_eq!(decoded(&bytes), text);
        }
        // GBK: the words are lost, the key is not.
        assert!(decoded(b"\xc3\xdc\xd4\xbf eyJ").ends_with(" eyJ"));
        assert_eq!((decoded(b""), decoded(b"e")), (String::new(), "e".into()));
    }
}
