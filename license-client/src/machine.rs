//! What tells this machine apart from others.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use license_token::{Component, Machine, base64url};

use crate::Config;

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

/// The host: on Linux from `/etc/machine-id`, `/sys` and `/proc`; elsewhere nothing yet, so that a generated id
/// stands in. In a container nothing is read: its hardware is the host's, and its machine id the image's.
#[derive(Debug, Clone, Copy, Default)]
pub struct HostMachine;

impl ReadMachine for HostMachine {
    #[cfg(target_os = "linux")]
    fn read(&self) -> Vec<(Component, String)> {
        linux::read()
    }

    #[cfg(not(target_os = "linux"))]
    fn read(&self) -> Vec<(Component, String)> {
        Vec::new()
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
    let host = || read_short(Path::new("/proc/sys/kernel/hostname"));
    let name = config.machine_name.clone().or_else(host).unwrap_or_else(|| "unnamed".into());
    name.chars().filter(|c| !c.is_control()).take(NAME_MAX_CHARS).collect()
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;
    use std::path::{Path, PathBuf};

    use license_token::Component;

    use super::read_short;

    pub fn read() -> Vec<(Component, String)> {
        if is_container() {
            return Vec::new();
        }
        let dmi = |name: &str| read_short(&Path::new("/sys/class/dmi/id").join(name));
        let components = [
            (Component::Os, read_short(Path::new("/etc/machine-id"))),
            (Component::Fw, dmi("product_uuid")),
            (Component::Brd, dmi("board_serial")),
            (Component::Dsk, root_disk_serial()),
            (Component::Net, lowest_permanent_mac(Path::new("/sys/class/net"))),
        ];
        components.into_iter().filter_map(|(component, value)| Some((component, value?))).collect()
    }

    fn is_container() -> bool {
        let marks = ["/.dockerenv", "/run/.containerenv", "/var/run/secrets/kubernetes.io"];
        let named = read_short(Path::new("/run/systemd/container")).is_some();
        named || marks.iter().any(|mark| Path::new(mark).exists())
    }

    /// The disk that carries `/`; none on overlay, network and multi-device file systems.
    fn root_disk_serial() -> Option<String> {
        let device = fs::metadata("/").ok()?.dev();
        let (major, minor) = ((device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xfff00));
        let block = fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")).ok()?;
        let is_partition = block.join("partition").exists();
        let disk: PathBuf = if is_partition { block.parent()?.to_owned() } else { block };
        ["serial", "device/serial", "wwid", "device/wwid"]
            .iter()
            .find_map(|name| read_short(&disk.join(name)))
    }

    /// Of devices with hardware behind them whose address was not assigned by software (`addr_assign_type` 0).
    pub fn lowest_permanent_mac(folder: &Path) -> Option<String> {
        let permanent = |entry: fs::DirEntry| {
            let path = entry.path();
            let is_permanent = read_short(&path.join("addr_assign_type")).as_deref() == Some("0");
            (is_permanent && path.join("device").exists())
                .then(|| read_short(&path.join("address")))
                .flatten()
        };
        fs::read_dir(folder).ok()?.filter_map(Result::ok).filter_map(permanent).min()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_permanent_address_of_real_hardware_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let add = |name: &str, address: &str, assigned: &str, is_hardware: bool| {
            let device = folder.path().join(name);
            fs::create_dir(&device).expect("a device");
            fs::write(device.join("address"), format!("{address}\n")).expect("written");
            fs::write(device.join("addr_assign_type"), format!("{assigned}\n")).expect("written");
            if is_hardware {
                fs::create_dir(device.join("device")).expect("its hardware");
            }
        };
        assert_eq!(linux::lowest_permanent_mac(folder.path()), None);
        add("lo", "00:00:00:00:00:00", "0", false);
        add("docker0", "02:42:00:00:00:01", "3", false);
        add("wlan0", "11:22:33:44:55:66", "1", true);
        add("eth1", "52:54:00:00:00:02", "0", true);
        add("eth0", "52:54:00:00:00:01", "0", true);
        assert_eq!(linux::lowest_permanent_mac(folder.path()).as_deref(), Some("52:54:00:00:00:01"));
        assert_eq!(linux::lowest_permanent_mac(&folder.path().join("nowhere")), None);
    }

    #[test]
    fn reading_the_host_never_panics() {
        let _whatever_is_there = HostMachine.read();
        assert_eq!(read_short(Path::new("/nowhere")), None);
    }
}
