//! Sees every text that anybody was given, and notes what must never happen.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use license_token::base64url;
use serde_json::Value;

/// What was seen, over all servers and restores.
#[derive(Default)]
pub struct Witness(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    /// By list and entry: whose it is.
    slots: BTreeMap<(String, i64), String>,
    /// By client and activation: the last generation.
    generations: BTreeMap<(String, String), (i64, String)>,
    /// By client and list: number, time and text as seen last.
    lists: BTreeMap<(String, String), (i64, i64, String)>,
    faults: Vec<String>,
    counts: Counts,
}

/// How much was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub license_keys: usize,
    pub certificates: usize,
    pub lists: usize,
}

/// The claims of a signed text.
pub fn claims(text: &str) -> Value {
    let payload = text.split('.').nth(1).expect("a signed text has three parts");
    serde_json::from_slice(&base64url::decode(payload).expect("base64url")).expect("JSON")
}

impl Witness {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A license key, wherever it came from.
    pub fn license_key(&self, text: &str) {
        let claims = claims(text);
        let mut seen = self.seen();
        seen.counts.license_keys += 1;
        seen.slot(&claims, format!("license key {}", claims["jti"]));
    }

    /// A certificate that a client holds: greater than its last one of the same activation, or the same.
    pub fn certificate(&self, client: &str, text: &str) {
        let claims = claims(text);
        let (activation, generation) = (claims["lic"]["act"].to_string(), &claims["lic"]["gen"]);
        let generation = generation.as_i64().expect("a certificate has a generation");
        let mut seen = self.seen();
        seen.slot(&claims, format!("activation {activation}"));
        let key = (client.to_owned(), activation.clone());
        match seen.generations.get(&key) {
            Some((_, held)) if held == text => return,
            Some((last, _)) if *last >= generation => {
                let fault = format!("{client}: generation {generation} of {activation} follows {last}");
                seen.faults.push(fault);
            }
            Some(_) | None => {}
        }
        seen.counts.certificates += 1;
        seen.generations.insert(key, (generation, text.to_owned()));
    }

    /// A list that a client was given, in order: the rules of its reader.
    pub fn list(&self, client: &str, text: &str) {
        let claims = claims(text);
        let number = |name: &str| claims[name].as_i64().expect("a list has a time and a number");
        let seq = claims["lic"]["seq"].as_i64().expect("a list has a number");
        let (uri, iat) = (claims["sub"].as_str().expect("a list has an address").to_owned(), number("iat"));
        let mut seen = self.seen();
        seen.counts.lists += 1;
        let key = (client.to_owned(), uri.clone());
        if let Some((last_seq, last_iat, last)) = seen.lists.get(&key) {
            let (last_seq, last_iat, differs) = (*last_seq, *last_iat, last != text);
            if seq < last_seq || iat < last_iat {
                seen.faults.push(format!("{client}: rollback of {uri}: {seq} after {last_seq}"));
            } else if seq == last_seq && differs {
                seen.faults.push(format!("{client}: equivocation of {uri} at {seq}"));
            }
        }
        seen.lists.insert(key, (seq, iat, text.to_owned()));
    }

    /// Something else that must not happen.
    pub fn fault(&self, fault: String) {
        self.seen().faults.push(fault);
    }

    /// Nothing has happened that must not.
    #[track_caller]
    pub fn is_content(&self) {
        let seen = self.seen();
        let shown: Vec<_> = seen.faults.iter().take(12).collect();
        assert!(seen.faults.is_empty(), "{} faults, such as {shown:#?}", seen.faults.len());
    }

    pub fn counts(&self) -> Counts {
        self.seen().counts
    }
}

impl Seen {
    fn slot(&mut self, claims: &Value, whose: String) {
        let list = &claims["status"]["status_list"];
        let uri = list["uri"].as_str().expect("a token names its list").to_owned();
        let slot = (uri, list["idx"].as_i64().expect("a token names its entry"));
        let owner = self.slots.entry(slot.clone()).or_insert_with(|| whose.clone());
        if *owner != whose {
            let fault = format!("entry {} of {} is that of {owner} and of {whose}", slot.1, slot.0);
            self.faults.push(fault);
        }
    }
}
