use std::fmt;

use license_token::{Amount, LedgerClaim, QuotaClaim, ShareClaim};

use crate::ledger::Ledger;
use crate::session::Session;
use crate::{Config, NextAction, Verdict, device, reasons};

/// Consumes quota without the server, of the share that this machine holds. Durable when it returns: what was granted
/// is told to the server at the next renewal, whatever becomes of this process.
///
/// All of it or nothing. Ask for a share by [`Config::share`]; [`crate::maintain`] fetches it, fills it up and tells the
/// server what was used.
///
/// # Errors
/// The license does not hold, or the share is used up: nothing was counted.
pub fn meter(config: &Config, metric: &str, amount: Amount) -> Result<Metered, MeterRefusal> {
    if amount == Amount::ZERO {
        return Err(MeterRefusal::NothingAsked);
    }
    let session = Session::open(config);
    let verdict = session.decide();
    if !verdict.is_granted() {
        return Err(MeterRefusal::NotLicensed(verdict));
    }
    let metered = consume(&session, metric, amount);
    session.close();
    metered
}

/// What was consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metered {
    /// What this machine has left of the metric now.
    pub left: Amount,
}

/// Why nothing was consumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MeterRefusal {
    /// The license does not hold here and now.
    NotLicensed(Verdict),
    /// An amount is more than nothing.
    NothingAsked,
    /// This machine holds no share of the metric yet.
    NoShare,
    /// The share has less left than was asked for.
    Exhausted {
        /// What is left.
        left: Amount,
        /// When the share ends, in Unix seconds.
        ends_at: Option<i64>,
    },
    /// Too much waits to be told to the server.
    LedgerFull,
    /// The ledger was damaged, cut, or put back to an older day.
    LedgerDamaged,
    /// It could not be written down, so it is not granted.
    NotWritten(String),
}

impl MeterRefusal {
    /// A stable word for logs and programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotLicensed(verdict) => verdict.code(),
            Self::NothingAsked => "nothing_asked",
            Self::NoShare => "no_share",
            Self::Exhausted { .. } => "quota_exhausted",
            Self::LedgerFull => "ledger_full",
            Self::LedgerDamaged => "ledger_damaged",
            Self::NotWritten(_) => "not_written",
        }
    }

    /// One sentence for people, in the language of the tag `locale`.
    #[must_use]
    pub fn reason(&self, locale: &str) -> &'static str {
        match self {
            Self::NotLicensed(verdict) => verdict.reason(locale),
            other => reasons::of_meter_refusal(other, locale),
        }
    }

    /// What to do about it; `None` where only the software can do something.
    #[must_use]
    pub fn next_action(&self) -> Option<NextAction> {
        match self {
            Self::NotLicensed(verdict) => verdict.next_action(),
            Self::NoShare | Self::Exhausted { .. } | Self::LedgerFull | Self::LedgerDamaged => {
                Some(NextAction::GoOnline)
            }
            Self::NotWritten(_) => Some(NextAction::Retry),
            Self::NothingAsked => None,
        }
    }
}

impl fmt::Display for MeterRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code(), self.reason("en"))?;
        match self {
            Self::NotWritten(why) => write!(f, " {why}"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for MeterRefusal {}

/// A share and what the ledger has left of it.
struct Open<'a> {
    claim: &'a QuotaClaim,
    share: ShareClaim,
    left: i64,
}

fn consume(session: &Session<'_>, metric: &str, amount: Amount) -> Result<Metered, MeterRefusal> {
    let certificate = session.held.fitting_certificate().ok_or(MeterRefusal::NoShare)?;
    let claims = certificate.claims();
    let receipt = claims.ledger.as_ref().ok_or(MeterRefusal::NoShare)?;
    let key = device::load(session.config).filter(|key| key.thumbprint() == receipt.key);
    let key = key.ok_or(MeterRefusal::NoShare)?;
    let mut ledger = open(session.config, &claims.act, receipt)?;
    let last = ledger.entries().last();
    let at = session.effective_now().max(claims.iat).max(last.map_or(0, |entry| entry.at));
    let mut shares = shares(&claims.quota, metric, &ledger, at);
    if shares.is_empty() {
        return Err(MeterRefusal::NoShare);
    }
    let left: i64 = shares.iter().map(|open| open.left).sum();
    let left_after = left.checked_sub(amount.ten_thousandths()).filter(|left| *left >= 0);
    let Some(left_after) = left_after else {
        let ends_at = shares.iter().map(|open| open.share.until).max();
        return Err(MeterRefusal::Exhausted { left: shown(left), ends_at });
    };
    shares.retain(|open| open.left > 0);
    if !ledger.has_room_for(shares.len()) {
        return Err(MeterRefusal::LedgerFull);
    }
    let mut missing = amount.ten_thousandths();
    let mut entries = Vec::new();
    for open in &shares {
        let taken = open.left.min(missing);
        missing -= taken;
        if taken > 0 {
            entries.push(license_token::ledger::Entry {
                seq: 0,
                prev: [0; 32],
                act: claims.act.clone(),
                generation: claims.generation,
                share: open.share.number,
                metric: open.claim.metric.clone(),
                amount: shown(taken),
                at,
            });
        }
    }
    ledger.append(&key, entries).map_err(|error| MeterRefusal::NotWritten(error.to_string()))?;
    Ok(Metered { left: shown(left_after) })
}

fn open(config: &Config, act: &str, receipt: &LedgerClaim) -> Result<Ledger, MeterRefusal> {
    let opened = Ledger::open(config, act, receipt);
    let ledger = opened.map_err(|error| MeterRefusal::NotWritten(error.to_string()))?;
    if ledger.is_sound() { Ok(ledger) } else { Err(MeterRefusal::LedgerDamaged) }
}

/// The shares of a metric at an instant, the one that ends first before the others.
fn shares<'a>(quota: &'a [QuotaClaim], metric: &str, ledger: &Ledger, at: i64) -> Vec<Open<'a>> {
    let used = |share: ShareClaim| -> i64 {
        let own = ledger.entries().filter(|entry| entry.share == share.number);
        own.map(|entry| entry.amount.ten_thousandths()).sum()
    };
    let of_metric = quota.iter().filter(|claim| claim.metric == metric);
    let mut shares: Vec<Open<'_>> = of_metric
        .filter_map(|claim| Some((claim, claim.share.filter(|share| share.from <= at && at < share.until)?)))
        .map(|(claim, share)| Open {
            claim,
            share,
            left: claim.amount.ten_thousandths().saturating_sub(used(share)).max(0),
        })
        .collect();
    shares.sort_by_key(|open| (open.share.until, open.share.number));
    shares
}

/// Of a certificate's shares in all; more than an amount can be is more than anybody has.
fn shown(ten_thousandths: i64) -> Amount {
    Amount::from_ten_thousandths(ten_thousandths).unwrap_or_default()
}

/// What is left of a metric, and how many entries the server does not know; none where the server must look at the
/// ledger before anything is granted. For [`crate::maintain`].
pub(crate) fn standing(session: &Session<'_>, metric: &str) -> Option<(Amount, usize)> {
    let certificate = session.held.fitting_certificate()?;
    let claims = certificate.claims();
    let ledger = Ledger::open(session.config, &claims.act, claims.ledger.as_ref()?).ok()?;
    if !ledger.is_sound() {
        return None;
    }
    let at = session.effective_now().max(claims.iat);
    let left = shares(&claims.quota, metric, &ledger, at).iter().map(|open| open.left).sum();
    Some((shown(left), ledger.entries().count()))
}
