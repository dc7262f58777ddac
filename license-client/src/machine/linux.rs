//! Linux: what the kernel and the system files say.

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

/// The host's name.
pub fn name() -> Option<String> {
    read_short(Path::new("/proc/sys/kernel/hostname"))
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
    ["serial", "device/serial", "wwid", "device/wwid"].iter().find_map(|name| read_short(&disk.join(name)))
}

/// Of devices with hardware behind them whose address was not assigned by software (`addr_assign_type` 0).
fn lowest_permanent_mac(folder: &Path) -> Option<String> {
    let permanent = |entry: fs::DirEntry| {
        let path = entry.path();
        let is_permanent = read_short(&path.join("addr_assign_type")).as_deref() == Some("0");
        (is_permanent && path.join("device").exists()).then(|| read_short(&path.join("address"))).flatten()
    };
    fs::read_dir(folder).ok()?.filter_map(Result::ok).filter_map(permanent).min()
}

#[cfg(test)]
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
        assert_eq!(lowest_permanent_mac(folder.path()), None);
        add("lo", "00:00:00:00:00:00", "0", false);
        add("docker0", "02:42:00:00:00:01", "3", false);
        add("wlan0", "11:22:33:44:55:66", "1", true);
        add("eth1", "52:54:00:00:00:02", "0", true);
        add("eth0", "52:54:00:00:00:01", "0", true);
        assert_eq!(lowest_permanent_mac(folder.path()).as_deref(), Some("52:54:00:00:00:01"));
        assert_eq!(lowest_permanent_mac(&folder.path().join("nowhere")), None);
    }
}
