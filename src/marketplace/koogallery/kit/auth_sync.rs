//! `authSync`: who may use an application, at most 500 people a call.
//!
//! Source: zh-cn_topic_0070649111, zh-cn_topic_0070649435.

use super::Interface;
use super::members::{Members, with_list};
use crate::domain::{KitEntity, KitInterface, KitSync};
use crate::marketplace::RefusalCause;
use crate::marketplace::koogallery::body::{ID_LIMIT_CHARS, Parameters};
use crate::marketplace::koogallery::json::{Json, Object};
use crate::marketplace::koogallery::payload::compact;

pub const INTERFACE: Interface = Interface { name: "authSync", read };

const USERS_LIMIT: usize = 500;
const TIME_LIMIT_CHARS: usize = 20;
const ROLE_LIMIT_CHARS: usize = 32;
const ENABLE_LIMIT_CHARS: usize = 8;
const MOBILE_LIMIT_CHARS: usize = 32;
const EMAIL_LIMIT_CHARS: usize = 128;

fn read(members: &Members<'_>) -> Result<KitSync, RefusalCause> {
    members.dated()?;
    let (instance_id, tenant_id) = (members.id("instanceId")?, members.id("tenantId")?);
    let app_id = members.id("appId")?;
    members.mandatory("currentSyncTime", TIME_LIMIT_CHARS)?;
    let deleted = members.deletes()?;
    let entity = |user: &Json<'_>| {
        let Json::Object(user) = user else { return Err(RefusalCause::ParameterMalformed("userList")) };
        let id = [instance_id, tenant_id, app_id, user_name(user)?].map(str::to_owned);
        Ok(KitEntity { id: id.into(), body: (!deleted).then(|| compact(user)) })
    };
    let entities = with_list(members.members, "userList", |users| {
        if users.len() > USERS_LIMIT {
            return Err(RefusalCause::ParameterTooLong { name: "userList", limit: USERS_LIMIT });
        }
        users.iter().map(entity).collect()
    })?;
    Ok(KitSync { interface: KitInterface::Authorization, entities })
}

/// What names a person within a company, once all of the person's members are as documented.
fn user_name<'a>(user: &'a Object<'_>) -> Result<&'a str, RefusalCause> {
    let members = Parameters(user);
    for (name, limit) in [("name", ID_LIMIT_CHARS), ("orgCode", ID_LIMIT_CHARS), ("role", ROLE_LIMIT_CHARS)] {
        members.mandatory(name, limit)?;
    }
    for (name, limit) in [
        ("position", ID_LIMIT_CHARS),
        ("employeeCode", ID_LIMIT_CHARS),
        ("mobile", MOBILE_LIMIT_CHARS),
        ("email", EMAIL_LIMIT_CHARS),
    ] {
        members.optional(name, limit)?;
    }
    match user.get("enable") {
        Some(Json::Bool(_)) => {}
        _ => drop(members.mandatory("enable", ENABLE_LIMIT_CHARS)?),
    }
    match user.get("userName") {
        Some(Json::Text(name)) if !name.is_empty() => {
            if name.chars().count() > ID_LIMIT_CHARS {
                return Err(RefusalCause::ParameterTooLong { name: "userName", limit: ID_LIMIT_CHARS });
            }
            Ok(name)
        }
        None | Some(Json::Null | Json::Text(_)) => Err(RefusalCause::ParameterMissing("userName")),
        Some(Json::Bool(_) | Json::Number(_) | Json::List(_) | Json::Object(_)) => {
            Err(RefusalCause::ParameterMalformed("userName"))
        }
    }
}
