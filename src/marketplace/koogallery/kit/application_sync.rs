//! `applicationSync`: the credentials of an application in a company.
//!
//! Source: zh-cn_topic_0070649110, zh-cn_topic_0070649434.

use super::Interface;
use super::members::Members;
use crate::domain::{KitInterface, KitSync};
use crate::marketplace::RefusalCause;

pub const INTERFACE: Interface = Interface { name: "applicationSync", read };

/// RSA of up to 8,192 bits in base64 has 1,368 characters.
const SECRET_LIMIT_CHARS: usize = 2048;

/// `clientSecret` is encrypted with the merchant's public key (RSA, OAEP); only the merchant can read it.
fn read(members: &Members<'_>) -> Result<KitSync, RefusalCause> {
    members.dated()?;
    let (instance_id, tenant_id) = (members.id("instanceId")?, members.id("tenantId")?);
    let app_id = members.id("appId")?;
    members.id("clientId")?;
    members.mandatory("clientSecret", SECRET_LIMIT_CHARS)?;
    Ok(members.whole(KitInterface::Application, &[instance_id, tenant_id, app_id], members.deletes()?))
}
