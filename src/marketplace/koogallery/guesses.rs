//! What proxies and gateways do to a call between the marketplace and here, undone: only ever used to explain a refusal.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::auth_token;
use super::json::{self, Json, Object};
use super::kit;
use super::payload;
use super::query::{Plus, Query};
use super::signature::encode_hex;
use crate::domain::OnTheWay;
use crate::marketplace::{Guess, RawRequest};

/// Most parameters that are taken away, one at a time.
const PARAMETERS_MAX: usize = 24;
/// Hex digits of a V2 signature, characters of a V1 token.
const SIGNATURE_CHARS: usize = 64;
const TOKEN_CHARS: usize = 44;

/// Guesses for a call with the V2 signature.
pub fn of_v2(request: &RawRequest<'_>) -> Vec<Guess> {
    let mut guesses = with_query(request, escapes(request.query));
    if let Ok(query) = Query::parse(request.query) {
        let changed = |name, value: String, how| Some((how, replaced(request.query, name, &value)?));
        let timestamp = query.get("timestamp").unwrap_or_default();
        let other_unit = match timestamp.len() {
            13 => changed("timestamp", timestamp.chars().take(10).collect(), OnTheWay::TimestampInSeconds),
            10 => changed("timestamp", format!("{timestamp}000"), OnTheWay::TimestampInMillis),
            _ => None,
        };
        let base64 = query.get("signature").and_then(|signature| {
            let bytes = STANDARD.decode(signature.replace(' ', "+")).ok()?;
            changed("signature", encode_hex(&bytes), OnTheWay::SignatureInBase64)
        });
        guesses.extend(with_query(request, other_unit.into_iter().chain(base64).collect()));
    }
    let bodies = json::read_object(request.body).map(|members| bodies(request.body, &members));
    let reencoded = |body| Guess { how: OnTheWay::BodyReencoded, query: request.query.to_owned(), body };
    guesses.extend(bodies.unwrap_or_default().into_iter().map(reencoded));
    guesses
}

/// Guesses for a call with everything in the query, signed by V1.
pub fn of_v1(request: &RawRequest<'_>) -> Vec<Guess> {
    if kit::is_kit_path(request.path_tail) {
        return Vec::new();
    }
    let mut queries = escapes(request.query);
    let pairs: Vec<&str> = request.query.split('&').filter(|pair| !pair.is_empty()).collect();
    let is_own =
        |pair: &str| ["activity=", "timeStamp=", "authToken="].iter().any(|own| pair.starts_with(own));
    // What was added stands at the end.
    for place in (0..pairs.len()).rev().take(PARAMETERS_MAX).filter(|place| !is_own(pairs[*place])) {
        let others = pairs.iter().enumerate().filter(|(at, _)| *at != place).map(|(_, pair)| *pair);
        queries.push((OnTheWay::ParameterAdded, others.collect::<Vec<_>>().join("&")));
    }
    with_query(request, queries)
}

/// Characters of a signature that does not have the form of one, and how many it should have.
pub fn signature_form(request: &RawRequest<'_>, is_v1: bool) -> Option<(usize, usize)> {
    if kit::is_kit_path(request.path_tail) {
        return None;
    }
    if is_v1 {
        let query = auth_token::claimed(request.query).ok()?;
        let token = query.get("authToken")?;
        let bytes = STANDARD.decode(token.replace(' ', "+")).unwrap_or_default();
        return (bytes.len() != 32).then(|| (token.chars().count(), TOKEN_CHARS));
    }
    let query = Query::parse(request.query).ok()?;
    let signature = query.get("signature")?;
    let is_one = signature.len() == SIGNATURE_CHARS && signature.bytes().all(|byte| byte.is_ascii_hexdigit());
    (!is_one).then(|| (signature.chars().count(), SIGNATURE_CHARS))
}

fn with_query(request: &RawRequest<'_>, queries: Vec<(OnTheWay, String)>) -> Vec<Guess> {
    let guess = |(how, query)| Guess { how, query, body: request.body.to_vec() };
    queries.into_iter().map(guess).collect()
}

fn escapes(query: &str) -> Vec<(OnTheWay, String)> {
    let mut queries = Vec::new();
    if query.contains("%20") {
        queries.push((OnTheWay::PlusAsBlank, query.replace("%20", "%2B")));
    }
    if query.contains("%25") {
        let once = query.replace("%25", "%");
        if Query::parse_as(&once, auth_token::QUERY_LIMIT_BYTES, Plus::Itself).is_ok() {
            queries.push((OnTheWay::QueryEncodedTwice, once));
        }
    }
    queries
}

/// The query with another value of one parameter; the value needs no escapes.
fn replaced(query: &str, name: &str, value: &str) -> Option<String> {
    let has_name = |pair: &str| pair.split_once('=').is_some_and(|(known, _)| known == name);
    let pairs: Vec<_> = query
        .split('&')
        .map(|pair| if has_name(pair) { format!("{name}={value}") } else { pair.to_owned() })
        .collect();
    query.split('&').any(has_name).then(|| pairs.join("&"))
}

/// Other renderings of the same members: what was signed may have been one of them.
fn bodies(body: &[u8], members: &Object<'_>) -> Vec<Vec<u8>> {
    let style = |style: Style| style.render(members).into_bytes();
    let trimmed = body.trim_ascii();
    let mut bodies = vec![
        payload::compact(members).into_bytes(),
        style(Style { blanks: Blanks::After, ..Style::BARE }),
        style(Style { blanks: Blanks::After, escapes_beyond_ascii: true, ..Style::BARE }),
        style(Style { escapes_beyond_ascii: true, ..Style::BARE }),
        style(Style { escapes_beyond_ascii: true, escapes_slashes: true, ..Style::BARE }),
        style(Style { escapes_slashes: true, ..Style::BARE }),
        style(Style { blanks: Blanks::Lines, ..Style::BARE }),
        style(Style { blanks: Blanks::LinesAroundColons, ..Style::BARE }),
        trimmed.to_vec(),
        [trimmed, b"\n"].concat(),
        [trimmed, b"\r\n"].concat(),
    ];
    bodies.retain(|other| other != body);
    bodies
}

/// How common libraries write JSON.
#[derive(Clone, Copy)]
struct Style {
    blanks: Blanks,
    escapes_beyond_ascii: bool,
    escapes_slashes: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Blanks {
    Nowhere,
    /// `{"a": 1, "b": 2}`
    After,
    /// Two blanks for each level, `"a": 1`.
    Lines,
    /// Two blanks for each level, `"a" : 1`.
    LinesAroundColons,
}

impl Style {
    const BARE: Self = Self { blanks: Blanks::Nowhere, escapes_beyond_ascii: false, escapes_slashes: false };

    fn render(self, members: &Object<'_>) -> String {
        let mut out = String::new();
        self.object(members, 0, &mut out);
        out
    }

    fn object(self, Object(members): &Object<'_>, level: usize, out: &mut String) {
        out.push('{');
        for (at, (name, value)) in members.iter().enumerate() {
            self.before_item(at, level + 1, out);
            self.text(name, out);
            out.push_str(match self.blanks {
                Blanks::Nowhere => ":",
                Blanks::After | Blanks::Lines => ": ",
                Blanks::LinesAroundColons => " : ",
            });
            self.value(value, level + 1, out);
        }
        if !members.is_empty() {
            self.new_line(level, out);
        }
        out.push('}');
    }

    fn value(self, value: &Json<'_>, level: usize, out: &mut String) {
        match value {
            Json::Null => out.push_str("null"),
            Json::Bool(true) => out.push_str("true"),
            Json::Bool(false) => out.push_str("false"),
            Json::Number(source) => out.push_str(source),
            Json::Text(content) => self.text(content, out),
            Json::Object(members) => self.object(members, level, out),
            Json::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    self.before_item(at, level + 1, out);
                    self.value(item, level + 1, out);
                }
                if !items.is_empty() {
                    self.new_line(level, out);
                }
                out.push(']');
            }
        }
    }

    fn before_item(self, at: usize, level: usize, out: &mut String) {
        if at > 0 {
            out.push_str(if self.blanks == Blanks::After { ", " } else { "," });
        }
        self.new_line(level, out);
    }

    fn new_line(self, level: usize, out: &mut String) {
        if matches!(self.blanks, Blanks::Lines | Blanks::LinesAroundColons) {
            out.push('\n');
            out.push_str(&"  ".repeat(level));
        }
    }

    fn text(self, content: &str, out: &mut String) {
        let mut plain = String::new();
        payload::text(content, &mut plain);
        for character in plain.chars() {
            match character {
                '/' if self.escapes_slashes => out.push_str("\\/"),
                other if self.escapes_beyond_ascii && !other.is_ascii() => {
                    for unit in other.encode_utf16(&mut [0; 2]) {
                        out.push_str(&format!("\\u{unit:04x}"));
                    }
                }
                other => out.push(other),
            }
        }
    }
}
