//! `allOrgSync`: all departments of a company at once.
//!
//! Source: zh-cn_topic_0070649113, zh-cn_topic_0070649437.

use super::members::{Members, with_list};
use super::{Interface, Version};
use crate::domain::{KitInterface, KitSync};
use crate::marketplace::RefusalCause;
use crate::marketplace::koogallery::body::{ID_LIMIT_CHARS, Parameters};
use crate::marketplace::koogallery::json::Json;

pub const INTERFACE: Interface = Interface { name: "allOrgSync", read };

const NAME_LIMIT_CHARS: usize = 128;
/// They are kept as one record.
const RECEIVED_LIMIT_BYTES: usize = 192 * 1024;

/// Version 1 calls the list `orgInfo` and a department's name `name`; version 2 `orgInfoList` and `orgName`, with
/// `OrgName` in a printed example. An older copy of version 2 has version 1's list.
fn read(members: &Members<'_>) -> Result<KitSync, RefusalCause> {
    members.dated()?;
    let (instance_id, tenant_id) = (members.id("instanceId")?, members.id("tenantId")?);
    let own = match members.version {
        Version::V1 => "orgInfo",
        Version::V2 => "orgInfoList",
    };
    let older = members.members.get(own).is_none() && members.members.get("orgInfo").is_some();
    let list = if older { "orgInfo" } else { own };
    with_list(members.members, list, |departments| departments.iter().try_for_each(|it| check(it, list)))?;
    if members.received.len() > RECEIVED_LIMIT_BYTES {
        return Err(RefusalCause::ParameterTooLong { name: list, limit: RECEIVED_LIMIT_BYTES });
    }
    Ok(members.whole(KitInterface::Departments, &[instance_id, tenant_id], false))
}

fn check(department: &Json<'_>, list: &'static str) -> Result<(), RefusalCause> {
    let Json::Object(department) = department else { return Err(RefusalCause::ParameterMalformed(list)) };
    let members = Parameters(department);
    members.mandatory("orgCode", ID_LIMIT_CHARS)?;
    members.optional("parentCode", ID_LIMIT_CHARS)?;
    let name = ["orgName", "OrgName", "name"].into_iter().find(|name| department.get(name).is_some());
    members.mandatory(name.unwrap_or("orgName"), NAME_LIMIT_CHARS).map(|_| ())
}
