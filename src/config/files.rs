//! Text files, read within a bound.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The operating system says why.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It is longer than it may be.
    #[error("{} is longer than {limit_bytes} bytes", path.display())]
    TooLong {
        /// Which file.
        path: PathBuf,
        /// How long it may be.
        limit_bytes: usize,
    },
    /// It is not UTF-8.
    #[error("{} is not UTF-8 text", path.display())]
    NotText {
        /// Which file.
        path: PathBuf,
    },
}

/// Reads a file; `-` is the standard input.
pub fn read_bytes(path: &Path, limit_bytes: usize) -> Result<Vec<u8>, ReadError> {
    let io_error = |source| ReadError::Io { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let limit = u64::try_from(limit_bytes).unwrap_or(u64::MAX - 1) + 1;
    if path == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut bytes).map_err(io_error)?;
    } else {
        File::open(path).map_err(io_error)?.take(limit).read_to_end(&mut bytes).map_err(io_error)?;
    }
    if bytes.len() > limit_bytes {
        return Err(ReadError::TooLong { path: path.to_owned(), limit_bytes });
    }
    Ok(bytes)
}

/// Reads a text file; a byte order mark at its start does not belong to the text. `-` is the standard input.
pub fn read_text(path: &Path, limit_bytes: usize) -> Result<String, ReadError> {
    let bytes = read_bytes(path, limit_bytes)?;
    let text = String::from_utf8(bytes).map_err(|_| ReadError::NotText { path: path.to_owned() })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}
