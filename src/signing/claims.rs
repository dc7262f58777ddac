//! From the domain's words to the claims of a token (`docs/token-format.md`).

use chrono::TimeDelta;
use license_token::ledger::Head;
use license_token::{
    ActivationClaims, Binding, Commitment, Component, Enforcement, Env, LedgerClaim, LicenseClaims,
    MachineClaim, Policy, QuotaClaim, Reset, ShareClaim, SpecClaim, StatusListClaims, StatusRef, StatusRule,
    Term, base64url,
};

use crate::application::STATUS_LIST_TTL_HOURS;
use crate::application::ports::{CertificateOrder, LicenseKeyOrder, SigningError};
use crate::domain::{
    self, Device, Instant, License, Machine, MachineLimit, Merchant, QuotaPackage, ResetWindow, StatusList,
};

fn failed(what: &str) -> SigningError {
    SigningError(format!("{what} does not fit into a token"))
}

fn env(env: domain::Env) -> Env {
    match env {
        domain::Env::Live => Env::Live,
        domain::Env::Test => Env::Test,
    }
}

fn term(term: domain::Term) -> Result<Term, SigningError> {
    Term::parse(&term.to_string()).ok_or_else(|| failed("the term"))
}

fn seconds(instant: Instant) -> i64 {
    instant.timestamp()
}

fn spec(license: &License) -> SpecClaim {
    let sku = license.sold.sku.as_ref().map_or(license.sold.spec.as_str(), |sku| sku.as_str());
    SpecClaim { sku: sku.to_owned(), attributes: license.sold.attributes.clone() }
}

fn amount(amount: domain::Amount) -> Result<license_token::Amount, SigningError> {
    license_token::Amount::from_ten_thousandths(amount.ten_thousandths()).ok_or_else(|| failed("an amount"))
}

fn reset(reset: ResetWindow) -> Reset {
    match reset {
        ResetWindow::None => Reset::None,
        ResetWindow::Hour => Reset::Hour,
        ResetWindow::Day => Reset::Day,
        ResetWindow::Week => Reset::Week,
        ResetWindow::Month => Reset::Month,
        ResetWindow::Year => Reset::Year,
    }
}

fn quota(package: &QuotaPackage) -> Result<QuotaClaim, SigningError> {
    Ok(QuotaClaim {
        metric: package.template.metric.clone(),
        unit: package.template.unit.clone(),
        amount: amount(package.template.amount)?,
        reset: reset(package.template.reset),
        total: package.total.ok().map(amount).transpose()?,
        share: None,
    })
}

fn policy(license: &License) -> Policy {
    let (offline, machine) = (&license.sold.offline, &license.sold.machine);
    let secs = |length: std::time::Duration| i64::try_from(length.as_secs()).ok();
    Policy {
        status: match offline.status {
            domain::StatusPolicy::Require => StatusRule::Require,
            domain::StatusPolicy::Prefer => StatusRule::Prefer,
            domain::StatusPolicy::Ignore => StatusRule::Ignore,
        },
        max_status_age: secs(offline.max_status_age),
        max_offline: None,
        enforcement: match offline.enforcement {
            domain::Enforcement::Enforce => Enforcement::Enforce,
            domain::Enforcement::Warn => Enforcement::Warn,
            domain::Enforcement::Advise => Enforcement::Advise,
        },
        binding: match machine.binding {
            domain::Binding::Hardware => Binding::Hardware,
            domain::Binding::DeviceKey => Binding::DeviceKey,
            domain::Binding::Floating => Binding::Floating,
            domain::Binding::Unbound => Binding::None,
        },
    }
}

fn grace_secs(license: &License) -> i64 {
    i64::try_from(license.sold.offline.grace.as_secs()).unwrap_or(0)
}

/// `nbf` must lie before `exp`, also where a cancelled renewal ends a license before it began.
fn end_after(start: Instant, end: Instant) -> i64 {
    seconds(end.max(start + TimeDelta::seconds(1)))
}

pub(super) fn license(order: &LicenseKeyOrder<'_>, uri: String) -> Result<LicenseClaims, SigningError> {
    let license = order.license;
    Ok(LicenseClaims {
        iss: order.merchant.issuer.clone(),
        aud: license.product.to_string(),
        sub: license.id.to_string(),
        jti: order.token_id.to_string(),
        iat: seconds(order.now),
        nbf: seconds(license.validity.starts_at),
        exp: license.validity.ends_at.map(|end| end_after(license.validity.starts_at, end)),
        entitlements: license.sold.entitlements.clone(),
        status: Some(StatusRef { idx: i64::from(order.slot.idx), uri }),
        env: env(license.env),
        term: key_term(license)?,
        spec: spec(license),
        machines: match license.sold.machines {
            MachineLimit::AtMost(limit) => Some(limit),
            MachineLimit::Unlimited => None,
        },
        quota: license.sold.quota.iter().map(quota).collect::<Result<_, _>>()?,
        upd: license.sold.updates_until.map(seconds),
        policy: policy(license),
        grace_secs: grace_secs(license),
    })
}

/// A license with an end states a term with an end, and the other way round: `exp` is absent only for ever.
fn key_term(license: &License) -> Result<Term, SigningError> {
    match (license.sold.term, license.validity.ends_at) {
        (domain::Term::Permanent, Some(end)) => {
            let days = (end - license.validity.starts_at).num_days().clamp(1, 1_200);
            term(domain::Term::Days(u32::try_from(days).map_err(|_| failed("the term"))?))
        }
        (_, None) => term(domain::Term::Permanent),
        (bought, Some(_)) => term(bought),
    }
}

pub(super) fn activation(
    order: &CertificateOrder<'_>,
    uri: String,
) -> Result<ActivationClaims, SigningError> {
    let (license, activation) = (order.license, order.activation);
    let lease = activation.lease().map_err(|_| failed("an ended activation"))?;
    let starts_at = lease.validity.starts_at;
    let is_by_key = license.sold.machine.binding == domain::Binding::DeviceKey && order.device.is_some();
    Ok(ActivationClaims {
        iss: order.merchant.issuer.clone(),
        aud: license.product.to_string(),
        sub: license.id.to_string(),
        jti: lease.token_id.to_string(),
        iat: seconds(starts_at),
        nbf: seconds(starts_at),
        exp: end_after(starts_at, lease.validity.ends_at.ok_or_else(|| failed("a lease without an end"))?),
        device_key: order.device.filter(|_| is_by_key).map(|device| base64url::encode(&device.thumbprint)),
        entitlements: license.sold.entitlements.clone(),
        status: Some(StatusRef { idx: i64::from(activation.slot.idx), uri }),
        nonce: Some(lease.nonce.clone()),
        env: env(license.env),
        act: activation.id.to_string(),
        generation: i64::try_from(lease.generation).map_err(|_| failed("the generation"))?,
        renew: seconds(lease.renew_after),
        end: license.validity.ends_at.map(seconds),
        term: key_term(license)?,
        spec: spec(license),
        quota: order.device.map_or(Ok(Vec::new()), |device| shares(device, starts_at))?,
        ledger: order.device.map(ledger).transpose()?,
        machine: if is_by_key { None } else { Some(machine(&activation.machine)?) },
        upd: license.sold.updates_until.map(seconds),
        policy: policy(license),
        grace_secs: grace_secs(license),
    })
}

/// What the machine can use now of what is kept for it.
fn shares(device: &Device, now: Instant) -> Result<Vec<QuotaClaim>, SigningError> {
    let usable = device.shares.iter().filter(|share| share.is_usable(now));
    usable
        .map(|share| {
            let (from, until) = (seconds(share.window.starts_at), seconds(share.until));
            let claim = ShareClaim { number: i64::from(share.number), from, until };
            Ok(QuotaClaim {
                metric: share.metric.clone(),
                unit: share.unit.clone(),
                amount: amount(share.kept())?,
                reset: reset(share.reset),
                total: None,
                share: Some(claim),
            })
        })
        .collect()
}

/// The receipt for what was merged.
fn ledger(device: &Device) -> Result<LedgerClaim, SigningError> {
    let seq = i64::try_from(device.head.seq).map_err(|_| failed("the ledger"))?;
    let head = Head { seq, hash: device.head.hash };
    Ok(LedgerClaim { key: base64url::encode(&device.thumbprint), head })
}

fn machine(machine: &Machine) -> Result<MachineClaim, SigningError> {
    let component = |component: domain::Component| match component {
        domain::Component::Os => Component::Os,
        domain::Component::Firmware => Component::Fw,
        domain::Component::Board => Component::Brd,
        domain::Component::Disk => Component::Dsk,
        domain::Component::Network => Component::Net,
        domain::Component::Opaque => Component::Fp,
    };
    let components = machine.components.iter().map(|(name, value)| (component(*name), Commitment(*value)));
    MachineClaim::enroll(components.collect()).ok_or_else(|| failed("a machine without components"))
}

pub(super) fn status_list(
    merchant: &Merchant,
    list: &StatusList,
    uri: String,
) -> Result<StatusListClaims, SigningError> {
    Ok(StatusListClaims {
        iss: merchant.issuer.clone(),
        sub: uri,
        iat: seconds(list.published_at),
        exp: seconds(list.expires_at),
        ttl: Some(STATUS_LIST_TTL_HOURS * 3_600),
        env: Env::Live,
        seq: i64::try_from(list.seq).map_err(|_| failed("the sequence number"))?,
        list: license_token::StatusList::from_bytes(2, list.bits.clone())
            .ok_or_else(|| failed("the list"))?,
    })
}
