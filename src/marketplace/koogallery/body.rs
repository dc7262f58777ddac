//! The parameters of a call: presence and length as the pages state them, type as the pages state it.

use super::json::{Json, Object};
use crate::marketplace::RefusalCause;

/// `orderId`, `orderLineId`, `instanceId`, `businessId`, `productId` on every page.
pub const ID_LIMIT_CHARS: usize = 64;

/// The table's "length 100" of `instanceId` in a query cannot hold 100 ids: it is the number of ids.
pub const INSTANCE_IDS_LIMIT: usize = 100;
/// Room for that many, with a comma and a blank each.
pub const INSTANCE_IDS_LIMIT_CHARS: usize = INSTANCE_IDS_LIMIT * (ID_LIMIT_CHARS + 2);

/// One to 100 ids, separated by commas.
pub fn instance_ids(text: &str) -> Result<Vec<String>, RefusalCause> {
    let instance_ids: Vec<String> = text.split(',').map(|id| id.trim().to_owned()).collect();
    if instance_ids.len() > INSTANCE_IDS_LIMIT {
        return Err(RefusalCause::ParameterTooLong { name: "instanceId", limit: INSTANCE_IDS_LIMIT });
    }
    if instance_ids.iter().any(|id| id.chars().count() > ID_LIMIT_CHARS) {
        return Err(RefusalCause::ParameterTooLong { name: "instanceId", limit: ID_LIMIT_CHARS });
    }
    if instance_ids.iter().any(String::is_empty) {
        return Err(RefusalCause::ParameterMalformed("instanceId"));
    }
    Ok(instance_ids)
}

/// The members of a signed body. Members that no page names are ignored; null counts as absent.
pub struct Parameters<'a>(pub &'a Object<'a>);

impl<'a> Parameters<'a> {
    /// A string that must be there.
    pub fn mandatory(&self, name: &'static str, limit: usize) -> Result<&'a str, RefusalCause> {
        self.optional(name, limit)?.ok_or(RefusalCause::ParameterMissing(name))
    }

    /// A string that may be absent; an empty one is.
    pub fn optional(&self, name: &'static str, limit: usize) -> Result<Option<&'a str>, RefusalCause> {
        match self.0.get(name) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::Text(text)) if text.is_empty() => Ok(None),
            Some(Json::Text(text)) => bounded(name, text, limit).map(Some),
            Some(Json::Bool(_) | Json::Number(_) | Json::List(_) | Json::Object(_)) => {
                Err(RefusalCause::ParameterMalformed(name))
            }
        }
    }

    /// An object that must be there; a list of one stands for it.
    pub fn mandatory_object(&self, name: &'static str) -> Result<&Object<'_>, RefusalCause> {
        match self.0.get(name) {
            None | Some(Json::Null) => Err(RefusalCause::ParameterMissing(name)),
            Some(Json::Object(object)) => Ok(object),
            Some(Json::List(items)) => match items.as_slice() {
                [Json::Object(object)] => Ok(object),
                _ => Err(RefusalCause::ParameterMalformed(name)),
            },
            Some(Json::Bool(_) | Json::Number(_) | Json::Text(_)) => {
                Err(RefusalCause::ParameterMalformed(name))
            }
        }
    }

    /// A whole number or its text that may be absent; `10.0` is 10.
    pub fn optional_count(&self, name: &'static str) -> Result<Option<u32>, RefusalCause> {
        let text = match self.0.get(name) {
            None | Some(Json::Null) => return Ok(None),
            Some(Json::Number(text)) => text,
            Some(Json::Text(text)) if text.is_empty() => return Ok(None),
            Some(Json::Text(text)) => text.as_str(),
            Some(Json::Bool(_) | Json::List(_) | Json::Object(_)) => {
                return Err(RefusalCause::ParameterMalformed(name));
            }
        };
        let whole = match text.split_once('.') {
            Some((whole, fraction))
                if !fraction.is_empty() && fraction.bytes().all(|digit| digit == b'0') =>
            {
                whole
            }
            Some(_) => return Err(RefusalCause::ParameterMalformed(name)),
            None => text,
        };
        let digits = !whole.is_empty() && whole.bytes().all(|digit| digit.is_ascii_digit());
        let count = whole.parse().ok().filter(|_| digits);
        count.map(Some).ok_or(RefusalCause::ParameterMalformed(name))
    }

    /// Absent, `0` or `1`, as text or number: the pages print both.
    pub fn test_flag(&self) -> Result<bool, RefusalCause> {
        match self.0.get("testFlag") {
            None | Some(Json::Null | Json::Number("0")) => Ok(false),
            Some(Json::Number("1")) => Ok(true),
            Some(Json::Text(text)) if text.is_empty() || text == "0" => Ok(false),
            Some(Json::Text(text)) if text == "1" => Ok(true),
            Some(Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::List(_) | Json::Object(_)) => {
                Err(RefusalCause::ParameterMalformed("testFlag"))
            }
        }
    }
}

/// Ids become keys of records and parts of log lines: no control characters.
fn bounded<'a>(name: &'static str, text: &'a str, limit: usize) -> Result<&'a str, RefusalCause> {
    if text.chars().count() > limit {
        return Err(RefusalCause::ParameterTooLong { name, limit });
    }
    if text.chars().any(char::is_control) {
        return Err(RefusalCause::ParameterMalformed(name));
    }
    Ok(text)
}
