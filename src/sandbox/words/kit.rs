//! The Kit of joint operation: companies, applications, people and departments of a buyer.
//!
//! Source: zh-cn_topic_0070649109 to zh-cn_topic_0070649113 (version 1), zh-cn_topic_0070649433 to
//! zh-cn_topic_0070649437 (version 2).

use serde_json::{Value, json};

use super::Call;
use crate::sandbox::family::Family;

/// What becomes of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    Delete,
    Add,
    Modify,
}

impl Flag {
    fn wire(self) -> u8 {
        match self {
            Self::Delete => 0,
            Self::Add => 1,
            Self::Modify => 2,
        }
    }
}

/// A company of a buyer, and what it bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    pub tenant_id: String,
    pub instance_id: String,
    pub order_id: String,
}

impl Tenant {
    /// `tenantSync`. Instance and order are empty while a seller applies for credentials of an application.
    pub fn sync(&self, family: Family, flag: Flag, name: &str) -> Call {
        let members = json!({
            "instanceId": self.instance_id,
            "orderId": self.order_id,
            "tenantId": self.tenant_id,
            "tenantCode": "huawei",
            "name": name,
            "domainName": "https://example.tenantaccount.com",
            "flag": flag.wire(),
        });
        with_test_flag(Call::new(family, "tenantSync", members))
    }

    /// `applicationSync`. `client_secret` is base64 of what RSA-OAEP made of it with the merchant's public key.
    pub fn application(&self, family: Family, flag: Flag, app_id: &str, client_secret: &str) -> Call {
        let members = json!({
            "instanceId": self.instance_id,
            "tenantId": self.tenant_id,
            "appId": app_id,
            "clientId": format!("client-of-{app_id}"),
            "clientSecret": client_secret,
            "flag": flag.wire(),
        });
        with_test_flag(Call::new(family, "applicationSync", members))
    }

    /// `authSync`: who may use an application. `synced_at` is in Beijing's time, 17 digits.
    pub fn authorization(
        &self,
        family: Family,
        flag: Flag,
        app_id: &str,
        users: &[&str],
        synced_at: &str,
    ) -> Call {
        let user = |name: &&str| {
            json!({ "userName": name, "name": "张三", "orgCode": "O1", "role": "user", "enable": "true",
                "employeeType": 1 })
        };
        let users: Vec<Value> = users.iter().map(user).collect();
        let members = json!({
            "instanceId": self.instance_id,
            "tenantId": self.tenant_id,
            "appId": app_id,
            "userList": listed(family, users),
            "currentSyncTime": synced_at,
            "flag": flag.wire(),
        });
        with_test_flag(Call::new(family, "authSync", members))
    }

    /// `singleOrgSync`: one department.
    pub fn department(&self, family: Family, flag: Flag, code: &str, name: &str) -> Call {
        let members = json!({
            "instanceId": self.instance_id,
            "tenantId": self.tenant_id,
            "orgCode": code,
            "orgName": name,
            "parentCode": "",
            "flag": flag.wire(),
        });
        with_test_flag(Call::new(family, "singleOrgSync", members))
    }

    /// `allOrgSync`: all departments at once.
    pub fn all_departments(&self, family: Family, departments: &[(&str, &str)]) -> Call {
        let (member, name) =
            if family == Family::KitV1 { ("orgInfo", "name") } else { ("orgInfoList", "orgName") };
        let list =
            departments.iter().map(|(code, text)| json!({ "orgCode": code, name: text, "parentCode": "" }));
        let mut members = json!({
            "instanceId": self.instance_id,
            "tenantId": self.tenant_id,
            member: listed(family, list.collect()),
        });
        if family == Family::KitV2 {
            // Only the example of version 2 has it.
            members["flag"] = json!(1);
        }
        with_test_flag(Call::new(family, "allOrgSync", members))
    }
}

/// Version 1 writes a list as a text.
fn listed(family: Family, list: Vec<Value>) -> Value {
    let list = Value::from(list);
    if family == Family::KitV1 { list.to_string().into() } else { list }
}

/// Mandatory here.
fn with_test_flag(call: Call) -> Call {
    call.with("testFlag", 0)
}
