//! A package that was bought by itself finds the license that uses it up; and its merchant says which one it is.

use super::app::{App, UseCaseError, decided};
use super::ports::{ABSENT, Change, Commit, Listing, Versioned, find, list};
use super::record::{CounterKey, RecordKey};
use super::settle_purchase::Settled;
use crate::domain::{
    Actor, Attachment, EventKind, License, LicenseEnd, LicenseId, LicenseState, MerchantId, Meter, Origin,
    PackageSource, QuotaAccount, Refusal,
};

const PAGE: usize = 1_000;

/// What a merchant says of a package.
#[derive(Debug, Clone)]
pub struct MovePackage {
    /// Whose.
    pub merchant: MerchantId,
    /// The purchase of the package, by the license that it became.
    pub package: LicenseId,
    /// Which license uses it up; none: it stands by itself.
    pub to: Option<LicenseId>,
    /// Who says so.
    pub actor: Actor,
    /// Why, in words, for the audit log.
    pub reason: Option<String>,
}

/// What is written of a move.
struct Told<'a> {
    actor: &'a Actor,
    reason: Option<&'a str>,
    /// Of how many licenses this is the one.
    candidates: usize,
}

impl App {
    /// Finds the license of the same channel, customer and product that has the metrics: the only running one; of
    /// several the one that is paid per use, then the newest. Of none it stands by itself. May be repeated at any time.
    pub async fn attach_package(
        &self,
        merchant: &MerchantId,
        package: &LicenseId,
    ) -> Result<Settled, UseCaseError> {
        let Some(found) = self.find_license(merchant, package).await? else { return Ok(Settled::Done) };
        if found.value.attachment != Some(Attachment::Own) || found.value.end != LicenseEnd::Running {
            return Ok(Settled::Done);
        }
        let (target, candidates) = self.license_for(&found.value).await?;
        let Some(target) = target else { return Ok(Settled::Done) };
        let told = Told { actor: &Actor::Server, reason: None, candidates };
        decided!(self, self.try_move(merchant, package, Some(&target), &told)).map(|_| Settled::Done)
    }

    /// Newest first: ids sort by time.
    async fn license_for(&self, package: &License) -> Result<(Option<LicenseId>, usize), UseCaseError> {
        let (mut newest, mut metered, mut candidates) = (None, None, 0);
        let mut before = None::<LicenseId>;
        loop {
            let listing = Listing::Licenses { merchant: package.merchant.clone(), before };
            let page: Vec<Versioned<License>> = list(self.store.as_ref(), &listing, PAGE).await?;
            for license in page.iter().map(|license| &license.value) {
                if !self.may_use_up(license, package) {
                    continue;
                }
                candidates += 1;
                newest = newest.or_else(|| Some(license.id.clone()));
                if metered.is_none() && self.is_pay_per_use(license).await? {
                    metered = Some(license.id.clone());
                }
            }
            before = page.last().map(|license| license.value.id.clone());
            if page.len() < PAGE {
                return Ok((metered.or(newest), candidates));
            }
        }
    }

    fn may_use_up(&self, license: &License, package: &License) -> bool {
        let channel = |license: &License| match &license.origin {
            Origin::Order { channel, .. } => Some(channel.clone()),
            Origin::Issued { .. } => None,
        };
        license.customer.is_some()
            && license.customer == package.customer
            && license.product == package.product
            && license.env == package.env
            && channel(license).is_some()
            && channel(license) == channel(package)
            && !license.is_package()
            && license.state(self.now()) == LicenseState::Active
            && license.has_metrics_of(package)
    }

    /// The merchant corrects it. The same again changes nothing.
    pub async fn move_package(&self, asked: &MovePackage) -> Result<Versioned<License>, UseCaseError> {
        let told = Told { actor: &asked.actor, reason: asked.reason.as_deref(), candidates: 0 };
        decided!(self, self.try_move(&asked.merchant, &asked.package, asked.to.as_ref(), &told))
    }

    async fn try_move(
        &self,
        merchant: &MerchantId,
        package: &LicenseId,
        to: Option<&LicenseId>,
        told: &Told<'_>,
    ) -> Result<Versioned<License>, UseCaseError> {
        let Versioned { value: mut package, revision } = self.load_license(merchant, package).await?;
        let from = match &package.attachment {
            None => {
                let why = "this license is no package: only packages that were bought by themselves move";
                return Err(Refusal::IllegalState { why }.into());
            }
            Some(Attachment::Own) => package.id.clone(),
            Some(Attachment::To(license)) => license.clone(),
        };
        let to = to.cloned().unwrap_or_else(|| package.id.clone());
        if to == from {
            return Ok(Versioned { value: package, revision });
        }
        let target = if to == package.id { None } else { Some(self.load_license(merchant, &to).await?) };
        if let Some(target) = &target {
            check_target(&target.value, &package)?;
        }
        let holder = if from == package.id { None } else { Some(self.load_license(merchant, &from).await?) };
        let holder = holder.map_or_else(|| package.clone(), |holder| holder.value);
        let mut source = self.account_of(&holder).await?;
        let receiver = target.as_ref().map_or(&package, |target| &target.value);
        let mut receiving = self.account_of(receiver).await?;
        let mut commit = self.nothing_is_reserved(&source.value, &package).await?;
        receiving.value.take_over(&mut source.value, &package.id);
        package.attachment =
            Some(if to == package.id { Attachment::Own } else { Attachment::To(to.clone()) });
        package.updated_at = self.now();
        if let Some(target) = &target {
            let key = RecordKey::License(merchant.clone(), target.value.id.clone());
            commit = commit.with(Change::Check(key, target.revision));
        }
        let detail = [
            ("package", package.id.to_string()),
            ("from", from.to_string()),
            ("to", to.to_string()),
            ("candidates", told.candidates.to_string()),
            ("reason", told.reason.unwrap_or_default().to_owned()),
        ];
        for license in [&package.id, &from, &to].into_iter().collect::<std::collections::BTreeSet<_>>() {
            let event = self.event(merchant, license, told.actor, EventKind::QuotaMoved, &detail);
            commit = commit.put(event, ABSENT);
        }
        let commit = commit.put(source.value, source.revision).put(receiving.value, receiving.revision);
        self.store.commit(commit.put(package.clone(), revision)).await?;
        self.load_license(merchant, &package.id).await
    }

    /// As stored; or as it would be opened.
    async fn account_of(&self, license: &License) -> Result<Versioned<QuotaAccount>, UseCaseError> {
        let key = RecordKey::QuotaAccount(license.merchant.clone(), license.id.clone());
        let stored: Option<Versioned<QuotaAccount>> = find(self.store.as_ref(), key).await?;
        Ok(stored.unwrap_or_else(|| Versioned { value: QuotaAccount::open(license), revision: ABSENT }))
    }

    /// A reservation is confirmed or released at the license that made it.
    async fn nothing_is_reserved(
        &self,
        account: &QuotaAccount,
        package: &License,
    ) -> Result<Commit, UseCaseError> {
        let source = PackageSource::Purchase(package.id.clone());
        let is_moved =
            |held: &&crate::domain::HeldPackage| held.source == source || account.license == package.id;
        let moved = account.packages.iter().filter(is_moved);
        let meters: Vec<_> = moved.map(|held| held.meter(Meter::Reserved)).collect();
        let counts = self.quota_counts(&package.merchant, meters.iter().cloned().collect()).await?;
        self.nothing_has_lapsed(account, &counts, self.now()).await?;
        let mut commit = Commit::new();
        for meter in meters {
            if counts.get(&meter) > 0 {
                let why = "some of the package is reserved: confirm or release that first";
                return Err(Refusal::IllegalState { why }.into());
            }
            let counter = CounterKey::Quota(package.merchant.clone(), meter);
            commit = commit.with(Change::AddWithin { counter, delta: 0, min: 0, max: 0 });
        }
        Ok(commit)
    }
}

fn check_target(target: &License, package: &License) -> Result<(), UseCaseError> {
    let invalid = |why: &str| Refusal::Invalid { pointer: "/to".into(), why: why.to_owned() };
    if target.is_package() {
        return Err(invalid("a package uses up no other package: name a license").into());
    }
    if target.product != package.product {
        return Err(invalid("the license is for another product than the package").into());
    }
    if !target.has_metrics_of(package) {
        return Err(invalid("the license has no quota of the package's metric").into());
    }
    if target.end != LicenseEnd::Running {
        return Err(invalid("the license was revoked or released").into());
    }
    Ok(())
}
