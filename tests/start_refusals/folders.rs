//! Folders byte for byte, before and after.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Every file with its bytes, every folder with none.
pub type Listing = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// All that lies below a folder, or the file that it is; empty if there is nothing.
pub fn listing(path: &Path) -> Listing {
    let mut found = Listing::new();
    collect(path, &mut found);
    found
}

fn collect(path: &Path, found: &mut Listing) {
    if path.is_dir() {
        found.insert(path.to_owned(), None);
        let entries = std::fs::read_dir(path).expect("the test may read it");
        entries.for_each(|entry| collect(&entry.expect("it is there").path(), found));
    } else if path.is_file() {
        found.insert(path.to_owned(), Some(std::fs::read(path).expect("the test may read it")));
    }
}

/// What is there before and not the same after, and the other way round.
pub fn differences(before: &Listing, after: &Listing) -> Vec<PathBuf> {
    let differs = |path: &&PathBuf| before.get(*path) != after.get(*path);
    let mut paths: Vec<_> = before.keys().chain(after.keys()).filter(differs).cloned().collect();
    paths.dedup();
    paths
}

/// A copy of a folder with all that lies below it.
pub fn copy(from: &Path, to: &Path) {
    for (path, bytes) in listing(from) {
        let target = to.join(path.strip_prefix(from).expect("it lies below"));
        let permissions = path.metadata().expect("it is there").permissions();
        match bytes {
            None => std::fs::create_dir_all(&target).expect("there is room"),
            Some(bytes) => std::fs::write(&target, bytes).expect("there is room"),
        }
        std::fs::set_permissions(&target, permissions).expect("it is the test's own");
    }
}
