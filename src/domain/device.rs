//! The key that a machine keeps, the quota that is escrowed to it, and how far its usage ledger was merged.

use chrono::TimeDelta;

use super::{
    ActivationId, Amount, Instant, LedgerEntry, LedgerFault, LedgerHead, LedgerPlace, LicenseId, LineHash,
    MerchantId, Meter, MeterKey, PackageId, QuotaWindow, ResetWindow, SentLedger, Validity, WindowAlignment,
    WindowKey,
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

    /// Whether it returns now: its machine was silent for too long.
    pub fn has_lapsed(&self, now: Instant) -> bool {
        !self.is_closed && Validity::between(self.returns_at, None).holds_at(now)
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
        if last < self.head.seq {
            // A part of what was merged, told once more; the machine reads in its next certificate how far that is.
            let is_known = sent.entries.last().is_none_or(|entry| self.remembers(entry) == Some(true));
            return if is_known { Ok(()) } else { Err(place(last + 1, LedgerFault::RolledBack)) };
        }
        let end = sent.entries.last().map_or(self.head.hash, |entry| entry.hash);
        if last != sent.claimed.seq || end != sent.claimed.hash {
            return Err(place(sent.claimed.seq, LedgerFault::Fork));
        }
        Ok(())
    }

    /// An entry that should be one of those that were merged.
    fn known(&self, entry: &LedgerEntry) -> Result<(), LedgerFault> {
        match self.remembers(entry) {
            Some(false) => Err(LedgerFault::Fork),
            // What is too long ago to be told apart by itself is told apart by what follows it.
            Some(true) | None => Ok(()),
        }
    }

    /// Whether an entry of this number is the one that was merged; none if that was too long ago.
    fn remembers(&self, entry: &LedgerEntry) -> Option<bool> {
        if entry.seq == self.head.seq {
            return Some(entry.hash == self.head.hash);
        }
        let back = usize::try_from(self.head.seq.checked_sub(entry.seq)?).ok()?;
        let start = self.recent.get(self.recent.len().checked_sub(back + 1)?)?;
        Some(entry.hash.starts_with(start))
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
            // The window may have been cut by an end that a renewal has moved since.
            share.window.ends_at = given.window.ends_at;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Validity;

    fn at(minute: i64) -> Instant {
        "2026-01-31T08:00:00Z".parse::<Instant>().expect("valid") + TimeDelta::minutes(minute)
    }

    fn units(count: i64) -> Amount {
        Amount::from_ten_thousandths(count * 10_000).expect("small")
    }

    /// The hash of an entry in these tests: its number and the branch that it is of.
    fn hash(seq: u64, branch: u8) -> LineHash {
        let mut hash = [branch; 32];
        hash[..8].copy_from_slice(&seq.to_be_bytes());
        hash[7] ^= branch;
        hash
    }

    fn entry(seq: u64, branch: u8, previous: LineHash) -> LedgerEntry {
        LedgerEntry {
            seq,
            previous,
            hash: hash(seq, branch),
            generation: 1,
            share: 1,
            metric: "render-minutes".into(),
            amount: units(10),
            at: at(i64::try_from(seq).expect("small")),
        }
    }

    fn sent(from: u64, entries: Vec<LedgerEntry>) -> SentLedger {
        let last = entries.last().map(|entry| LedgerHead { seq: entry.seq, hash: entry.hash });
        let claimed = last.unwrap_or(LedgerHead { seq: from - 1, hash: hash(from - 1, 0) });
        SentLedger { from, entries, place: None, claimed, is_complete: true }
    }

    fn chain(from: u64, to: u64) -> SentLedger {
        sent(from, (from..=to).map(|seq| entry(seq, 0, hash(seq - 1, 0))).collect())
    }

    /// A device with a share of 1,000, whose ledger begins at the hash of number 0.
    fn device() -> Device {
        let owner =
            (MerchantId::parse("acme").expect("valid"), LicenseId::from_uuid(1), ActivationId::from_uuid(1));
        let mut device = Device::new(owner, ([1; 32], [2; 32]), hash(0, 0));
        let day = Validity::between(at(0), Some(at(24 * 60)));
        let share = Share {
            number: 0,
            package: PackageId::of(&LicenseId::from_uuid(1), 0),
            window: QuotaWindow { starts_at: day.starts_at, ends_at: day.ends_at, ordinal: 0 },
            metric: "render-minutes".into(),
            unit: "minute".into(),
            reset: ResetWindow::Day,
            alignment: WindowAlignment::Anniversary,
            granted: units(1_000),
            used: Amount::ZERO,
            until: at(24 * 60),
            returns_at: at(60 * 60),
            is_closed: false,
        };
        assert!(device.grant(&share, at(0)));
        device
    }

    #[track_caller]
    fn refused(device: &mut Device, sent: &SentLedger, taken: usize, seq: u64, fault: LedgerFault) {
        let merged = device.merge(sent, 1);
        assert_eq!((merged.uses.len(), merged.place), (taken, Some(LedgerPlace { seq, fault })));
    }

    #[test]
    fn what_follows_is_taken_once_and_what_was_taken_may_be_told_again() {
        let mut device = device();
        assert_eq!(device.merge(&chain(1, 20), 1).uses.len(), 20);
        assert_eq!(device.merge(&chain(1, 20), 1), Merged::default());
        assert_eq!(device.merge(&chain(5, 12), 1), Merged::default(), "an older part of the same");
        assert_eq!(device.merge(&chain(11, 30), 1).uses.len(), 10);
        assert_eq!(device.merge(&chain(31, 30), 1), Merged::default(), "nothing new");
        assert_eq!((device.head.seq, device.shares[0].used), (30, units(300)));
    }

    #[test]
    fn a_gap_a_fork_and_an_older_day_are_found_at_their_place() {
        let mut machine = device();
        machine.merge(&chain(1, 20), 1);
        refused(&mut machine.clone(), &chain(25, 30), 0, 21, LedgerFault::Gap);
        let mut branch: Vec<_> = chain(10, 12).entries;
        branch.push(entry(13, 9, hash(12, 0)));
        branch.push(entry(14, 9, hash(13, 9)));
        refused(&mut machine.clone(), &sent(10, branch), 0, 13, LedgerFault::Fork);
        let other = sent(21, vec![entry(21, 0, hash(20, 9))]);
        refused(&mut machine.clone(), &other, 0, 21, LedgerFault::Fork);
        machine.merge(&chain(21, 40), 1);
        machine.recent.drain(..15);
        refused(&mut machine, &chain(1, 5), 0, 6, LedgerFault::RolledBack);
        assert_eq!(machine.head.seq, 40);
    }

    #[test]
    fn an_end_that_the_machine_vouches_for_and_does_not_send_is_missed() {
        let cut = SentLedger { claimed: LedgerHead { seq: 9, hash: hash(9, 0) }, ..chain(1, 4) };
        refused(&mut device(), &cut, 4, 5, LedgerFault::Truncated);
        let unreadable = LedgerPlace { seq: 5, fault: LedgerFault::Malformed };
        refused(
            &mut device(),
            &SentLedger { place: Some(unreadable), ..chain(1, 4) },
            4,
            5,
            LedgerFault::Malformed,
        );
    }

    #[test]
    fn an_entry_that_its_share_did_not_allow_is_refused_and_those_before_it_count() {
        let with = |change: fn(&mut LedgerEntry)| {
            let mut ledger = chain(1, 6);
            change(&mut ledger.entries[3]);
            ledger
        };
        for (change, fault) in [
            ((|it| it.generation = 2) as fn(&mut LedgerEntry), LedgerFault::WrongGeneration),
            (|it| it.at = at(1), LedgerFault::TimeReversed),
            (|it| it.share = 2, LedgerFault::WrongShare),
            (|it| it.metric = "exports".into(), LedgerFault::WrongShare),
            (|it| it.at = at(24 * 60), LedgerFault::WrongShare),
            (|it| it.amount = units(971), LedgerFault::OverShare),
        ] {
            let mut machine = device();
            refused(&mut machine, &with(change), 3, 4, fault);
            assert_eq!((machine.head.seq, machine.shares[0].used), (3, units(30)));
        }
    }

    #[test]
    fn what_is_told_of_a_closed_share_is_late_and_its_rest_was_given_once() {
        let mut machine = device();
        machine.merge(&chain(1, 10), 1);
        let closed = machine.close(|_| true);
        assert_eq!(closed.iter().map(|(_, rest)| *rest).collect::<Vec<_>>(), [units(900)]);
        assert!(machine.close(|_| true).is_empty());
        let late = machine.merge(&chain(11, 12), 1);
        assert!(late.place.is_none() && late.uses.len() == 2 && late.uses.iter().all(|used| used.is_late));
    }

    #[test]
    fn another_key_uses_nothing_that_was_kept_for_the_one_before() {
        let mut machine = device();
        assert_eq!(machine.usable("render-minutes", at(1)), units(1_000));
        machine.change_key(([3; 32], [4; 32]));
        assert_eq!(machine.usable("render-minutes", at(1)), Amount::ZERO);
        assert_eq!(machine.shares[0].kept(), units(1_000), "it returns in its time");
    }
}
