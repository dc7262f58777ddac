//! What tells this machine apart from others.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use license_token::{Component, Machine, base64url};

use crate::Config;

// The parsers of every system are compiled, and tested, with the tests of each.
#[cfg(any(test, target_os = "windows", target_os = "macos"))]
mod command;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(any(test, target_os = "macos"))]
mod macos;
#[cfg(not(any(target_os = "linux", target_os = "windows", target_os = "macos")))]
mod unknown;
#[cfg(any(test, target_os = "windows"))]
mod windows;

#[cfg(target_os = "linux")]
use linux as host;
#[cfg(target_os = "macos")]
use macos as host;
#[cfg(not(any(target_os = "linux", target_os = "windows", target_os = "macos")))]
use unknown as host;
#[cfg(target_os = "windows")]
use windows as host;

/// Reads the raw components of the machine this runs on. They are committed before they leave the process.
pub trait ReadMachine: Send + Sync {
    /// Name and raw value of each component that can be read. Placeholders may be among them.
    fn read(&self) -> Vec<(Component, String)>;
}

impl<F: Fn() -> Vec<(Component, String)> + Send + Sync> ReadMachine for F {
    fn read(&self) -> Vec<(Component, String)> {
        self()
    }
}

/// The host.
///
/// | system | read from | state |
/// | --- | --- | --- |
/// | Linux | `/etc/machine-id`, `/sys`, `/proc`: `os`, `fw`, `brd`, `dsk`, `net` | tested |
/// | Windows | the registry, by `reg.exe`: `os`, `fw`, `brd` | **untested**: it compiles, and its parsers are tested on written samples |
/// | macOS | `ioreg` and `networksetup`: `fw`, `brd`, `net` | **untested**, likewise |
/// | others | nothing, so that a generated id stands in | |
///
/// In a Linux container nothing is read: its hardware is the host's, and its machine id the image's. On Windows and
/// macOS each program has a time limit of some seconds and a thread that reads its answer while it runs.
#[derive(Debug, Clone, Copy, Default)]
pub struct HostMachine;

impl ReadMachine for HostMachine {
    fn read(&self) -> Vec<(Component, String)> {
        host::read()
    }
}

/// `_LICENSE_MACHINE_ID` alone, where the operator set it; else what the reader finds; else, when no strong
/// component can be read, an id that is generated once and kept in the state folder.
pub(crate) fn identify(config: &Config) -> Machine {
    let commit = |values: &[(Component, String)]| {
        let borrowed = values.iter().map(|(component, value)| (*component, value.as_str()));
        Machine::commit(&config.issuer, &config.product, borrowed)
    };
    if let Some(given) = config.variable("MACHINE_ID") {
        return commit(&[(Component::Os, given)]);
    }
    let found = commit(&config.machine.read());
    if found.components.keys().any(|component| component.is_strong()) {
        return found;
    }
    commit(&[(Component::Os, generated_id(&config.folder()))])
}

/// 128 random bits. Where the folder cannot be written the id lasts as long as the process: such an installation
/// needs `_LICENSE_MACHINE_ID`.
fn generated_id(folder: &Path) -> String {
    const ID_CHARS: usize = 22;
    let path = folder.join("machine-id");
    if let Some(kept) = read_short(&path).filter(|kept| kept.len() == ID_CHARS) {
        return kept;
    }
    let mut random = [0; 16];
    if getrandom::fill(&mut random).is_err() {
        return String::new();
    }
    let id = base64url::encode(&random).to_ascii_lowercase();
    let _best_effort = crate::state::write_atomically(&path, id.as_bytes());
    id
}

/// The trimmed text of a small file.
pub(crate) fn read_short(path: &Path) -> Option<String> {
    const MAX_BYTES: u64 = 4 * 1024;
    let mut text = String::new();
    fs::File::open(path).ok()?.take(MAX_BYTES).read_to_string(&mut text).ok()?;
    let trimmed = text.trim_matches(|edge: char| edge.is_whitespace() || edge == '\0');
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

/// The host's name, for people.
pub(crate) fn name(config: &Config) -> String {
    const NAME_MAX_CHARS: usize = 64;
    let name = config.machine_name.clone().or_else(host::name).unwrap_or_else(|| "unnamed".into());
    name.chars().filter(|c| !c.is_control()).take(NAME_MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_the_host_never_panics() {
        let _whatever_is_there = HostMachine.read();
        assert_eq!(read_short(Path::new("/nowhere")), None);
    }
}
