//! Writes a snapshot, from its header to its trailer, holding one section in memory.

use std::io::Write;
use std::sync::Arc;

use miniz_oxide::deflate::compress_to_vec;
use sha2::{Digest, Sha256};

use super::SnapshotSummary;
use super::format::{
    FRAME_SALT, KIND_FRAMES, KIND_RECORDS, SECTION_BYTES, SectionHeader, SnapshotHeader, Trailer, put_record,
};
use crate::store::engine::{Batch, Position};
use crate::store::error::StoreError;
use crate::store::journal;

/// The same as for sealed segments: a sixth of the length, at half the cost of level 6.
const LEVEL: u8 = 3;

/// A snapshot that is being written: first all records in the order of their keys, then frames.
pub(in crate::store) struct SnapshotWriter<W> {
    sink: W,
    digest: Sha256,
    header: SnapshotHeader,
    /// Bytes written.
    offset: u64,
    kind: [u8; 4],
    content: Vec<u8>,
    items: u32,
    records: u64,
    frames: u64,
}

impl<W: Write> SnapshotWriter<W> {
    pub fn begin(sink: W, header: SnapshotHeader) -> Result<Self, StoreError> {
        let mut writer = Self {
            sink,
            digest: Sha256::new(),
            header,
            offset: 0,
            kind: KIND_RECORDS,
            content: Vec::with_capacity(SECTION_BYTES + SECTION_BYTES / 4),
            items: 0,
            records: 0,
            frames: 0,
        };
        writer.write(&header.encode())?;
        Ok(writer)
    }

    /// Adds a record in its stored form.
    pub fn record(&mut self, key: &[u8], stored: &[u8]) -> Result<(), StoreError> {
        put_record(key, stored, &mut self.content);
        self.records += 1;
        self.added()
    }

    /// Adds the frame of a batch that was written while the records were scanned. No record may follow.
    pub fn batch(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.begin_frames()?;
        journal::encode_frame(batch, FRAME_SALT, &mut self.content)
            .ok_or_else(|| sink_failed("a batch over 16 MiB", std::io::ErrorKind::FileTooLarge.into()))?;
        self.frames += 1;
        self.added()
    }

    /// Adds a frame as it stands in another snapshot.
    pub fn frame(&mut self, frame: &[u8]) -> Result<(), StoreError> {
        self.begin_frames()?;
        self.content.extend_from_slice(frame);
        self.frames += 1;
        self.added()
    }

    /// Writes the trailer; returns the sink, flushed.
    pub fn finish(mut self, after: Position) -> Result<(SnapshotSummary, W), StoreError> {
        self.end_section()?;
        self.write(&Trailer { after, records: self.records, frames: self.frames }.encode())?;
        let digest = self.digest.clone().finalize();
        self.write(&digest)?;
        self.sink.flush().map_err(|source| sink_failed("its end", source))?;
        let summary = SnapshotSummary {
            position: after,
            records: self.records,
            bytes: self.offset,
            taken_at_ms: self.header.taken_at_ms,
        };
        Ok((summary, self.sink))
    }

    fn begin_frames(&mut self) -> Result<(), StoreError> {
        if self.kind == KIND_RECORDS {
            self.end_section()?;
            self.kind = KIND_FRAMES;
        }
        Ok(())
    }

    fn added(&mut self) -> Result<(), StoreError> {
        self.items += 1;
        if self.content.len() >= SECTION_BYTES { self.end_section() } else { Ok(()) }
    }

    fn end_section(&mut self) -> Result<(), StoreError> {
        if self.items == 0 {
            return Ok(());
        }
        let content = std::mem::take(&mut self.content);
        let deflated = compress_to_vec(&content, LEVEL);
        let stored = if deflated.len() < content.len() { &deflated } else { &content };
        let bytes = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let (plain_bytes, stored_bytes) = (bytes(&content), bytes(stored));
        let header = SectionHeader { kind: self.kind, plain_bytes, stored_bytes, items: self.items };
        self.write(&header.encode(self.offset, stored))?;
        self.write(stored)?;
        self.content = content;
        self.content.clear();
        self.items = 0;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.sink.write_all(bytes).map_err(|source| sink_failed("it", source))?;
        self.digest.update(bytes);
        self.offset += bytes.len() as u64;
        Ok(())
    }
}

fn sink_failed(what: &str, source: std::io::Error) -> StoreError {
    StoreError::Io { doing: format!("writing a snapshot: {what}"), source: Arc::new(source) }
}
