//! Room on the store's disk, kept for what must not wait.
//!
//! | free | what is let in |
//! | --- | --- |
//! | below 1 GiB ([`LOW_BYTES`]) | everything; a warning is logged |
//! | below 256 MiB ([`SHORT_BYTES`]) | nothing new: no purchase, no activation, no issuing by hand |
//! | below 64 MiB ([`RESERVE_BYTES`]) | only what stops a right, ends it or gives it back, and status lists |
//!
//! Free is what this user may still write, to the file system that holds the data folder. A level is left again an
//! eighth above its bound, so that it does not flicker. A commit is refused before it takes a place in the queue:
//! nothing of it is written.
//!
//! Other programs fill disks too. So the last 64 MiB also lie in the data folder as a file, `RESERVE`, allocated and
//! never read, which is let go of at the last level and made again at the first. What it gave is not counted as free
//! meanwhile, so that letting go of it lets nobody in. Without it (a file system that cannot allocate, a disk that
//! was never roomy enough) the levels hold all the same.
//!
//! At the last level the index behind the journal is held back as well: only the journal grows.
//!
//! The disk is looked at once per second and after every 4 MiB of commits, by a thread of its own.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::Thread;
use std::time::Duration;

use fs4::FileExt;
use rustix::fs::{FallocateFlags, fallocate, statvfs};

use super::error::{CommitError, StoreError};
use super::files;
use super::primitive::CommitRequest;
use crate::application::ports::{DiskLevel, DiskState};

/// Below this much room somebody should look after the disk: 1 GiB.
pub const LOW_BYTES: u64 = 1 << 30;

/// Below this much room nothing new is taken on: 256 MiB.
pub const SHORT_BYTES: u64 = 256 << 20;

/// So much room is kept for what must not wait: 64 MiB.
pub const RESERVE_BYTES: u64 = 64 << 20;

/// So much room a start needs for what it writes itself: 16 MiB.
pub const START_BYTES: u64 = 16 << 20;

/// Longest time between two looks, and most bytes of commits.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
const BYTES_BETWEEN_LOOKS: u64 = 4 << 20;

const RESERVE: &str = "RESERVE";

/// Tells how much room there is.
pub trait FreeSpace: Send + Sync + 'static {
    /// What this process may still write, in bytes.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// The file system that holds a folder which is there.
pub struct FileSystem(pub PathBuf);

impl FileSystem {
    /// The one that holds a folder, or will hold it once it is made.
    pub fn holding(folder: &Path) -> Self {
        let there = folder.ancestors().find(|folder| folder.exists());
        Self(there.unwrap_or(folder).to_owned())
    }
}

impl FreeSpace for FileSystem {
    fn free_bytes(&self) -> io::Result<u64> {
        let found = statvfs(&self.0)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }
}

/// Watches the disk of one open store.
pub struct DiskReserve {
    file: PathBuf,
    free_space: Box<dyn FreeSpace>,
    /// As it was last looked at; held for a moment only, because commits ask.
    disk: Mutex<DiskState>,
    looking: Mutex<Looking>,
    hold_back: Mutex<Option<HoldBack>>,
    /// Bytes of commits since the last look.
    unseen_bytes: AtomicU64,
    watcher: Mutex<Option<Thread>>,
}

/// Told `true` when the disk has become full, and `false` when it is so no more.
type HoldBack = Box<dyn Fn(bool) + Send>;

struct Looking {
    reserve: Reserve,
    /// Whether the last look failed, which is told once.
    blind: bool,
}

/// What there is of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reserve {
    Held,
    /// Given up for essential commits: its bytes are theirs.
    LetGo,
    /// There was never room for it.
    Missing,
    /// The file system does not make it.
    Refused,
}

impl DiskReserve {
    /// For an open store's folder. Lets everybody in until the disk is looked at.
    pub fn of(folder: &Path, free_space: impl FreeSpace) -> Arc<Self> {
        let file = folder.join(RESERVE);
        let is_whole = file.metadata().is_ok_and(|found| found.len() == RESERVE_BYTES);
        let looking =
            Looking { reserve: if is_whole { Reserve::Held } else { Reserve::Missing }, blind: false };
        Arc::new(Self {
            file,
            free_space: Box::new(free_space),
            disk: Mutex::new(DiskState { free_bytes: u64::MAX, level: DiskLevel::Ample }),
            looking: Mutex::new(looking),
            hold_back: Mutex::new(None),
            unseen_bytes: AtomicU64::new(0),
            watcher: Mutex::new(None),
        })
    }

    /// Has what can wait held back while the disk is full, and let go on after it: the index behind the journal takes
    /// several times the room of what it is given.
    pub fn hold_back_when_full(&self, hold_back: impl Fn(bool) + Send + 'static) {
        *lock(&self.hold_back) = Some(Box::new(hold_back));
    }

    /// Looks now, and again and again until the last handle is dropped.
    pub fn watch(self: &Arc<Self>) {
        self.watch_every(BETWEEN_LOOKS);
    }

    fn watch_every(self: &Arc<Self>, pause: Duration) {
        self.look();
        let watched = Arc::downgrade(self);
        let started =
            std::thread::Builder::new().name("store-disk".to_owned()).spawn(move || watch(&watched, pause));
        match started {
            Ok(thread) => *lock(&self.watcher) = Some(thread.thread().clone()),
            Err(error) => tracing::error!(%error, "the store's disk is not watched"),
        }
    }

    /// The disk as it was last looked at.
    pub fn state(&self) -> DiskState {
        *lock(&self.disk)
    }

    /// Lets a commit in, or refuses it before anything of it is written.
    pub(super) fn admit(&self, request: &CommitRequest) -> Result<(), CommitError> {
        let DiskState { free_bytes, level } = self.state();
        if !level.admits(request.urgency) {
            return Err(CommitError::NoRoom { free_bytes });
        }
        let bytes = u64::try_from(request.bytes()).unwrap_or(u64::MAX);
        let unseen = self.unseen_bytes.fetch_add(bytes, Ordering::Relaxed);
        if unseen.saturating_add(bytes) >= BYTES_BETWEEN_LOOKS
            && let Some(watcher) = &*lock(&self.watcher)
        {
            watcher.unpark();
        }
        Ok(())
    }

    /// Looks at the disk now, tells what changed, and lets go of the reserve or sets it aside again.
    pub fn look(&self) {
        self.unseen_bytes.store(0, Ordering::Relaxed);
        let read = self.free_space.free_bytes();
        let mut looking = lock(&self.looking);
        let free_bytes = match read {
            Ok(free_bytes) => free_bytes,
            Err(error) => {
                if !std::mem::replace(&mut looking.blind, true) {
                    tracing::error!(%error, "how much room the store's disk has cannot be read");
                }
                return;
            }
        };
        looking.blind = false;
        let before = self.state().level;
        let given_up = if looking.reserve == Reserve::LetGo { RESERVE_BYTES } else { 0 };
        let level = level_after(before, free_bytes.saturating_sub(given_up));
        let disk = DiskState { free_bytes, level };
        *lock(&self.disk) = disk;
        tell(self.file.parent().unwrap_or(&self.file), before, disk);
        let is_full = level == DiskLevel::Full;
        if is_full != (before == DiskLevel::Full)
            && let Some(hold_back) = &*lock(&self.hold_back)
        {
            hold_back(is_full);
        }
        looking.reserve = match (level, looking.reserve) {
            (DiskLevel::Full, Reserve::Held) => self.let_go(),
            (DiskLevel::Ample, Reserve::LetGo | Reserve::Missing) if has_room_for_reserve(free_bytes) => {
                self.set_aside()
            }
            (_, unchanged) => unchanged,
        };
    }

    fn let_go(&self) -> Reserve {
        match files::remove(&self.file) {
            Ok(()) => Reserve::LetGo,
            Err(error) => {
                tracing::error!(%error, "the reserve of the store's disk could not be let go of");
                Reserve::Held
            }
        }
    }

    fn set_aside(&self) -> Reserve {
        match set_aside(&self.file) {
            Ok(()) => Reserve::Held,
            Err(error) => {
                tracing::warn!(%error, "no room is set aside on the store's disk");
                // A part of it would only take room.
                let _ = std::fs::remove_file(&self.file);
                Reserve::Refused
            }
        }
    }
}

impl Drop for DiskReserve {
    fn drop(&mut self) {
        if let Some(watcher) = &*lock(&self.watcher) {
            watcher.unpark();
        }
    }
}

fn watch(watched: &Weak<DiskReserve>, pause: Duration) {
    loop {
        std::thread::park_timeout(pause);
        let Some(reserve) = watched.upgrade() else { return };
        reserve.look();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn level_of(free_bytes: u64) -> DiskLevel {
    match free_bytes {
        0..RESERVE_BYTES => DiskLevel::Full,
        RESERVE_BYTES..SHORT_BYTES => DiskLevel::Short,
        SHORT_BYTES..LOW_BYTES => DiskLevel::Low,
        LOW_BYTES.. => DiskLevel::Ample,
    }
}

/// Worse at once, better only with an eighth to spare.
fn level_after(before: DiskLevel, free_bytes: u64) -> DiskLevel {
    before.clamp(level_of(free_bytes), level_of(free_bytes - free_bytes / 8))
}

/// The file must not itself make the disk look low.
fn has_room_for_reserve(free_bytes: u64) -> bool {
    free_bytes >= LOW_BYTES + LOW_BYTES / 4 + RESERVE_BYTES
}

fn set_aside(file: &Path) -> Result<(), StoreError> {
    let opened = files::open_or_create_file(file)?;
    let allocated = fallocate(&opened, FallocateFlags::empty(), 0, RESERVE_BYTES);
    allocated
        .map_err(io::Error::from)
        .and_then(|()| opened.sync_all())
        .map_err(|source| StoreError::io("allocating", file, source))
}

/// Once per crossing.
fn tell(folder: &Path, before: DiskLevel, disk: DiskState) {
    let (free_mib, folder) = (disk.free_bytes >> 20, folder.display());
    match disk.level {
        after if after == before => {}
        DiskLevel::Ample => tracing::info!(%folder, free_mib, "the store's disk has enough room again"),
        DiskLevel::Low => tracing::warn!(
            %folder,
            free_mib,
            "the store's disk runs low: free some space; below 256 MiB purchases and activations are refused"
        ),
        DiskLevel::Short => tracing::error!(
            %folder,
            free_mib,
            "the store's disk is short of room: purchases and new activations are refused until 288 MiB are free"
        ),
        DiskLevel::Full => tracing::error!(
            %folder,
            free_mib,
            "the store's disk is full: only freeze, release and revoke are done; free some space now"
        ),
    }
}

/// Before a start opens the store in a folder: lets go of the reserve when the disk is full, and refuses when even
/// that is not enough for what a start writes. The
/// reserve of a store that is open elsewhere is left alone.
pub fn make_room_to_open(folder: &Path, free_space: &impl FreeSpace) -> Result<(), StoreError> {
    // A disk that cannot be asked is found out by the first write.
    let free_bytes = || free_space.free_bytes().unwrap_or(u64::MAX);
    if free_bytes() < RESERVE_BYTES && folder.join(RESERVE).exists() && is_free(folder) {
        tracing::warn!("the store's disk is full: the reserve is let go of");
        files::remove(&folder.join(RESERVE))?;
    }
    match free_bytes() {
        ..START_BYTES => {
            Err(StoreError::io("opening the store in", folder, io::ErrorKind::StorageFull.into()))
        }
        _ => Ok(()),
    }
}

/// Whether no process has the store open; one that cannot be told counts as open.
fn is_free(folder: &Path) -> bool {
    let lock = std::fs::File::open(folder.join("LOCK"));
    lock.is_ok_and(|file| FileExt::try_lock(&file).is_ok())
}

#[cfg(test)]
mod tests;
