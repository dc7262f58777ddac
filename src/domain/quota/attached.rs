//! Packages that were bought by themselves: which license holds them, and how they follow their own purchase.

use std::collections::BTreeSet;

use super::{HeldPackage, PackageSource, QuotaAccount, QuotaCounts, QuotaPackage};
use crate::domain::{Instant, License, LicenseId};

/// Who uses up what the purchase of a package gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attachment {
    /// It stands by itself: its own license key reports what is used.
    Own,
    /// This license.
    To(LicenseId),
}

impl License {
    /// The packages that it holds because it was sold with them; none where another license holds them.
    pub fn own_quota(&self) -> &[QuotaPackage] {
        match self.attachment {
            None | Some(Attachment::Own) => &self.sold.quota,
            Some(Attachment::To(_)) => &[],
        }
    }

    /// Whether it is the purchase of a package, which runs on no machine.
    pub fn is_package(&self) -> bool {
        self.attachment.is_some()
    }

    /// Whether it can use up every metric of a package.
    pub fn has_metrics_of(&self, package: &Self) -> bool {
        let has = |metric: &str| self.sold.quota.iter().any(|own| own.template.metric == metric);
        package.sold.quota.iter().all(|bought| has(&bought.template.metric))
    }
}

impl QuotaAccount {
    /// The purchases whose packages it holds beside its own, as long as they give something.
    pub fn purchases(&self) -> BTreeSet<LicenseId> {
        let purchase = |held: &HeldPackage| match &held.source {
            PackageSource::License => None,
            PackageSource::Purchase(purchase) => Some(purchase.clone()),
        };
        self.open_packages().filter_map(purchase).collect()
    }

    /// Takes over what a purchase gave from the account that holds it, with everything that was ever counted of it:
    /// counters have the names of packages, not of licenses.
    pub fn take_over(&mut self, from: &mut Self, purchase: &LicenseId) {
        let source = |account: &Self| {
            if account.license == *purchase {
                PackageSource::License
            } else {
                PackageSource::Purchase(purchase.clone())
            }
        };
        let (before, after) = (source(from), source(self));
        let (moved, kept) =
            std::mem::take(&mut from.packages).into_iter().partition(|held| held.source == before);
        let moved: Vec<HeldPackage> = moved;
        from.packages = kept;
        self.packages.extend(moved.into_iter().map(|held| HeldPackage { source: after.clone(), ..held }));
    }

    /// Whether it says what the purchase of a package says.
    pub fn is_settled_with(&self, purchase: &License) -> bool {
        purchase.quota_ended_at().is_none() && self.says(&source_of(purchase), &purchase.sold.quota)
    }

    /// Follows what has become of the purchase of a package: renewed, upgraded, paid back.
    ///
    /// Needs the counters that [`HeldPackage::meters_at`] names, for the end of the purchase if it has ended.
    pub fn follow_purchase(&mut self, purchase: &License, counts: &QuotaCounts, at: Instant) {
        match purchase.quota_ended_at() {
            Some(end) => {
                let own = source_of(purchase);
                let open =
                    self.packages.iter_mut().filter(|held| held.source == own && held.ended_at.is_none());
                open.for_each(|held| held.end(counts, end.min(at)));
            }
            None => self.follow_source(&source_of(purchase), &purchase.sold.quota, counts, at),
        }
    }
}

fn source_of(purchase: &License) -> PackageSource {
    PackageSource::Purchase(purchase.id.clone())
}
