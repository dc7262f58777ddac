//! Members of an event: presence, type and length, each with the name that the refusal gives back.

use chrono::{DateTime, Datelike, Utc};

use crate::domain::Term;
use crate::marketplace::RefusalCause;
use crate::marketplace::json::{Json, Object};

/// `order_id`, `renewal_id`, `change_id`.
pub const ID_LIMIT_CHARS: usize = 64;
/// `sku`, `customer`.
pub const WORD_LIMIT_CHARS: usize = 128;
const QUANTITY_MAX: u32 = 1_000_000;
/// RFC 3339 with nanoseconds and an offset.
const INSTANT_LIMIT_CHARS: usize = 35;
const TERM_LIMIT_CHARS: usize = 16;

/// The members of one object, by the names that refusals give: `data.sku` is the member `sku` of `data`. Members that
/// nothing asks for are ignored; null counts as absent.
pub struct Members<'a>(pub &'a Object<'a>);

impl<'a> Members<'a> {
    fn member(&self, name: &'static str) -> Option<&'a Json<'a>> {
        let own = name.rsplit('.').next().unwrap_or(name);
        self.0.get(own).filter(|value| **value != Json::Null)
    }

    /// Visible ASCII without blanks: ids and codes become keys of records and parts of log lines.
    pub fn word(&self, name: &'static str, limit: usize) -> Result<Option<&'a str>, RefusalCause> {
        let text = self.text(name, limit)?;
        let fine = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        match text {
            Some(text) if !fine(&text) => Err(RefusalCause::ParameterMalformed(name)),
            text => Ok(text),
        }
    }

    pub fn mandatory_word(&self, name: &'static str, limit: usize) -> Result<&'a str, RefusalCause> {
        self.word(name, limit)?.ok_or(RefusalCause::ParameterMissing(name))
    }

    pub fn quantity(&self, name: &'static str) -> Result<Option<u32>, RefusalCause> {
        let Some(value) = self.member(name) else { return Ok(None) };
        let number = match value {
            Json::Number(text) => text.parse().ok(),
            Json::Null | Json::Bool(_) | Json::Text(_) | Json::List(_) | Json::Object(_) => None,
        };
        let within = number.filter(|number| (1..=QUANTITY_MAX).contains(number));
        within.map(Some).ok_or(RefusalCause::ParameterMalformed(name))
    }

    pub fn flag(&self, name: &'static str) -> Result<bool, RefusalCause> {
        match self.member(name) {
            None | Some(Json::Null) => Ok(false),
            Some(Json::Bool(flag)) => Ok(*flag),
            Some(Json::Number(_) | Json::Text(_) | Json::List(_) | Json::Object(_)) => {
                Err(RefusalCause::ParameterMalformed(name))
            }
        }
    }

    /// RFC 3339, from 1970 on, to the millisecond; the last second of a minute is 59.
    pub fn instant(&self, name: &'static str) -> Result<Option<DateTime<Utc>>, RefusalCause> {
        let Some(text) = self.text(name, INSTANT_LIMIT_CHARS)? else { return Ok(None) };
        let read = DateTime::parse_from_rfc3339(text).ok().map(|instant| instant.to_utc());
        let exists = |instant: &DateTime<Utc>| {
            (1970..=9999).contains(&instant.year()) && instant.timestamp_subsec_millis() < 1_000
        };
        let millis = read.filter(exists).map(|instant| instant.timestamp_millis());
        let instant = millis.and_then(DateTime::from_timestamp_millis);
        instant.map(Some).ok_or(RefusalCause::ParameterMalformed(name))
    }

    /// `P1M`, `P1Y`, `P14D`, `permanent`.
    pub fn term(&self, name: &'static str) -> Result<Option<Term>, RefusalCause> {
        let Some(text) = self.text(name, TERM_LIMIT_CHARS)? else { return Ok(None) };
        Term::parse(text).map(Some).map_err(|_| RefusalCause::ParameterMalformed(name))
    }

    pub fn mandatory_object(&self, name: &'static str) -> Result<&'a Object<'a>, RefusalCause> {
        match self.member(name) {
            None | Some(Json::Null) => Err(RefusalCause::ParameterMissing(name)),
            Some(Json::Object(object)) => Ok(object),
            Some(Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::List(_)) => {
                Err(RefusalCause::ParameterMalformed(name))
            }
        }
    }

    fn text(&self, name: &'static str, limit: usize) -> Result<Option<&'a str>, RefusalCause> {
        match self.member(name) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::Text(text)) if text.chars().count() > limit => {
                Err(RefusalCause::ParameterTooLong { name, limit })
            }
            Some(Json::Text(text)) => Ok(Some(text)),
            Some(Json::Bool(_) | Json::Number(_) | Json::List(_) | Json::Object(_)) => {
                Err(RefusalCause::ParameterMalformed(name))
            }
        }
    }
}
