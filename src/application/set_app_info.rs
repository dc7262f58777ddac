//! The merchant has made an instance ready, and says where its buyer finds it.

use super::app::{App, UseCaseError, decided};
use super::handle_purchase_event::PurchaseCall;
use super::ports::{ABSENT, Change, Commit, StoreError, Versioned, find};
use super::record::RecordKey;
use crate::domain::{
    Actor, AppInfo, EventKind, License, LicenseEnd, LicenseId, MerchantId, ReadyRule, Refusal,
};

/// What is said.
#[derive(Debug, Clone)]
pub struct SetAppInfo<'a> {
    /// Whose.
    pub merchant: &'a MerchantId,
    /// Of which license.
    pub license: &'a LicenseId,
    /// Who says so.
    pub actor: &'a Actor,
    /// Where the buyer uses the product.
    pub front_end_url: &'a str,
    /// A text for the buyer; the product's own where none is said.
    pub memo: Option<&'a str>,
}

impl App {
    /// Keeps it. The same again changes nothing.
    pub async fn set_app_info(&self, set: &SetAppInfo<'_>) -> Result<AppInfo, UseCaseError> {
        AppInfo::check_front_end_url(set.front_end_url).map_err(|why| invalid("/front_end_url", why))?;
        set.memo.map_or(Ok(()), AppInfo::check_memo).map_err(|why| invalid("/memo", why))?;
        decided!(self, self.try_set_app_info(set))
    }

    async fn try_set_app_info(&self, set: &SetAppInfo<'_>) -> Result<AppInfo, UseCaseError> {
        let license = self.load_license(set.merchant, set.license).await?;
        if license.value.end != LicenseEnd::Running {
            let why = "a license that was revoked or released has nothing to show";
            return Err(Refusal::IllegalState { why }.into());
        }
        let known = self.find_app_info(set.merchant, set.license).await?;
        let said = AppInfo {
            merchant: set.merchant.clone(),
            license: set.license.clone(),
            front_end_url: set.front_end_url.to_owned(),
            memo: set.memo.map(str::to_owned),
            set_at: self.now(),
        };
        let says_the_same = |known: &AppInfo| *known == AppInfo { set_at: known.set_at, ..said.clone() };
        let revision = match known {
            Some(known) if says_the_same(&known.value) => return Ok(known.value),
            Some(known) => known.revision,
            None => ABSENT,
        };
        let detail = [("front_end_url", said.front_end_url.clone())];
        let event = self.event(set.merchant, set.license, set.actor, EventKind::AppInfoSet, &detail);
        let key = RecordKey::License(set.merchant.clone(), set.license.clone());
        let commit = Commit::new().with(Change::Check(key, license.revision));
        self.store.commit(commit.put(said.clone(), revision).put(event, ABSENT)).await?;
        Ok(said)
    }

    /// What was set, if anything was.
    pub async fn app_info(
        &self,
        merchant: &MerchantId,
        license: &LicenseId,
    ) -> Result<Option<AppInfo>, UseCaseError> {
        self.load_license(merchant, license).await?;
        Ok(self.find_app_info(merchant, license).await?.map(|found| found.value))
    }

    pub(super) async fn find_app_info(
        &self,
        merchant: &MerchantId,
        license: &LicenseId,
    ) -> Result<Option<Versioned<AppInfo>>, StoreError> {
        find(self.store.as_ref(), RecordKey::AppInfo(merchant.clone(), license.clone())).await
    }

    /// Whether the marketplace is told "in progress" until the merchant has said where the buyer finds it.
    pub(super) async fn waits_for_app_info(
        &self,
        call: &PurchaseCall<'_>,
        license: &License,
    ) -> Result<bool, UseCaseError> {
        match call.channel.ready {
            ReadyRule::Minted => Ok(false),
            ReadyRule::AppInfo if license.end != LicenseEnd::Running => Ok(false),
            ReadyRule::AppInfo => Ok(self.find_app_info(call.merchant, &license.id).await?.is_none()),
        }
    }
}

fn invalid(pointer: &str, why: String) -> UseCaseError {
    Refusal::Invalid { pointer: pointer.to_owned(), why }.into()
}
