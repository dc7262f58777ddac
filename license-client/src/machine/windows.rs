//! Windows: what the registry says, by `reg.exe`. **Untested on Windows**: it compiles for it, and the parsers are tested
//! on written samples.
//!
//! The registry keeps the firmware's SMBIOS table where any user may read it; the answers of WMI are read from the same
//! table, by a program (`wmic`) that newer systems no longer have. Disk and network addresses are left out: the registry
//! does not say which disk carries the system, nor which addresses are permanent.

use std::path::PathBuf;

use license_token::Component;

use super::command::ask;
use crate::environment;

const MACHINE_GUID: &str = r"HKLM\SOFTWARE\Microsoft\Cryptography";
const SMBIOS: &str = r"HKLM\SYSTEM\CurrentControlSet\Services\mssmbios\Data";
const HOST: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ActiveComputerName";

pub fn read() -> Vec<(Component, String)> {
    let table = registry(SMBIOS, "SMBiosData").and_then(|text| bytes(&text)).unwrap_or_default();
    let components = [
        (Component::Os, registry(MACHINE_GUID, "MachineGuid")),
        (Component::Fw, system_uuid(&table)),
        (Component::Brd, board_serial(&table)),
    ];
    components.into_iter().filter_map(|(component, value)| Some((component, value?))).collect()
}

/// The host's name.
pub fn name() -> Option<String> {
    registry(HOST, "ComputerName")
}

fn registry(path: &str, value: &str) -> Option<String> {
    let system = environment::process()("SystemRoot").unwrap_or_else(|| r"C:\Windows".to_owned());
    let program: PathBuf = [&system, "System32", "reg.exe"].iter().collect();
    // The 64-bit view, whatever this program is: 32-bit programs would be shown another MachineGuid, or none.
    data(&ask(&program, &["query", path, "/v", value, "/reg:64"])?, value)
}

/// The line `    <value>    REG_…    <data>` of an answer.
fn data(answer: &str, value: &str) -> Option<String> {
    let of_line = |line: &str| {
        let (kind, data) =
            line.trim().strip_prefix(value)?.trim_start().split_once(|c: char| c.is_whitespace())?;
        (kind.starts_with("REG_") && !data.trim().is_empty()).then(|| data.trim().to_owned())
    };
    answer.lines().find_map(of_line)
}

/// Pairs of hexadecimal digits, as `REG_BINARY` is shown.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let pair = |pair: &[u32]| u8::try_from(pair.iter().fold(0, |byte, digit| byte * 16 + digit)).ok();
    digits?.chunks(2).map(pair).collect()
}

/// Calling method, version and length stand before the table as Windows keeps it (`RawSMBIOSData`).
const RAW_HEADER_BYTES: usize = 8;
const SYSTEM: u8 = 1;
const BOARD: u8 = 2;
const END: u8 = 127;

/// A structure of the table (SMBIOS 3.x, DSP0134 §6.1): its fields, header included, and its strings.
struct Structure<'a> {
    fields: &'a [u8],
    strings: &'a [u8],
}

impl Structure<'_> {
    /// The string whose number stands at `offset`.
    fn string(&self, offset: usize) -> Option<String> {
        let number = usize::from(*self.fields.get(offset)?).checked_sub(1)?;
        let text = self.strings.split(|byte| *byte == 0).nth(number)?;
        (!text.is_empty()).then(|| String::from_utf8_lossy(text).into_owned())
    }
}

/// The first structure of a kind.
fn structure(raw: &[u8], wanted: u8) -> Option<Structure<'_>> {
    let mut rest = raw.get(RAW_HEADER_BYTES..)?;
    loop {
        let (kind, length) = (*rest.first()?, usize::from(*rest.get(1)?));
        let (fields, after) = rest.split_at_checked(length.max(4))?;
        // Two zeros end the strings, and stand there alone where there are none.
        let end = after.windows(2).position(|pair| pair == [0, 0])?;
        if kind == wanted {
            return Some(Structure { fields, strings: &after[..end] });
        }
        rest = &after[end + 2..];
        if kind == END {
            return None;
        }
    }
}

/// The first three groups are little-endian (DSP0134 §7.2.1), as Linux shows them: the same machine has one id under
/// both systems.
fn system_uuid(raw: &[u8]) -> Option<String> {
    let system = structure(raw, SYSTEM)?;
    let uuid: [u8; 16] = system.fields.get(8..24)?.try_into().ok()?;
    let order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let hex: String = order.iter().map(|index| format!("{:02x}", uuid[*index])).collect();
    Some([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}

fn board_serial(raw: &[u8]) -> Option<String> {
    structure(raw, BOARD)?.string(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUID: &str = "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Cryptography\r\n    MachineGuid    REG_SZ    0f9e8d7c-6b5a-4938-2716-050403020100\r\n\r\n";

    /// A firmware, a system, a board and the end, after the eight bytes of Windows.
    fn table() -> Vec<u8> {
        let mut raw = vec![0, 3, 2, 0, 0, 0, 0, 0];
        raw.extend([0, 5, 0, 0, 1]);
        raw.extend(b"Vendor\0\0");
        raw.extend([1, 27, 1, 0, 1, 2, 0, 3]);
        raw.extend([0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66]);
        raw.extend([0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff]);
        raw.extend([6, 0, 0]);
        raw.extend(b"Maker\0Model\0System serial\0\0");
        raw.extend([3, 4, 2, 0, 0, 0]);
        raw.extend([2, 8, 3, 0, 1, 2, 0, 3]);
        raw.extend(b"Maker\0Board\0BSN-77\0\0");
        raw.extend([127, 4, 4, 0, 0, 0]);
        raw
    }

    #[test]
    fn a_value_is_read_from_the_answer_of_the_registry() {
        assert_eq!(data(GUID, "MachineGuid").as_deref(), Some("0f9e8d7c-6b5a-4938-2716-050403020100"));
        for other in
            ["", "MachineGuid", "ERROR: The system was unable to find the key.", "MachineGuid  REG_SZ  "]
        {
            assert_eq!(data(other, "MachineGuid"), None, "{other}");
        }
    }

    #[test]
    fn uuid_and_board_are_read_from_the_table() {
        let hex: String = table().iter().map(|byte| format!("{byte:02X}")).collect();
        let read = bytes(&hex).expect("hexadecimal");
        assert_eq!(read, table());
        assert_eq!(system_uuid(&read).as_deref(), Some("00112233-4455-6677-8899-aabbccddeeff"));
        assert_eq!(board_serial(&read).as_deref(), Some("BSN-77"));
    }

    #[test]
    fn a_table_that_ends_anywhere_or_says_anything_is_no_panic() {
        let whole = table();
        for end in 0..whole.len() {
            let _cut = (system_uuid(&whole[..end]), board_serial(&whole[..end]));
            for value in [0, 1, 2, 127, 255] {
                let mut altered = whole.clone();
                altered[end] = value;
                let _altered = (system_uuid(&altered), board_serial(&altered));
            }
        }
        assert_eq!(bytes("0g"), None);
    }

    #[cfg(not(target_os = "windows"))]
    #[test]
    fn where_there_is_no_registry_nothing_is_read() {
        assert_eq!((read(), name()), (Vec::new(), None));
    }
}
