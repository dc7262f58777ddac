//! What a machine's own key has signed: requests, proofs and usage ledgers (`docs/usage-ledger.md`).

use license_token::ledger::{self, Head, LEDGER_MAX_BYTES};
use license_token::{Ask, LedgerMark, VerifiedRequest, base64url};

use super::error::ApiError;
use super::presented::Holder;
use crate::application::DeviceProof;
use crate::domain::{
    ActivationId, Amount, Instant, LedgerEntry, LedgerFault, LedgerHead, LedgerPlace, Machine, SentLedger,
};

/// Where a signed request stands, and what it must be about.
pub struct Expected<'a> {
    /// JSON pointer of the text.
    pub pointer: &'a str,
    pub ask: Ask,
    /// The activation that it is about; `None` where there is none yet.
    pub activation: Option<&'a str>,
    /// The nonce of the request that it stands in, if that has one.
    pub nonce: Option<&'a str>,
}

/// A signed request that is about what it should be about.
pub struct Proof {
    request: VerifiedRequest,
}

impl Proof {
    /// Reads it and checks the signature against the key that it shows. Whose key that is, is not known here.
    pub fn read(text: &str, holder: &Holder, expected: &Expected<'_>) -> Result<Self, ApiError> {
        let refused = |why: String| ApiError::invalid(expected.pointer, why);
        let request = VerifiedRequest::read(text)
            .map_err(|refusal| refused(format!("no license-activation-request+jwt ({refusal})")))?;
        let claims = &request.claims;
        let fits = |name: &str, fits: bool| if fits { Ok(()) } else { Err(refused(other(name))) };
        fits("lic.ask", claims.ask == expected.ask)?;
        fits("aud", claims.aud == holder.product)?;
        // Whoever has a claim code does not know the license's id.
        let is_by_code = claims.sub.is_empty() && holder.token_id.is_none() && claims.token.is_some();
        fits("sub", is_by_code || claims.sub == holder.license.as_str())?;
        fits("jti", expected.nonce.is_none_or(|nonce| nonce == claims.jti))?;
        let is_about = |id| claims.act.as_deref() == Some(id);
        fits("lic.act", expected.activation.is_none_or(is_about))?;
        Ok(Self { request })
    }

    /// The components that it names; none is a machine that its key alone tells apart.
    pub fn machine(&self) -> Machine {
        super::machine::of_components(&self.request.claims.machine)
    }

    /// What the use cases see of it, with the ledger that goes with it.
    pub fn with_ledger(self, text: Option<&str>) -> Result<DeviceProof, ApiError> {
        let VerifiedRequest { claims, key, thumbprint } = self.request;
        let ledger = match (text, &claims.ledger) {
            (None, None) => None,
            (Some(text), Some(mark)) => {
                let activation = claims.act.as_deref();
                let activation = activation
                    .ok_or_else(|| invalid("a ledger needs lic.act in the request that goes with it"))?;
                Some(sent(text, mark, &key, activation)?)
            }
            (Some(_), None) => return Err(invalid("lic.ledger is missing in the request that goes with it")),
            (None, Some(_)) => return Err(invalid("the ledger that the signed request names is missing")),
        };
        let thumbprint = base64url::decode_array(&thumbprint).unwrap_or_default();
        let activation = claims.act.as_deref().and_then(|act| ActivationId::parse(act).ok());
        Ok(DeviceProof { key, thumbprint, activation, ledger })
    }
}

fn other(name: &str) -> String {
    format!("{name} of the signed request is not what this request is about")
}

fn invalid(why: &str) -> ApiError {
    ApiError::invalid("/ledger", why)
}

/// A text that was damaged on its way is not the machine's fault: it is sent again.
fn sent(text: &str, mark: &LedgerMark, key: &[u8; 32], activation: &str) -> Result<SentLedger, ApiError> {
    if text.len() > LEDGER_MAX_BYTES {
        return Err(invalid("a ledger has at most 49152 bytes: send the rest with the next renewal"));
    }
    if ledger::digest(text.as_bytes()) != mark.digest {
        return Err(invalid("the ledger is not the one that the signed request names: send it again"));
    }
    if mark.from == 0 {
        return Err(invalid("entries are counted from 1"));
    }
    let reading = ledger::read(text.as_bytes(), key, activation, mark.from);
    if reading.fault.is_some_and(|place| place.fault == ledger::LedgerFault::TooLarge) {
        return Err(invalid("a ledger has at most 256 entries: send the rest with the next renewal"));
    }
    let entries = reading.lines.iter().map(entry).collect::<Option<Vec<_>>>();
    let entries = entries.ok_or_else(|| invalid("an entry is out of bounds"))?;
    let place = reading.fault.map(|place| LedgerPlace { seq: number(place.seq), fault: fault(place.fault) });
    let (from, claimed) = (number(mark.from), head(mark.head));
    Ok(SentLedger { from, entries, place, claimed, is_complete: !mark.more })
}

fn entry(line: &ledger::Line) -> Option<LedgerEntry> {
    let entry = &line.entry;
    Some(LedgerEntry {
        seq: number(entry.seq),
        previous: entry.prev,
        hash: line.hash,
        generation: number(entry.generation),
        // No activation ever has so many shares: that one is none of its own.
        share: u32::try_from(entry.share).unwrap_or(u32::MAX),
        metric: entry.metric.clone(),
        amount: Amount::from_ten_thousandths(entry.amount.ten_thousandths()).ok()?,
        // What no calendar has lies behind every share.
        at: Instant::from_timestamp(entry.at, 0).unwrap_or(Instant::MAX_UTC),
    })
}

fn head(head: Head) -> LedgerHead {
    LedgerHead { seq: number(head.seq), hash: head.hash }
}

/// Integers of the format are in [0, 2^53).
fn number(integer: i64) -> u64 {
    u64::try_from(integer).unwrap_or(0)
}

fn fault(fault: ledger::LedgerFault) -> LedgerFault {
    match fault {
        ledger::LedgerFault::TooLarge => LedgerFault::TooLarge,
        ledger::LedgerFault::Malformed => LedgerFault::Malformed,
        ledger::LedgerFault::BadSignature => LedgerFault::BadSignature,
        ledger::LedgerFault::WrongActivation => LedgerFault::WrongActivation,
        ledger::LedgerFault::Replay => LedgerFault::Replay,
        ledger::LedgerFault::Gap => LedgerFault::Gap,
        ledger::LedgerFault::BrokenChain => LedgerFault::BrokenChain,
        ledger::LedgerFault::Fork => LedgerFault::Fork,
        ledger::LedgerFault::RolledBack => LedgerFault::RolledBack,
        ledger::LedgerFault::WrongGeneration => LedgerFault::WrongGeneration,
        ledger::LedgerFault::TimeReversed => LedgerFault::TimeReversed,
        ledger::LedgerFault::WrongShare => LedgerFault::WrongShare,
        ledger::LedgerFault::OverShare => LedgerFault::OverShare,
        ledger::LedgerFault::Truncated => LedgerFault::Truncated,
    }
}
