//! Audit events.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::form::{Form, Millis, Text};
use super::mirror::row_enum;
use crate::domain::{Actor, AuditEvent, EventId, EventKind, LicenseId, MerchantId, Subject};

/// An audit event. One about a license names it, as it did before there were others.
#[derive(Serialize, Deserialize)]
#[serde(try_from = "AuditEventMembers")]
pub(super) struct AuditEventRow {
    id: Text<EventId>,
    merchant: Text<MerchantId>,
    #[serde(flatten)]
    about: About,
    at_ms: Millis,
    actor: ActorRow,
    kind: Text<EventKind>,
    detail: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum About {
    License(Text<LicenseId>),
    Subject(SubjectText),
}

/// As it is read: one of the two must be there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuditEventMembers {
    id: Text<EventId>,
    merchant: Text<MerchantId>,
    license: Option<Text<LicenseId>>,
    subject: Option<SubjectText>,
    at_ms: Millis,
    actor: ActorRow,
    kind: Text<EventKind>,
    detail: BTreeMap<String, String>,
}

impl TryFrom<AuditEventMembers> for AuditEventRow {
    type Error = &'static str;

    fn try_from(members: AuditEventMembers) -> Result<Self, &'static str> {
        let AuditEventMembers { id, merchant, license, subject, at_ms, actor, kind, detail } = members;
        let about = match (license, subject) {
            (Some(license), None) => About::License(license),
            (None, Some(subject)) => About::Subject(subject),
            (None, None) | (Some(_), Some(_)) => return Err("an event is about a license or a subject"),
        };
        Ok(Self { id, merchant, about, at_ms, actor, kind, detail })
    }
}

impl From<AuditEvent> for AuditEventRow {
    fn from(event: AuditEvent) -> Self {
        let AuditEvent { id, merchant, subject, at, actor, kind, detail } = event;
        let about = match subject {
            Subject::License(license) => About::License(Text::of(license)),
            other @ Subject::Other(..) => About::Subject(SubjectText(other)),
        };
        Self {
            id: Text::of(id),
            merchant: Text::of(merchant),
            about,
            at_ms: Millis::of(at),
            actor: actor.into(),
            kind: Text::of(kind),
            detail,
        }
    }
}

impl From<AuditEventRow> for AuditEvent {
    fn from(row: AuditEventRow) -> Self {
        let AuditEventRow { id, merchant, about, at_ms, actor, kind, detail } = row;
        let subject = match about {
            About::License(license) => Subject::License(license.value()),
            About::Subject(SubjectText(subject)) => subject,
        };
        Self {
            id: id.value(),
            merchant: merchant.value(),
            subject,
            at: at_ms.value(),
            actor: actor.into(),
            kind: kind.value(),
            detail,
        }
    }
}

/// What an event is about, as `kind/id`.
pub(super) struct SubjectText(Subject);

impl Form<Subject> for SubjectText {
    fn of(value: Subject) -> Self {
        Self(value)
    }

    fn value(self) -> Subject {
        self.0
    }
}

impl Serialize for SubjectText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SubjectText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Subject::parse(&text).map(Self).ok_or_else(|| D::Error::custom("a known subject"))
    }
}

row_enum!(
    /// Who did it.
    ActorRow for Actor {
        Marketplace(channel: String),
        Token(name: String),
        Customer,
        Server,
    }
);
