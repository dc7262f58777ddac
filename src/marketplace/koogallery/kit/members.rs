//! The members of a Kit call: presence, length and form as the pages state them.

use super::Version;
use crate::domain::{KitEntity, KitInterface, KitSync};
use crate::marketplace::RefusalCause;
use crate::marketplace::koogallery::body::{ID_LIMIT_CHARS, Parameters};
use crate::marketplace::koogallery::json::{self, Duplicates, Json, Object};

const TIME_LIMIT_CHARS: usize = 20;

/// A verified body.
pub struct Members<'a> {
    pub version: Version,
    pub members: &'a Object<'a>,
    /// As it came.
    pub received: &'a str,
}

impl Members<'_> {
    /// A text that must be there.
    pub fn mandatory(&self, name: &'static str, limit: usize) -> Result<&str, RefusalCause> {
        Parameters(self.members).mandatory(name, limit)
    }

    /// A text that may be absent or empty.
    pub fn optional(&self, name: &'static str, limit: usize) -> Result<Option<&str>, RefusalCause> {
        Parameters(self.members).optional(name, limit)
    }

    /// An id that must be there.
    pub fn id(&self, name: &'static str) -> Result<&str, RefusalCause> {
        self.mandatory(name, ID_LIMIT_CHARS)
    }

    /// `timeStamp` must be there in both versions; version 2 is dated by its header.
    pub fn dated(&self) -> Result<(), RefusalCause> {
        match self.members.get("timeStamp") {
            Some(Json::Number(_)) => Ok(()),
            _ => self.mandatory("timeStamp", TIME_LIMIT_CHARS).map(|_| ()),
        }
    }

    /// `flag`: whether the entity goes. 0 deletes, 1 adds, 2 modifies; 3 takes an authorization away.
    pub fn deletes(&self) -> Result<bool, RefusalCause> {
        let flag = match self.members.get("flag") {
            None | Some(Json::Null) => return Err(RefusalCause::ParameterMissing("flag")),
            Some(Json::Number(digits)) => digits,
            Some(Json::Text(text)) => text.as_str(),
            Some(Json::Bool(_) | Json::List(_) | Json::Object(_)) => "",
        };
        match flag {
            "0" | "3" => Ok(true),
            "1" | "2" => Ok(false),
            _ => Err(RefusalCause::ParameterMalformed("flag")),
        }
    }

    /// One entity: the call's own body, or nothing when it goes.
    pub fn whole(&self, interface: KitInterface, id: &[&str], deleted: bool) -> KitSync {
        let id = id.iter().map(|part| (*part).to_owned()).collect();
        let body = (!deleted).then(|| self.received.to_owned());
        KitSync { interface, entities: vec![KitEntity { id, body }] }
    }
}

/// A list: version 1 writes it as text, version 2 as it is; either is taken in both.
pub fn with_list<T>(
    members: &Object<'_>,
    name: &'static str,
    read: impl FnOnce(&[Json<'_>]) -> Result<T, RefusalCause>,
) -> Result<T, RefusalCause> {
    match members.get(name) {
        None | Some(Json::Null) => Err(RefusalCause::ParameterMissing(name)),
        Some(Json::List(items)) => read(items),
        Some(Json::Text(text)) if text.is_empty() => Err(RefusalCause::ParameterMissing(name)),
        Some(Json::Text(text)) => {
            let items = json::read_list(text, Duplicates::LastWins);
            read(&items.map_err(|_| RefusalCause::ParameterMalformed(name))?)
        }
        Some(Json::Bool(_) | Json::Number(_) | Json::Object(_)) => {
            Err(RefusalCause::ParameterMalformed(name))
        }
    }
}
