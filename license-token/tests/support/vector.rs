//! One vector: everything that a verifier of any language needs for one verdict, and the verdict.

use std::collections::BTreeMap;

use license_token::claims::{Claims, StatusListClaims};
use license_token::verdict::{self, QuotaNeed};
use license_token::{
    Amount, Code, Commitment, Component, Env, Expectation, KeySet, KnownList, Machine, Refusal, SeenList,
    TokenType, UnverifiedToken,
};
use serde_json::{Map, Value, json};

use super::{AUD, ISS, keys, machine};

/// A vector under construction: what is not said is what an honest client would say.
pub struct Vector {
    pub name: String,
    pub json: Value,
}

impl Vector {
    pub fn new(name: &str, about: &str, typ: TokenType, token: String, now: i64) -> Self {
        let expect = json!({ "typ": typ.as_str(), "iss": ISS, "aud": AUD, "env": "live", "now": now });
        let json = json!({ "about": about, "keys": keys().to_json(), "token": token, "expect": expect, "verdict": {} });
        let vector = Self { name: name.into(), json };
        if typ == TokenType::Activation { vector.machine(&machine()) } else { vector }
    }

    /// Only lictor's profile refuses it: a stock JOSE library may accept.
    pub fn profile(mut self) -> Self {
        self.json["profile"] = json!(true);
        self
    }

    /// The text of the pinned JWK Set.
    pub fn keys(mut self, keys: impl Into<String>) -> Self {
        self.json["keys"] = Value::String(keys.into());
        self
    }

    pub fn expect(mut self, name: &str, value: Value) -> Self {
        self.json["expect"][name] = value;
        self
    }

    pub fn machine(self, machine: &Machine) -> Self {
        let entry = |(component, commitment): (&Component, &Commitment)| {
            (component.as_str().to_owned(), json!(commitment.to_text()))
        };
        let components: Map<String, Value> = machine.components.iter().map(entry).collect();
        self.expect("machine", Value::Object(components))
    }

    /// No machine is asked about.
    pub fn without_machine(mut self) -> Self {
        self.json["expect"].as_object_mut().expect("an object").remove("machine");
        self
    }

    pub fn list(mut self, list: String) -> Self {
        self.json["status_list"] = json!(list);
        self
    }

    /// The newest list of the same address that was seen before.
    pub fn seen(mut self, seq: i64, iat: i64, text: Option<String>) -> Self {
        self.json["seen"] = json!({ "seq": seq, "iat": iat });
        if let Some(text) = text {
            self.json["seen"]["status_list"] = json!(text);
        }
        self
    }

    pub fn valid(mut self) -> Self {
        self.json["verdict"] = json!({ "valid": true, "code": null });
        self
    }

    pub fn refused(mut self, code: Code) -> Self {
        self.json["verdict"] = json!({ "valid": false, "code": code.as_str() });
        self
    }
}

/// The name of the set that most vectors are judged by.
const USUAL_SET: &str = "acme";

/// The file of vectors: one JSON object per line. A set of keys stands before the first vector that names it, and
/// bears that vector's id, but for the usual one.
pub fn file(vectors: &[Vector]) -> String {
    let usual = (keys().to_json(), USUAL_SET.to_owned());
    let mut names = BTreeMap::from([usual]);
    let mut lines = vec![json!({ "key_set": USUAL_SET, "keys": keys().to_json() })];
    for vector in vectors {
        let text = vector.json["keys"].as_str().expect("a text").to_owned();
        let name = names.entry(text.clone()).or_insert_with(|| {
            lines.push(json!({ "key_set": vector.name, "keys": text }));
            vector.name.clone()
        });
        let mut line = vector.json.clone();
        line["id"] = json!(vector.name);
        line["keys"] = json!(name);
        lines.push(line);
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// The vectors of such a file, each with the text of its keys.
pub fn read(file: &str) -> Vec<Value> {
    let mut sets = BTreeMap::new();
    let mut vectors = Vec::new();
    for line in file.lines() {
        let mut line: Value = serde_json::from_str(line).expect("one JSON object per line");
        if let Some(name) = line["key_set"].as_str() {
            sets.insert(name.to_owned(), line["keys"].clone());
        } else {
            line["keys"] = sets[line["keys"].as_str().expect("a name")].clone();
            vectors.push(line);
        }
    }
    vectors
}

/// What the reference implementation says about a vector.
pub fn run(vector: &Value) -> Result<(), Code> {
    let keys = text(vector, "keys").expect("a text");
    let keys = KeySet::parse(keys.as_bytes()).map_err(|_refused| Code::UnknownKey)?;
    let expect = &vector["expect"];
    let typ = TokenType::from_typ(text(expect, "typ").expect("a type")).expect("a known type");
    // A status list that does not verify counts as not there.
    let list = text(vector, "status_list").and_then(|list| verified_list(list, &keys).ok());
    let seen = vector.get("seen").map(|seen| SeenList {
        seq: seen["seq"].as_i64().expect("seq"),
        iat: seen["iat"].as_i64().expect("iat"),
        text: text(seen, "status_list"),
    });
    let known: Vec<KnownList<'_>> = list.iter().map(|list| KnownList { list, seen }).collect();
    let machine = machine_of(expect);
    let entitlements: Vec<&str> =
        expect["entitlements"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let quota: Vec<QuotaNeed<'_>> = expect["quota"].as_array().into_iter().flatten().map(need).collect();
    let expectation = Expectation {
        now: expect["now"].as_i64().expect("now"),
        floor: expect["floor"].as_i64().unwrap_or(0),
        issuer: text(expect, "iss"),
        audience: text(expect, "aud"),
        env: text(expect, "env").and_then(Env::from_text),
        machine: machine.as_ref(),
        lists: Some(&known),
        entitlements: &entitlements,
        quota: &quota,
        ..Expectation::at(0)
    };
    let token = text(vector, "token").expect("a token");
    verdict::judge(token, &keys, typ, &expectation).map(drop).map_err(|refusal| refusal.code())
}

fn verified_list(
    list: &str,
    keys: &KeySet,
) -> Result<license_token::VerifiedToken<StatusListClaims>, Refusal> {
    assert_eq!(StatusListClaims::TYPE, TokenType::StatusList);
    UnverifiedToken::parse_status_list(list)?.verify(keys)
}

fn machine_of(expect: &Value) -> Option<Machine> {
    let offered = expect.get("machine")?.as_object()?;
    let entry = |(name, value): (&String, &Value)| {
        let component = Component::from_text(name)?;
        Some((component, Commitment::parse(value.as_str()?)?))
    };
    Some(Machine {
        components: offered.iter().filter_map(entry).collect(),
        device_key: text(expect, "device_key").map(String::from),
    })
}

fn need(need: &Value) -> QuotaNeed<'_> {
    let amount = Amount::parse(text(need, "amount").expect("amount")).expect("an amount");
    QuotaNeed { metric: text(need, "metric").expect("metric"), amount }
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str()
}
