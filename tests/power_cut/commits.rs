//! The store alone with 32 clients, and with segments and checkpoints so small that many fall under each cut.

use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use lictor::store::EmbeddedEngine;

use crate::disk::{Disk, Image};
use crate::pairs::{self, Answered};
use crate::process::{Dice, prove_count, strace_works};
use crate::{CLIENTS, IMAGES_PER_LOAD, cut_of, without_syncs};

/// Commits between two images, at most.
const COMMITS_MAX: usize = 400;

#[test]
#[ignore = "started by the tests below"]
fn a_process_that_commits_until_it_is_killed() {
    pairs::commit_until_killed(CLIENTS as u64);
}

/// Images of one load, each with how many commits had been answered before it.
struct Load {
    data: String,
    answered: Vec<Answered>,
    images: Vec<(Image, usize)>,
}

fn load(disk: &Disk, number: usize, images: usize, under: &[String], dice: &mut Dice) -> Load {
    let data = format!("data-{number}");
    let folder = disk.path().join(&data);
    drop(EmbeddedEngine::create(&folder).expect("created"));
    let under: Vec<&str> = under.iter().map(String::as_str).collect();
    let mut child = pairs::start("commits::a_process_that_commits_until_it_is_killed", &folder, 0, &under);
    let stdout = child.stdout.take().expect("a pipe");
    let (answered, more) = (Mutex::new(Vec::new()), Condvar::new());
    let mut taken = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for one in pairs::answered_by(stdout) {
                answered.lock().unwrap_or_else(PoisonError::into_inner).push(one);
                more.notify_all();
            }
        });
        for number in 0..images {
            let due = taken.last().map_or(0, |(_, answered)| *answered) + 1 + dice.below(COMMITS_MAX);
            let waiting = answered.lock().unwrap_or_else(PoisonError::into_inner);
            let waited = more.wait_timeout_while(waiting, Duration::from_secs(60), |all| all.len() < due);
            let (all, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            assert!(!timeout.timed_out(), "{due} commits within a minute");
            let count = all.len();
            drop(all);
            taken.push((disk.cut(cut_of(number)), count));
        }
        child.kill().expect("SIGKILL");
        child.wait().expect("it has ended");
    });
    std::fs::remove_dir_all(&folder).expect("removed");
    Load { data, answered: answered.into_inner().unwrap_or_else(PoisonError::into_inner), images: taken }
}

/// What a store has lost, and whether its index had to be made again.
struct Found {
    lost: usize,
    rebuilt: bool,
}

fn found_in(load: &Load, image: &Image, answered: usize) -> Found {
    let disk = image.mount();
    let data = disk.path().join(&load.data);
    let before = index_of(&data);
    let Ok(engine) = EmbeddedEngine::open_with(&data, &pairs::OPTIONS) else {
        return Found { lost: answered, rebuilt: false };
    };
    let rebuilt = before != index_of(&data);
    let store = lictor::store::RecordStore::start(engine);
    let stored = pairs::stored(&store);
    assert_eq!(stored.whole(), Ok(()));
    pairs::run(store.close()).expect("closed");
    Found { lost: stored.lost(&load.answered[..answered]).len(), rebuilt }
}

/// When the folder of the index was made: later, once it was made again. Its inode may be the same one.
fn index_of(data: &Path) -> Option<SystemTime> {
    std::fs::metadata(data.join("sled")).ok().map(|folder| folder.created().expect("ext4 knows"))
}

#[test]
fn what_a_commit_has_answered_survives_a_power_cut_and_so_does_the_checkpoint() {
    let Some(disk) = Disk::new() else { return };
    let (images, mut dice) = (prove_count(8), Dice::fresh());
    let (mut checked, mut commits) = (0, 0);
    while checked < images {
        let of_this_load = IMAGES_PER_LOAD.min(images - checked);
        let load = load(&disk, checked, of_this_load, &[], &mut dice);
        for (image, answered) in &load.images {
            let found = found_in(&load, image, *answered);
            assert_eq!(found.lost, 0, "of {answered} answered, in image {checked}: {:?}", image.cut);
            assert!(!found.rebuilt, "the checkpoint spoke of an index that was not there: image {checked}");
            commits += answered;
            checked += 1;
        }
    }
    println!("{checked} images with {commits} answered commits in them: 0 lost, 0 made twice, 0 rebuilt");
}

#[test]
fn a_store_whose_syncs_are_taken_out_is_caught() {
    if !strace_works() {
        return;
    }
    let Some(disk) = Disk::new() else { return };
    let load = load(&disk, 0, 4, &without_syncs(&[]), &mut Dice::fresh());
    let lost: Vec<usize> =
        load.images.iter().map(|(image, answered)| found_in(&load, image, *answered).lost).collect();
    println!("without syncs, answered and lost in each image: {lost:?}");
    assert!(lost.iter().any(|lost| *lost > 0), "the power was cut and nothing was lost: this proves nothing");
}

/// What the checkpoint promises is then not there. The journal still has it, and the next start makes the index
/// again: nothing is lost, but the promise was empty, and that is noticed.
#[test]
fn a_checkpoint_whose_index_is_not_synced_is_caught() {
    if !strace_works() {
        return;
    }
    let Some(disk) = Disk::new() else { return };
    let index = disk.path().join("data-0/sled");
    let paths = [index.join("db"), index.join("blobs"), index.clone()];
    let paths: Vec<&str> = paths.iter().map(|path| path.to_str().expect("text")).collect();
    let load = load(&disk, 0, 6, &without_syncs(&paths), &mut Dice::fresh());
    let found: Vec<Found> =
        load.images.iter().map(|(image, answered)| found_in(&load, image, *answered)).collect();
    let rebuilt = found.iter().filter(|found| found.rebuilt).count();
    let lost: usize = found.iter().map(|found| found.lost).sum();
    println!(
        "with an index that is never synced: {rebuilt} of {} made again, {lost} commits lost",
        found.len()
    );
    assert!(rebuilt > 0 || lost > 0, "the power was cut and nothing was missing: this proves nothing");
}
