//! `[[product]]`

use super::values::{base_url, id, localized, name, or};
use crate::config::{Member, Place, Section};
use crate::domain::{AppInfo, LocalizedText, Product, ProductId};

const MEMO_ZH: &str = "激活码 {claim_code}，下载授权：{portal_url}";
const MEMO_EN: &str = "Claim code {claim_code}, license at {portal_url}";

/// A product with the places that rules need.
#[derive(Debug)]
pub struct ReadProduct {
    /// The product, when its id could be read.
    pub value: Option<Product>,
    /// Its id as written.
    pub id_text: Option<String>,
    /// Where its id stands.
    pub id_place: Place,
}

/// Reads every product.
pub fn read_all(root: &Section<'_>) -> Vec<ReadProduct> {
    root.sections("product").iter().map(read).collect()
}

fn read(section: &Section<'_>) -> ReadProduct {
    let id_member = section.required("id", "\"acme-cad\"");
    let id_place = id_member.as_ref().map_or(section.place(), Member::place).clone();
    let id_text = id_member.as_ref().and_then(|member| match member.value() {
        toml::de::DeValue::String(text) => Some(text.to_string()),
        _ => None,
    });
    let product_id = id_member.and_then(|member| id(&member, ProductId::parse));
    let default_name = LocalizedText::plain(product_id.as_ref().map_or("", ProductId::as_str));
    let default_memo = LocalizedText { zh: Some(MEMO_ZH.into()), en: Some(MEMO_EN.into()) };
    let product_name = or(section, "name", default_name, name);
    let front_end_url = or(section, "front_end_url", String::new(), front_end_url);
    let memo = or(section, "memo", default_memo, |member| localized(member, memo));
    section.finish();
    let value = product_id.map(|id| Product { id, name: product_name, front_end_url, memo });
    ReadProduct { value, id_text, id_place }
}

fn front_end_url(member: &Member<'_>) -> Option<String> {
    match member.text()? {
        "" => Some(String::new()),
        // Only scheme and host are judged; the merchant's own path stays as it is.
        text => base_url(member).map(|_| text.to_owned()),
    }
}

fn memo(member: &Member<'_>) -> Option<String> {
    let text = member.text()?;
    match AppInfo::check_memo(text) {
        Ok(()) => Some(text.to_owned()),
        Err(why) => {
            member.mistake(why);
            None
        }
    }
}
