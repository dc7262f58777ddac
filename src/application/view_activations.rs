//! The machines of a merchant's licenses: of one license, or by the name that their holders gave them.

use super::app::{App, UseCaseError};
use super::find_terms::{TextMeant, read_terms};
use super::ports::{Versioned, find_all};
use super::record::RecordKey;
use crate::domain::{
    Activation, ActivationId, LicenseId, MerchantId, Refusal, TermField, folded, term_value,
};

/// Most machines of one name that are put in order.
pub const NAMED_MAX: usize = 1_000;

/// Which machines are asked for.
#[derive(Debug, Clone)]
pub enum MachineFilter {
    /// Those of a license.
    OfLicense(LicenseId),
    /// Those whose name begins so, whatever the case.
    Named(String),
}

impl App {
    /// The newest first, below the given one; whether there are more.
    pub async fn view_activations(
        &self,
        merchant: &MerchantId,
        filter: &MachineFilter,
        before: Option<&ActivationId>,
        limit: usize,
    ) -> Result<(Vec<Activation>, bool), UseCaseError> {
        let mut found = match filter {
            MachineFilter::OfLicense(license) => {
                self.load_license(merchant, license).await?;
                self.activations(merchant, license).await?
            }
            MachineFilter::Named(name) => self.activations_named(merchant, name).await?,
        };
        found.retain(|activation| before.is_none_or(|before| activation.id < *before));
        found.sort_by(|one, other| other.id.cmp(&one.id));
        let has_more = found.len() > limit;
        found.truncate(limit);
        Ok((found, has_more))
    }

    /// One, whichever license it is of.
    pub async fn view_activation(
        &self,
        merchant: &MerchantId,
        id: &ActivationId,
    ) -> Result<Versioned<Activation>, UseCaseError> {
        let exact = TextMeant { field: TermField::Activation, value: id.to_string(), is_beginning: false };
        let terms = read_terms(self.store.as_ref(), merchant, exact, 1).await?;
        let license = terms.into_iter().map(|term| term.license).next();
        let license = license.ok_or(Refusal::NotFound { what: "activation" })?;
        let found = self.find_activation(merchant, &license, id).await?;
        Ok(found.ok_or(Refusal::NotFound { what: "activation" })?)
    }

    async fn activations_named(
        &self,
        merchant: &MerchantId,
        name: &str,
    ) -> Result<Vec<Activation>, UseCaseError> {
        let whole = folded(name);
        if whole.is_empty() {
            let why = "a name has letters or digits".to_owned();
            return Err(Refusal::Invalid { pointer: "/name".into(), why }.into());
        }
        let begins = TextMeant { field: TermField::Machine, value: term_value(&whole), is_beginning: true };
        let terms = read_terms(self.store.as_ref(), merchant, begins, NAMED_MAX + 1).await?;
        if terms.len() > NAMED_MAX {
            let why = format!("more than {NAMED_MAX} machines have such names: give more of it");
            return Err(Refusal::Invalid { pointer: "/name".into(), why }.into());
        }
        let keys = terms
            .into_iter()
            .filter_map(|term| Some(RecordKey::Activation(merchant.clone(), term.license, term.activation?)));
        let keys: Vec<_> = keys.collect();
        let found: Vec<Option<Versioned<Activation>>> = find_all(self.store.as_ref(), &keys).await?;
        let found = found.into_iter().flatten().map(|found| found.value);
        // A term is no more than the beginning of a long name.
        Ok(found.filter(|activation| folded(&activation.name).starts_with(&whole)).collect())
    }
}
