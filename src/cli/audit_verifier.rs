//! Holds the lines of a chain against each other and against its signed heads, and says where they do not fit.

use std::collections::{BTreeMap, HashSet};

use license_token::{KeySet, base64url};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::application::{chain_start, link_after};
use crate::domain::{EventId, EventPlace, MerchantId, Subject, UNREADABLE};
use crate::signing::{AuditHead, HeadFault};

/// Most findings that are kept; the others are counted.
const FINDINGS_MAX: usize = 1_000;

/// Something that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What, in one word.
    pub code: &'static str,
    /// At which number of the chain; the first of several.
    pub seq: Option<u64>,
    /// The last of several.
    pub to_seq: Option<u64>,
    /// Which event.
    pub event: Option<String>,
    /// In words.
    pub why: String,
}

struct Entry {
    seq: u64,
    place: EventPlace,
    adopted: bool,
    digest: [u8; 32],
    link: [u8; 32],
}

impl Entry {
    fn after(&self, before: &[u8; 32]) -> [u8; 32] {
        link_after(before, self.seq, &self.digest, self.adopted, &self.place)
    }
}

/// A head that somebody kept.
struct Kept {
    head: AuditHead,
    whose: &'static str,
    is_met: bool,
}

/// Takes the lines one by one.
pub struct Verifier<'k> {
    keys: &'k KeySet,
    merchant: Option<MerchantId>,
    kept: Vec<Kept>,
    expected: u64,
    /// Digest of the chain up to here, as far as it is known.
    link: Option<[u8; 32]>,
    /// Something was passed over: what comes next may have any number.
    is_lost: bool,
    block: Vec<Entry>,
    seen: HashSet<EventId>,
    entries: u64,
    adopted: u64,
    hidden: u64,
    signed_up_to: u64,
    heads_of_unknown_keys: u64,
    unsealed: u64,
    awaiting: Vec<Finding>,
    restores: Vec<Value>,
    end: Value,
    findings: Vec<Finding>,
    left_off: usize,
}

impl<'k> Verifier<'k> {
    /// With the keys that are believed.
    pub fn new(keys: &'k KeySet) -> Self {
        Self {
            keys,
            merchant: None,
            kept: Vec::new(),
            expected: 1,
            link: None,
            is_lost: false,
            block: Vec::new(),
            seen: HashSet::new(),
            entries: 0,
            adopted: 0,
            hidden: 0,
            signed_up_to: 0,
            heads_of_unknown_keys: 0,
            unsealed: 0,
            awaiting: Vec::new(),
            restores: Vec::new(),
            end: Value::Null,
            findings: Vec::new(),
            left_off: 0,
        }
    }

    /// A head that was kept elsewhere must lie on the chain.
    pub fn keep(&mut self, text: &str) -> Result<(), HeadFault> {
        self.keep_of(text, "the head that you kept")
    }

    fn keep_of(&mut self, text: &str, whose: &'static str) -> Result<(), HeadFault> {
        let head = AuditHead::verify(text.trim(), self.keys)?;
        self.kept.push(Kept { head, whose, is_met: false });
        Ok(())
    }

    /// The next line.
    pub fn line(&mut self, line: &Value) {
        let Some(members) = line.as_object() else { return self.malformed("a line is no JSON object") };
        if members.contains_key("format") {
            return self.format(members);
        }
        if let Some(head) = members.get("head") {
            return self.head(head.as_str().unwrap_or_default());
        }
        if members.contains_key("seq") {
            return match entry(members) {
                Some(entry) => self.entry(entry, members),
                None => self.malformed("an entry lacks a member, or one has a wrong form"),
            };
        }
        if let Some(from) = members.get("unreadable_from").and_then(Value::as_u64) {
            self.is_lost = true;
            return self.found(Finding {
                seq: Some(from),
                ..finding(
                    "unreadable",
                    "the block that begins here cannot be read: somebody wrote into the store",
                )
            });
        }
        if members.contains_key("unsealed") {
            self.unsealed += 1;
            return;
        }
        if let Some(event) = members.get("in_no_chain") {
            return self.in_no_chain(event);
        }
        if members.contains_key("stored_unreadable") {
            let why = "the events cannot be read through: one is damaged, or the server could not answer. What stands beside the chain \
                       was not looked for";
            return self.found(finding("stored_unreadable", why));
        }
        match members.get("end") {
            Some(end) => self.end = end.clone(),
            None => self.malformed("a line says nothing that is known here"),
        }
    }

    fn format(&mut self, members: &Map<String, Value>) {
        let is_known = members.get("format").and_then(Value::as_str) == Some(super::audit_lines::FORMAT);
        let merchant = members.get("merchant").and_then(Value::as_str);
        self.merchant = merchant.and_then(|merchant| MerchantId::parse(merchant).ok());
        if !is_known || self.merchant.is_none() {
            return self.malformed("the first line names no known format and merchant");
        }
        self.link = self.merchant.as_ref().map(chain_start);
    }

    fn entry(&mut self, entry: Entry, members: &Map<String, Value>) {
        let (seq, event_id) = (entry.seq, entry.place.event.clone());
        self.entries += 1;
        self.adopted += u64::from(entry.adopted);
        let at = |code, why: &str| Finding {
            seq: Some(seq),
            event: Some(event_id.to_string()),
            ..finding(code, why)
        };
        match members.get("event").and_then(Value::as_object) {
            Some(_) if members.get("hidden") == Some(&Value::Bool(true)) => self.hidden += 1,
            Some(event) => {
                if !self.is_event_of(event, &entry) {
                    self.found(at("event_altered", "the event is not the one that was sealed"));
                }
                self.look_for_restore(seq, event);
            }
            None if entry.digest == UNREADABLE => {
                self.found(at("event_lost_before_sealing", "the event was gone before it was sealed"));
            }
            None => self.found(at("event_missing", "the event was sealed and is gone, or cannot be read")),
        }
        if !self.seen.insert(event_id.clone()) {
            self.found(at("event_twice", "the event has another place already"));
        }
        self.block.push(entry);
    }

    fn is_event_of(&self, event: &Map<String, Value>, entry: &Entry) -> bool {
        let says = |name, value: &str| event.get(name).and_then(Value::as_str) == Some(value);
        let digest: [u8; 32] = Sha256::digest(canonical(event)).into();
        digest == entry.digest
            && says("id", entry.place.event.as_str())
            && says("subject", &entry.place.subject.to_string())
            && self.merchant.as_ref().is_none_or(|merchant| says("merchant", merchant.as_str()))
    }

    fn look_for_restore(&mut self, seq: u64, event: &Map<String, Value>) {
        if event.get("kind").and_then(Value::as_str) == Some("store.restored") {
            self.restores.push(json!({ "seq": seq, "detail": event.get("detail") }));
        }
    }

    /// The end of a block.
    fn head(&mut self, text: &str) {
        let block = std::mem::take(&mut self.block);
        let Some(last) = block.last().map(|entry| entry.seq) else {
            return self.found(finding("head_misplaced", "a head stands behind no entry"));
        };
        let (link, misfits) = self.follow(&block);
        let at = |code, why: &str| Finding { seq: Some(last), ..finding(code, why) };
        let mut next = link;
        match AuditHead::verify(text, self.keys) {
            Ok(head) if head.seq != i64::try_from(last).unwrap_or(-1) || !self.is_own(&head) => {
                self.found(at("head_misplaced", "the head that stands here belongs elsewhere"));
                self.misfits(&block, &misfits);
            }
            Ok(head) => {
                self.signed_up_to = last;
                next = Some(head.link);
                if link != Some(head.link) && misfits.is_empty() {
                    self.found(Finding {
                        seq: block.first().map(|entry| entry.seq),
                        to_seq: Some(last),
                        ..finding(
                            "block_altered",
                            "these entries are not those that were signed: chained anew without the key",
                        )
                    });
                }
                self.misfits(&block, &misfits);
            }
            Err(HeadFault::UnknownKey) => {
                self.heads_of_unknown_keys += 1;
                self.misfits(&block, &misfits);
            }
            Err(HeadFault::Malformed | HeadFault::BadSignature) => {
                self.found(at("head_altered", "the head that stands here is not signed by the server"));
                self.misfits(&block, &misfits);
            }
        }
        self.link = next;
    }

    fn is_own(&self, head: &AuditHead) -> bool {
        self.merchant.as_ref().is_none_or(|merchant| merchant.as_str() == head.merchant)
    }

    /// Counts on from what is known; says where the entries do not follow each other.
    fn follow(&mut self, block: &[Entry]) -> (Option<[u8; 32]>, Vec<usize>) {
        let (mut link, mut misfits) = (self.link, Vec::new());
        for (place, entry) in block.iter().enumerate() {
            let expected = std::mem::replace(&mut self.expected, entry.seq.saturating_add(1));
            if self.is_lost {
                (self.is_lost, link) = (false, None);
            } else if entry.seq > expected {
                link = None;
                self.found(Finding {
                    seq: Some(expected),
                    to_seq: Some(entry.seq - 1),
                    ..finding("entry_missing", "the chain has no entry of this number any more")
                });
            } else if entry.seq < expected {
                link = None;
                self.found(Finding {
                    seq: Some(entry.seq),
                    event: Some(entry.place.event.to_string()),
                    ..finding("entry_out_of_place", "the entry stands where another one should")
                });
            }
            // Behind a gap nothing is known but what the entry says; the next head will tell.
            let counted = link.map_or(entry.link, |before| entry.after(&before));
            if counted != entry.link {
                misfits.push(place);
            }
            link = Some(counted);
            self.meet(entry.seq, &counted);
        }
        (link, misfits)
    }

    /// The first says where it began; what follows from it is not told again.
    fn misfits(&mut self, block: &[Entry], misfits: &[usize]) {
        let Some(entry) = misfits.first().and_then(|first| block.get(*first)) else { return };
        self.found(Finding {
            seq: Some(entry.seq),
            event: Some(entry.place.event.to_string()),
            ..finding(
                "entry_altered",
                "the entry does not follow from the one before it: it was changed, or put here",
            )
        });
    }

    fn meet(&mut self, seq: u64, link: &[u8; 32]) {
        let mut replaced = Vec::new();
        for kept in &mut self.kept {
            if u64::try_from(kept.head.seq) == Ok(seq) {
                kept.is_met = true;
                if kept.head.link != *link {
                    replaced.push(kept.whose);
                }
            }
        }
        for whose in replaced {
            let why = format!("the chain up to here is not the one of {whose}");
            self.found(Finding { seq: Some(seq), ..finding("chain_replaced", &why) });
        }
    }

    fn in_no_chain(&mut self, event: &Value) {
        let text = |name| event.get(name).and_then(Value::as_str).unwrap_or_default();
        let had_place = event.get("had_place") == Some(&Value::Bool(true));
        let why = if had_place {
            "the event had a place in the chain, which is gone"
        } else {
            "the event stands beside the chain: it was put there, or written by a server that knows no chain"
        };
        let event = format!("{} ({})", text("event_id"), text("subject"));
        let found = Finding { event: Some(event), ..finding("in_no_chain", why) };
        if had_place { self.found(found) } else { self.awaiting.push(found) }
    }

    fn malformed(&mut self, why: &str) {
        let seq = Some(self.expected);
        self.found(Finding { seq, ..finding("malformed", why) });
    }

    fn found(&mut self, finding: Finding) {
        // What was changed is told once, by the first that noticed.
        let is_known =
            |known: &Finding| known.seq.is_some() && known.seq == finding.seq && known.event == finding.event;
        if self.findings.iter().rev().take(8).any(is_known) {
            return;
        }
        if self.findings.len() < FINDINGS_MAX { self.findings.push(finding) } else { self.left_off += 1 }
    }

    /// After the last line.
    pub fn finish(mut self) -> Report {
        let last = self.expected - 1;
        if let Some(first) = self.block.first().map(|entry| entry.seq) {
            let why = "no signed head stands behind these entries";
            let to_seq = self.block.last().map(|entry| entry.seq);
            self.found(Finding { seq: Some(first), to_seq, ..finding("head_missing", why) });
        } else if self.signed_up_to < last {
            let why = "no head behind this number is signed by a key of the key set";
            let (seq, to_seq) = (Some(self.signed_up_to + 1), Some(last));
            self.found(Finding { seq, to_seq, ..finding("end_not_signed", why) });
        }
        let end = std::mem::take(&mut self.end);
        self.look_at_end(&end, last);
        let is_adopting = end["adoption"]["done_at"].is_null();
        let awaiting = std::mem::take(&mut self.awaiting);
        let awaits_adoption = if is_adopting { awaiting.len() } else { 0 };
        if !is_adopting {
            awaiting.into_iter().for_each(|finding| self.found(finding));
        }
        Report {
            merchant: self.merchant.map(|merchant| merchant.to_string()),
            entries: self.entries,
            last_seq: last,
            signed_up_to: self.signed_up_to,
            adopted: self.adopted,
            hidden: self.hidden,
            heads_of_unknown_keys: self.heads_of_unknown_keys,
            unsealed: self.unsealed.max(end["unsealed"].as_u64().unwrap_or(0)),
            unsealed_since: end["unsealed_since"].as_str().map(str::to_owned),
            awaits_adoption,
            restores: self.restores,
            findings: self.findings,
            findings_left_off: self.left_off,
        }
    }

    /// The chain must reach as far as the server says, and as far as a head that somebody kept.
    fn look_at_end(&mut self, end: &Value, last: u64) {
        if end.is_null() {
            return self.found(finding("end_missing", "the last line is missing: the file was cut off"));
        }
        if let Some(head) = end["head"].as_str() {
            match AuditHead::verify(head, self.keys) {
                Ok(head) => {
                    let is_met = u64::try_from(head.seq).is_ok_and(|seq| seq <= last);
                    self.kept.push(Kept { head, whose: "the server's own head", is_met });
                }
                Err(HeadFault::UnknownKey) => {}
                Err(fault @ (HeadFault::Malformed | HeadFault::BadSignature)) => {
                    let why = format!("the server's own head is not genuine: {fault}");
                    self.found(finding("head_altered", &why));
                }
            }
        }
        let beyond = self.kept.iter().filter(|kept| !kept.is_met);
        let beyond: Vec<_> =
            beyond.map(|kept| (u64::try_from(kept.head.seq).unwrap_or(0), kept.whose)).collect();
        for (seq, whose) in beyond {
            let why = format!("the end of the chain is gone: {whose} says that there was more");
            let to_seq = Some(seq);
            self.found(Finding { seq: Some(last + 1), to_seq, ..finding("end_cut_off", &why) });
        }
    }
}

/// What came of it.
pub struct Report {
    merchant: Option<String>,
    entries: u64,
    last_seq: u64,
    signed_up_to: u64,
    adopted: u64,
    hidden: u64,
    heads_of_unknown_keys: u64,
    /// How many events wait for their place.
    pub unsealed: u64,
    unsealed_since: Option<String>,
    awaits_adoption: usize,
    restores: Vec<Value>,
    /// What does not fit.
    pub findings: Vec<Finding>,
    findings_left_off: usize,
}

impl Report {
    /// For programs.
    pub fn to_json(&self) -> Value {
        let finding = |it: &Finding| {
            json!({
                "code": it.code,
                "seq": it.seq,
                "to_seq": it.to_seq,
                "event": it.event,
                "reason": it.why,
            })
        };
        json!({
            "merchant": self.merchant,
            "ok": self.findings.is_empty(),
            "entries": self.entries,
            "last_seq": self.last_seq,
            "signed_up_to": self.signed_up_to,
            "adopted": self.adopted,
            "hidden": self.hidden,
            "heads_of_unknown_keys": self.heads_of_unknown_keys,
            "unsealed": self.unsealed,
            "unsealed_since": self.unsealed_since,
            "awaits_adoption": self.awaits_adoption,
            "restores": self.restores,
            "findings": self.findings.iter().map(finding).collect::<Vec<_>>(),
            "findings_left_off": self.findings_left_off,
        })
    }
}

fn finding(code: &'static str, why: &str) -> Finding {
    Finding { code, seq: None, to_seq: None, event: None, why: why.to_owned() }
}

/// Only what its digest and link are made of, and no member twice in another form.
fn entry(members: &Map<String, Value>) -> Option<Entry> {
    let text = |name| members.get(name).and_then(Value::as_str);
    let digest = |name| base64url::decode_array(text(name)?);
    let place = EventPlace {
        event: EventId::parse(text("event_id")?).ok()?,
        subject: Subject::parse(text("subject")?)?,
        under_license: false,
    };
    Some(Entry {
        seq: members.get("seq")?.as_u64().filter(|seq| *seq > 0)?,
        place,
        adopted: members.get("adopted")?.as_bool()?,
        digest: digest("digest")?,
        link: digest("link")?,
    })
}

/// RFC 8785 for what events are made of: texts, and one object of texts. `serde_json` escapes as it asks for.
fn canonical(event: &Map<String, Value>) -> String {
    let sorted: BTreeMap<&String, Value> =
        event.iter().map(|(name, value)| (name, in_order(value))).collect();
    serde_json::to_string(&sorted).unwrap_or_default()
}

fn in_order(value: &Value) -> Value {
    let Value::Object(members) = value else { return value.clone() };
    let sorted: BTreeMap<&String, &Value> = members.iter().collect();
    Value::Object(sorted.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect())
}
