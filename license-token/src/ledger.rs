//! The usage ledger: what a machine consumed of its share while it could not ask the server.
//!
//! A text of lines. Each line is an entry as JSON, a blank and the device key's signature over it; each entry names
//! the hash of the line before it. `docs/usage-ledger.md` is the specification. What is here needs no server: form,
//! signature and chain. Whether a ledger follows what was merged before is the server's.

use alloc::string::String;
use alloc::vec::Vec;

use sha2::{Digest as _, Sha256};

use crate::claims::reader::Members;
use crate::claims::{CLAIMS_VERSION, NAME_MAX_BYTES};
use crate::json::{self, Limits, ObjectWriter, Value};
use crate::key_set::ed25519_verify_strict;
use crate::policy::words;
use crate::{Amount, Refusal, base64url};

/// Longest ledger that is read at a time: with a certificate and a proof it fits into a request of 64 KiB.
pub const LEDGER_MAX_BYTES: usize = 48 * 1024;
/// Most entries that are read at a time.
pub const LEDGER_ENTRIES_MAX: usize = 256;
/// Longest line, its end not counted.
pub const LINE_MAX_BYTES: usize = 1_024;
/// Stands before everything that is hashed or signed here, so that nothing else can be taken for it.
const DOMAIN: &[u8] = b"lictor-usage-v1\0";
const ENTRY_MEMBERS: usize = 9;
const LIMITS: Limits = Limits { max_bytes: LINE_MAX_BYTES, max_depth: 2 };

/// An end of a ledger: the number of an entry and the hash of its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Number of the last entry; 0 before the first.
    pub seq: i64,
    /// SHA-256 of its line, without the line's end.
    pub hash: [u8; 32],
}

impl Head {
    /// Where the ledger of an activation begins: SHA-256("lictor-usage-v1" ‖ 0 ‖ activation id).
    #[must_use]
    pub fn start(activation: &str) -> Self {
        let digest = Sha256::new().chain_update(DOMAIN).chain_update(activation.as_bytes());
        Self { seq: 0, hash: digest.finalize().into() }
    }

    /// The hash in base64url, 43 characters.
    #[must_use]
    pub fn text(&self) -> String {
        base64url::encode(&self.hash)
    }
}

/// One consumption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number, from 1, without a gap.
    pub seq: i64,
    /// Hash of the line before it, of whichever ledger text that stood in.
    pub prev: [u8; 32],
    /// Activation id.
    pub act: String,
    /// Generation of the certificate that allowed it.
    pub generation: i64,
    /// Number of the share that gives it.
    pub share: i64,
    /// What was consumed.
    pub metric: String,
    /// How much; more than nothing.
    pub amount: Amount,
    /// When, in Unix seconds: never before the entry before it.
    pub at: i64,
}

impl Entry {
    /// Reads exactly the members of an entry.
    ///
    /// # Errors
    /// `malformed`.
    pub fn parse(text: &[u8]) -> Result<Self, Refusal> {
        let value =
            json::parse(text, &LIMITS).map_err(|_why| Refusal::claim("entry", "is no strict JSON"))?;
        let entry = Members::of(&value, "entry")?;
        if value.as_object().is_none_or(|members| members.len() != ENTRY_MEMBERS) {
            return Err(Refusal::claim("entry", "has not exactly its nine members"));
        }
        if entry.integer("v")? != CLAIMS_VERSION {
            return Err(Refusal::claim("v", "is a version that this reader does not know"));
        }
        let amount = entry.amount("amount")?;
        let positive = |name, number: i64| match number {
            0 => Err(Refusal::claim(name, "counts from 1")),
            number => Ok(number),
        };
        positive("amount", amount.ten_thousandths())?;
        Ok(Self {
            seq: positive("seq", entry.integer("seq")?)?,
            prev: entry.word("prev", base64url::decode_array)?,
            act: entry.text("act", NAME_MAX_BYTES)?,
            generation: entry.integer("gen")?,
            share: positive("share", entry.integer("share")?)?,
            metric: entry.text("metric", NAME_MAX_BYTES)?,
            amount,
            at: entry.integer("at")?,
        })
    }

    /// The JSON that is signed: members in their fixed order, no white space.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = ObjectWriter::new();
        out.integer("v", CLAIMS_VERSION).integer("seq", self.seq);
        out.string("prev", &base64url::encode(&self.prev)).string("act", &self.act);
        out.integer("gen", self.generation).integer("share", self.share).string("metric", &self.metric);
        out.json("amount", &alloc::format!("{}", self.amount.to_json())).integer("at", self.at);
        out.finish()
    }
}

/// What the device key signs: "lictor-usage-v1" ‖ 0 ‖ the JSON of the entry as it stands in its line.
#[must_use]
pub fn signing_input(entry_json: &str) -> Vec<u8> {
    [DOMAIN, entry_json.as_bytes()].concat()
}

/// A line that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it says.
    pub entry: Entry,
    /// SHA-256 of its bytes.
    pub hash: [u8; 32],
}

impl Line {
    /// Reads a line, its end removed, without a look at its signature: for the machine that wrote it.
    ///
    /// # Errors
    /// `malformed`.
    pub fn parse(line: &[u8]) -> Result<Self, Refusal> {
        Ok(Self { entry: Entry::parse(split(line)?.0)?, hash: hash(line) })
    }

    /// The ledger's end behind this line.
    #[must_use]
    pub fn head(&self) -> Head {
        Head { seq: self.entry.seq, hash: self.hash }
    }
}

/// SHA-256 of a line without its end.
#[must_use]
pub fn hash(line: &[u8]) -> [u8; 32] {
    Sha256::digest(line).into()
}

words! {
    /// What is wrong at a place of a ledger: the steps of its verification, in their order.
    LedgerFault {
        /// Longer, or of more entries, than is read at a time.
        TooLarge => "too_large",
        /// Not the line of an entry.
        Malformed => "malformed",
        /// Not signed by this machine's key.
        BadSignature => "bad_signature",
        /// Of another activation.
        WrongActivation => "wrong_activation",
        /// A number stands here that was there before.
        Replay => "replay",
        /// Entries before this one are missing.
        Gap => "gap",
        /// It does not follow the line before it.
        BrokenChain => "broken_chain",
        /// Another entry of this number was merged before.
        Fork => "fork",
        /// It ends before what was merged, and is not a part of that.
        RolledBack => "rolled_back",
        /// Made under a certificate that is not there yet, or older than that of the entry before it.
        WrongGeneration => "wrong_generation",
        /// Earlier than the entry before it.
        TimeReversed => "time_reversed",
        /// The share is not this machine's, not of this metric, or not of this time.
        WrongShare => "wrong_share",
        /// More than the share has.
        OverShare => "over_share",
        /// It ends before the end that the machine vouches for.
        Truncated => "truncated",
    }
}

/// A place where a ledger is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The number of the entry that should stand there.
    pub seq: i64,
    /// What is wrong.
    pub fault: LedgerFault,
}

/// What was read of a ledger: everything up to the first fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The lines that are good: signed, of one chain, without a gap.
    pub lines: Vec<Line>,
    /// Where it stops being good.
    pub fault: Option<Place>,
}

/// Reads a ledger that begins with the entry `first`: form, signature, activation, numbers and chain, line by line.
/// Nothing behind the first fault is looked at.
#[must_use]
pub fn read(text: &[u8], key: &[u8; 32], activation: &str, first: i64) -> Reading {
    let mut reading = Reading { lines: Vec::new(), fault: None };
    let place = |seq, fault| Some(Place { seq, fault });
    if text.len() > LEDGER_MAX_BYTES {
        reading.fault = place(first, LedgerFault::TooLarge);
        return reading;
    }
    let mut rest = text;
    while !rest.is_empty() {
        let seq = first.saturating_add(i64::try_from(reading.lines.len()).unwrap_or(i64::MAX));
        let next = take_line(rest).ok_or(LedgerFault::Malformed).and_then(|(line, behind)| {
            let read = read_line(line, key, activation, seq, reading.lines.last())?;
            Ok((read, behind))
        });
        match next {
            Ok(_) if reading.lines.len() == LEDGER_ENTRIES_MAX => {
                reading.fault = place(seq, LedgerFault::TooLarge);
                return reading;
            }
            Ok((line, behind)) => {
                reading.lines.push(line);
                rest = behind;
            }
            Err(fault) => {
                reading.fault = place(seq, fault);
                return reading;
            }
        }
    }
    reading
}

/// The first line and what stands behind its end; a line without an end is none.
fn take_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().take(LINE_MAX_BYTES + 1).position(|byte| *byte == b'\n')?;
    Some((&text[..end], &text[end + 1..]))
}

fn read_line(
    line: &[u8],
    key: &[u8; 32],
    activation: &str,
    seq: i64,
    before: Option<&Line>,
) -> Result<Line, LedgerFault> {
    let (json, signature) = split(line).map_err(|_why| LedgerFault::Malformed)?;
    let entry = Entry::parse(json).map_err(|_why| LedgerFault::Malformed)?;
    if !ed25519_verify_strict(key, &[DOMAIN, json].concat(), &signature) {
        return Err(LedgerFault::BadSignature);
    }
    if entry.act != activation {
        return Err(LedgerFault::WrongActivation);
    }
    match entry.seq.cmp(&seq) {
        core::cmp::Ordering::Less => return Err(LedgerFault::Replay),
        core::cmp::Ordering::Greater => return Err(LedgerFault::Gap),
        core::cmp::Ordering::Equal => {}
    }
    if before.is_some_and(|before| before.hash != entry.prev) {
        return Err(LedgerFault::BrokenChain);
    }
    Ok(Line { entry, hash: hash(line) })
}

/// The JSON and the 64 bytes of the signature.
fn split(line: &[u8]) -> Result<(&[u8], [u8; 64]), Refusal> {
    let malformed = || Refusal::claim("entry", "is not JSON, a blank and a signature");
    if line.len() > LINE_MAX_BYTES {
        return Err(malformed());
    }
    let blank = line.iter().rposition(|byte| *byte == b' ').ok_or_else(malformed)?;
    let signature = core::str::from_utf8(&line[blank + 1..]).ok().and_then(base64url::decode_array);
    Ok((&line[..blank], signature.ok_or_else(malformed)?))
}

/// Digest of a ledger text, in base64url: tells damage on the way from damage on the machine.
#[must_use]
pub fn digest(text: &[u8]) -> String {
    base64url::encode(&hash(text))
}

/// Reads base64url of a hash out of JSON.
pub(crate) fn hash_of(value: &Value) -> Option<[u8; 32]> {
    value.as_str().and_then(base64url::decode_array)
}
