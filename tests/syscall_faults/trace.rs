//! What `strace` wrote down of a child.

use std::collections::BTreeMap;
use std::path::Path;

/// Calls by which a store opens, reads, writes, syncs and removes its files. Not `close`: a call that `strace` makes
/// fail is not made, but Linux lets go of the file whatever `close` answers.
pub const CALLS: &[&str] = &[
    "openat",
    "read",
    "pread64",
    "write",
    "pwrite64",
    "fdatasync",
    "fsync",
    "sync_file_range",
    "fallocate",
    "ftruncate",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "mkdir",
    "flock",
    "lseek",
    "statx",
    "newfstatat",
    "getdents64",
    "statfs",
    "fstatfs",
    "copy_file_range",
];

/// A call of the store that is to fail: the so-manieth of its name in its thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    pub call: &'static str,
    pub when: usize,
}

/// Where a call was made that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Struck {
    pub phase: &'static str,
    pub place: &'static str,
}

pub struct Trace {
    lines: Vec<String>,
    folder: String,
}

impl Trace {
    pub fn read(log: &Path, folder: &Path) -> Self {
        let text = std::fs::read(log).expect("strace has written");
        let lines = String::from_utf8_lossy(&text).lines().map(str::to_owned).collect();
        Self { lines, folder: folder.to_str().expect("text").to_owned() }
    }

    /// Every call on the store's files, once for each number that it has in some thread.
    pub fn points(&self) -> Vec<Point> {
        let mut counted: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let mut points = Vec::new();
        for line in &self.lines {
            let Some((thread, call)) = named(line) else { continue };
            let count = counted.entry((thread, call)).or_default();
            *count += 1;
            if let Some(call) = CALLS.iter().find(|known| **known == call)
                && line.contains(&self.folder)
            {
                points.push(Point { call, when: *count });
            }
        }
        points.sort_unstable();
        points.dedup();
        points
    }

    /// The first call that was made to fail; `None` if the run did not come to it, or if it was none of the store's.
    pub fn struck(&self, mark: &str) -> Option<Struck> {
        let at = self.lines.iter().position(|line| line.contains(mark))?;
        let call = self.lines[at].contains(&self.folder).then_some(&self.lines[at])?;
        let before = &self.lines[..at];
        let said = |word: &str| before.iter().any(|line| line.contains("sendto(") && line.contains(word));
        let phase = match () {
            () if said("\"closing\"") => "close",
            () if said("\"opened\"") => "commits",
            () => "start",
        };
        Some(Struck { phase, place: self.place(call) })
    }

    /// True when a commit was answered though a call on the journal had failed before.
    pub fn answered_after(&self, mark: &str) -> bool {
        let journal = format!("{}/journal", self.folder);
        let failed = |line: &String| line.contains(mark) && line.contains(&journal);
        let Some(at) = self.lines.iter().position(failed) else { return false };
        self.lines[at..].iter().any(|line| line.contains("sendto(") && line.contains("\"answered "))
    }

    fn place(&self, line: &str) -> &'static str {
        let inside = line.rsplit_once(&self.folder).map_or("", |(_, inside)| inside);
        match () {
            () if inside.starts_with("/journal/") => "segment",
            () if inside.starts_with("/journal") => "journal's folder",
            () if inside.starts_with("/sled") => "index",
            () if inside.starts_with("/snapshots") => "snapshots",
            () if inside.starts_with("/.tmp") => "new mark",
            () if inside.starts_with("/FORMAT") => "FORMAT",
            () if inside.starts_with("/LOCK") => "LOCK",
            () if inside.starts_with('/') => "mark",
            () => "data folder",
        }
    }
}

/// `12345 openat(…` → thread and call.
fn named(line: &str) -> Option<(&str, &str)> {
    let (thread, rest) = line.split_once(' ')?;
    let (call, _) = rest.trim_start().split_once('(')?;
    call.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_').then_some((thread, call))
}
