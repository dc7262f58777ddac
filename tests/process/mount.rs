//! File systems of a test's own: small ones that it fills, ones that cannot be written to. Mounting needs rights that
//! not everybody has: without them a test says that it did not run. With them a mount that fails is a failed test.
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// The capability to mount, `CAP_SYS_ADMIN` of `linux/capability.h`.
const CAP_SYS_ADMIN: u32 = 21;

/// A file system that is there as long as this is.
pub struct Mount {
    /// Holds the mount point and, for a disk, its image.
    folder: TempDir,
}

impl Mount {
    /// A file system in memory of so many MiB; `None`, and a line that says so, where nothing may be mounted.
    pub fn in_memory(mib: u64) -> Option<Self> {
        let options = format!("size={mib}m,mode=0755");
        let mount = |point: &Path| {
            run("mount", ["-t", "tmpfs", "-o", &options, "tmpfs"].map(OsStr::new), Some(point));
        };
        may_mount()?;
        Some(Self::with(mount))
    }

    /// An ext4 of so many MiB in a file with holes: filling it by allocation costs nothing. `None` likewise.
    pub fn disk(mib: u64) -> Option<Self> {
        let has_tools = Path::new("/dev/loop-control").exists() && is_there("mkfs.ext4");
        may_mount()?;
        if !has_tools {
            return not_run("there is no loop device, or no mkfs.ext4");
        }
        Some(Self::with(|point| {
            let image = point.with_file_name("image");
            let file = std::fs::File::create_new(&image).expect("a new folder");
            file.set_len(mib << 20).expect("a file may have holes");
            run("mkfs.ext4", ["-q", "-m", "0"].map(OsStr::new), Some(&image));
            run("mount", [OsStr::new("-o"), OsStr::new("loop"), image.as_os_str()], Some(point));
        }))
    }

    fn with(mount: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let point = folder.path().join("mount");
        std::fs::create_dir(&point).expect("a new folder");
        mount(&point);
        Self { folder }
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("mount")
    }

    /// From now on nothing can be written to it.
    pub fn make_read_only(&self) {
        run("mount", ["-o", "remount,ro"].map(OsStr::new), Some(&self.path()));
    }

    /// Takes room until exactly so many MiB are left, or all of it; the same file shrinks again.
    pub fn leave_mib(&self, left: u64) {
        let filler = self.path().join("filler");
        let _ = std::fs::remove_file(&filler);
        let file = std::fs::File::create_new(&filler).expect("it was removed");
        let free = || {
            let found = rustix::fs::statvfs(self.path()).expect("it is mounted");
            found.f_bavail * found.f_frsize
        };
        let flags = rustix::fs::FallocateFlags::empty();
        // What a file system needs for itself is not known beforehand: go on until it says no.
        let mut taken = 0;
        while let Some(more) = free().checked_sub(left << 20).filter(|more| *more > 0) {
            let step = more.min(64 << 20);
            if rustix::fs::fallocate(&file, flags, taken, step).is_err() {
                return;
            }
            taken += step;
        }
    }

    /// Gives the room back.
    pub fn empty_again(&self) {
        std::fs::remove_file(self.path().join("filler")).expect("it was filled");
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: a process of a failed test may still hold a file of it.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

fn may_mount() -> Option<()> {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = effective.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).expect("Linux");
    if bits >> CAP_SYS_ADMIN & 1 == 1 { Some(()) } else { not_run("this user may not mount file systems") }
}

fn not_run<T>(why: &str) -> Option<T> {
    println!("NOT RUN: {why}");
    None
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("-V").output().is_ok()
}

fn run<'a>(program: &str, args: impl IntoIterator<Item = &'a OsStr>, last: Option<&Path>) {
    let ended = Command::new(program).args(args).args(last).output().expect("the program is there");
    assert!(ended.status.success(), "{program}: {}", String::from_utf8_lossy(&ended.stderr));
}
