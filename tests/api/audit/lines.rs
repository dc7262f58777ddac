//! Every kind of tampering with an export, at places by chance: found and located.

use std::sync::LazyLock;

use license_token::KeySet;
use serde_json::{Value, json};

use super::{busy, client, exported, found, keys, verified};
use crate::support::Harness;

/// How often each kind of tampering is tried.
const TIMES: u64 = 8;

/// A chain of some hundred events, read once.
struct Chain {
    keys: KeySet,
    lines: Vec<Value>,
}

static CHAIN: LazyLock<Chain> = LazyLock::new(|| {
    let harness = Harness::start();
    busy(&harness, 100);
    let client = client(&harness);
    Chain { keys: keys(&harness), lines: exported(&client) }
});

#[expect(clippy::disallowed_methods, reason = "the count of `./scripts/prove` is no setting of the server")]
fn times() -> u64 {
    let wanted = std::env::var("LICTOR_PROVE_COUNT").ok().and_then(|count| count.parse::<u64>().ok());
    wanted.map_or(TIMES, |count| count.div_ceil(u64::try_from(KINDS.len()).expect("few")))
}

/// Numbers that look like chance and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        // A linear congruential generator (Knuth, MMIX).
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % u64::try_from(end).expect("small")).expect("small")
    }
}

/// The lines that are entries.
fn entries(lines: &[Value]) -> Vec<usize> {
    let is_entry = |(place, line): (usize, &Value)| line.get("seq").map(|_| place);
    lines.iter().enumerate().filter_map(is_entry).collect()
}

fn heads(lines: &[Value]) -> Vec<usize> {
    let is_head = |(place, line): (usize, &Value)| line.get("head").and(line.get("sealed_at")).map(|_| place);
    lines.iter().enumerate().filter_map(is_head).collect()
}

fn seq(line: &Value) -> u64 {
    line["seq"].as_u64().expect("an entry")
}

/// The first and last number of the block that ends with this head.
fn block_of(lines: &[Value], head: usize) -> (u64, u64) {
    let first =
        lines[..head].iter().rposition(|line| line.get("seq").is_none()).map_or(0, |before| before + 1);
    (seq(&lines[first]), seq(&lines[head - 1]))
}

/// Where tampering at a line must be located: anywhere within these numbers.
type Located = (u64, u64);

/// One way to tamper: changes the lines, and says where that must be found.
type Tamper = fn(&mut Vec<Value>, &mut Dice) -> Located;

const KINDS: [(&str, Tamper); 15] = [
    ("a fact of an event is altered", |lines, dice| {
        let at = pick(lines, dice);
        lines[at]["event"]["detail"]["reason"] = json!("another reason");
        exactly(&lines[at])
    }),
    ("a fact is added to an event", |lines, dice| {
        let at = pick(lines, dice);
        lines[at]["event"]["more"] = json!("");
        exactly(&lines[at])
    }),
    ("a member of an event is altered", |lines, dice| {
        let at = pick(lines, dice);
        let member = ["actor", "at", "id", "kind", "merchant", "subject"][dice.below(6)];
        let text = lines[at]["event"][member].as_str().expect("text").to_owned();
        lines[at]["event"][member] = json!(format!("{}~", &text[..text.len() - 1]));
        exactly(&lines[at])
    }),
    ("a member of an event is taken away", |lines, dice| {
        let at = pick(lines, dice);
        let member = ["actor", "at", "detail", "id", "kind", "merchant", "subject"][dice.below(7)];
        lines[at]["event"].as_object_mut().expect("an event").remove(member);
        exactly(&lines[at])
    }),
    ("an event is taken away", |lines, dice| {
        let at = pick(lines, dice);
        lines[at]["event"] = Value::Null;
        exactly(&lines[at])
    }),
    ("an event and its digest are altered", |lines, dice| {
        let at = pick(lines, dice);
        forge(&mut lines[at]);
        exactly(&lines[at])
    }),
    ("a link is altered", |lines, dice| {
        let at = pick(lines, dice);
        lines[at]["link"] = lines[at]["digest"].clone();
        exactly(&lines[at])
    }),
    ("an entry is said to be adopted", |lines, dice| {
        let at = pick(lines, dice);
        lines[at]["adopted"] = json!(true);
        exactly(&lines[at])
    }),
    ("an entry is deleted", |lines, dice| {
        let at = pick(lines, dice);
        let gone = seq(&lines.remove(at));
        (gone, gone)
    }),
    ("an entry is deleted and the later ones move up", |lines, dice| {
        let at = pick(lines, dice);
        let (first, last) = own_block(lines, at);
        let gone = seq(&lines.remove(at));
        for line in lines[at..].iter_mut().filter(|line| line.get("seq").is_some()) {
            line["seq"] = json!(seq(line) - 1);
        }
        if first == last { (gone, last + 256) } else { (first, last) }
    }),
    ("an entry is put in", |lines, dice| {
        let at = pick(lines, dice);
        let mut forged = lines[at].clone();
        forge(&mut forged);
        let place = seq(&forged);
        lines.insert(at + dice.below(2), forged);
        (place, place)
    }),
    ("two entries are swapped", |lines, dice| {
        let all = entries(lines);
        let one = dice.below(all.len());
        let other = (one + 1 + dice.below(all.len() - 1)) % all.len();
        let (one, other) = (all[one.min(other)], all[one.max(other)]);
        lines.swap(one, other);
        (seq(&lines[other]), seq(&lines[one]))
    }),
    ("a block is chained anew without the key", |lines, dice| {
        let at = pick(lines, dice);
        let block = own_block(lines, at);
        forge(&mut lines[at]);
        chain_anew(lines);
        block
    }),
    ("a block is deleted", |lines, dice| {
        let all = heads(lines);
        let head = all[dice.below(all.len() - 1)];
        let block = block_of(lines, head);
        lines.retain(|line| {
            line.get("seq").and_then(Value::as_u64).is_none_or(|it| it < block.0 || it > block.1)
        });
        let head = heads(lines).into_iter().find(|at| lines[at - 1].get("seq").is_none());
        lines.remove(head.expect("the head is left"));
        block
    }),
    ("a head is replaced by an older one", |lines, dice| {
        let all = heads(lines);
        let later = 1 + dice.below(all.len() - 1);
        let older = lines[all[dice.below(later)]]["head"].clone();
        let block = block_of(lines, all[later]);
        lines[all[later]]["head"] = older;
        block
    }),
];

fn pick(lines: &[Value], dice: &mut Dice) -> usize {
    let all = entries(lines);
    all[dice.below(all.len())]
}

fn exactly(entry: &Value) -> Located {
    (seq(entry), seq(entry))
}

fn own_block(lines: &[Value], at: usize) -> Located {
    let head = heads(lines).into_iter().find(|head| *head > at).expect("every block has its head");
    block_of(lines, head)
}

/// Another event, with the digest that it has.
fn forge(entry: &mut Value) {
    entry["event"]["actor"] = json!("token:somebody-else");
    let canonical = entry["event"].to_string();
    let digest = <sha2::Sha256 as sha2::Digest>::digest(canonical.as_bytes());
    entry["digest"] = json!(license_token::base64url::encode(&digest));
}

/// Every link as it follows from the entries: what somebody without the key can do.
fn chain_anew(lines: &mut [Value]) {
    use lictor::application::{chain_start, link_after};
    use lictor::domain::{EventId, EventPlace, MerchantId, Subject};
    let mut link = chain_start(&MerchantId::parse("acme").expect("valid"));
    for line in lines.iter_mut().filter(|line| line.get("seq").is_some()) {
        let text = |name: &str| line[name].as_str().expect("text");
        let place = EventPlace {
            event: EventId::parse(text("event_id")).expect("valid"),
            subject: Subject::parse(text("subject")).expect("valid"),
            under_license: true,
        };
        let digest = license_token::base64url::decode_array(text("digest")).expect("a digest");
        link = link_after(&link, seq(line), &digest, line["adopted"] == true, &place);
        line["link"] = json!(license_token::base64url::encode(&link));
    }
}

#[test]
fn an_untouched_chain_has_no_finding() {
    let chain = &*CHAIN;
    let report = verified(&chain.keys, &chain.lines, &[]);
    assert_eq!(found(&report), []);
    let report = report.to_json();
    let count = entries(&chain.lines).len();
    assert!(count > 150, "a chain of {count}");
    assert_eq!(report["entries"], count);
    assert_eq!((&report["last_seq"], &report["signed_up_to"]), (&json!(count), &json!(count)));
    assert_eq!(report["unsealed"], 0);
}

#[test]
fn tampering_with_any_sampled_record_is_found_and_located() {
    let chain = &*CHAIN;
    let mut dice = Dice(7);
    for (kind, tamper) in KINDS {
        for _ in 0..times() {
            let mut lines = chain.lines.clone();
            let (from, to) = tamper(&mut lines, &mut dice);
            let report = verified(&chain.keys, &lines, &[]);
            let is_there = |seq: &u64| (from..=to).contains(seq);
            let located = report.findings.iter().any(|finding| {
                let (first, last) = (finding.seq.unwrap_or(0), finding.to_seq.or(finding.seq).unwrap_or(0));
                is_there(&first) || is_there(&last)
            });
            assert!(located, "{kind}, at {from} to {to}: found {:?}", report.findings);
        }
    }
}

#[test]
fn the_end_that_was_cut_off_is_shown_by_the_servers_head_and_by_one_that_was_kept() {
    let chain = &*CHAIN;
    let all = heads(&chain.lines);
    let kept = chain.lines[all[all.len() - 1]]["head"].as_str().expect("a head").to_owned();
    let mut dice = Dice(11);
    for _ in 0..10 {
        let cut = 1 + dice.below(all.len() - 2);
        let end = chain.lines.len() - 1;
        let mut lines = chain.lines[..=all[cut]].to_vec();
        lines.push(chain.lines[end].clone());
        let (_, last) = block_of(&chain.lines, all[cut]);
        let report = verified(&chain.keys, &lines, &[]);
        assert!(found(&report).contains(&("end_cut_off", Some(last + 1))), "{:?}", report.findings);
        // Whoever can write to the store puts an older head of the server there too: then only a kept one shows it.
        let older = chain.lines[all[cut]]["head"].clone();
        let place = lines.len() - 1;
        lines[place]["end"]["head"] = older;
        assert_eq!(found(&verified(&chain.keys, &lines, &[])), []);
        let report = verified(&chain.keys, &lines, &[&kept]);
        assert_eq!(found(&report), [("end_cut_off", Some(last + 1))]);
    }
}

#[test]
fn heads_of_another_key_are_no_proof() {
    let chain = &*CHAIN;
    let stranger = Harness::start();
    busy(&stranger, 3);
    let theirs = keys(&stranger);
    let report = verified(&theirs, &chain.lines, &[]);
    assert_eq!(found(&report), [("end_not_signed", Some(1))]);
    // A head that says the same, signed by somebody else, is none.
    let mut lines = chain.lines.clone();
    let head = heads(&lines)[0];
    let text = lines[head]["head"].as_str().expect("a head").to_owned();
    let (signed, _) = text.rsplit_once('.').expect("three segments");
    lines[head]["head"] = json!(format!("{signed}.{}", license_token::base64url::encode(&[7; 64])));
    let (_, last) = block_of(&chain.lines, head);
    assert_eq!(found(&verified(&chain.keys, &lines, &[])), [("head_altered", Some(last))]);
}

#[test]
fn a_file_that_ends_too_early_is_none_that_fits() {
    let chain = &*CHAIN;
    let end = chain.lines.len() - 1;
    let report = verified(&chain.keys, &chain.lines[..end], &[]);
    assert_eq!(found(&report), [("end_missing", None)]);
    let report = verified(&chain.keys, &[], &[]);
    assert_eq!(found(&report), [("end_missing", None)]);
}

#[test]
fn a_canonical_event_is_what_any_json_library_with_sorted_members_writes() {
    use lictor::application::canonical;
    use lictor::domain::{Actor, AuditEvent, EventId, EventKind, MerchantId, Subject};
    let nasty = "\"\\/\u{8}\t\n\u{c}\r\u{1}\u{1f}\u{7f}\u{80}\u{2028}许可证\u{1f600}";
    let event = AuditEvent {
        id: EventId::from_uuid(1),
        merchant: MerchantId::parse("acme").expect("valid"),
        subject: Subject::parse("channel/cad").expect("valid"),
        at: "2026-11-30T12:00:00.120Z".parse().expect("valid"),
        actor: Actor::Token(nasty.to_owned()),
        kind: EventKind::CatalogChanged,
        detail: [("after.name", nasty), ("a", ""), ("{", "{")]
            .map(|(name, value)| (name.into(), value.into()))
            .into(),
    };
    let text = canonical(&event);
    let read: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(read.to_string(), text);
    assert_eq!(read["at"], "2026-11-30T12:00:00.120Z");
    assert_eq!(
        (&read["actor"], &read["detail"]["after.name"]),
        (&json!(format!("token:{nasty}")), &json!(nasty))
    );
}
