//! The usage ledger on this machine's disk: what was consumed and not merged yet.
//!
//! Two files stand for it. The ledger is appended to and synced before anything is granted; its end is written
//! beside it afterwards. A write that was torn by a power failure was never granted and is cut off. An end that lies
//! behind the ledger's says that the ledger was cut, or was put back to an older day: then nothing more is granted
//! until the server has seen it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use license_token::ledger::{self, Entry, Head, LEDGER_ENTRIES_MAX, LEDGER_MAX_BYTES, Line};
use license_token::{DeviceKey, LedgerClaim, LedgerMark, base64url};
use serde::{Deserialize, Serialize};

use crate::{Config, state};

/// Most entries that wait for the server; then the machine must go online.
pub(crate) const ENTRIES_WAITING_MAX: usize = 4_000;
/// What is read of a ledger file; no ledger of ours is longer.
const FILE_MAX_BYTES: u64 = 4 * 1024 * 1024;

/// The ledger, locked for this process.
pub(crate) struct Ledger {
    path: PathBuf,
    /// The last entry that was merged, as the certificate says.
    merged: Head,
    /// What follows it, if [`Self::is_sound`]; else everything that is there.
    lines: Vec<(String, Line)>,
    /// What stands behind the lines and is none.
    tail: Vec<u8>,
    /// The end that was noted after the last entry.
    noted: Option<Noted>,
    is_sound: bool,
    _lock: File,
}

/// The second copy of the ledger's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Noted {
    act: String,
    seq: i64,
    head: String,
}

/// What goes to the server.
pub(crate) struct Sending {
    pub text: String,
    pub mark: LedgerMark,
}

/// `acme-cad.usage`.
fn path(config: &Config) -> PathBuf {
    state::path(config).with_extension("").with_extension("usage")
}

impl Ledger {
    /// Opens and locks it. What the certificate says was merged is cut off; what is torn too.
    pub fn open(config: &Config, act: &str, receipt: &LedgerClaim) -> io::Result<Self> {
        let path = path(config);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let lock =
            private().write(true).create(true).truncate(false).open(path.with_extension("usage-lock"))?;
        lock.lock()?;
        let bytes = read(&path)?;
        let (lines, tail) = split(&bytes);
        let noted = fs::read(path.with_extension("usage-end")).ok();
        let noted: Option<Noted> = noted.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let noted = noted.filter(|noted| noted.act == act);
        let merged = receipt.head;
        let mut ledger = Self { path, merged, lines, tail, noted, is_sound: false, _lock: lock };
        ledger.settle(act)?;
        Ok(ledger)
    }

    /// Decides whether the ledger follows what was merged, and forgets what is no longer needed.
    fn settle(&mut self, act: &str) -> io::Result<()> {
        if self.lines.first().is_some_and(|(_, line)| line.entry.act != act) {
            // Of an activation that is over.
            self.lines.clear();
            self.tail.clear();
            self.write()?;
        }
        let is_chain = self.lines.windows(2).all(|pair| follows(&pair[0].1.head(), &pair[1].1));
        let first_new = self.lines.iter().position(|(_, line)| line.entry.seq > self.merged.seq);
        let before = match first_new {
            Some(0) => None,
            Some(index) => Some(&self.lines[index - 1].1),
            None => self.lines.last().map(|(_, line)| line),
        };
        let meets = before.is_none_or(|line| line.head() == self.merged);
        let goes_on = first_new.is_none_or(|index| follows(&self.merged, &self.lines[index].1));
        let end = self.end();
        let noted = self.noted.as_ref();
        let is_whole = noted.is_none_or(|noted| match noted.seq.cmp(&end.seq) {
            std::cmp::Ordering::Greater => false,
            std::cmp::Ordering::Equal => noted.head == end.text(),
            std::cmp::Ordering::Less => true,
        });
        // What stands behind the noted end and is no line was torn, and never granted.
        self.is_sound = is_chain && meets && goes_on && is_whole;
        if self.is_sound && (first_new != Some(0) && !self.lines.is_empty() || !self.tail.is_empty()) {
            self.lines.drain(..first_new.unwrap_or(self.lines.len()));
            self.tail.clear();
            self.write()?;
        }
        Ok(())
    }

    fn end(&self) -> Head {
        let last = self.lines.last().map(|(_, line)| line.head());
        last.filter(|last| last.seq > self.merged.seq).unwrap_or(self.merged)
    }

    /// Whether it follows what was merged, without a break and to its noted end.
    pub fn is_sound(&self) -> bool {
        self.is_sound
    }

    /// The entries that are not merged yet.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.lines.iter().map(|(_, line)| &line.entry)
    }

    /// Whether so many more entries have room.
    pub fn has_room_for(&self, count: usize) -> bool {
        self.lines.len() + count <= ENTRIES_WAITING_MAX
    }

    /// Adds entries: durable when this returns. Their number and the hash before them are set here.
    pub fn append(&mut self, key: &DeviceKey, entries: Vec<Entry>) -> io::Result<()> {
        let (mut text, mut end, mut lines) = (String::new(), self.end(), Vec::new());
        for entry in entries {
            let entry = Entry { seq: end.seq + 1, prev: end.hash, ..entry };
            let line = key.sign_entry(&entry);
            end = Head { seq: entry.seq, hash: ledger::hash(line.as_bytes()) };
            text.push_str(&line);
            text.push('\n');
            lines.push((line, Line { entry, hash: end.hash }));
        }
        let mut file = private().read(true).write(true).create(true).truncate(false).open(&self.path)?;
        let length = file.seek(SeekFrom::End(0))?;
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        if let Err(error) = written {
            // Not granted, so it must not be told of; where this fails too, the torn line is cut off later.
            let _best_effort = file.set_len(length).and_then(|()| file.sync_all());
            return Err(error);
        }
        let is_new = length == 0;
        self.lines.extend(lines);
        // The ledger alone is the truth: an end that could not be noted only lags behind.
        let _best_effort = self.note(end);
        if is_new { sync_folder(&self.path) } else { Ok(()) }
    }

    fn note(&mut self, end: Head) -> io::Result<()> {
        let act = self.lines.last().map(|(_, line)| line.entry.act.clone()).unwrap_or_default();
        let noted = Noted { act, seq: end.seq, head: end.text() };
        state::write_atomically(&self.path.with_extension("usage-end"), &serde_json::to_vec(&noted)?)?;
        self.noted = Some(noted);
        Ok(())
    }

    /// What is sent next: as many entries as one request may carry, and where they end.
    pub fn sending(&self) -> Sending {
        let mut text = String::new();
        let mut sent = 0;
        for (line, _) in self.lines.iter().take(LEDGER_ENTRIES_MAX) {
            if text.len() + line.len() >= LEDGER_MAX_BYTES {
                break;
            }
            text.push_str(line);
            text.push('\n');
            sent += 1;
        }
        let more = sent < self.lines.len();
        let from = self.lines.first().map_or(self.merged.seq + 1, |(_, line)| line.entry.seq);
        let last = sent.checked_sub(1).map_or(self.merged, |last| self.lines[last].1.head());
        let head = if more || self.is_sound { last } else { self.claimed(last) };
        if !more && text.len() + self.tail.len() <= LEDGER_MAX_BYTES {
            // What cannot be read is shown as it is: the server says where it is wrong.
            text.push_str(&String::from_utf8_lossy(&self.tail));
        }
        let digest = ledger::digest(text.as_bytes());
        Sending { text, mark: LedgerMark { from, head, digest, more } }
    }

    /// The end that was noted, where it lies behind what is there.
    fn claimed(&self, last: Head) -> Head {
        let noted = self.noted.as_ref().filter(|noted| noted.seq > last.seq);
        let noted = noted
            .and_then(|noted| Some(Head { seq: noted.seq, hash: base64url::decode_array(&noted.head)? }));
        noted.unwrap_or(last)
    }

    /// The server has refused it and counted what was good: it is kept aside for people, and the next entry follows
    /// what was merged.
    pub fn set_aside(self) -> io::Result<()> {
        let _not_noted = fs::remove_file(self.path.with_extension("usage-end"));
        match fs::rename(&self.path, self.path.with_extension("usage-refused")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            renamed => renamed,
        }
    }

    fn write(&self) -> io::Result<()> {
        let mut text = String::new();
        for (line, _) in &self.lines {
            text.push_str(line);
            text.push('\n');
        }
        state::write_atomically(&self.path, text.as_bytes())
    }
}

fn follows(head: &Head, line: &Line) -> bool {
    line.entry.seq == head.seq + 1 && line.entry.prev == head.hash
}

#[cfg(unix)]
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// The rights of the folder count.
#[cfg(not(unix))]
fn private() -> OpenOptions {
    OpenOptions::new()
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(FILE_MAX_BYTES).read_to_end(&mut bytes).map(|_length| bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(bytes),
        Err(error) => Err(error),
    }
}

/// The lines up to the first that is none, and the rest.
fn split(bytes: &[u8]) -> (Vec<(String, Line)>, Vec<u8>) {
    let (mut lines, mut rest) = (Vec::new(), bytes);
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let line = std::str::from_utf8(&rest[..end]).ok();
        let Some(line) = line.and_then(|text| Some((text.to_owned(), Line::parse(text.as_bytes()).ok()?)))
        else {
            break;
        };
        lines.push(line);
        rest = &rest[end + 1..];
    }
    (lines, rest.to_vec())
}

#[cfg(unix)]
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(not(unix))]
pub(crate) fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}
