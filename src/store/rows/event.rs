//! Audit events.

use std::collections::BTreeMap;

use super::form::{Millis, Text};
use super::mirror::{row, row_enum};
use crate::domain::{Actor, AuditEvent, EventId, EventKind, LicenseId, MerchantId};

row!(
    /// An audit event.
    AuditEventRow for AuditEvent {
        id: Text<EventId> = id,
        merchant: Text<MerchantId> = merchant,
        license: Text<LicenseId> = license,
        at_ms: Millis = at,
        actor: ActorRow = actor,
        kind: Text<EventKind> = kind,
        detail: BTreeMap<String, String> = detail,
    }
);

row_enum!(
    /// Who did it.
    ActorRow for Actor {
        Marketplace(channel: String),
        Token(name: String),
        Customer,
        Server,
    }
);
