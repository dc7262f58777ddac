//! Strict JSON with bounds: a tree that keeps the source text of numbers and refuses duplicate members.
//!
//! The signature covers a re-rendered form of the body, so what is read must be what was signed: one tree serves both.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::marketplace::RefusalCause;

/// A call's body is below 2 KB; the largest documented one (100 instance ids) below 8 KB.
pub const BODY_LIMIT_BYTES: usize = 64 * 1024;
/// The deepest documented body has four levels.
pub const DEPTH_LIMIT_LEVELS: usize = 16;

#[derive(Debug, PartialEq)]
pub enum Json<'a> {
    Null,
    Bool(bool),
    /// As written: `12.780` stays `12.780`.
    Number(&'a str),
    Text(String),
    List(Vec<Json<'a>>),
    Object(Object<'a>),
}

/// What a name that stands twice in one object means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplicates {
    Refused,
    /// The last one counts: printed examples of the Kit have such.
    LastWins,
}

/// Members in the order received, no name twice.
#[derive(Debug, Default, PartialEq)]
pub struct Object<'a>(pub Vec<(String, Json<'a>)>);

impl<'a> Object<'a> {
    pub fn get(&self, name: &str) -> Option<&Json<'a>> {
        self.0.iter().find(|(member, _)| member == name).map(|(_, value)| value)
    }
}

/// Reads a body. Whatever is wrong with it, it cannot be read at all: a plain 4xx.
pub fn read_object(body: &[u8]) -> Result<Object<'_>, RefusalCause> {
    read_object_as(body, BODY_LIMIT_BYTES, Duplicates::Refused)
}

/// The same within another limit.
pub fn read_object_as(body: &[u8], limit: usize, duplicates: Duplicates) -> Result<Object<'_>, RefusalCause> {
    if body.len() > limit {
        return Err(RefusalCause::BodyTooLarge { bytes: body.len(), limit });
    }
    let text = std::str::from_utf8(body).map_err(|_| RefusalCause::MalformedJson)?;
    object(text, 1, duplicates)
}

/// Reads a list that came as the text of a member; duplicates as in the body around it.
pub fn read_list(text: &str, duplicates: Duplicates) -> Result<Vec<Json<'_>>, RefusalCause> {
    list(text, 1, duplicates)
}

fn object(text: &str, level: usize, duplicates: Duplicates) -> Result<Object<'_>, RefusalCause> {
    if level > DEPTH_LIMIT_LEVELS {
        return Err(RefusalCause::NestedTooDeep { limit: DEPTH_LIMIT_LEVELS });
    }
    let Members(members) = parse(text)?;
    let members = match duplicates {
        Duplicates::Refused => {
            refuse_duplicates(&members)?;
            members
        }
        Duplicates::LastWins => last_of_each(members),
    };
    let members = members.into_iter().map(|(name, raw)| Ok((name, value(raw, level, duplicates)?)));
    Ok(Object(members.collect::<Result<_, RefusalCause>>()?))
}

fn value(raw: &RawValue, level: usize, duplicates: Duplicates) -> Result<Json<'_>, RefusalCause> {
    let text = raw.get();
    Ok(match text.as_bytes().first() {
        Some(b'{') => Json::Object(object(text, level + 1, duplicates)?),
        Some(b'[') => Json::List(list(text, level + 1, duplicates)?),
        Some(b'"') => Json::Text(parse(text)?),
        Some(b't') => Json::Bool(true),
        Some(b'f') => Json::Bool(false),
        Some(b'n') => Json::Null,
        _ => Json::Number(text),
    })
}

fn list(text: &str, level: usize, duplicates: Duplicates) -> Result<Vec<Json<'_>>, RefusalCause> {
    if level > DEPTH_LIMIT_LEVELS {
        return Err(RefusalCause::NestedTooDeep { limit: DEPTH_LIMIT_LEVELS });
    }
    let items: Vec<&RawValue> = parse(text)?;
    items.into_iter().map(|raw| value(raw, level, duplicates)).collect()
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, RefusalCause> {
    serde_json::from_str(text).map_err(|_| RefusalCause::MalformedJson)
}

fn refuse_duplicates(members: &[(String, &RawValue)]) -> Result<(), RefusalCause> {
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(RefusalCause::DuplicateMember);
    }
    Ok(())
}

/// Each name once, where it stood first, with what it said last.
fn last_of_each(members: Vec<(String, &RawValue)>) -> Vec<(String, &RawValue)> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut kept: Vec<(String, &RawValue)> = Vec::new();
    for (name, raw) in members {
        match places.get(&name) {
            Some(at) => kept[*at].1 = raw,
            None => {
                places.insert(name.clone(), kept.len());
                kept.push((name, raw));
            }
        }
    }
    kept
}

/// The members of one object, their values unread.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Collect).map(Members)
    }
}
