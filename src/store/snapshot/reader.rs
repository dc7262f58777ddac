//! Reads a snapshot section by section, holding one in memory, and refuses every byte that was not written so.

use std::io::{ErrorKind, Read};
use std::sync::Arc;

use miniz_oxide::inflate::decompress_slice_iter_to_slice;
use sha2::{Digest, Sha256};

use super::format::{
    BadHeader, FRAME_SALT, HEADER_BYTES, KIND_END, KIND_FRAMES, KIND_RECORDS, RECORD_LENGTHS_BYTES,
    SECTION_BYTES_MAX, SECTION_HEADER_BYTES, SectionHeader, SnapshotHeader, TRAILER_BYTES,
    TRAILER_DIGESTED_BYTES, Trailer, take_record,
};
use super::{SnapshotSource, SnapshotSummary};
use crate::store::embedded::STORE_SCHEMA;
use crate::store::engine::Position;
use crate::store::error::StoreError;
use crate::store::journal::Frame;
use crate::store::key::RecordKey;
use crate::store::record::Record;

/// A part of a snapshot whose checksum holds and whose content is well-formed.
pub(in crate::store) enum Section {
    /// Records in the order of their keys, all behind those of the section before.
    Records(Vec<u8>),
    /// Frames, each of the batch after the one before.
    Frames(Vec<u8>),
}

impl Section {
    /// Length of its content.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Records(content) | Self::Frames(content) => content.len(),
        }
    }

    /// Keys and stored records of a section of records.
    pub fn records(mut content: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
        std::iter::from_fn(move || take_record(&mut content))
    }

    /// Length of a record in a section of records.
    pub fn record_bytes(key: &[u8], stored: &[u8]) -> usize {
        RECORD_LENGTHS_BYTES + key.len() + stored.len()
    }

    /// The frames of a section of frames, each with its bytes.
    pub fn frames(mut content: &[u8]) -> impl Iterator<Item = (Frame<'_>, &[u8])> {
        std::iter::from_fn(move || take_frame(&mut content))
    }
}

/// The content of a section; `None` when what is stored does not give exactly that much.
fn inflated(stored: Vec<u8>, plain_bytes: usize) -> Option<Vec<u8>> {
    if stored.len() == plain_bytes {
        return Some(stored);
    }
    let mut plain = vec![0; plain_bytes];
    let inflated =
        decompress_slice_iter_to_slice(&mut plain, std::iter::once(stored.as_slice()), false, true);
    (inflated == Ok(plain_bytes)).then_some(plain)
}

fn take_frame<'a>(content: &mut &'a [u8]) -> Option<(Frame<'a>, &'a [u8])> {
    let frame = Frame::read(content, FRAME_SALT)?;
    let (bytes, rest) = content.split_at_checked(frame.bytes())?;
    *content = rest;
    Some((frame, bytes))
}

/// A snapshot that is being read. What it gave may be trusted in parts at once, and as a whole when it has ended.
pub(in crate::store) struct SnapshotReader<R> {
    source: R,
    /// What errors call the source.
    name: String,
    header: SnapshotHeader,
    digest: Sha256,
    offset: u64,
    records: u64,
    frames: u64,
    last_key: Vec<u8>,
    /// Where the frames seen so far lead to.
    position: Position,
    summary: Option<SnapshotSummary>,
}

impl<'a> SnapshotReader<Box<dyn Read + 'a>> {
    /// Reads the header of what stands there.
    pub fn of(source: &'a (impl SnapshotSource + ?Sized)) -> Result<Self, StoreError> {
        Self::begin(source.open()?, source.name())
    }
}

impl<R: Read> SnapshotReader<R> {
    /// Reads the header.
    pub fn begin(source: R, name: String) -> Result<Self, StoreError> {
        let header = SnapshotHeader {
            store: [0; 16],
            schema: STORE_SCHEMA,
            before: Position::default(),
            taken_at_ms: 0,
        };
        let mut reader = Self {
            source,
            name,
            header,
            digest: Sha256::new(),
            offset: 0,
            records: 0,
            frames: 0,
            last_key: Vec::new(),
            position: Position::default(),
            summary: None,
        };
        let mut bytes = [0; HEADER_BYTES];
        reader.fill(&mut bytes)?;
        reader.header = SnapshotHeader::decode(&bytes).map_err(|bad| reader.refused(bad))?;
        reader.position = reader.header.before;
        Ok(reader)
    }

    pub fn header(&self) -> SnapshotHeader {
        self.header
    }

    /// The next section; `None` once the trailer was read and everything holds.
    pub fn next_section(&mut self) -> Result<Option<Section>, StoreError> {
        if self.summary.is_some() {
            return Ok(None);
        }
        let offset = self.offset;
        let mut header = [0; SECTION_HEADER_BYTES];
        self.fill(&mut header)?;
        let SectionHeader { kind, plain_bytes, stored_bytes, items } = SectionHeader::decode(&header);
        if kind == KIND_END {
            self.end(&header)?;
            return Ok(None);
        }
        let bytes = |bytes: u32| usize::try_from(bytes).unwrap_or(usize::MAX);
        let (plain_bytes, stored_bytes) = (bytes(plain_bytes), bytes(stored_bytes));
        let possible = stored_bytes <= plain_bytes && plain_bytes <= SECTION_BYTES_MAX;
        if ![KIND_RECORDS, KIND_FRAMES].contains(&kind) || !possible {
            return Err(self.damaged(offset, "no section starts here"));
        }
        let mut stored = vec![0; stored_bytes];
        self.fill(&mut stored)?;
        if !SectionHeader::vouches_for(&header, offset, &stored) {
            return Err(self.damaged(offset, "the section's checksum does not hold"));
        }
        let content = inflated(stored, plain_bytes)
            .ok_or_else(|| self.damaged(offset, "the section's checksum holds, but it cannot be inflated"))?;
        let seen = if kind == KIND_RECORDS { self.see_records(&content) } else { self.see_frames(&content) };
        if seen != Some(items) {
            return Err(self.damaged(offset, "the section's checksum holds, but not its content"));
        }
        Ok(Some(if kind == KIND_RECORDS { Section::Records(content) } else { Section::Frames(content) }))
    }

    /// Reads what is left, handing on each section.
    pub fn read_to_end(
        mut self,
        sink: &mut dyn FnMut(&Section) -> Result<(), StoreError>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<SnapshotSummary, StoreError> {
        while let Some(section) = self.next_section()? {
            sink(&section)?;
            progress(self.records);
        }
        self.summary.ok_or(StoreError::Closed)
    }

    /// How many records; `None` unless they are well-formed, in order, and before every frame.
    fn see_records(&mut self, mut content: &[u8]) -> Option<u32> {
        if self.frames > 0 {
            return None;
        }
        let mut items = 0;
        while !content.is_empty() {
            let (key, stored) = take_record(&mut content)?;
            if self.records > 0 && key <= self.last_key.as_slice() {
                return None;
            }
            Record::decode(&RecordKey::decode(key).ok()?, stored).ok()?;
            self.last_key.clear();
            self.last_key.extend_from_slice(key);
            self.records += 1;
            items += 1;
        }
        Some(items)
    }

    /// How many frames; `None` unless each is readable and follows the one before.
    fn see_frames(&mut self, mut content: &[u8]) -> Option<u32> {
        let mut items = 0;
        while !content.is_empty() {
            let (frame, _) = take_frame(&mut content)?;
            if frame.position.batch != self.position.batch + 1
                || frame.position.revision < self.position.revision
            {
                return None;
            }
            for (key, stored) in frame.effects()? {
                let key = RecordKey::decode(key).ok()?;
                stored.map(|stored| Record::decode(&key, stored)).transpose().ok()?;
            }
            self.position = frame.position;
            self.frames += 1;
            items += 1;
        }
        Some(items)
    }

    /// Reads the trailer, of which `start` was read, and what must not follow it.
    fn end(&mut self, start: &[u8; SECTION_HEADER_BYTES]) -> Result<(), StoreError> {
        let offset = self.offset - SECTION_HEADER_BYTES as u64;
        let mut trailer = [0; TRAILER_DIGESTED_BYTES];
        trailer[..SECTION_HEADER_BYTES].copy_from_slice(start);
        self.fill(&mut trailer[SECTION_HEADER_BYTES..])?;
        let expected = self.digest.clone().finalize();
        let mut digest = [0; TRAILER_BYTES - TRAILER_DIGESTED_BYTES];
        self.fill(&mut digest)?;
        if digest[..] != expected[..] {
            return Err(self.damaged(offset, "the SHA-256 over the whole does not hold"));
        }
        let Trailer { after, records, frames } = Trailer::decode(&trailer);
        let counted = (records, frames, after.batch) == (self.records, self.frames, self.position.batch);
        if !counted || after.revision < self.position.revision {
            return Err(self.damaged(offset, "it holds something else than its end says"));
        }
        let bytes = self.offset;
        match self.fill(&mut [0]) {
            Ok(()) => return Err(self.damaged(bytes, "something follows its end")),
            Err(StoreError::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
        let taken_at_ms = self.header.taken_at_ms;
        self.summary = Some(SnapshotSummary { position: after, records, bytes, taken_at_ms });
        Ok(())
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), StoreError> {
        match self.source.read_exact(bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                return Err(self.damaged(self.offset, "it ends too early"));
            }
            Err(source) => {
                let doing = format!("reading {} at byte {}", self.name, self.offset);
                return Err(StoreError::Io { doing, source: Arc::new(source) });
            }
        }
        self.digest.update(&*bytes);
        self.offset += bytes.len() as u64;
        Ok(())
    }

    fn refused(&self, bad: BadHeader) -> StoreError {
        match bad {
            BadHeader::Foreign => self.damaged(0, "it is no snapshot of this program"),
            BadHeader::Damaged => self.damaged(0, "its header is not readable"),
            BadHeader::Newer { schema } => {
                StoreError::NewerSchema { folder: self.name.clone(), found: schema, known: STORE_SCHEMA }
            }
        }
    }

    fn damaged(&self, offset: u64, what: &str) -> StoreError {
        StoreError::Damaged {
            place: format!("{} at byte {offset}", self.name),
            what: what.to_owned(),
            next: "use another snapshot or backup",
        }
    }
}
