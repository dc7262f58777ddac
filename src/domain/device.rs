//! The key that a machine keeps, the quota that is escrowed to it, and how far its usage ledger was merged.

use chrono::TimeDelta;

use super::{
    ActivationId, Amount, Instant, LedgerEntry, LedgerFault, LedgerHead, LedgerPlace, LicenseId, LineHash,
    MerchantId, Meter, MeterKey, PackageId, QuotaWindow, ResetWindow, SentLedger, WindowAlignment, WindowKey,
};

/// Most shares of one machine, those that ended included.
pub const SHARES_MAX: usize = 64;
/// Most shares that one machine can use at a time: what a certificate has room for.
pub const USABLE_SHARES_MAX: usize = 16;
/// How many of the entries merged last are known by their hash: a fork within them is located exactly.
pub const RECENT_ENTRIES_MAX: usize = 128;
/// How long after the end of its lease a share returns, in hours: a machine's clock may be as far behind.
pub const SHARE_RETURN_HOURS: i64 = 24;

/// The start of an entry's hash.
pub type HashStart = [u8; 8];

/// A part of a package's window that one machine may use up without asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Its number among all that the activation ever had, from 1.
    pub number: u32,
    /// Of which package.
    pub package: PackageId,
    /// Of which of its windows.
    pub window: QuotaWindow,
    /// What is counted.
    pub metric: String,
    /// In which unit.
    pub unit: String,
    /// After how long its package's amount is available anew.
    pub reset: ResetWindow,
    /// Where its windows begin.
    pub alignment: WindowAlignment,
    /// Escrowed in all.
    pub granted: Amount,
    /// What the ledger says was used of it.
    pub used: Amount,
    /// First instant at which the machine may not use it any more.
    pub until: Instant,
    /// When what is left of it returns, if the machine stays silent.
    pub returns_at: Instant,
    /// The rest was given back, or counted as used: nothing is kept for it.
    pub is_closed: bool,
}

impl Share {
    /// What is still kept for it.
    pub fn kept(&self) -> Amount {
        if self.is_closed { Amount::ZERO } else { self.granted.less(self.used) }
    }

    /// Whether the machine can use it now.
    pub fn is_usable(&self, now: Instant) -> bool {
        !self.is_closed && now < self.until
    }

    /// The counters that count it: of its window and of the package's whole life, or the one that is both.
    pub fn counters(&self, meter: Meter) -> Vec<MeterKey> {
        let window =
            WindowKey { reset: self.reset, alignment: self.alignment, starts_at: self.window.starts_at };
        let resets = self.reset != ResetWindow::None;
        let key = |window| MeterKey { package: self.package.clone(), meter, window };
        let mut keys = vec![key(resets.then_some(window)), key(None)];
        keys.dedup();
        keys
    }

    /// Never shorter: the machine may have used it up to the end that it was told before.
    fn lengthen(&mut self, until: Instant, returns_at: Instant) {
        self.until = self.until.max(until);
        self.returns_at = self.returns_at.max(returns_at);
    }

    fn may_pay(&self, entry: &LedgerEntry) -> bool {
        self.metric == entry.metric && self.window.starts_at <= entry.at && entry.at < self.until
    }
}

/// What one machine has besides its place. Revised with its activation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Whose.
    pub merchant: MerchantId,
    /// Of which license.
    pub license: LicenseId,
    /// Of which activation.
    pub activation: ActivationId,
    /// Its public Ed25519 key.
    pub key: [u8; 32],
    /// The key's RFC 7638 thumbprint.
    pub thumbprint: [u8; 32],
    /// The last entry that was merged.
    pub head: LedgerHead,
    /// Generation that it names.
    pub generation: u64,
    /// Its time.
    pub merged_until: Option<Instant>,
    /// The starts of the hashes of the entries merged last, the newest last.
    pub recent: Vec<HashStart>,
    /// In the order in which they were granted.
    pub shares: Vec<Share>,
    /// How many shares it ever had.
    pub shares_granted: u32,
}

/// What a merged entry takes from which share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareUse {
    /// Which share.
    pub share: u32,
    /// How much of it.
    pub amount: Amount,
    /// The share was closed before this was told: it was not kept for the machine any more.
    pub is_late: bool,
}

/// What came of a ledger.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Merged {
    /// What is to be counted, entry by entry.
    pub uses: Vec<ShareUse>,
    /// Where the ledger was refused; what stands before counts.
    pub place: Option<LedgerPlace>,
}

impl Device {
    /// A machine that has shown its key for the first time. `start` is where its ledger begins.
    pub fn new(
        owner: (MerchantId, LicenseId, ActivationId),
        (key, thumbprint): ([u8; 32], [u8; 32]),
        start: LineHash,
    ) -> Self {
        let (merchant, license, activation) = owner;
        Self {
            merchant,
            license,
            activation,
            key,
            thumbprint,
            head: LedgerHead { seq: 0, hash: start },
            generation: 0,
            merged_until: None,
            recent: Vec::new(),
            shares: Vec::new(),
            shares_granted: 0,
        }
    }

    /// Takes what follows what was merged before, entry by entry, up to the first fault. `generation` is that of the
    /// certificate that the machine has now.
    pub fn merge(&mut self, sent: &SentLedger, generation: u64) -> Merged {
        let mut merged = Merged::default();
        merged.place = self.follow(sent, generation, &mut merged.uses).err();
        merged
    }

    fn follow(
        &mut self,
        sent: &SentLedger,
        generation: u64,
        uses: &mut Vec<ShareUse>,
    ) -> Result<(), LedgerPlace> {
        let place = |seq, fault| LedgerPlace { seq, fault };
        let next = self.head.seq + 1;
        if sent.from > next {
            return Err(place(next, LedgerFault::Gap));
        }
        for entry in &sent.entries {
            if entry.seq <= self.head.seq {
                self.known(entry).map_err(|fault| place(entry.seq, fault))?;
            } else {
                let used = self.take(entry, generation).map_err(|fault| place(entry.seq, fault))?;
                uses.push(used);
            }
        }
        if let Some(place) = sent.place {
            return Err(place);
        }
        let last = sent.from + sent.entries.len() as u64 - 1;
        if last < sent.claimed.seq {
            return Err(place(last + 1, LedgerFault::Truncated));
        }
        let end = sent.entries.last().map_or(self.head.hash, |entry| entry.hash);
        if last != sent.claimed.seq || end != sent.claimed.hash {
            return Err(place(sent.claimed.seq, LedgerFault::Fork));
        }
        Ok(())
    }

    /// An entry that should be one of those that were merged.
    fn known(&self, entry: &LedgerEntry) -> Result<(), LedgerFault> {
        if entry.seq == self.head.seq {
            return if entry.hash == self.head.hash { Ok(()) } else { Err(LedgerFault::Fork) };
        }
        let back = usize::try_from(self.head.seq - entry.seq).unwrap_or(usize::MAX);
        let remembered = self.recent.len().checked_sub(back + 1).and_then(|index| self.recent.get(index));
        match remembered {
            Some(start) if entry.hash.starts_with(start) => Ok(()),
            Some(_) => Err(LedgerFault::Fork),
            // Too long ago to be told apart by itself: what follows it is.
            None => Ok(()),
        }
    }

    fn take(&mut self, entry: &LedgerEntry, generation: u64) -> Result<ShareUse, LedgerFault> {
        if entry.previous != self.head.hash {
            return Err(LedgerFault::Fork);
        }
        if !(self.generation..=generation).contains(&entry.generation) {
            return Err(LedgerFault::WrongGeneration);
        }
        if self.merged_until.is_some_and(|until| entry.at < until) {
            return Err(LedgerFault::TimeReversed);
        }
        let share = self.shares.iter_mut().find(|share| share.number == entry.share);
        let share = share.filter(|share| share.may_pay(entry)).ok_or(LedgerFault::WrongShare)?;
        let used = share.used.plus(entry.amount).ok().filter(|used| *used <= share.granted);
        share.used = used.ok_or(LedgerFault::OverShare)?;
        let is_late = share.is_closed;
        self.head = LedgerHead { seq: entry.seq, hash: entry.hash };
        (self.generation, self.merged_until) = (entry.generation, Some(entry.at));
        let [a, b, c, d, e, f, g, h, ..] = entry.hash;
        self.recent.push([a, b, c, d, e, f, g, h]);
        let forgotten = self.recent.len().saturating_sub(RECENT_ENTRIES_MAX);
        self.recent.drain(..forgotten);
        Ok(ShareUse { share: entry.share, amount: entry.amount, is_late })
    }

    /// Closes the shares that `ends` picks; what was kept for each is to be given back or counted as used.
    pub fn close(&mut self, ends: impl Fn(&Share) -> bool) -> Vec<(Share, Amount)> {
        let mut closed = Vec::new();
        for share in self.shares.iter_mut().filter(|share| !share.is_closed && ends(share)) {
            closed.push((share.clone(), share.kept()));
            share.is_closed = true;
        }
        closed
    }

    /// Another key: what the old one held stays kept until it returns, and is no longer this machine's to use.
    pub fn change_key(&mut self, (key, thumbprint): ([u8; 32], [u8; 32])) {
        if self.key != key {
            (self.key, self.thumbprint) = (key, thumbprint);
            let now = self.merged_until.unwrap_or(Instant::UNIX_EPOCH);
            for share in &mut self.shares {
                share.until = share.until.min(now);
            }
        }
    }

    /// What the machine holds of a metric and can use now.
    pub fn usable(&self, metric: &str, now: Instant) -> Amount {
        let usable = self.shares.iter().filter(|share| share.metric == metric && share.is_usable(now));
        usable.fold(Amount::ZERO, |sum, share| sum.plus(share.kept()).unwrap_or(sum))
    }

    /// Adds to the share of a package's window, or makes one. `false`: there is no room for another share.
    pub fn grant(&mut self, given: &Share, now: Instant) -> bool {
        let same = |share: &&mut Share| {
            share.package == given.package
                && share.counters(Meter::Taken) == given.counters(Meter::Taken)
                && share.is_usable(now)
        };
        if let Some(share) = self.shares.iter_mut().find(same) {
            share.granted = share.granted.plus(given.granted).unwrap_or(share.granted);
            share.lengthen(given.until, given.returns_at);
            return true;
        }
        let usable = self.shares.iter().filter(|share| share.is_usable(now)).count();
        if usable >= USABLE_SHARES_MAX {
            return false;
        }
        if self.shares.len() >= SHARES_MAX {
            // The oldest that is closed cannot be told of any more.
            let Some(oldest) = self.shares.iter().position(|share| share.is_closed) else { return false };
            self.shares.remove(oldest);
        }
        self.shares_granted += 1;
        self.shares.push(Share { number: self.shares_granted, ..given.clone() });
        true
    }

    /// A lease that goes on: what the machine can use lasts as long, and no longer than its window.
    pub fn extend(&mut self, usable_until: Instant, now: Instant) {
        for share in self.shares.iter_mut().filter(|share| share.is_usable(now)) {
            let until = share.window.ends_at.map_or(usable_until, |end| end.min(usable_until));
            share.lengthen(until, usable_until + TimeDelta::hours(SHARE_RETURN_HOURS));
        }
    }
}
