use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::sync::atomic::AtomicBool;

use super::*;
use crate::application::ports::Urgency;
use crate::store::{Kind, RecordKey};

const MIB: u64 = 1 << 20;

/// A disk of which the test says how much is free; what the reserve takes is taken off.
#[derive(Clone)]
struct Disk {
    free_bytes: Arc<AtomicU64>,
    fails: Arc<AtomicBool>,
}

impl Disk {
    fn with_mib(free: u64) -> Self {
        Self { free_bytes: Arc::new(AtomicU64::new(free * MIB)), fails: Arc::default() }
    }

    fn set_mib(&self, free: u64) {
        self.free_bytes.store(free * MIB, Ordering::SeqCst);
    }
}

impl FreeSpace for Disk {
    fn free_bytes(&self) -> io::Result<u64> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(io::Error::other("planned"));
        }
        Ok(self.free_bytes.load(Ordering::SeqCst))
    }
}

fn key() -> RecordKey {
    RecordKey::new("m", Kind::License, [1]).expect("short")
}

fn admitted(reserve: &DiskReserve) -> [bool; 3] {
    [Urgency::Grow, Urgency::Ordinary, Urgency::Essential]
        .map(|urgency| reserve.admit(&CommitRequest::new().with_urgency(urgency)).is_ok())
}

/// What is logged while `act` runs.
fn logged(act: impl FnOnce()) -> Vec<String> {
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);
    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            lock(&self.0).extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, act);
    let text = String::from_utf8(lock(&lines.0).clone()).expect("log lines are text");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn each_level_lets_in_what_it_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Disk::with_mib(1_024);
    let reserve = DiskReserve::of(folder.path(), disk.clone());
    reserve.look();
    for (free_mib, level, lets_in) in [
        (1_024, DiskLevel::Ample, [true, true, true]),
        (1_023, DiskLevel::Low, [true, true, true]),
        (256, DiskLevel::Low, [true, true, true]),
        (255, DiskLevel::Short, [false, true, true]),
        (64, DiskLevel::Short, [false, true, true]),
        (63, DiskLevel::Full, [false, false, true]),
        (0, DiskLevel::Full, [false, false, true]),
    ] {
        disk.set_mib(free_mib);
        reserve.look();
        let state = DiskState { free_bytes: free_mib * MIB, level };
        assert_eq!((reserve.state(), admitted(&reserve)), (state, lets_in), "{free_mib} MiB");
    }
}

#[test]
fn a_level_is_left_with_an_eighth_to_spare_and_told_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Disk::with_mib(2_000);
    let reserve = DiskReserve::of(folder.path(), disk.clone());
    reserve.look();
    let lines = logged(|| {
        for free_mib in [1_023, 1_025, 1_000, 1_150, 255, 257, 250, 280, 293, 900] {
            disk.set_mib(free_mib);
            reserve.look();
        }
    });
    assert_eq!(reserve.state().level, DiskLevel::Low, "900 MiB are not enough again");
    let told: Vec<_> = lines.iter().map(|line| line.split_whitespace().nth(1).expect("a level")).collect();
    assert_eq!(told, ["WARN", "ERROR", "WARN"], "{lines:#?}");
    assert!(lines[0].contains("free_mib=1023") && lines[2].contains("free_mib=293"), "{lines:#?}");
    let again = logged(|| {
        disk.set_mib(1_171);
        reserve.look();
    });
    assert!(again.len() == 1 && again[0].contains("enough room again"), "{again:#?}");
}

#[test]
fn the_reserve_is_a_private_allocated_file_that_is_let_go_of_at_the_last_level_and_made_again_at_the_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(RESERVE);
    let disk = Disk::with_mib(2_000);
    let reserve = DiskReserve::of(folder.path(), disk.clone());
    reserve.look();
    let made = file.metadata().expect("it is set aside");
    assert_eq!((made.len(), made.permissions().mode() & 0o777), (RESERVE_BYTES, 0o600));
    assert!(made.blocks() * 512 >= RESERVE_BYTES, "allocated, not a hole: {} blocks", made.blocks());
    for (free_mib, kept) in [(1_000, true), (100, true), (64, true), (63, false)] {
        disk.set_mib(free_mib);
        reserve.look();
        assert_eq!(file.exists(), kept, "{free_mib} MiB");
    }
    // What it gave is for essential commits: it lets nobody else in.
    disk.set_mib(63 + 64);
    reserve.look();
    assert_eq!(admitted(&reserve), [false, false, true]);
    disk.set_mib(64 + 300);
    reserve.look();
    assert_eq!((admitted(&reserve), file.exists()), ([true, true, true], false));
    disk.set_mib(2_000);
    reserve.look();
    assert!(file.exists(), "there is room for it again");
}

#[test]
fn what_can_wait_is_held_back_exactly_while_the_disk_is_full() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Disk::with_mib(1_100);
    let reserve = DiskReserve::of(folder.path(), disk.clone());
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    reserve.hold_back_when_full(move |is_full| lock(&heard).push(is_full));
    for free_mib in [1_100, 63, 10, 65, 80, 300, 5] {
        disk.set_mib(free_mib);
        reserve.look();
    }
    assert_eq!(*lock(&told), [true, false, true]);
}

#[test]
fn a_disk_without_room_for_the_reserve_has_none_and_keeps_the_levels() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Disk::with_mib(1_100);
    let reserve = DiskReserve::of(folder.path(), disk.clone());
    reserve.look();
    assert!(!folder.path().join(RESERVE).exists());
    disk.set_mib(300);
    reserve.look();
    assert_eq!(admitted(&reserve), [true, true, true], "300 MiB are enough for a small disk");
    disk.set_mib(70);
    reserve.look();
    assert_eq!(admitted(&reserve), [false, true, true]);
}

#[test]
fn a_disk_that_cannot_be_asked_stays_at_its_level_and_is_told_of_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Disk::with_mib(100);
    let reserve = DiskReserve::of(folder.path(), disk.clone());
    reserve.look();
    disk.fails.store(true, Ordering::SeqCst);
    let lines = logged(|| (0..3).for_each(|_| reserve.look()));
    assert_eq!((lines.len(), admitted(&reserve)), (1, [false, true, true]), "{lines:#?}");
}

#[test]
fn a_start_on_a_full_disk_takes_the_reserve_of_a_store_that_is_not_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let (lock_file, file) = (folder.path().join("LOCK"), folder.path().join(RESERVE));
    std::fs::write(&lock_file, "").expect("written");
    std::fs::write(&file, "").expect("written");
    let open_elsewhere = std::fs::File::open(&lock_file).expect("it is there");
    FileExt::try_lock(&open_elsewhere).expect("nobody has it");
    make_room_to_open(folder.path(), &Disk::with_mib(63)).expect("enough for a start");
    assert!(file.exists(), "another process relies on it");
    FileExt::unlock(&open_elsewhere).expect("it is ours");
    make_room_to_open(folder.path(), &Disk::with_mib(64)).expect("enough for a start");
    assert!(file.exists(), "the disk is not full");
    let error = make_room_to_open(folder.path(), &Disk::with_mib(15)).expect_err("too little for a start");
    assert!(!file.exists());
    assert!(matches!(error, StoreError::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull));
}

/// Nothing but what is written can make it look within an hour.
#[test]
fn the_watcher_looks_after_enough_was_written_and_ends_with_the_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Disk::with_mib(1_100);
    let reserve = DiskReserve::of(folder.path(), disk.clone());
    reserve.look();
    reserve.watch_every(Duration::from_secs(3_600));
    disk.set_mib(10);
    let mebibyte = CommitRequest::new().index(key(), vec![0; 1 << 20]).with_urgency(Urgency::Essential);
    for _ in 0..4 {
        assert_eq!(reserve.state().level, DiskLevel::Ample);
        reserve.admit(&mebibyte).expect("essential");
    }
    while reserve.state().level != DiskLevel::Full {
        std::thread::yield_now();
    }
    let watched = Arc::downgrade(&reserve);
    drop(reserve);
    while watched.strong_count() > 0 {
        std::thread::yield_now();
    }
}
