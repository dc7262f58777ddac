//! The oldest schema of a row that can hold a record. A server of the version before, which may run on the same database,
//! reads what uses nothing newer.

use crate::application::record::{Job, Record, Task};
use crate::domain::{Channel, EarlyEvent, License, Purchase, UsageRules};

/// The schema before the newest, where that one has all that the record needs.
pub(super) fn oldest_schema(record: &Record, newest: u16) -> u16 {
    let fits_the_one_before = match record {
        Record::Spec(spec) => spec.value.changes_to.is_none(),
        Record::Channel(channel) => suits_schema_1(&channel.value),
        Record::Purchase(purchase) => purchase_suits_schema_2(purchase),
        Record::License(license) => license_suits_schema_2(license),
        Record::Job(job) => job_suits_schema_2(job),
        Record::Merchant(_)
        | Record::Product(_)
        | Record::Mapping(_)
        | Record::ApiToken(_)
        | Record::TokenUse(_)
        | Record::Session(_)
        | Record::SignInLink(_)
        | Record::Instance(_)
        | Record::AuthorizationCode(_)
        | Record::PendingLicense(_)
        | Record::ClaimTarget(_)
        | Record::HandedOver(_)
        | Record::AppInfo(_)
        | Record::Places(_)
        | Record::Activation(_)
        | Record::Device(_)
        | Record::StatusList(_)
        | Record::StatusFlip(_)
        | Record::Event(_)
        | Record::Unsealed(_)
        | Record::SealerLease(_)
        | Record::ChainBlock(_)
        | Record::ChainHead(_)
        | Record::SealedEvent(_)
        | Record::Adoption(_)
        | Record::Replay(_)
        | Record::Idempotency(_)
        | Record::KeptAnswer(_)
        | Record::Restore(_)
        | Record::Erasure(_)
        | Record::KeyRing(_)
        | Record::Kit(_)
        | Record::Calls(_)
        | Record::Standing(_)
        | Record::Notice(_)
        | Record::UsageRecord(_)
        | Record::NamedUsage(_)
        | Record::WaitingUsage(_)
        | Record::UsageOutbox(_)
        | Record::UsageSum(_)
        | Record::QuotaAccount(_)
        | Record::UsageReport(_)
        | Record::Reservation(_)
        | Record::Webhook(_)
        | Record::WebhookProgress(_)
        | Record::WebhookReplay(_)
        | Record::Delivery(_)
        | Record::EndsTold(_)
        | Record::CertificateTold(_)
        | Record::SearchTerm(_)
        | Record::IndexFilling(_) => false,
    };
    newest - u16::from(fits_the_one_before)
}

/// Schema 2 brought rules of usage and keys that are retired.
fn suits_schema_1(channel: &Channel) -> bool {
    channel.usage == UsageRules::default() && channel.access_keys.iter().all(|key| !key.retired)
}

/// Schema 3 brought when an order was changed, and the terms of renewals that come early.
fn purchase_suits_schema_2(purchase: &Purchase) -> bool {
    let says_term = |event: &EarlyEvent| matches!(event, EarlyEvent::Refreshed { term: Some(_), .. });
    purchase.facts.as_ref().is_none_or(|facts| facts.changed_at.is_none())
        && !purchase.early.iter().any(says_term)
}

/// Schema 3 held what stands beside the record now, and holds what a license waits for.
fn license_suits_schema_2(license: &License) -> bool {
    license.status_told_at.is_none()
        && license.extension.is_none()
        && license.start.is_none()
        && license.attachment.is_none()
        && license.orders.iter().all(|order| order.term.is_none())
}

/// Schema 3 brought lanes, since when a job waits, and pushes of usage.
fn job_suits_schema_2(job: &Job) -> bool {
    let is_new_task = matches!(job.task, Task::PushUsage { .. } | Task::AttachPackage { .. });
    job.lane.is_none() && job.since.is_none() && !is_new_task
}
