//! A reservation ends: the work was done, or was not, or nobody came back.
//!
//! What a reservation holds is counted as taken and as reserved. Whoever ends it writes its record at the revision that was
//! read, in the commit that gives back what it held: so nothing is given back twice, and nothing is lost.

use super::app::{App, UseCaseError, decided};
use super::ports::{Change, Commit, Listing, StoreError, Urgency, Versioned, find, list};
use super::record::{CounterKey, RecordKey};
use super::use_quota::{QuotaHolder, used_hour};
use crate::domain::{
    Amount, Instant, License, LicenseId, MerchantId, Meter, MetricGrant, PackageGrant, Refusal, Reservation,
    ReservationId, ReservationState, SettledPart, UsageGrant,
};

/// Reservations of one license that are looked at when something is lacking.
const LOOKED_AT_MAX: usize = 1_000;

/// How a reservation is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReservationEnd {
    /// So much was used; the rest is free again.
    Confirm(Amount),
    /// Nothing was used.
    Release,
}

/// Which reservation is to end, and who says so.
#[derive(Debug, Clone)]
pub struct SettleReservation {
    /// Whose.
    pub merchant: MerchantId,
    /// Of which license.
    pub license: LicenseId,
    /// Who says so.
    pub holder: QuotaHolder,
    /// Which.
    pub reservation: ReservationId,
    /// How.
    pub end: ReservationEnd,
}

impl App {
    /// Ends it. The same again is answered as the first time; another end is refused.
    pub async fn settle_reservation(&self, order: &SettleReservation) -> Result<Reservation, UseCaseError> {
        decided!(self, self.try_settle_reservation(order))
    }

    async fn try_settle_reservation(&self, order: &SettleReservation) -> Result<Reservation, UseCaseError> {
        let now = self.now();
        let (license, account) = self.license_with_account(&order.merchant, &order.license).await?;
        let license = license.ok_or(Refusal::NotFound { what: "license" })?;
        self.may_settle(&license.value, &order.holder, now).await?;
        let key =
            RecordKey::Reservation(order.merchant.clone(), order.license.clone(), order.reservation.clone());
        let found: Option<Versioned<Reservation>> = find(self.store.as_ref(), key).await?;
        let found = found.ok_or(Refusal::NotFound { what: "reservation" })?;
        match (&found.value.state, order.end) {
            (ReservationState::Open, _) if found.value.has_lapsed(now) => {
                self.return_one(found, now).await?;
                return Err(lapsed().into());
            }
            (ReservationState::Open, _) => {}
            (ReservationState::Confirmed { amount, .. }, ReservationEnd::Confirm(again))
                if *amount == again =>
            {
                return Ok(found.value);
            }
            (ReservationState::Released { .. }, ReservationEnd::Release) => return Ok(found.value),
            (ReservationState::Lapsed { .. }, _) => return Err(lapsed().into()),
            (ReservationState::Confirmed { .. } | ReservationState::Released { .. }, _) => {
                let why = "the reservation has ended in another way already";
                return Err(Refusal::IllegalState { why }.into());
            }
        }
        let ReservationEnd::Confirm(amount) = order.end else {
            return self
                .end_one(found, Amount::ZERO, ReservationState::Released { at: now }, Vec::new())
                .await;
        };
        let settled = found.value.settle(amount)?;
        let books = self.quota_books(license, account, now).await?;
        let counts = self.counts_at(&books.account, &books.license.value, now).await?;
        let left = books.pool(counts).left(&found.value.metric, now);
        let packages: Vec<PackageGrant> = settled
            .iter()
            .filter(|part| part.used > Amount::ZERO || part.over > Amount::ZERO)
            .map(|part| paid(&found.value, part))
            .collect();
        let license = &books.license.value;
        let counts_hours = self.is_pay_per_use(license).await?;
        let hours = packages.iter().filter(|_| counts_hours).map(|grant| used_hour(license, grant, now));
        let hours = hours.collect();
        // What was not needed is free again.
        let free = found.value.amount.less(amount);
        let metric = MetricGrant {
            metric: found.value.metric.clone(),
            granted: amount,
            left: left.left.plus(free).unwrap_or(left.left),
            window_ends_at: left.window_ends_at,
        };
        let grant = UsageGrant { metrics: vec![metric], packages };
        self.end_one(found, amount, ReservationState::Confirmed { at: now, amount, grant }, hours).await
    }

    /// What was reserved is settled also when the license has been stopped since: the work was done.
    async fn may_settle(
        &self,
        license: &License,
        holder: &QuotaHolder,
        now: Instant,
    ) -> Result<(), UseCaseError> {
        match self.may_use(license, holder, now).await {
            Err(UseCaseError::Refused(
                Refusal::LicenseExpired
                | Refusal::LicenseSuspended
                | Refusal::LicenseReleased
                | Refusal::LicenseRevoked
                | Refusal::ActivationEnded,
            )) => Ok(()),
            checked => checked,
        }
    }

    /// Gives back what lapsed reservations and silent machines of a license still hold; says how many.
    pub(super) async fn return_lapsed(
        &self,
        merchant: &MerchantId,
        license: &LicenseId,
        now: Instant,
    ) -> Result<usize, UseCaseError> {
        let listing = Listing::Reservations(merchant.clone(), license.clone());
        let all: Vec<Versioned<Reservation>> = list(self.store.as_ref(), &listing, LOOKED_AT_MAX).await?;
        let mut returned = 0;
        for reservation in all.into_iter().filter(|found| found.value.has_lapsed(now)) {
            self.return_one(reservation, now).await?;
            returned += 1;
        }
        Ok(returned + self.return_lapsed_shares(merchant, license, now).await?)
    }

    /// Somebody else may have given it back meanwhile: that is as good.
    pub(super) async fn return_one(
        &self,
        found: Versioned<Reservation>,
        now: Instant,
    ) -> Result<(), UseCaseError> {
        let ended = self.end_one(found, Amount::ZERO, ReservationState::Lapsed { at: now }, Vec::new()).await;
        match ended {
            Ok(_) | Err(UseCaseError::Store(StoreError::Conflict)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn end_one(
        &self,
        found: Versioned<Reservation>,
        used: Amount,
        state: ReservationState,
        others: Vec<Change>,
    ) -> Result<Reservation, UseCaseError> {
        let Versioned { value: mut reservation, revision } = found;
        let mut commit = Commit::new().with_urgency(Urgency::Ordinary);
        commit.changes.extend(others);
        for part in reservation.settle(used)? {
            let held = &reservation.parts[part.index];
            let counted = [
                (Meter::Reserved, -held.amount.ten_thousandths()),
                (Meter::Taken, -part.returned.ten_thousandths()),
                (Meter::Over, part.over.ten_thousandths()),
            ];
            for (meter, delta) in counted.into_iter().filter(|(_, delta)| *delta != 0) {
                for key in held.counters(meter) {
                    commit =
                        commit.with(Change::Add(CounterKey::Quota(reservation.merchant.clone(), key), delta));
                }
            }
        }
        reservation.state = state;
        self.store.commit(commit.put(reservation.clone(), revision)).await?;
        Ok(reservation)
    }
}

fn lapsed() -> Refusal {
    let why = "the reservation has lapsed: report what was used, or reserve again";
    Refusal::IllegalState { why }
}

fn paid(reservation: &Reservation, part: &SettledPart) -> PackageGrant {
    let reserved = &reservation.parts[part.index];
    PackageGrant {
        package: reserved.package.clone(),
        metric: 0,
        window_starts_at: reserved.window_starts_at,
        window_ends_at: reserved.window_ends_at,
        amount: part.used,
        over: part.over,
        left: part.returned,
    }
}
