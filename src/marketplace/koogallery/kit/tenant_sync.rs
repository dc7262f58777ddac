//! `tenantSync`: a company, and where its people sign in.
//!
//! Source: zh-cn_topic_0070649109, zh-cn_topic_0070649433.

use super::Interface;
use super::members::Members;
use crate::domain::{KitInterface, KitSync};
use crate::marketplace::RefusalCause;
use crate::marketplace::koogallery::body::ID_LIMIT_CHARS;

pub const INTERFACE: Interface = Interface { name: "tenantSync", read };

const NAME_LIMIT_CHARS: usize = 255;

/// `instanceId` and `orderId` are empty while the merchant applies for credentials.
fn read(members: &Members<'_>) -> Result<KitSync, RefusalCause> {
    members.dated()?;
    let instance_id = members.optional("instanceId", ID_LIMIT_CHARS)?.unwrap_or_default();
    members.optional("orderId", ID_LIMIT_CHARS)?;
    let tenant_id = members.id("tenantId")?;
    members.id("tenantCode")?;
    members.mandatory("name", NAME_LIMIT_CHARS)?;
    members.mandatory("domainName", NAME_LIMIT_CHARS)?;
    Ok(members.whole(KitInterface::Tenant, &[instance_id, tenant_id], members.deletes()?))
}
