//! The folder of an embedded store: its layout, its marks, its lock.
//!
//! ```text
//! LOCK        held for the life of the store
//! FORMAT      store schema and id; written last when a store is made
//! journal/    the truth
//! sled/       the index, which can be rebuilt
//! snapshots/  the state at some batches: what the index is rebuilt from, with the journal after them
//! sled.new/   an index that a compaction is making, sled.old/ the one that it replaces: removed by the next start
//! CHECKPOINT  up to here the index is synced: a start replays from here
//! STOPPED     up to here everything was answered when the store was last closed in good order
//! RUNNING     it was opened and not closed since; on which start of the machine
//! REBUILD     the index is not to be trusted: the next start makes it anew
//! MOVED       the records are in another store now; FORMAT goes once it is there, so that no program takes this for a store
//! ```
//! The marks are text, each line `name value`, the last one a CRC-32C over the lines before it.

use std::fs::File;
use std::path::{Path, PathBuf};

use fs4::{FileExt, TryLockError};

use super::super::engine::Position;
use super::super::error::StoreError;
use super::super::files;
use super::super::journal::StoreId;
use super::super::record::Revision;
use super::index::IndexError;

/// The store schema that this program writes, and the newest it reads.
///
/// 2: segments may be sealed or retired, and the index has another form than before. A store of schema 1 becomes one of
/// schema 2 when it is opened; a program that knows only schema 1 then refuses it.
pub const STORE_SCHEMA: u32 = 2;

/// The oldest store schema that this program reads.
const STORE_SCHEMA_OLDEST: u32 = 1;

/// Says which start of the machine this is: other after every one, the same until then.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Stands for a start of the machine that could not be told.
const UNKNOWN_BOOT: &str = "unknown";

/// The mark that makes a folder a store.
pub(super) const FORMAT: &str = "FORMAT";
const LOCK: &str = "LOCK";
const REBUILD: &str = "REBUILD";
const RUNNING: &str = "RUNNING";

/// A mark that holds a position.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mark {
    Checkpoint,
    Stopped,
}

impl Mark {
    fn name(self) -> &'static str {
        match self {
            Self::Checkpoint => "CHECKPOINT",
            Self::Stopped => "STOPPED",
        }
    }
}

/// Holds a folder until dropped, or until the process ends.
pub(super) struct FolderLock(File);

impl Drop for FolderLock {
    /// Closing the file is not enough: a process that is just being started may hold it for a moment longer.
    fn drop(&mut self) {
        if let Err(error) = FileExt::unlock(&self.0) {
            tracing::warn!(%error, "the folder's lock is only let go of when the process ends");
        }
    }
}

/// The paths of a store.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn journal(&self) -> PathBuf {
        self.0.join("journal")
    }

    pub fn snapshots(&self) -> PathBuf {
        self.0.join("snapshots")
    }

    pub fn index(&self) -> PathBuf {
        self.0.join("sled")
    }

    /// Where another index is made, beside the one in use.
    pub fn new_index(&self) -> PathBuf {
        self.0.join("sled.new")
    }

    /// Where the index in use goes when the other takes its place.
    pub fn old_index(&self) -> PathBuf {
        self.0.join("sled.old")
    }

    /// Removes what a compaction left behind that was interrupted.
    pub fn remove_leftovers(&self) -> Result<(), StoreError> {
        files::remove(&self.new_index())?;
        files::remove(&self.old_index())?;
        if self.snapshots().is_dir() {
            files::remove_unfinished(&self.snapshots())?;
        }
        Ok(())
    }

    /// True when a store was made here, readable or not. What cannot be looked for does not pass for missing.
    pub fn holds_a_store(&self) -> bool {
        self.0.join(FORMAT).try_exists().unwrap_or(true)
    }

    /// Locks the folder against every other process, and against this one opening it twice.
    pub fn lock(&self) -> Result<FolderLock, StoreError> {
        let path = self.0.join(LOCK);
        let file = files::open_or_create_file(&path)?;
        match FileExt::try_lock(&file) {
            Ok(()) => Ok(FolderLock(file)),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked { folder: self.shown() }),
            Err(TryLockError::Error(source)) => Err(StoreError::io("locking", &path, source)),
        }
    }

    /// Makes the folder if it is missing; refuses one that holds anything.
    pub fn claim_empty(&self) -> Result<(), StoreError> {
        files::create_folder(&self.0)?;
        let failed = |source| StoreError::io("listing", &self.0, source);
        let mut entries = std::fs::read_dir(&self.0).map_err(failed)?;
        if entries.next().is_some() {
            return Err(StoreError::NotEmpty { folder: self.shown() });
        }
        Ok(())
    }

    /// Refuses a folder that holds no store, before anything is written to it.
    pub fn require_a_store(&self) -> Result<(), StoreError> {
        if self.holds_a_store() {
            return Ok(());
        }
        let mut entries = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        if entries.next().is_none() {
            return Err(StoreError::Missing { folder: self.shown() });
        }
        Err(StoreError::Foreign { folder: self.shown(), what: "it has no file FORMAT".to_owned() })
    }

    pub fn write_format(&self, store: &StoreId) -> Result<(), StoreError> {
        let id: String = store.iter().map(|byte| format!("{byte:02x}")).collect();
        files::replace(&self.0, FORMAT, &sealed(&format!("lictor-store {STORE_SCHEMA}\nid {id}\n")))
    }

    /// The store's id, if this program can read the store.
    pub fn read_format(&self) -> Result<StoreId, StoreError> {
        self.format().map(|(_, store)| store)
    }

    /// Makes a store of an older schema one of this program's, before anything of the new form is written. Its index has
    /// the older form, so it is marked for a rebuild first.
    pub fn upgrade_format(&self) -> Result<(), StoreError> {
        let (schema, store) = self.format()?;
        if schema == STORE_SCHEMA {
            return Ok(());
        }
        tracing::info!(from = schema, to = STORE_SCHEMA, "changing the store to the schema of this program");
        self.mark_rebuild()?;
        self.write_format(&store)
    }

    fn format(&self) -> Result<(u32, StoreId), StoreError> {
        let content = files::read_if_there(&self.0.join(FORMAT))?.unwrap_or_default();
        let foreign = |what: &str| StoreError::Foreign { folder: self.shown(), what: what.to_owned() };
        let text = std::str::from_utf8(&content).map_err(|_| foreign("its FORMAT is not text"))?;
        let schema: Option<u32> = text.lines().next().and_then(|line| number(line, "lictor-store"));
        let schema = schema.ok_or_else(|| foreign("its FORMAT is another program's"))?;
        let damaged = || self.damaged_mark(FORMAT, "restore it from a backup");
        let lines = unsealed(text);
        if schema > STORE_SCHEMA {
            // It may look different but for its first line; if it is sealed as ours is, the seal must hold.
            let changed = text.contains(SEAL) && lines.is_none();
            let newer = StoreError::NewerSchema { folder: self.shown(), found: schema, known: STORE_SCHEMA };
            return Err(if changed { self.damaged_newer_format(schema) } else { newer });
        }
        let mut lines = lines.ok_or_else(damaged)?.lines().skip(1);
        let store = lines.next().and_then(|line| line.strip_prefix("id ")).and_then(store_id);
        if schema < STORE_SCHEMA_OLDEST {
            return Err(foreign("its schema is not known"));
        }
        Ok((schema, store.ok_or_else(damaged)?))
    }

    fn damaged_newer_format(&self, schema: u32) -> StoreError {
        StoreError::Damaged {
            place: self.0.join(FORMAT).display().to_string(),
            what: format!(
                "it says store schema {schema}, this program reads up to {STORE_SCHEMA}, and its checksum does not hold"
            ),
            next: "start the newer program; if there is none, restore the file from a backup",
        }
    }

    pub fn write_mark(&self, mark: Mark, position: Position) -> Result<(), StoreError> {
        let text = format!("batch {}\nrevision {}\n", position.batch, position.revision.number());
        files::replace(&self.0, mark.name(), &sealed(&text))
    }

    /// The position in a mark; the start of the store when there is none.
    pub fn read_mark(&self, mark: Mark) -> Result<Position, StoreError> {
        let Some(content) = files::read_if_there(&self.0.join(mark.name()))? else {
            return Ok(Position::default());
        };
        let next = "move this file away; the next start then reads all that is kept before it";
        let text = std::str::from_utf8(&content).ok().and_then(unsealed);
        let position = text.and_then(|text| {
            let mut lines = text.lines();
            let batch = number(lines.next()?, "batch")?;
            Some(Position { batch, revision: Revision::from_number(number(lines.next()?, "revision")?) })
        });
        position.ok_or_else(|| self.damaged_mark(mark.name(), next))
    }

    /// Notes that the store is open on this start of the machine, which [`this_boot`] tells.
    ///
    /// If it was open on another one, the machine lost power or was restarted under it. sled frees and uses again what it
    /// wrongly believes to be durable, so what then lies in its files is not to be trusted, whatever it looks like: the
    /// index is marked for a rebuild first, so that also a kill in between does not hide it. A mark that is not readable
    /// counts as another start; one that could not be told as the same.
    pub fn begin_running(&self, boot: Option<&str>) -> Result<(), StoreError> {
        files::remove_unfinished(&self.0)?;
        if self.ran_through_a_restart(boot)? {
            tracing::warn!("the machine was restarted while the store was open; the index will be made anew");
            self.mark_rebuild()?;
        }
        let boot = boot.unwrap_or(UNKNOWN_BOOT);
        files::replace(&self.0, RUNNING, &sealed(&format!("boot {boot}\n")))
    }

    /// True when the store was not closed in good order and the machine has been restarted since.
    pub fn ran_through_a_restart(&self, boot: Option<&str>) -> Result<bool, StoreError> {
        let Some(content) = files::read_if_there(&self.0.join(RUNNING))? else { return Ok(false) };
        let lines = std::str::from_utf8(&content).ok().and_then(unsealed);
        let noted = lines.and_then(|lines| lines.lines().next()).and_then(|line| line.strip_prefix("boot "));
        Ok(match (noted, boot) {
            (None, _) => true,
            (Some(UNKNOWN_BOOT), _) | (_, None) => false,
            (Some(noted), Some(boot)) => noted != boot,
        })
    }

    /// Notes that the store was closed in good order: everything in it, the index too, survives a power cut.
    pub fn end_running(&self) -> Result<(), StoreError> {
        files::remove(&self.0.join(RUNNING))?;
        files::sync_folder(&self.0)
    }

    /// True when the mark is there, and when it cannot be looked for: a rebuild that was not needed harms nobody.
    pub fn wants_rebuild(&self) -> bool {
        self.0.join(REBUILD).try_exists().unwrap_or(true)
    }

    pub fn mark_rebuild(&self) -> Result<(), StoreError> {
        files::replace(&self.0, REBUILD, b"the index is not to be trusted; the next start makes it anew\n")
    }

    /// Leaves the mark `REBUILD` when the index is damaged.
    pub fn told(&self, error: IndexError) -> StoreError {
        if let IndexError::Damaged { place, what } = &error {
            tracing::error!(%place, %what, "the index is damaged; the next start rebuilds it");
            if let Err(error) = self.mark_rebuild() {
                tracing::error!(%error, "the mark for the rebuild could not be left");
            }
        }
        error.into()
    }

    pub fn unmark_rebuild(&self) -> Result<(), StoreError> {
        files::remove(&self.0.join(REBUILD))?;
        files::sync_folder(&self.0)
    }

    /// Makes an empty index folder, dropping what is there.
    pub fn renew_index(&self) -> Result<(), StoreError> {
        files::remove(&self.index())?;
        files::create_folder(&self.index())?;
        files::sync_folder(&self.0)
    }

    pub fn sync(&self) -> Result<(), StoreError> {
        files::sync_folder(&self.0)
    }

    pub fn shown(&self) -> String {
        self.0.display().to_string()
    }

    pub fn damaged_mark(&self, name: &str, next: &'static str) -> StoreError {
        let place = self.0.join(name).display().to_string();
        StoreError::Damaged { place, what: "its checksum does not hold".to_owned(), next }
    }
}

/// Which start of the machine this is; `None` when the system does not say.
pub(super) fn this_boot() -> Option<String> {
    let id = std::fs::read_to_string(BOOT_ID).ok()?;
    let id = id.trim();
    let plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    plain.then(|| id.to_owned())
}

const SEAL: &str = "crc32c ";

pub(super) fn sealed(lines: &str) -> Vec<u8> {
    format!("{lines}{SEAL}{:08x}\n", crc32c::crc32c(lines.as_bytes())).into_bytes()
}

/// The lines before the seal, if it holds.
pub(super) fn unsealed(text: &str) -> Option<&str> {
    let (lines, _) = text.split_at_checked(text.rfind(SEAL)?)?;
    (sealed(lines) == text.as_bytes()).then_some(lines)
}

pub(super) fn number<N: std::str::FromStr>(line: &str, name: &str) -> Option<N> {
    line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok()
}

pub(super) fn store_id(hex: &str) -> Option<StoreId> {
    let mut id = StoreId::default();
    if hex.len() != 2 * id.len() || !hex.is_ascii() {
        return None;
    }
    for (byte, digits) in id.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder::at(temporary.path());
        (temporary, folder)
    }

    #[test]
    fn a_mark_is_read_back_and_a_changed_one_is_refused() {
        let (temporary, folder) = folder();
        let position = Position { batch: 12, revision: Revision::from_number(34) };
        folder.write_mark(Mark::Checkpoint, position).expect("written");
        assert_eq!(folder.read_mark(Mark::Checkpoint).expect("read"), position);
        std::fs::write(temporary.path().join("CHECKPOINT"), "batch 13\nrevision 34\ncrc32c 00000000\n")
            .expect("overwritten");
        assert!(matches!(folder.read_mark(Mark::Checkpoint), Err(StoreError::Damaged { .. })));
    }

    #[test]
    fn a_missing_mark_is_the_start_of_the_store() {
        assert_eq!(folder().1.read_mark(Mark::Stopped).expect("no mark"), Position::default());
    }

    fn refused(result: Result<StoreId, StoreError>, what: &str) {
        use StoreError::{Damaged, Foreign, NewerSchema};
        assert!(matches!(result, Err(Damaged { .. } | Foreign { .. } | NewerSchema { .. })), "{what}");
    }

    /// The bytes, with each bit flipped in turn, and cut to each length.
    fn spoilt(good: &[u8]) -> Vec<(String, Vec<u8>)> {
        let flipped = (0..good.len() * 8).map(|bit| {
            let mut bad = good.to_vec();
            bad[bit / 8] ^= 1 << (bit % 8);
            (format!("bit {bit}"), bad)
        });
        flipped
            .chain((0..good.len()).map(|length| (format!("cut to {length}"), good[..length].to_vec())))
            .collect()
    }

    #[test]
    fn a_format_is_read_back_and_a_newer_one_and_a_foreign_one_are_refused() {
        let (temporary, folder) = folder();
        folder.write_format(&[9; 16]).expect("written");
        assert_eq!(folder.read_format().expect("read"), [9; 16]);
        let format = temporary.path().join(FORMAT);
        for newer in [b"lictor-store 3\nanything".to_vec(), sealed("lictor-store 3\nother words\n")] {
            std::fs::write(&format, newer).expect("overwritten");
            assert!(matches!(folder.read_format(), Err(StoreError::NewerSchema { found: 3, .. })));
        }
        for foreign in ["something else", "", "lictor-store x\n"] {
            std::fs::write(&format, foreign).expect("overwritten");
            assert!(matches!(folder.read_format(), Err(StoreError::Foreign { .. })), "{foreign}");
        }
    }

    #[test]
    fn a_format_or_a_mark_with_any_bit_flipped_or_cut_anywhere_is_refused() {
        let (temporary, folder) = folder();
        for schema in [1, STORE_SCHEMA] {
            let good = sealed(&format!("lictor-store {schema}\nid {}\n", "09".repeat(16)));
            std::fs::write(temporary.path().join(FORMAT), &good).expect("written");
            assert_eq!(folder.read_format().expect("read"), [9; 16]);
            for (what, bad) in spoilt(&good) {
                std::fs::write(temporary.path().join(FORMAT), bad).expect("written");
                refused(folder.read_format(), &what);
                assert!(folder.upgrade_format().is_err(), "{what}");
            }
        }
        for mark in [Mark::Checkpoint, Mark::Stopped] {
            folder
                .write_mark(mark, Position { batch: 12, revision: Revision::from_number(34) })
                .expect("written");
            let path = temporary.path().join(mark.name());
            for (what, bad) in spoilt(&std::fs::read(&path).expect("read")) {
                std::fs::write(&path, bad).expect("written");
                assert!(matches!(folder.read_mark(mark), Err(StoreError::Damaged { .. })), "{what}");
            }
        }
    }

    #[test]
    fn a_store_of_schema_1_becomes_one_of_this_schema_with_its_index_made_anew() {
        let (temporary, folder) = folder();
        let old = sealed(&format!("lictor-store 1\nid {}\n", "09".repeat(16)));
        std::fs::write(temporary.path().join(FORMAT), old).expect("written");
        assert_eq!(folder.read_format().expect("read"), [9; 16]);
        folder.upgrade_format().expect("upgraded");
        assert!(folder.wants_rebuild());
        let text = std::fs::read_to_string(temporary.path().join(FORMAT)).expect("read");
        assert!(text.starts_with("lictor-store 2\n"), "{text}");
        assert_eq!(folder.read_format().expect("read"), [9; 16]);
        folder.unmark_rebuild().expect("removed");
        folder.upgrade_format().expect("nothing to do");
        assert!(!folder.wants_rebuild());
    }

    #[test]
    fn only_a_store_that_was_open_on_another_start_of_the_machine_has_its_index_made_anew() {
        let boots = [None, Some("a"), Some("b")];
        for (before, now) in boots.into_iter().flat_map(|before| boots.map(|now| (before, now))) {
            let restarted = before.is_some() && now.is_some() && before != now;
            let (_temporary, folder) = folder();
            assert!(!folder.ran_through_a_restart(now).expect("told"), "never opened");
            folder.begin_running(before).expect("noted");
            assert_eq!(folder.ran_through_a_restart(now).expect("told"), restarted, "{before:?} {now:?}");
            folder.begin_running(now).expect("noted");
            // A kill right after this does not hide it: the mark stays until the index was made.
            folder.begin_running(now).expect("noted");
            assert_eq!(folder.wants_rebuild(), restarted, "{before:?} {now:?}");
            folder.end_running().expect("noted");
            for boot in boots {
                assert!(!folder.ran_through_a_restart(boot).expect("told"), "closed in good order");
            }
        }
    }

    #[test]
    fn a_running_mark_that_is_not_readable_counts_as_a_restart() {
        let (temporary, folder) = folder();
        folder.begin_running(Some("0123abcd-4567")).expect("noted");
        let path = temporary.path().join(RUNNING);
        for (what, bad) in spoilt(&std::fs::read(&path).expect("read")) {
            std::fs::write(&path, bad).expect("written");
            assert!(folder.ran_through_a_restart(Some("0123abcd-4567")).expect("told"), "{what}");
        }
    }

    #[test]
    fn this_machine_says_which_start_it_is_on() {
        assert_eq!(this_boot(), this_boot());
        assert!(this_boot().is_some_and(|boot| boot.len() == 36));
    }

    #[test]
    fn what_an_interrupted_replacement_left_is_removed() {
        let (temporary, folder) = folder();
        std::fs::write(temporary.path().join(".unfinished-x"), b"half").expect("written");
        folder.begin_running(None).expect("noted");
        assert!(!temporary.path().join(".unfinished-x").exists());
    }
}
