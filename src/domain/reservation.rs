//! Quota kept back for work that may fail.

use chrono::TimeDelta;

use super::{
    Amount, Instant, LicenseId, MerchantId, Meter, MeterKey, PackageId, Refusal, ReservationId, UsageGrant,
    Validity, WindowKey,
};

/// How long a reservation holds if nothing else is asked for, in seconds.
pub const RESERVATION_DEFAULT_SECS: i64 = 3_600;
/// How long it may hold, in seconds: a week.
pub const RESERVATION_MAX_SECS: i64 = 7 * 86_400;
/// How long one that has ended is remembered, in days: whoever asks again is answered as the first time.
const REMEMBERED_DAYS: i64 = 31;

/// What one window of one package keeps back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservedPart {
    /// Which package.
    pub package: PackageId,
    /// Which window; none where the package never resets.
    pub window: Option<WindowKey>,
    /// The window's start.
    pub window_starts_at: Instant,
    /// The window's end.
    pub window_ends_at: Option<Instant>,
    /// What is kept back.
    pub amount: Amount,
    /// What will be counted beyond the package.
    pub over: Amount,
}

/// Where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReservationState {
    /// It holds until its time is over.
    Open,
    /// The work was done; the rest is free again.
    Confirmed {
        /// When.
        at: Instant,
        /// How much was used.
        amount: Amount,
        /// What was answered.
        grant: UsageGrant,
    },
    /// Given back.
    Released {
        /// When.
        at: Instant,
    },
    /// Its time was over; given back by whoever noticed.
    Lapsed {
        /// When that was noticed.
        at: Instant,
    },
}

/// Quota kept back for work that may fail: it can be used by nobody else until its time is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// Which.
    pub id: ReservationId,
    /// Whose.
    pub merchant: MerchantId,
    /// Of which license.
    pub license: LicenseId,
    /// Of what.
    pub metric: String,
    /// How much.
    pub amount: Amount,
    /// From which packages, the one that is used first before the others.
    pub parts: Vec<ReservedPart>,
    /// When it was made: what is confirmed counts in the window of that instant.
    pub made_at: Instant,
    /// From then on it holds nothing any more.
    pub until: Instant,
    /// Where it stands.
    pub state: ReservationState,
}

/// What becomes of one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledPart {
    /// Its place.
    pub index: usize,
    /// What is used of it.
    pub used: Amount,
    /// What is counted beyond the package.
    pub over: Amount,
    /// What is free again.
    pub returned: Amount,
}

impl Reservation {
    /// Whether its time is over and nobody has given back what it held.
    pub fn has_lapsed(&self, now: Instant) -> bool {
        self.state == ReservationState::Open && Validity::between(self.until, None).holds_at(now)
    }

    /// Until when it is remembered; none while it is open.
    pub fn remembered_until(&self) -> Option<Instant> {
        let ended_at = match &self.state {
            ReservationState::Open => return None,
            ReservationState::Confirmed { at, .. }
            | ReservationState::Released { at }
            | ReservationState::Lapsed { at } => *at,
        };
        Some(ended_at + TimeDelta::days(REMEMBERED_DAYS))
    }

    /// Splits what was used over the parts: the first are used first.
    pub fn settle(&self, used: Amount) -> Result<Vec<SettledPart>, Refusal> {
        if used > self.amount {
            let why = format!("at most the {} that were reserved can be confirmed", self.amount);
            return Err(Refusal::Invalid { pointer: "/amount".into(), why });
        }
        let mut missing = used;
        let mut settled: Vec<SettledPart> = Vec::with_capacity(self.parts.len());
        for (index, part) in self.parts.iter().enumerate() {
            let used = part.amount.min(missing);
            missing = missing.less(used);
            settled.push(SettledPart { index, used, over: Amount::ZERO, returned: part.amount.less(used) });
        }
        for (part, settled) in self.parts.iter().zip(&mut settled) {
            settled.over = part.over.min(missing);
            missing = missing.less(settled.over);
        }
        Ok(settled)
    }
}

impl ReservedPart {
    /// The counters of this part: the window's and the total, or the one that is both.
    pub fn counters(&self, meter: Meter) -> Vec<MeterKey> {
        let key = |window| MeterKey { package: self.package.clone(), meter, window };
        let mut keys = vec![key(self.window), key(None)];
        keys.dedup();
        keys
    }
}
