//! macOS: what the I/O registry and the network settings say. **Untested on macOS**: it compiles for it, and the parsers
//! are tested on written samples.
//!
//! There is no id of the installation: `IOPlatformUUID` is the hardware's, so it counts as firmware.

use std::path::Path;

use license_token::Component;

use super::command::ask;

pub fn read() -> Vec<(Component, String)> {
    let platform =
        ask(Path::new("/usr/sbin/ioreg"), &["-rd1", "-c", "IOPlatformExpertDevice"]).unwrap_or_default();
    let network = ask(Path::new("/usr/sbin/networksetup"), &["-getmacaddress", "en0"]).unwrap_or_default();
    let components = [
        (Component::Fw, property(&platform, "IOPlatformUUID")),
        (Component::Brd, property(&platform, "IOPlatformSerialNumber")),
        (Component::Net, address(&network)),
    ];
    components.into_iter().filter_map(|(component, value)| Some((component, value?))).collect()
}

/// The host's name.
pub fn name() -> Option<String> {
    let answer = ask(Path::new("/bin/hostname"), &["-s"])?;
    let name = answer.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// The line `"<name>" = "<value>"`.
fn property(answer: &str, name: &str) -> Option<String> {
    let of_line = |line: &str| {
        let (found, value) = line.split_once(" = ")?;
        let is_wanted = found.trim().trim_matches('"') == name;
        let value = value.trim().strip_prefix('"')?.strip_suffix('"')?;
        (is_wanted && !value.is_empty()).then(|| value.to_owned())
    };
    answer.lines().find_map(of_line)
}

/// `Ethernet Address: a4:83:e7:00:00:01 (Device: en0)`.
fn address(answer: &str) -> Option<String> {
    const ADDRESS_CHARS: usize = 17;
    let is_address = |word: &&str| {
        word.len() == ADDRESS_CHARS && word.split(':').all(|byte| u8::from_str_radix(byte, 16).is_ok())
    };
    answer.split_whitespace().find(is_address).map(str::to_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IOREG: &str = r#"+-o MacBookPro18,3  <class IOPlatformExpertDevice, id 0x100000227, registered, matched, active>
    {
      "IOPolledInterface" = "AppleARMWatchdogTimerHibernateHandler is not serializable"
      "IOPlatformUUID" = "01234567-89AB-CDEF-0123-456789ABCDEF"
      "IOPlatformSerialNumber" = "C02TEST0MD6T"
      "manufacturer" = <"Apple Inc.">
    }
"#;

    #[test]
    fn uuid_and_serial_are_read_from_the_registry() {
        let read = |name| property(IOREG, name);
        assert_eq!(read("IOPlatformUUID").as_deref(), Some("01234567-89AB-CDEF-0123-456789ABCDEF"));
        assert_eq!(read("IOPlatformSerialNumber").as_deref(), Some("C02TEST0MD6T"));
        assert_eq!((read("manufacturer"), read("missing"), property("", "x")), (None, None, None));
    }

    #[test]
    fn an_address_is_read_and_an_error_is_none() {
        let found = address("Ethernet Address: A4:83:E7:00:00:01 (Device: en0)\n");
        assert_eq!(found.as_deref(), Some("a4:83:e7:00:00:01"));
        assert_eq!(address("The parameter en0 is not a valid hardware port or device.\n"), None);
    }

    #[cfg(not(target_os = "macos"))]
    #[test]
    fn where_there_is_no_such_program_nothing_is_read() {
        assert_eq!(read(), Vec::new());
        assert!(name().is_none_or(|name| !name.is_empty()));
    }
}
