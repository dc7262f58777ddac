//! The mark of a store whose records were moved away.
//!
//! `MOVED` says where they are. Once it is there the store is no longer one: this program refuses it by name, and every
//! other because `FORMAT` is removed after it. Taking the move back writes `FORMAT` first.

use super::super::error::StoreError;
use super::super::files;
use super::super::moving::{MoveId, Moved};
use super::folder::{FORMAT, Folder, number, sealed, store_id, unsealed};

const MOVED: &str = "MOVED";

impl Folder {
    /// Where the records are, if they were moved away.
    pub fn moved(&self) -> Result<Option<Moved>, StoreError> {
        Ok(self.read_moved()?.map(|(_, moved)| moved))
    }

    /// Refuses a store whose records are elsewhere.
    pub fn refuse_moved(&self) -> Result<(), StoreError> {
        match self.moved()? {
            Some(moved) => Err(moved.refused(self.shown())),
            None => Ok(()),
        }
    }

    /// Notes where the records are; durable on return. If it fails, the note is not there.
    pub fn write_moved(&self, moved: &Moved) -> Result<(), StoreError> {
        let store: String = self.read_format()?.iter().map(|byte| format!("{byte:02x}")).collect();
        let Moved { id, to, at_ms } = moved;
        let text = format!("store {store}\nmove {id}\nat {at_ms}\nto {}\n", to.replace(['\r', '\n'], " "));
        let written = files::replace(self.path(), MOVED, &sealed(&text));
        if written.is_err() {
            files::remove(&self.path().join(MOVED))?;
            self.sync()?;
        }
        written
    }

    /// From now on no program takes the folder for a store.
    pub fn end_moved(&self) -> Result<(), StoreError> {
        files::remove(&self.path().join(FORMAT))?;
        self.sync()
    }

    /// A store again, as it was when it was left. Whoever calls holds the lock.
    pub fn take_back(&self) -> Result<(), StoreError> {
        let Some((store, _)) = self.read_moved()? else { return Ok(()) };
        if !self.holds_a_store() {
            self.write_format(&store)?;
        }
        files::remove(&self.path().join(MOVED))?;
        self.sync()
    }

    fn read_moved(&self) -> Result<Option<([u8; 16], Moved)>, StoreError> {
        let Some(content) = files::read_if_there(&self.path().join(MOVED))? else { return Ok(None) };
        let read = || {
            let mut lines = unsealed(std::str::from_utf8(&content).ok()?)?.lines();
            let store = store_id(lines.next()?.strip_prefix("store ")?)?;
            let id = MoveId::parse(lines.next()?.strip_prefix("move ")?)?;
            let at_ms = number(lines.next()?, "at")?;
            let to = lines.next()?.strip_prefix("to ")?.to_owned();
            Some((store, Moved { id, to, at_ms }))
        };
        let next = "the records were moved to another store: start the server with that one";
        read().map(Some).ok_or_else(|| self.damaged_mark(MOVED, next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_was_moved_away_is_none_until_it_is_taken_back() {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder::at(temporary.path());
        folder.write_format(&[7; 16]).expect("written");
        assert_eq!(folder.moved().expect("read"), None);
        let moved = Moved { id: MoveId::from_number(42), to: "licenses on db1".to_owned(), at_ms: 7 };
        folder.write_moved(&moved).expect("written");
        assert_eq!(folder.moved().expect("read"), Some(moved));
        assert!(
            matches!(folder.refuse_moved(), Err(StoreError::Moved { to, .. }) if to == "licenses on db1")
        );
        folder.end_moved().expect("removed");
        assert!(!folder.holds_a_store());
        folder.take_back().expect("written");
        assert_eq!(folder.read_format().expect("read"), [7; 16]);
        folder.refuse_moved().expect("it is a store again");
    }

    #[test]
    fn a_mark_that_was_changed_is_refused_and_not_taken_for_none() {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder::at(temporary.path());
        folder.write_format(&[7; 16]).expect("written");
        folder
            .write_moved(&Moved { id: MoveId::from_number(1), to: "a".to_owned(), at_ms: 7 })
            .expect("written");
        let path = temporary.path().join(MOVED);
        let good = std::fs::read(&path).expect("read");
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(&path, bad).expect("written");
            assert!(folder.refuse_moved().is_err(), "byte {at}");
        }
    }
}
