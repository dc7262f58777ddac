//! Notices that the files have changed, and that a certificate ends.
//!
//! Files are looked at by what the path leads to, so that a file that is written over, one that is renamed into place
//! (certbot), and a symbolic link that points elsewhere (Kubernetes secrets) are all the same: changed.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use chrono::TimeDelta;

use super::pair::Pair;
use super::{TlsError, TlsFiles};
use crate::domain::Instant;

/// From so long before the end on, somebody must do something: ACME renews 30 days before.
const NOTICE: TimeDelta = TimeDelta::days(21);
/// From one notice to the next.
const BETWEEN_NOTICES: TimeDelta = TimeDelta::days(1);

/// What distinguishes a file from the one that was there before. Size and times alone miss a copy that keeps them,
/// the inode alone a file that is written over.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileStamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Of certificate and key; `None` for a file that is not there.
type Stamps = [Option<FileStamp>; 2];

/// What came of a look.
pub enum Looked {
    /// Nothing is new, or not for long enough.
    Unchanged,
    /// Another pair is there and fit to be served.
    Renewed(Box<Pair>),
    /// Another pair is there and is not; told once for each change.
    Refused(TlsError),
}

/// The files of one certificate, and when it ends.
pub struct CertificateWatch {
    files: TlsFiles,
    judged: Stamps,
    seen: Stamps,
    ends_at: Instant,
    noticed_at: Option<Instant>,
}

impl CertificateWatch {
    /// Reads and judges the files for the first time.
    pub fn start(files: TlsFiles, now: Instant) -> Result<(Self, Pair), TlsError> {
        // Before reading: what is changed meanwhile is read again at the next look.
        let stamps = stamps(&files);
        let pair = Pair::read(&files, now)?;
        let (judged, seen, ends_at) = (stamps.clone(), stamps, pair.ends_at);
        Ok((Self { files, judged, seen, ends_at, noticed_at: None }, pair))
    }

    /// Looks whether the files are others than those judged last, and have been at the look before as well.
    pub fn look(&mut self, now: Instant) -> Looked {
        let stamps = stamps(&self.files);
        let stands = self.seen == stamps;
        self.seen = stamps;
        if !stands || self.seen == self.judged {
            return Looked::Unchanged;
        }
        self.judged = self.seen.clone();
        match Pair::read(&self.files, now) {
            Ok(pair) => {
                (self.ends_at, self.noticed_at) = (pair.ends_at, None);
                Looked::Renewed(Box::new(pair))
            }
            Err(error) => Looked::Refused(error),
        }
    }

    /// What to tell about the end of the certificate that is served: once a day in its last weeks.
    pub fn expiry_notice(&mut self, now: Instant) -> Option<String> {
        let left = self.ends_at.signed_duration_since(now);
        let told_lately =
            self.noticed_at.is_some_and(|at| now.signed_duration_since(at).abs() < BETWEEN_NOTICES);
        if left > NOTICE || told_lately {
            return None;
        }
        self.noticed_at = Some(now);
        let (path, ends_at) = (self.files.cert_file.display(), self.ends_at);
        let next = "renew it in place; the files are read again by themselves";
        Some(if left <= TimeDelta::zero() {
            format!("the TLS certificate in {path} has ended at {ends_at}, and callers refuse it: {next}")
        } else {
            let days = left.num_days();
            let s = if days == 1 { "" } else { "s" };
            format!("the TLS certificate in {path} ends in {days} day{s}, at {ends_at}: {next}")
        })
    }
}

fn stamps(files: &TlsFiles) -> Stamps {
    [&files.cert_file, &files.key_file].map(|path| stamp(path))
}

fn stamp(path: &Path) -> Option<FileStamp> {
    let found = fs::metadata(path).ok()?;
    Some(FileStamp {
        device: found.dev(),
        inode: found.ino(),
        bytes: found.size(),
        modified: (found.mtime(), found.mtime_nsec()),
        changed: (found.ctime(), found.ctime_nsec()),
    })
}

#[cfg(test)]
mod tests;
