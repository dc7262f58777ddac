//! A merchant's server that is no lictor: small, right, and wrong in one way when a test wants it so. It writes its
//! answers itself, so that every letter of a header is the test's.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use lictor::sandbox::Clock;
use lictor::sandbox::family::Family;
use lictor::sandbox::signer;
use percent_encoding::percent_decode_str;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

pub const KEY: &str = "merchant-test-key-0001";

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Nothing,
    NewKeyPerRetry,
    NewInstancePerRetry,
    BusinessIdAsIdentity,
    OneInstanceForAll,
    Unsigned,
    HeaderName(&'static str),
    SignatureForm,
    SignsOtherBytes,
    /// Takes so long by the judge's stopwatch.
    Late(Duration),
    /// Holds its answers to queries until the caller goes away.
    NeverAnswers,
    ClosesBeforeAnswering,
    MemoChars(usize),
    MessageChars(usize),
    UrlChars(usize),
    InstanceIdChars(usize),
    SignInChars(usize),
    PlainSignIn,
    Status(u16),
    Redirects,
    NotFoundForUnknown,
    ContentType(&'static str),
    NoJson,
    ChineseMessage,
    PlainMemo,
    WithoutMember(&'static str),
    /// Answers this to every new purchase.
    CodeForPurchases(&'static str),
    ForgetsOneOfMany,
    UsageWithoutTime,
    AcceptsAnySignature,
    AcceptsOldCalls,
    RefusesTests,
    RefusesUnknownMembers,
    RefusesLongTimes,
    ReleasesOnce,
    NeverSettles,
    RefusesEverythingAs(&'static str),
}

/// A running server; dropping it stops it.
pub struct Merchant {
    pub url: String,
    address: std::net::SocketAddr,
    stop: Arc<Mutex<bool>>,
    thread: Option<JoinHandle<()>>,
}

/// What all connections share.
struct Shop {
    family: Family,
    fault: Fault,
    clock: Clock,
    /// Moves the judge's stopwatch.
    lateness: Arc<dyn Fn(Duration) + Send + Sync>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    instances: HashMap<String, String>,
    keys: HashMap<String, u64>,
    released: HashSet<String>,
    given: u64,
}

impl Merchant {
    /// On a free port.
    pub fn start(
        family: Family,
        fault: Fault,
        clock: Clock,
        lateness: Arc<dyn Fn(Duration) + Send + Sync>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let stop = Arc::new(Mutex::new(false));
        let shop = Arc::new(Shop { family, fault, clock, lateness, state: Mutex::default() });
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if *stopped.lock().expect("no test panics here") {
                    break;
                }
                shop.serve(stream.expect("a connection"));
            }
        });
        let url = format!("http://{address}/saasproduce");
        Self { url, address, stop, thread: Some(thread) }
    }
}

impl Drop for Merchant {
    fn drop(&mut self) {
        *self.stop.lock().expect("no test panics here") = true;
        // Wakes it up.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server does not panic");
        }
    }
}

struct Request {
    query: BTreeMap<String, String>,
    body: Vec<u8>,
}

struct Answer {
    status: u16,
    body: Vec<u8>,
}

impl Shop {
    fn serve(&self, mut stream: TcpStream) {
        let Some(request) = request(&mut stream) else { return };
        let members = self.members(&request);
        match self.fault {
            Fault::ClosesBeforeAnswering => return,
            Fault::NeverAnswers if members.get("activity") == Some(&json!("queryInstance")) => {
                // Until the caller has given up and gone.
                let _ = stream.read(&mut [0]);
                return;
            }
            Fault::Late(by) => (self.lateness)(by),
            _ => {}
        }
        let answer = self.answer(&request, &members);
        let mut head = format!("HTTP/1.1 {} X\r\nContent-Length: {}\r\n", answer.status, answer.body.len());
        let content_type =
            if let Fault::ContentType(other) = self.fault { other } else { "application/json;charset=utf8" };
        head.push_str(&format!("Content-Type: {content_type}\r\n"));
        if answer.status == 302 {
            head.push_str("Location: https://elsewhere.example/\r\n");
        }
        head.push_str(&self.body_sign(&answer.body));
        head.push_str("Connection: close\r\n\r\n");
        let _ = stream.write_all(&[head.as_bytes(), &answer.body].concat());
    }

    fn body_sign(&self, body: &[u8]) -> String {
        let right = signer::body_sign(KEY, body);
        match self.fault {
            Fault::Unsigned => String::new(),
            Fault::HeaderName(name) => format!("{name}: {right}\r\n"),
            Fault::SignatureForm => format!("Body-Sign: {}\r\n", right.replace('"', "")),
            Fault::SignsOtherBytes => {
                format!("Body-Sign: {}\r\n", signer::body_sign(KEY, &[body, b"\n"].concat()))
            }
            _ => format!("Body-Sign: {right}\r\n"),
        }
    }

    fn members(&self, request: &Request) -> Map<String, Value> {
        if self.family.is_get() {
            request.query.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect()
        } else {
            serde_json::from_slice(&request.body).unwrap_or_default()
        }
    }

    fn answer(&self, request: &Request, members: &Map<String, Value>) -> Answer {
        let text = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let known = self.is_known(&text("activity"));
        match self.fault {
            Fault::Status(status) => return Answer { status, body: Vec::new() },
            Fault::Redirects => return Answer { status: 302, body: Vec::new() },
            Fault::NotFoundForUnknown if !known => {
                return Answer { status: 404, body: b"not found".to_vec() };
            }
            Fault::NoJson => return Answer { status: 200, body: b"OK".to_vec() },
            _ => {}
        }
        let body = match self.refusal(request, members) {
            Some(code) => {
                let code = if let Fault::RefusesEverythingAs(other) = self.fault { other } else { code };
                json!({ "resultCode": code, "resultMsg": "refused." })
            }
            None if !known => json!({ "resultCode": "000002", "resultMsg": "unknown activity." }),
            None => self.done(members),
        };
        Answer { status: 200, body: self.written(body) }
    }

    fn is_known(&self, activity: &str) -> bool {
        self.family.activities().iter().any(|(name, _)| *name == activity)
    }

    /// The code of the first thing that is wrong with a call.
    fn refusal(&self, request: &Request, members: &Map<String, Value>) -> Option<&'static str> {
        let is_test = members.get("testFlag").and_then(Value::as_str) == Some("1");
        let (fits, sent_at) =
            if self.family.is_get() { get_signature(request) } else { post_signature(request) };
        let off = sent_at.map(|sent_at| (sent_at - (self.clock)()).abs().num_seconds());
        if self.fault != Fault::AcceptsOldCalls && off.is_none_or(|secs| secs > 60) {
            return Some("000002");
        }
        if self.fault != Fault::AcceptsAnySignature && !fits {
            return Some("000001");
        }
        let long = members.get("expireTime").and_then(Value::as_str).is_some_and(|time| time.len() == 17);
        match self.fault {
            Fault::RefusesTests if is_test => Some("000005"),
            Fault::RefusesUnknownMembers if members.contains_key("memberOfTomorrow") => Some("000002"),
            Fault::RefusesLongTimes if long => Some("000002"),
            _ => None,
        }
    }

    fn done(&self, members: &Map<String, Value>) -> Value {
        let text = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let activity = text("activity");
        let mut state = self.state.lock().expect("no test panics here");
        let success = json!({ "resultCode": "000000", "resultMsg": "success." });
        match activity.as_str() {
            "newInstance" | "getLicense" => self.bought(&mut state, members),
            "queryInstance" => {
                let asked = text("instanceId");
                let mut ids: Vec<&str> = asked.split(',').collect();
                if self.fault == Fault::ForgetsOneOfMany && ids.len() > 1 {
                    ids.pop();
                }
                let infos: Vec<Value> = ids.into_iter().map(|id| self.info(&state, id)).collect();
                json!({ "resultCode": "000000", "resultMsg": "success.", "info": infos })
            }
            "releaseInstance" | "releaseLicense" => {
                let is_first = state.released.insert(text("instanceId"));
                let fails = self.fault == Fault::ReleasesOnce && !is_first && text("testFlag") != "1";
                if fails { json!({ "resultCode": "000003", "resultMsg": "gone." }) } else { success }
            }
            _ => success,
        }
    }

    fn bought(&self, state: &mut State, members: &Map<String, Value>) -> Value {
        let text = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        if let Fault::CodeForPurchases(code) = self.fault {
            return json!({ "resultCode": code, "resultMsg": "no." });
        }
        let identity = match self.fault {
            Fault::BusinessIdAsIdentity => text("businessId"),
            Fault::OneInstanceForAll => String::new(),
            _ => format!("{}/{}", text("orderId"), text("orderLineId")),
        };
        state.given += 1;
        let fresh = format!("{:0>width$}", state.given, width = self.instance_chars());
        let instance = if self.fault == Fault::NewInstancePerRetry {
            fresh
        } else {
            state.instances.entry(identity).or_insert(fresh).clone()
        };
        let keys = state.keys.entry(instance.clone()).or_default();
        if self.fault == Fault::NewKeyPerRetry {
            *keys += 1;
        }
        let license = format!("LIC-{instance}-{keys}");
        let code =
            if self.fault == Fault::NeverSettles && text("testFlag") != "1" { "000004" } else { "000000" };
        let mut answer = json!({ "resultCode": code, "resultMsg": "success.", "instanceId": instance });
        match self.family {
            Family::LicenseV1 => answer["license"] = license.into(),
            Family::SaasV1 => answer["appInfo"] = self.info(state, &instance)["appInfo"].clone(),
            _ => {}
        }
        answer
    }

    fn instance_chars(&self) -> usize {
        if let Fault::InstanceIdChars(chars) = self.fault { chars } else { 12 }
    }

    fn info(&self, state: &State, instance: &str) -> Value {
        let retries = state.keys.get(instance).copied().unwrap_or_default();
        let memo = match self.fault {
            Fault::MemoChars(chars) => "码".repeat(chars),
            _ => format!("授权码 LIC-{instance}-{retries}"),
        };
        let url = if let Fault::UrlChars(chars) = self.fault {
            "u".repeat(chars)
        } else {
            "https://acme.example".into()
        };
        let mut app_info = json!({ "frontEndUrl": url, "memo": memo });
        match self.fault {
            Fault::SignInChars(chars) => app_info["userName"] = cipher_text(chars).into(),
            Fault::PlainSignIn => app_info["userName"] = "admin".into(),
            _ if self.family == Family::SaasV1 => app_info["userName"] = cipher_text(100).into(),
            _ => {}
        }
        let mut usage = json!({ "usageValue": 12.5, "statisticalTime": "20260131080000000" });
        if self.fault == Fault::UsageWithoutTime {
            usage.as_object_mut().expect("it is one").remove("statisticalTime");
        }
        json!({ "instanceId": instance, "appInfo": app_info, "usageInfo": [usage] })
    }

    fn written(&self, mut body: Value) -> Vec<u8> {
        match self.fault {
            Fault::ChineseMessage => body["resultMsg"] = "成功".into(),
            Fault::MessageChars(chars) => body["resultMsg"] = "m".repeat(chars).into(),
            Fault::WithoutMember(name) => without(&mut body, name),
            _ => {}
        }
        let text = body.to_string();
        if matches!(self.fault, Fault::PlainMemo | Fault::ChineseMessage) {
            text.into_bytes()
        } else {
            escaped(&text)
        }
    }
}

fn without(value: &mut Value, name: &str) {
    match value {
        Value::Object(members) => {
            members.remove(name);
            members.values_mut().for_each(|value| without(value, name));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| without(item, name)),
        _ => {}
    }
}

fn escaped(text: &str) -> Vec<u8> {
    let mut out = String::new();
    for unit in text.encode_utf16() {
        match char::from_u32(unit.into()).filter(char::is_ascii) {
            Some(character) => out.push(character),
            None => out.push_str(&format!("\\u{unit:04x}")),
        }
    }
    out.into_bytes()
}

/// IV and Base64 of whole blocks, together at least `chars` long.
fn cipher_text(chars: usize) -> String {
    use base64::Engine as _;
    let blocks = (chars.saturating_sub(16) * 3 / 4).div_ceil(16).max(1);
    format!("0123456789abcdef{}", base64::engine::general_purpose::STANDARD.encode(vec![7; blocks * 16]))
}

/// Whether the signature fits, and when the call was sent.
fn post_signature(request: &Request) -> (bool, Option<DateTime<Utc>>) {
    let text = |name: &str| request.query.get(name).map(String::as_str).unwrap_or_default();
    let members: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(&request.body).unwrap_or_default();
    let payload: Vec<String> = members
        .iter()
        .filter(|(_, raw)| raw.get() != "null")
        .map(|(name, raw)| format!("\"{name}\":{}", compact(raw.get())))
        .collect();
    let payload = format!("{{{}}}", payload.join(","));
    let right = signer::sign_callback(KEY, text("timestamp"), text("nonce"), payload.as_bytes()).signature;
    let sent_at = text("timestamp").parse().ok().and_then(DateTime::from_timestamp_millis);
    (text("signature").eq_ignore_ascii_case(&right), sent_at)
}

/// Without the blanks that stand outside texts.
fn compact(json: &str) -> String {
    let (mut in_text, mut is_escaped) = (false, false);
    let stays = |letter: &char| {
        let stays = in_text || !letter.is_ascii_whitespace();
        in_text ^= *letter == '"' && !is_escaped;
        is_escaped = in_text && *letter == '\\' && !is_escaped;
        stays
    };
    json.chars().filter(stays).collect()
}

fn get_signature(request: &Request) -> (bool, Option<DateTime<Utc>>) {
    let text = |name: &str| request.query.get(name).map(String::as_str).unwrap_or_default();
    let pairs: Vec<(String, String)> = request
        .query
        .iter()
        .filter(|(name, _)| *name != "authToken")
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect();
    let right = signer::auth_token(KEY, &pairs);
    let sent_at = NaiveDateTime::parse_from_str(text("timeStamp"), "%Y%m%d%H%M%S%3f").ok();
    (text("authToken").replace(' ', "+") == right, sent_at.map(|at| at.and_utc()))
}

fn request(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&piece[..count]);
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut parsed = httparse::Request::new(&mut headers);
        let httparse::Status::Complete(head) = parsed.parse(&bytes).expect("the judge sends HTTP") else {
            continue;
        };
        let path = parsed.path.expect("a path").to_owned();
        let length = parsed.headers.iter().find(|header| header.name == "Content-Length");
        let length: usize =
            length.map_or(0, |header| String::from_utf8_lossy(header.value).parse().expect("a number"));
        while bytes.len() < head + length {
            let mut piece = [0; 4096];
            let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
            bytes.extend_from_slice(&piece[..count]);
        }
        let query = path.split_once('?').map_or("", |(_, query)| query);
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let query = pairs.map(|(name, value)| (decoded(name), decoded(value))).collect();
        return Some(Request { query, body: bytes[head..head + length].to_vec() });
    }
}
