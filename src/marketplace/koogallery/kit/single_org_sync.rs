//! `singleOrgSync`: one department.
//!
//! Source: zh-cn_topic_0070649112, zh-cn_topic_0070649436.

use super::Interface;
use super::members::Members;
use crate::domain::{KitInterface, KitSync};
use crate::marketplace::RefusalCause;
use crate::marketplace::koogallery::body::ID_LIMIT_CHARS;

pub const INTERFACE: Interface = Interface { name: "singleOrgSync", read };

const NAME_LIMIT_CHARS: usize = 128;

/// `parentCode` is empty only for the department at the top.
fn read(members: &Members<'_>) -> Result<KitSync, RefusalCause> {
    members.dated()?;
    let (instance_id, tenant_id) = (members.id("instanceId")?, members.id("tenantId")?);
    let org_code = members.id("orgCode")?;
    members.mandatory("orgName", NAME_LIMIT_CHARS)?;
    members.optional("parentCode", ID_LIMIT_CHARS)?;
    Ok(members.whole(KitInterface::Department, &[instance_id, tenant_id, org_code], members.deletes()?))
}
