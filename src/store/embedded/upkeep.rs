//! What is done to an open store behind its commits: snapshots, retention, and the scrub.

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use super::super::engine::Position;
use super::super::error::StoreError;
use super::super::files;
use super::super::journal::{Journal, StoreId};
use super::super::snapshot::{SnapshotReader, SnapshotSummary};
use super::folder::{Folder, Mark};
use super::scrub;
pub use super::scrub::ScrubReport;
use super::shared::{Shared, SharedStore};
use super::snapshots;
use super::turns::Pace;

/// Sizes and paces of the upkeep; tests make them small.
#[derive(Debug, Clone)]
pub struct UpkeepOptions {
    /// A snapshot is due when the journal behind the newest one takes more room than this, and more than that snapshot.
    pub snapshot_journal_bytes: u64,
    /// A snapshot is put off when less than this would be left free on the disk.
    pub free_bytes_min: u64,
    /// How fast a snapshot is scanned, and read back, in bytes a second.
    pub snapshot_bytes_per_sec: u64,
    /// How fast the scrub reads, in bytes a second.
    pub scrub_bytes_per_sec: u64,
    /// How often it is looked whether something is due.
    pub looks_every: Duration,
    /// How long after a scrub has begun the next one begins.
    pub scrubs_every: Duration,
}

impl Default for UpkeepOptions {
    /// 256 MiB of journal; 1 GiB left free; 64 MiB/s for snapshots and 8 MiB/s for the scrub, which runs once a day.
    fn default() -> Self {
        Self {
            snapshot_journal_bytes: 256 * 1024 * 1024,
            free_bytes_min: 1024 * 1024 * 1024,
            snapshot_bytes_per_sec: 64 * 1024 * 1024,
            scrub_bytes_per_sec: 8 * 1024 * 1024,
            looks_every: Duration::from_secs(5),
            scrubs_every: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// Snapshots that are kept. Segments before the older one are removed.
const SNAPSHOTS_KEPT: usize = 2;

/// The upkeep of one open store. Cheap to clone. Calls block, take turns, and hear [`StoreError::Closed`] once the store
/// closes, which waits for the call under way.
#[derive(Clone)]
pub struct Upkeep {
    shared: SharedStore,
}

impl Upkeep {
    pub(super) fn of(shared: SharedStore) -> Self {
        Self { shared }
    }

    /// Waits this long, but not beyond the close of the store; true when it closes.
    pub fn closes_within(&self, time: Duration) -> bool {
        self.shared.upkeep.ended_within(time)
    }

    /// Takes a snapshot if the journal has become long enough and there is room.
    pub fn snapshot_if_due(
        &self,
        taken_at_ms: u64,
        options: &UpkeepOptions,
    ) -> Result<Option<SnapshotSummary>, StoreError> {
        let folder = &self.shared.folder;
        let newest = snapshots::list(&folder.snapshots())?.first().copied();
        if newest == Some(self.shared.position().batch) {
            return Ok(None);
        }
        let snapshot_bytes =
            newest.map_or(0, |batch| length(&snapshots::path_of(&folder.snapshots(), batch)));
        let journal_bytes = Journal::bytes_after(&folder.journal(), newest.unwrap_or(0))?;
        if journal_bytes <= options.snapshot_journal_bytes.max(snapshot_bytes) {
            return Ok(None);
        }
        let needed = snapshot_bytes.max(journal_bytes).saturating_add(options.free_bytes_min);
        let free = free_bytes(folder.path())?;
        if free < needed {
            tracing::warn!(
                free_bytes = free,
                needed_bytes = needed,
                "no room for a snapshot; the journal is kept"
            );
            return Ok(None);
        }
        self.snapshot(taken_at_ms, options).map(Some)
    }

    /// Takes a snapshot and reads it back; once it is in place, what the newest two snapshots make superfluous goes: older
    /// snapshots, and the segments before the older of the two. What stays before the checkpoint is sealed.
    pub fn snapshot(&self, taken_at_ms: u64, options: &UpkeepOptions) -> Result<SnapshotSummary, StoreError> {
        let _turn = self.shared.upkeep.take()?;
        let store = self.shared.folder.read_format()?;
        let mut pace = self.shared.upkeep.pace(options.snapshot_bytes_per_sec);
        let summary = write_snapshot(&self.shared, taken_at_ms, &mut pace)?;
        tracing::info!(
            batch = summary.position.batch,
            records = summary.records,
            bytes = summary.bytes,
            "a snapshot was taken"
        );
        retain(&self.shared.folder, store, &mut |bytes| pace.spend(bytes))?;
        Ok(summary)
    }

    /// Reads everything, slowly, and holds the index against the truth. Damage of the index stops the store and has it
    /// made anew at the next start. Damage of a segment or a snapshot is told, and a fresh snapshot of the state, which
    /// is whole, makes the damaged file superfluous for a rebuild.
    pub fn scrub(&self, now_ms: u64, options: &UpkeepOptions) -> Result<ScrubReport, StoreError> {
        let mut report = {
            let _turn = self.shared.upkeep.take()?;
            scrub::scrub(&self.shared, &mut self.shared.upkeep.pace(options.scrub_bytes_per_sec))?
        };
        if !report.damaged_files.is_empty() {
            report.healed_by = Some(self.snapshot(now_ms, options)?);
        }
        Ok(report)
    }
}

fn length(path: &Path) -> u64 {
    path.metadata().map_or(0, |metadata| metadata.len())
}

/// Room that is left for this program on the disk of a folder.
fn free_bytes(folder: &Path) -> Result<u64, StoreError> {
    let asked = rustix::fs::statvfs(folder);
    let disk = asked.map_err(|error| StoreError::io("asking for the free room of", folder, error.into()))?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn write_snapshot(
    shared: &Shared,
    taken_at_ms: u64,
    pace: &mut Pace<'_>,
) -> Result<SnapshotSummary, StoreError> {
    let folder = shared.folder.snapshots();
    snapshots::create_folder(&folder)?;
    files::remove_unfinished(&folder)?;
    let mut file = files::begin(&folder)?;
    let failed = |source| StoreError::io("writing a snapshot in", &folder, source);
    let sink: &mut dyn Write = file.as_file_mut();
    let written = super::snapshot::write(shared, sink, taken_at_ms, &mut |_, bytes| pace.spend(bytes))?;
    file.as_file().sync_all().map_err(failed)?;
    file.as_file_mut().seek(SeekFrom::Start(0)).map_err(failed)?;
    let source = std::io::BufReader::new(file.as_file_mut());
    let reader = SnapshotReader::begin(source, format!("the new snapshot in {}", folder.display()))?;
    let read = reader.read_to_end(&mut |section| pace.spend(section.bytes()), &mut |_| ())?;
    if read != written {
        return Err(failed(std::io::Error::other("what was read back is not what was written")));
    }
    let name = snapshots::path_of(&folder, written.position.batch);
    files::put_in_place(file, &folder, &name.file_name().unwrap_or_default().to_string_lossy())?;
    Ok(written)
}

/// Hears how many bytes were read just now; may end the reading.
type Read<'a> = &'a mut dyn FnMut(usize) -> Result<(), StoreError>;

/// Keeps the newest two snapshots that are whole, and the journal from the older one on.
pub(super) fn retain(folder: &Folder, store: StoreId, read: Read<'_>) -> Result<(), StoreError> {
    let (snapshots, journal) = (folder.snapshots(), folder.journal());
    let mut kept = Vec::new();
    for batch in snapshots::list(&snapshots)? {
        let path = snapshots::path_of(&snapshots, batch);
        if kept.len() == SNAPSHOTS_KEPT || !is_whole(&path, store, batch, read)? {
            files::remove(&path)?;
        } else {
            kept.push(batch);
        }
    }
    if !kept.is_empty() {
        files::sync_folder(&snapshots)?;
    }
    let Position { batch: checkpoint, .. } = folder.read_mark(Mark::Checkpoint)?;
    if let [_, older] = kept[..] {
        // A start replays from the checkpoint: what follows it stays.
        Journal::retire(&journal, older.min(checkpoint))?;
    }
    Journal::seal_before(&journal, store, checkpoint)?;
    Ok(())
}

fn is_whole(path: &Path, store: StoreId, batch: u64, read: Read<'_>) -> Result<bool, StoreError> {
    match snapshots::check(path, store, batch, read) {
        Ok(_) => Ok(true),
        Err(StoreError::Damaged { place, what, .. }) => {
            tracing::error!(%place, %what, "a snapshot is damaged; a newer one is whole, so it is removed");
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
