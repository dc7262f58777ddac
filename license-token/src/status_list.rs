//! Status lists: many tokens' standing in a few kilobytes (draft-ietf-oauth-status-list §4).

#[cfg(feature = "signing")]
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

use crate::base64url;

/// Bits per entry in the lists that lictor issues.
pub const STATUS_BITS: u8 = 2;
/// Entries in each list that lictor issues.
pub const STATUS_ENTRIES: usize = 1 << 17;
/// Size of such a list, inflated.
pub const STATUS_LIST_BYTES: usize = STATUS_ENTRIES * STATUS_BITS as usize / 8;
/// Largest list that [`StatusList::decode`] inflates: 2^20 entries of 8 bits.
pub const STATUS_LIST_MAX_BYTES: usize = 1 << 20;

/// What a 2-bit entry says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatusValue {
    /// 0: stands.
    Valid,
    /// 1: ended for good.
    Invalid,
    /// 2: stopped, can be resumed.
    Suspended,
    /// 3: replaced; ask for the current license key. The standard's application-specific value.
    Superseded,
}

impl StatusValue {
    /// The entry.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::Valid => 0,
            Self::Invalid => 1,
            Self::Suspended => 2,
            Self::Superseded => 3,
        }
    }

    /// Reads an entry; `None` above 3.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::Valid),
            1 => Some(Self::Invalid),
            2 => Some(Self::Suspended),
            3 => Some(Self::Superseded),
            _ => None,
        }
    }
}

/// An inflated list: entries of 1, 2, 4 or 8 bits, packed from the least significant bits of each byte upwards.
#[derive(Clone, PartialEq, Eq)]
pub struct StatusList {
    bits: u8,
    bytes: Vec<u8>,
}

impl fmt::Debug for StatusList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatusList").field("bits", &self.bits).field("entries", &self.len()).finish()
    }
}

impl StatusList {
    /// A list of lictor's size with every entry VALID.
    #[must_use]
    pub fn all_valid() -> Self {
        Self { bits: STATUS_BITS, bytes: vec![0; STATUS_LIST_BYTES] }
    }

    /// Takes packed bytes; `None` when `bits` is not 1, 2, 4 or 8, or there are more than 1 MiB.
    #[must_use]
    pub fn from_bytes(bits: u8, bytes: Vec<u8>) -> Option<Self> {
        (matches!(bits, 1 | 2 | 4 | 8) && bytes.len() <= STATUS_LIST_MAX_BYTES)
            .then_some(Self { bits, bytes })
    }

    /// Inflates `lst`, base64url of a zlib stream (RFC 1950), of any size up to 1 MiB.
    ///
    /// # Errors
    /// [`StatusListError`]: what is wrong with `bits` or the stream.
    pub fn decode(bits: u8, lst: &str) -> Result<Self, StatusListError> {
        let bytes = inflate(lst, STATUS_LIST_MAX_BYTES)?;
        Self::from_bytes(bits, bytes).ok_or(StatusListError::Bits)
    }

    /// Inflates a list of exactly lictor's size: 2 bits, 2^17 entries. Nothing beyond 32 KiB is inflated.
    ///
    /// # Errors
    /// [`StatusListError`]: another number of bits or entries, or a damaged stream.
    pub fn decode_exact(bits: u8, lst: &str) -> Result<Self, StatusListError> {
        if bits != STATUS_BITS {
            return Err(StatusListError::Bits);
        }
        let bytes = inflate(lst, STATUS_LIST_BYTES)?;
        if bytes.len() == STATUS_LIST_BYTES { Ok(Self { bits, bytes }) } else { Err(StatusListError::Size) }
    }

    /// Bits per entry.
    #[must_use]
    pub const fn bits(&self) -> u8 {
        self.bits
    }

    /// The packed bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() * self.per_byte()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The entry at `index`; `None` beyond the end.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<u8> {
        let byte = self.bytes.get(index / self.per_byte())?;
        Some((byte >> self.shift(index)) & self.mask())
    }

    /// What the entry at `index` says; `None` beyond the end or above 3.
    #[must_use]
    pub fn status(&self, index: usize) -> Option<StatusValue> {
        self.get(index).and_then(StatusValue::from_bits)
    }

    /// Changes one entry. `false`, and no change, beyond the end or when the value needs more bits.
    pub fn set(&mut self, index: usize, value: u8) -> bool {
        let (shift, mask) = (self.shift(index), self.mask());
        let slot = index / self.per_byte();
        match self.bytes.get_mut(slot) {
            Some(byte) if value <= mask => {
                *byte = (*byte & !(mask << shift)) | (value << shift);
                true
            }
            _ => false,
        }
    }

    /// Deflates the list into `lst`.
    #[cfg(feature = "signing")]
    #[must_use]
    pub fn encode(&self) -> String {
        const LEVEL: u8 = 9;
        base64url::encode(&miniz_oxide::deflate::compress_to_vec_zlib(&self.bytes, LEVEL))
    }

    fn per_byte(&self) -> usize {
        8 / usize::from(self.bits)
    }

    fn shift(&self, index: usize) -> usize {
        index % self.per_byte() * usize::from(self.bits)
    }

    fn mask(&self) -> u8 {
        u8::MAX >> (8 - self.bits)
    }
}

/// Inflates one whole zlib stream of at most `max_bytes`: checksum right, nothing behind it.
fn inflate(lst: &str, max_bytes: usize) -> Result<Vec<u8>, StatusListError> {
    let deflated = base64url::decode(lst).ok_or(StatusListError::Base64)?;
    let flags = inflate_flags::TINFL_FLAG_PARSE_ZLIB_HEADER
        | inflate_flags::TINFL_FLAG_COMPUTE_ADLER32
        | inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let mut bytes = vec![0; max_bytes];
    let mut state = DecompressorOxide::new();
    let (status, read, written) = decompress(&mut state, &deflated, &mut bytes, 0, flags);
    match status {
        TINFLStatus::Done if read == deflated.len() => {}
        TINFLStatus::HasMoreOutput => return Err(StatusListError::Size),
        _ => return Err(StatusListError::Zlib),
    }
    bytes.truncate(written);
    Ok(bytes)
}

/// Why a list could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusListError {
    /// `bits` is none of those allowed here.
    Bits,
    /// `lst` is no canonical base64url.
    Base64,
    /// Not one whole zlib stream with the right checksum.
    Zlib,
    /// Inflates to another size than announced, or to more than the cap.
    Size,
}

impl StatusListError {
    pub(crate) const fn detail(self) -> &'static str {
        match self {
            Self::Bits => "has a number of bits that is not allowed here",
            Self::Base64 => "is not canonical base64url",
            Self::Zlib => "is not one whole zlib stream",
            Self::Size => "inflates to another size than it must have",
        }
    }
}

impl fmt::Display for StatusListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the status list {}", self.detail())
    }
}

impl core::error::Error for StatusListError {}
