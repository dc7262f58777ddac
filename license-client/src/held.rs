//! The signed texts of the state, verified.

use license_token::claims::Claims;
use license_token::{
    ActivationClaims, KnownList, LicenseClaims, Machine, Refusal, SeenList, StatusListClaims,
    UnverifiedToken, VerifiedToken, verdict,
};

use crate::floor::Instants;
use crate::state::{State, StoredList};
use crate::{Config, keyset};

/// What verifies under the pinned keys, for this issuer, product and environment. What does not is not here.
pub(crate) struct Held {
    pub key: Option<VerifiedToken<LicenseClaims>>,
    pub certificate: Option<VerifiedToken<ActivationClaims>>,
    /// A certificate of a withdrawn key: no verdict stands on it, but the server that gave it out knows it.
    pub withdrawn: Option<VerifiedToken<ActivationClaims>>,
    lists: Vec<(VerifiedToken<StatusListClaims>, StoredList)>,
}

impl Held {
    pub fn load(config: &Config, state: &State) -> Self {
        keyset::recall(config, state);
        let lists = state.lists.values();
        let verified = |stored: &StoredList| Some((genuine_list(config, &stored.text).ok()?, stored.clone()));
        Self {
            key: state.license_key.as_ref().and_then(|text| genuine(config, text).ok()),
            certificate: state.certificate.as_ref().and_then(|text| genuine(config, text).ok()),
            withdrawn: state.certificate.as_ref().and_then(|text| withdrawn(config, text)),
            lists: lists.filter_map(verified).collect(),
        }
    }

    /// The highest times that signed texts prove.
    pub fn floor(&self) -> Instants {
        Instants {
            license: self.key.as_ref().map_or(0, |token| token.claims().iat),
            activation: self.certificate.as_ref().map_or(0, |token| token.claims().iat),
            status: self.lists.iter().map(|(list, _)| list.claims().iat).max().unwrap_or(0),
        }
    }

    pub fn known_lists(&self) -> Vec<KnownList<'_>> {
        let seen = |stored: &StoredList| SeenList { seq: stored.seq, iat: stored.iat, text: None };
        self.lists.iter().map(|(list, stored)| KnownList { list, seen: Some(seen(stored)) }).collect()
    }

    /// The lists that speak about these texts.
    pub fn list_addresses(&self) -> Vec<String> {
        let key = self.key.as_ref().and_then(|token| token.claims().status.as_ref());
        let certificate = self.certificate.as_ref().and_then(|token| token.claims().status.as_ref());
        let mut addresses: Vec<String> =
            key.into_iter().chain(certificate).map(|status| status.uri.clone()).collect();
        addresses.dedup();
        addresses
    }

    /// What the server can renew: the certificate, or the one before its key was withdrawn.
    pub fn renewable(&self) -> Option<&VerifiedToken<ActivationClaims>> {
        self.fitting_certificate().or(self.withdrawn.as_ref())
    }

    /// The certificate, unless it belongs to another license than the key.
    pub fn fitting_certificate(&self) -> Option<&VerifiedToken<ActivationClaims>> {
        let license_id = self.key.as_ref().map(|token| token.claims().sub.as_str());
        self.certificate.as_ref().filter(|token| license_id.is_none_or(|id| id == token.claims().sub))
    }
}

/// A certificate that was believed before its key was withdrawn.
fn withdrawn(config: &Config, text: &str) -> Option<VerifiedToken<ActivationClaims>> {
    let keys = keyset::believed(config).as_if_none_was_withdrawn();
    let token = UnverifiedToken::parse(text).ok()?.verify(&keys).ok()?;
    verdict::judge_recipient(&token, &expectation(config)).ok()?;
    (keyset::is_withdrawn(config, text) && genuine::<ActivationClaims>(config, text).is_err())
        .then_some(token)
}

/// Verifies a license key or certificate as far as it does not depend on time, machine or lists.
///
/// # Errors
/// The token's refusal.
pub(crate) fn genuine<C: Claims>(config: &Config, text: &str) -> Result<VerifiedToken<C>, Refusal> {
    let token = UnverifiedToken::parse(text)?.verify::<C>(&keyset::believed(config))?;
    verdict::judge_recipient(&token, &expectation(config))?;
    Ok(token)
}

/// Whether this is a genuine certificate, and another machine's.
pub(crate) fn is_of_another_machine(config: &Config, text: &str, here: &Machine) -> bool {
    let certificate = genuine::<ActivationClaims>(config, text).ok();
    let enrolled = certificate.and_then(|certificate| certificate.claims().machine.clone());
    enrolled.is_some_and(|enrolled| !enrolled.matches(here, false))
}

/// Verifies a status list in the same way.
///
/// # Errors
/// The token's refusal.
pub(crate) fn genuine_list(config: &Config, text: &str) -> Result<VerifiedToken<StatusListClaims>, Refusal> {
    let token = UnverifiedToken::parse_status_list(text)?.verify(&keyset::believed(config))?;
    verdict::judge_recipient(&token, &expectation(config))?;
    Ok(token)
}

/// Who this software expects tokens from and for.
pub(crate) fn expectation(config: &Config) -> license_token::Expectation<'_> {
    license_token::Expectation {
        issuer: Some(&config.issuer),
        audience: Some(&config.product),
        env: Some(config.env),
        ..license_token::Expectation::at(0)
    }
}
