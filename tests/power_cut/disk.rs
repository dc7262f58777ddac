//! A disk whose power can be cut while it is written to: an image of it, taken between two of its writes.
//!
//! ```text
//! shelf.img   a file; XFS with reflinks, mounted at shelf/
//! shelf/drive.img     XFS with reflinks, mounted at drive/
//! drive/medium.img    ext4, mounted at disk/: here lies the data folder
//! ```
//! Two things can be seen in an image:
//!
//! * [`Cut::Received`] clones `medium.img`: everything the file system under the data folder has sent to its device, in
//!   whatever order it did. What only the kernel's page cache holds is lost: what nobody has synced.
//! * [`Cut::Flushed`] clones `drive.img`: of what the device received, what it was also told to *flush*. A flush of
//!   the loop device is an fsync of `medium.img`; what came after the last one waits in the page cache above
//!   `drive/`, as it would wait in the volatile cache of a drive, and is lost with it.
//!
//! A clone is one moment of the file. `cp --reflink=always` is one ioctl, `FICLONE`; XFS holds the file's lock
//! against every writer while it writes out the file's dirty pages and while it shares its extents (`xfs_reflink_remap_prep`
//! in the kernel's fs/xfs). The loop devices write through that same lock, one request at a time: they are made without
//! direct I/O (asserted below), so what they write goes through the page cache which the clone writes out first. So an
//! image holds whole requests only, and all that were finished before the clone began.
//!
//! Everything is unmounted when the values are dropped, also by a failed test; what a killed test left is removed by
//! the next one. Mounting with `-o loop` frees each loop device with its mount.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

const PREFIX: &str = "lictor-power-cut-";

/// The smallest XFS there is has 300 MB; the shelf keeps the differences of all images that are kept.
const SHELF_BYTES: &str = "6G";
const DRIVE_BYTES: &str = "1G";
const MEDIUM_BYTES: &str = "512M";

/// What an image holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    Received,
    Flushed,
}

/// A folder with the mounts in it, in the order in which they were made.
struct Mounts {
    folder: PathBuf,
    points: Vec<PathBuf>,
}

impl Drop for Mounts {
    fn drop(&mut self) {
        for point in self.points.iter().rev() {
            unmount(point);
        }
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

impl Mounts {
    fn mount(&mut self, image: &Path, name: &str, options: &str) -> Result<PathBuf, String> {
        let point = self.folder.join(name);
        std::fs::create_dir(&point).map_err(|error| error.to_string())?;
        run("mount", &["-o", options, shown(image), shown(&point)])?;
        self.points.push(point.clone());
        Ok(point)
    }
}

/// The disk. Dropped, it is gone.
pub struct Disk {
    mounts: Mounts,
    images: AtomicUsize,
}

impl Disk {
    /// `None`, and a line that says so, where nobody may mount.
    pub fn new() -> Option<Self> {
        let made = Self::made();
        if let Err(why) = &made {
            crate::process::not_run_here(&format!("root, loop devices and mkfs.xfs ({why})"));
        }
        made.ok()
    }

    fn made() -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("this user is not root".to_owned());
        }
        remove_what_killed_tests_left();
        let prefix = format!("{PREFIX}{}-", std::process::id());
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir().map_err(|error| error.to_string())?;
        let mut mounts = Mounts { folder: folder.keep(), points: Vec::new() };
        let shelf = mounts.folder.join("shelf.img");
        make(&shelf, SHELF_BYTES, &["mkfs.xfs", "-q", "-m", "reflink=1"])?;
        let drive = mounts.mount(&shelf, "shelf", "loop")?.join("drive.img");
        make(&drive, DRIVE_BYTES, &["mkfs.xfs", "-q", "-m", "reflink=1"])?;
        let medium = mounts.mount(&drive, "drive", "loop")?.join("medium.img");
        make(&medium, MEDIUM_BYTES, &["mkfs.ext4", "-q", "-E", "lazy_itable_init=0"])?;
        mounts.mount(&medium, "disk", "loop")?;
        let disk = Self { mounts, images: AtomicUsize::new(0) };
        disk.require_buffered_loops()?;
        Ok(disk)
    }

    /// Where the data lies.
    pub fn path(&self) -> PathBuf {
        self.mounts.folder.join("disk")
    }

    /// What an image taken now would hold, kept until the image is dropped.
    pub fn cut(&self, cut: Cut) -> Image {
        let number = self.images.fetch_add(1, Ordering::SeqCst);
        let folder = self.mounts.folder.join(format!("image-{number}"));
        let (original, shelf) = match cut {
            Cut::Received => ("drive/medium.img", "drive"),
            Cut::Flushed => ("shelf/drive.img", "shelf"),
        };
        let file = self.mounts.folder.join(shelf).join(format!("image-{number}"));
        let original = self.mounts.folder.join(original);
        run("cp", &["--reflink=always", shown(&original), shown(&file)]).expect("a clone");
        Image { cut, file, folder }
    }

    fn require_buffered_loops(&self) -> Result<(), String> {
        for point in &self.mounts.points {
            let device = run("findmnt", &["-n", "-o", "SOURCE", shown(point)])?;
            let name = device.trim().trim_start_matches("/dev/").to_owned();
            let direct = std::fs::read_to_string(format!("/sys/block/{name}/loop/dio"));
            if direct.map_err(|error| error.to_string())?.trim() != "0" {
                return Err(format!("{name} writes past the page cache: a clone would not be one moment"));
            }
        }
        Ok(())
    }
}

/// What was left of a disk when its power was cut.
pub struct Image {
    pub cut: Cut,
    file: PathBuf,
    folder: PathBuf,
}

impl Drop for Image {
    fn drop(&mut self) {
        std::fs::remove_file(&self.file).ok();
    }
}

/// An image in use; its file systems have replayed their own journals.
pub struct Mounted {
    mounts: Mounts,
    disk: PathBuf,
}

impl Image {
    pub fn mount(&self) -> Mounted {
        std::fs::create_dir(&self.folder).expect("a folder for its mounts");
        let mut mounts = Mounts { folder: self.folder.clone(), points: Vec::new() };
        let mut mount = |image: &Path, name: &str, options: &str| {
            mounts.mount(image, name, options).expect("a file system that recovers by itself")
        };
        let disk = match self.cut {
            Cut::Received => mount(&self.file, "disk", "loop"),
            Cut::Flushed => {
                let drive = mount(&self.file, "drive", "loop,nouuid");
                mount(&drive.join("medium.img"), "disk", "loop")
            }
        };
        Mounted { mounts, disk }
    }
}

impl Mounted {
    pub fn path(&self) -> &Path {
        debug_assert!(!self.mounts.points.is_empty());
        &self.disk
    }
}

fn make(image: &Path, bytes: &str, mkfs: &[&str]) -> Result<(), String> {
    run("truncate", &["-s", bytes, shown(image)])?;
    let words: Vec<&str> = mkfs[1..].iter().copied().chain([shown(image)]).collect();
    run(mkfs[0], &words).map(|_| ())
}

fn unmount(point: &Path) {
    if run("umount", &[shown(point)]).is_err() {
        run("umount", &["-l", shown(point)]).ok();
    }
}

/// Folders of processes that do not run any more, with their mounts: the innermost was mounted last.
fn remove_what_killed_tests_left() {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let left = |path: &str| {
        let name = path.split('/').find_map(|name| name.strip_prefix(PREFIX));
        let process = name.and_then(|name| name.split('-').next());
        process.is_some_and(|process| !Path::new("/proc").join(process).exists())
    };
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    for point in points.filter(|point| left(point)).collect::<Vec<_>>().into_iter().rev() {
        unmount(Path::new(point));
    }
    for entry in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        if left(&entry.file_name().to_string_lossy()) {
            std::fs::remove_dir_all(entry.path()).ok();
        }
    }
}

fn shown(path: &Path) -> &str {
    path.to_str().expect("the paths of these tests are text")
}

fn run(program: &str, words: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(words).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{program} {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}
