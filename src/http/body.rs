//! Request bodies: bounded, strict JSON, no unknown member, and a JSON pointer to what is wrong.

use std::future::poll_fn;
use std::pin::Pin;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use license_token::json::{self, JsonError, Limits};
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use super::error::ApiError;
use super::reply::Reply;

/// Deepest nesting of a request.
const DEPTH_MAX: usize = 16;
/// What a caller sends beyond the limit is read and dropped up to here, so that the answer reaches it: a
/// connection closed on unread bytes is reset.
const DROPPED_BYTES_MAX: usize = 1024 * 1024;

/// Has the whole body in hand before anything is decided, within the limit of the route.
///
/// An answer to a request whose body was not read ends the connection under the caller's next request; so even
/// those that are refused without a look at their body have it read.
pub async fn whole_body(State(max_bytes): State<usize>, request: Request, next: Next) -> Reply {
    let (parts, body) = request.into_parts();
    let bytes = read(body, max_bytes).await?;
    Ok(next.run(Request::from_parts(parts, Body::from(bytes))).await)
}

async fn read(mut body: Body, max_bytes: usize) -> Result<Vec<u8>, ApiError> {
    let (mut kept, mut count) = (Vec::new(), 0_usize);
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|_broken_off| ApiError::MalformedJson)?;
        let Ok(data) = frame.into_data() else { continue };
        count = count.saturating_add(data.len());
        if count <= max_bytes {
            kept.extend_from_slice(&data);
        } else if count > max_bytes + DROPPED_BYTES_MAX {
            break;
        }
    }
    if count > max_bytes { Err(ApiError::TooLarge { max_bytes }) } else { Ok(kept) }
}

/// Reads one JSON object as `T`, whose members are all there are.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    json::check(bytes, &Limits { max_bytes: usize::MAX, max_depth: DEPTH_MAX }).map_err(refused)?;
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        // serde would take an array for a struct.
        return Err(ApiError::invalid("", "the body is a JSON object"));
    }
    let mut source = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(&mut source).map_err(|error| {
        let why = error.inner().to_string();
        ApiError::invalid(&pointer(error.path(), &why), without_place(&why))
    })
}

/// As [`parse`]; no body at all is an object without members.
pub fn parse_or_empty<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    parse(if bytes.is_empty() { b"{}" } else { bytes })
}

fn refused(error: JsonError) -> ApiError {
    match error {
        JsonError::TooLarge { max_bytes } => ApiError::TooLarge { max_bytes },
        JsonError::Duplicate { pointer } => ApiError::DuplicateMember { pointer },
        JsonError::TooDeep { .. } | JsonError::TooMany { .. } | JsonError::Malformed { .. } => {
            ApiError::MalformedJson
        }
    }
}

/// RFC 6901. For a member that is missing serde's path ends at the object that lacks it.
fn pointer(path: &serde_path_to_error::Path, why: &str) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } | Segment::Enum { variant: key } => pointer.push_str(&escaped(key)),
            Segment::Unknown => {}
        }
    }
    let missing = why.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    pointer + &missing.map(escaped).unwrap_or_default()
}

fn escaped(member: &str) -> String {
    format!("/{}", member.replace('~', "~0").replace('/', "~1"))
}

/// Serde's words without " at line 1 column 2": the pointer says it better.
fn without_place(why: &str) -> &str {
    why.rsplit_once(" at line ").map_or(why, |(words, _)| words)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::http::language::Language;
    use crate::http::wording;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        inner: Vec<Inner>,
        #[serde(default)]
        count: u8,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        name: String,
    }

    fn pointer_of(text: &str) -> Result<String, String> {
        match parse::<Outer>(text.as_bytes()) {
            Ok(read) => Err(format!("{read:?}")),
            Err(ApiError::Refused(crate::domain::Refusal::Invalid { pointer, .. })) => Ok(pointer),
            Err(other) => Err(other.code().to_owned()),
        }
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        let cases = [
            (r#"{"inner":[{"name":"a"},{"name":7}]}"#, "/inner/1/name"),
            (r#"{"inner":[{"nome":"a"}]}"#, "/inner/0/nome"),
            (r#"{"inner":[{}]}"#, "/inner/0/name"),
            (r#"{}"#, "/inner"),
            (r#"{"inner":[],"count":300}"#, "/count"),
            (r#"{"inner":[],"a/b~c":1}"#, "/a~1b~0c"),
            (r#"[[]]"#, ""),
            (r#"null"#, ""),
        ];
        for (text, pointer) in cases {
            assert_eq!(pointer_of(text).as_deref(), Ok(pointer), "{text}");
        }
    }

    /// Serde's words are rows of the catalogue: a version that says it otherwise is noticed here.
    #[test]
    fn what_serde_says_is_told_in_chinese() {
        let cases = [
            (r#"{"inner":[{"name":7}]}"#, "类型不符：应为字符串，不能是整数 `7`。"),
            (r#"{"inner":[{"name":null}]}"#, "类型不符：应为字符串，不能是 null。"),
            (r#"{"inner":{}}"#, "类型不符：应为数组，不能是对象。"),
            (r#"{"inner":[{"nome":"a"}]}"#, "没有成员 `nome`，可用的是 `name`。"),
            (r#"{"inner":[],"counts":1}"#, "没有成员 `counts`，可用的是 `inner` 或 `count`。"),
            (r#"{}"#, "缺少成员 `inner`。"),
            (r#"{"inner":[],"count":300}"#, "取值不符：应为 0 至 255 的整数，不能是整数 `300`。"),
            (r#"{"inner":[],"count":true}"#, "类型不符：应为 0 至 255 的整数，不能是布尔值 `true`。"),
            (r#"{"inner":[],"count":"7"}"#, "类型不符：应为 0 至 255 的整数，不能是字符串 \"7\"。"),
            (r#"{"inner":[],"count":1.5}"#, "类型不符：应为 0 至 255 的整数，不能是小数 `1.5`。"),
            (r#"[]"#, "请求内容须为 JSON 对象。"),
        ];
        for (text, told) in cases {
            let error = parse::<Outer>(text.as_bytes()).expect_err("it breaks a rule");
            assert_eq!(wording::reason(&error, Language::Chinese), told, "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_told_apart() {
        for text in ["", "{", "{}}", "{'a':1}", &"[".repeat(100), "\u{feff}{}"] {
            assert_eq!(pointer_of(text), Err("malformed_json".into()), "{text:?}");
        }
        assert_eq!(pointer_of(r#"{"inner":[],"inner":[]}"#), Err("duplicate_member".into()));
        assert_eq!(pointer_of(r#"{"inner":[{"name":"a","n\u0061me":"b"}]}"#), Err("duplicate_member".into()));
    }
}
