//! What the buyer is shown, as newInstance and queryInstance word it.
//!
//! Source: zh-cn_topic_0070649013; 0082027567 (the length of an encrypted field counts with its IV).

use serde::Serialize;

use crate::domain::InstanceInfo;
use crate::marketplace::AccessKey;
use crate::marketplace::koogallery::answer::within;
use crate::marketplace::koogallery::body::ID_LIMIT_CHARS;
use crate::marketplace::koogallery::sensitive::{EncryptType, encrypt};

const FRONT_END_URL_LIMIT_CHARS: usize = 512;
const MEMO_LIMIT_CHARS: usize = 1024;
/// Of the cipher text.
const ENCRYPTED_LIMIT_CHARS: usize = 128;

/// How the sign-in fields are encrypted, and what `encryptType` says.
pub const ENCRYPT_TYPE: EncryptType = EncryptType::Aes256;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WireAppInfo<'a> {
    front_end_url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    memo: &'a str,
}

/// `frontEndUrl` is mandatory inside `appInfo`.
pub fn wire<'a>(info: &'a InstanceInfo, key: Option<&AccessKey>) -> Result<WireAppInfo<'a>, String> {
    let InstanceInfo { instance_id, front_end_url, memo, sign_in, license: _, usage: _ } = info;
    within("instanceId", instance_id, ID_LIMIT_CHARS)?;
    within("frontEndUrl", front_end_url, FRONT_END_URL_LIMIT_CHARS)?;
    within("memo", memo, MEMO_LIMIT_CHARS)?;
    if instance_id.is_empty() {
        return Err("the instance id is empty".to_owned());
    }
    if front_end_url.is_empty() {
        return Err("frontEndUrl would be empty, the marketplace wants one".to_owned());
    }
    let (user_name, password) = match (sign_in, key) {
        (Some(sign_in), Some(key)) => (
            Some(encrypted(key, "userName", &sign_in.user_name)?),
            Some(encrypted(key, "password", &sign_in.password)?),
        ),
        (Some(_), None) => return Err("nothing can be encrypted without an access key".to_owned()),
        (None, _) => (None, None),
    };
    Ok(WireAppInfo { front_end_url, user_name, password, memo })
}

fn encrypted(key: &AccessKey, name: &str, plain: &str) -> Result<String, String> {
    let field = encrypt(&key.secret, ENCRYPT_TYPE, name, plain);
    within(name, &field, ENCRYPTED_LIMIT_CHARS)?;
    Ok(field)
}
