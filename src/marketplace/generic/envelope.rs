//! What every event has: `type`, `timestamp`, `data`, and perhaps `test`.

use chrono::{DateTime, TimeDelta, Utc};

use super::events::{EVENT_TYPES, EventType};
use super::members::Members;
use crate::marketplace::RefusalCause;
use crate::marketplace::json::Object;
use crate::standard_webhooks::signature::TOLERANCE_SECS;

const TYPE_LIMIT_CHARS: usize = 64;

/// An event whose signature fits.
pub struct Envelope<'a> {
    pub event_type: &'static EventType,
    /// When it happened, which may lie days before it was sent.
    pub occurred_at: DateTime<Utc>,
    pub received_at: DateTime<Utc>,
    /// Answer plausibly, leave nothing behind.
    pub test: bool,
    data: Option<&'a Object<'a>>,
}

impl<'a> Envelope<'a> {
    /// An event that has not happened yet would overtake all that do until then: it is refused.
    pub fn read(body: &'a Object<'a>, now: DateTime<Utc>) -> Result<Self, RefusalCause> {
        let members = Members(body);
        let name = members.mandatory_word("type", TYPE_LIMIT_CHARS)?;
        let known = EVENT_TYPES.iter().find(|known| known.name == name);
        let event_type = known.ok_or(RefusalCause::UnknownActivity)?;
        let occurred_at = members.instant("timestamp")?.ok_or(RefusalCause::ParameterMissing("timestamp"))?;
        if occurred_at > now + TimeDelta::seconds(TOLERANCE_SECS) {
            return Err(RefusalCause::ParameterMalformed("timestamp"));
        }
        let test = members.flag("test")? || event_type.is_test;
        let data = if event_type.is_test { None } else { Some(members.mandatory_object("data")?) };
        Ok(Self { event_type, occurred_at, received_at: now, test, data })
    }

    /// The members of `data`.
    pub fn data(&self) -> Result<Members<'a>, RefusalCause> {
        self.data.map(Members).ok_or(RefusalCause::ParameterMissing("data"))
    }
}
