//! `saasExtendParams`: what the buyer typed in at checkout, as URL-encoded base64 of a JSON list.
//!
//! Source: zh-cn_topic_0070649013.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::query_parameters::QueryParameters;
use crate::marketplace::RefusalCause;

const NAME: &str = "saasExtendParams";
const LIMIT_CHARS: usize = 2048;

#[derive(Deserialize)]
struct ExtendParam {
    name: String,
    value: String,
}

/// Names and values in the order received. A text that is no such list is kept whole under the parameter's own
/// name: no order is worth losing over it.
pub fn read(parameters: &QueryParameters<'_>) -> Result<Vec<(String, String)>, RefusalCause> {
    let Some(text) = parameters.optional(NAME, LIMIT_CHARS)? else { return Ok(Vec::new()) };
    let params = decode(text);
    let pairs = params.map(|params| params.into_iter().map(|param| (param.name, param.value)).collect());
    Ok(pairs.unwrap_or_else(|| vec![(NAME.to_owned(), text.to_owned())]))
}

/// Encoded by itself and with the query, or only with the query; a plus may have become a blank on its way.
fn decode(text: &str) -> Option<Vec<ExtendParam>> {
    let text = percent_decode_str(text).decode_utf8().ok()?.replace(' ', "+");
    serde_json::from_slice(&STANDARD.decode(text).ok()?).ok()
}
