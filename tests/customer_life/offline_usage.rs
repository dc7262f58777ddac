//! Quota consumed without the server: real clients, the real service, what was bought conserved after each step.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use license_client::{Amount, Config, MeterRefusal, Verdict, check, maintain, meter, release};
use lictor::application::ports::Clock;
use serde_json::json;
use tempfile::TempDir;

use super::support::api::Answer;
use super::support::people::command;
use super::support::{Engine, Harness, World, acme};
use super::{DAY, NOBODY};

const METRIC: &str = "render-minutes";
const SPECS: &str = r#"
[[spec]]
id = "pool"
product = "acme-cad"
name = "A thousand minutes for all"
term = "P1Y"
machines = 20
[[spec.quota]]
metric = "render-minutes"
unit = "minute"
amount = 1000
reset = "none"

[[spec]]
id = "daily"
product = "acme-cad"
name = "A hundred minutes a day"
term = "P1Y"
machines = 5
[[spec.quota]]
metric = "render-minutes"
unit = "minute"
amount = 100
reset = "day"

[[spec]]
id = "keyed"
product = "acme-cad"
name = "Bound to device keys"
term = "P1Y"
machines = 2
[spec.machine]
binding = "device-key"
"#;

fn units(count: i64) -> Amount {
    Amount::from_units(count).expect("small")
}

/// One license, and what its seller reads of its quota.
struct Pool {
    harness: Harness,
    license: String,
    key: String,
}

/// How a package stands, in units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Books {
    used: i64,
    reserved: i64,
    left: i64,
    expired: i64,
    over: i64,
}

impl Pool {
    fn of(spec: &str, engine: &Engine) -> Self {
        let harness = Harness::start_in(World::new(), engine);
        harness.apply(&format!("{}{SPECS}", acme(&harness.world.sandbox)));
        let order = json!({ "product": "acme-cad", "spec": spec });
        let issued = harness.merchant().post("/v1/merchant/licenses?reveal=true", &order).expect(201);
        let (license, key) = (issued.text_at("/id"), issued.text_at("/license_key"));
        Self { harness, license, key }
    }

    fn shown(&self) -> Answer {
        self.harness.merchant().get(&format!("/v1/merchant/licenses/{}", self.license)).expect(200)
    }

    /// Reads the books and checks that nothing was made or lost.
    #[track_caller]
    fn books(&self) -> Books {
        let shown = self.shown();
        let read = |member: &str| shown.at(&format!("/quota/0/{member}")).as_i64().unwrap_or(0);
        let books = Books {
            used: read("used"),
            reserved: read("reserved"),
            left: read("left"),
            expired: read("expired"),
            over: read("overage_used"),
        };
        let sum = books.used + books.reserved + books.left + books.expired + read("refunded");
        assert_eq!(read("total"), sum, "{}", shown.text);
        books
    }

    /// Who holds how much offline, as the audit log and the certificates of the machines say: see [`Machine`].
    fn machine(&self, number: u8) -> Machine {
        let folder = tempfile::tempdir().expect("a folder");
        Machine { folder, keys: self.keys(), number, clock: self.clock() }
    }

    fn keys(&self) -> String {
        self.harness.anonymous().get("/v1/keysets/acme/jwks.json").expect(200).text
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.harness.world.clock) as _
    }

    fn url(&self) -> &str {
        &self.harness.url
    }

    /// An hour later the machine is online and tells what it used.
    fn tells(&self, config: &Config) -> Verdict {
        self.harness.world.clock.advance(Duration::from_secs(3_700));
        maintain(config)
    }

    fn online(&self, machine: &Machine, share: i64) -> Config {
        machine.config(self.url()).share(METRIC, units(share))
    }

    /// A machine that was activated with a share.
    #[track_caller]
    fn with_share(&self, number: u8, share: i64) -> (Machine, Config) {
        let machine = self.machine(number);
        let config = self.online(&machine, share);
        assert_eq!(check(&config, Some(&self.key)).code(), "valid");
        (machine, config)
    }

    /// The events about refused ledgers, newest last: `entry` and `fault`.
    fn refused_ledgers(&self) -> Vec<(String, String)> {
        use lictor::application::ports::{Listing, Store, list};
        use lictor::domain::{AuditEvent, EventKind, LicenseId, MerchantId};
        let merchant = MerchantId::parse("acme").expect("valid");
        let license = LicenseId::parse(&self.license).expect("valid");
        let listing = Listing::Events(merchant, license);
        let store: &dyn Store = self.harness.store.as_ref();
        let events =
            self.harness.block_on(list::<AuditEvent>(store, &listing, 1_000)).expect("they can be read");
        let refused = events.into_iter().filter(|event| event.value.kind == EventKind::LedgerRefused);
        refused
            .map(|event| (event.value.detail["entry"].clone(), event.value.detail["fault"].clone()))
            .collect()
    }
}

struct Machine {
    folder: TempDir,
    keys: String,
    number: u8,
    clock: Arc<dyn Clock>,
}

impl Machine {
    fn config(&self, server: &str) -> Config {
        let (clock, number) = (Arc::clone(&self.clock), self.number);
        Config::new("acme-cad", "https://license.acme.example", &self.keys, self.folder.path())
            .expect("a valid configuration")
            .server(server)
            .clock(move || clock.now().timestamp())
            .boot_clock(|| license_client::Uptime { boot: "the only start".into(), secs: 0 })
            .environment(|_| None)
            .machine(move || {
                use license_token::Component::{Brd, Fw, Os};
                [(Os, "os"), (Fw, "fw"), (Brd, "brd")]
                    .map(|(name, value)| (name, format!("{value}-{number}")))
                    .to_vec()
            })
    }

    /// The same software without a network.
    fn offline(&self) -> Config {
        self.config(NOBODY)
    }

    fn ledger(&self) -> PathBuf {
        self.folder.path().join("acme-cad.usage")
    }

    fn noted_end(&self) -> PathBuf {
        self.folder.path().join("acme-cad.usage-end")
    }

    #[track_caller]
    fn uses(&self, count: i64) -> Amount {
        meter(&self.offline(), METRIC, units(count)).expect("the share lasts").left
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
    }
}

#[test]
fn two_machines_share_a_thousand_offline_and_every_minute_is_counted_once() {
    let pool = Pool::of("pool", &Engine::Embedded);
    let (first, first_online) = pool.with_share(1, 400);
    let (second, second_online) = pool.with_share(2, 800);
    assert_eq!(pool.books(), Books { reserved: 1_000, ..Books::default() }, "the second gets what is left");
    for left in [300, 200, 100, 0] {
        assert_eq!(first.uses(100), units(left));
    }
    let refused = meter(&first.offline(), METRIC, units(1)).expect_err("the share is used up");
    assert!(matches!(refused, MeterRefusal::Exhausted { left: Amount::ZERO, ends_at: Some(_) }), "{refused}");
    assert_eq!(second.uses(250), units(350));
    assert_eq!(pool.books(), Books { reserved: 1_000, ..Books::default() }, "nobody has told yet");

    assert!(pool.tells(&first_online).is_granted());
    assert_eq!(pool.books(), Books { used: 400, reserved: 600, ..Books::default() });
    let more = meter(&first.offline(), METRIC, units(1)).expect_err("nothing is left for the first");
    assert_eq!(more.code(), "quota_exhausted");
    assert_eq!(more.next_action().map(|next| next.as_str()), Some("go_online"));

    assert!(pool.tells(&second_online).is_granted());
    assert_eq!(pool.books(), Books { used: 650, reserved: 350, ..Books::default() });
    assert_eq!(second.uses(50), units(300));
    release(&second_online).expect("the place is given back");
    assert_eq!(pool.books(), Books { used: 700, left: 300, ..Books::default() }, "the rest is free again");

    assert!(pool.tells(&first_online).is_granted());
    assert!(pool.tells(&first_online).is_granted());
    assert_eq!(pool.books(), Books { used: 700, reserved: 300, ..Books::default() });
    assert_eq!(first.uses(300), Amount::ZERO);
    assert!(pool.tells(&first_online).is_granted());
    assert_eq!(pool.books(), Books { used: 1_000, ..Books::default() });
    assert!(pool.refused_ledgers().is_empty());
}

#[test]
fn machines_that_race_for_shares_never_get_more_than_there_is() {
    let pool = Pool::of("pool", &Engine::Memory(lictor::store::MemoryEngine::new()));
    let machines: Vec<Machine> = (1..=12).map(|number| pool.machine(number)).collect();
    std::thread::scope(|scope| {
        for machine in &machines {
            let (config, key) = (pool.online(machine, 150), pool.key.clone());
            scope.spawn(move || assert!(check(&config, Some(&key)).is_granted()));
        }
    });
    assert_eq!(pool.books(), Books { reserved: 1_000, ..Books::default() });
    let mut used = 0;
    for machine in &machines {
        while meter(&machine.offline(), METRIC, units(10)).is_ok() {
            used += 10;
        }
    }
    assert_eq!(used, 1_000, "twelve asked for 1,800");
    std::thread::scope(|scope| {
        for machine in &machines {
            let config = pool.online(machine, 150);
            scope.spawn(move || assert!(maintain(&config).is_granted()));
        }
    });
    assert_eq!(pool.books(), Books { used: 1_000, ..Books::default() });
}

#[test]
fn a_ledger_is_counted_once_through_restarts_lost_answers_and_repeats() {
    let engine = Engine::Embedded;
    let mut pool = Pool::of("pool", &engine);
    let (machine, online) = pool.with_share(1, 500);
    machine.uses(120);
    // The answer is lost: the state is as it was before, and so is the ledger.
    let before = tempfile::tempdir().expect("a folder");
    copy(machine.folder.path(), before.path());
    assert!(pool.tells(&online).is_granted());
    assert_eq!(pool.books().used, 120);
    copy(before.path(), machine.folder.path());
    pool.harness = pool.harness.restarted(&engine);
    let online = pool.online(&machine, 500);
    assert!(pool.tells(&online).is_granted());
    assert_eq!(pool.books().used, 120);
    assert_eq!(machine.uses(30), units(470));
    assert!(pool.tells(&online).is_granted());
    assert_eq!(pool.books(), Books { used: 150, reserved: 500, left: 350, ..Books::default() });
    assert!(pool.refused_ledgers().is_empty());
}

#[test]
fn a_write_that_was_torn_was_never_granted_and_nothing_before_it_is_lost() {
    let pool = Pool::of("pool", &Engine::Memory(lictor::store::MemoryEngine::new()));
    let (machine, online) = pool.with_share(1, 500);
    machine.uses(10);
    machine.uses(20);
    let (whole, noted) =
        (fs::read(machine.ledger()).expect("a ledger"), fs::read(machine.noted_end()).expect("noted"));
    machine.uses(40);
    let longer = fs::read(machine.ledger()).expect("a ledger");
    for length in (whole.len()..longer.len()).step_by(7) {
        fs::write(machine.ledger(), &longer[..length]).expect("written");
        fs::write(machine.noted_end(), &noted).expect("written");
        assert_eq!(machine.uses(1), units(469), "cut at {length}");
    }
    assert!(pool.tells(&online).is_granted());
    assert_eq!(pool.books(), Books { used: 31, reserved: 500, left: 469, ..Books::default() });
    assert!(pool.refused_ledgers().is_empty());
}

/// What was done to a ledger of three entries of 10, 20 and 40, the place where it is refused, and what counts.
#[test]
fn a_ledger_that_was_tampered_with_is_refused_at_its_place_and_the_honest_part_is_kept() {
    type Tamper = fn(&Machine, &[Vec<u8>]);
    let cases: [(&str, Tamper, i64, &str, i64); 7] = [
        (
            "a flipped bit",
            |machine, lines| write(machine, &[&lines[0], &flipped(&lines[1]), &lines[2]]),
            2,
            "bad_signature",
            10,
        ),
        ("no JSON", |machine, lines| write(machine, &[&lines[0], &lines[1], b"???\n"]), 3, "malformed", 30),
        ("a gap", |machine, lines| write(machine, &[&lines[0], &lines[2]]), 2, "gap", 10),
        (
            "a replay",
            |machine, lines| write(machine, &[&lines[0], &lines[1], &lines[1], &lines[2]]),
            3,
            "replay",
            30,
        ),
        ("other order", |machine, lines| write(machine, &[&lines[1], &lines[0], &lines[2]]), 1, "gap", 0),
        ("the end cut off", |machine, lines| write(machine, &[&lines[0]]), 2, "truncated", 10),
        ("all of it cut off", |machine, _| write(machine, &[]), 1, "truncated", 0),
    ];
    for (what, tamper, entry, fault, honest) in cases {
        let pool = Pool::of("pool", &Engine::Memory(lictor::store::MemoryEngine::new()));
        let (machine, online) = pool.with_share(1, 100);
        for count in [10, 20, 40] {
            machine.uses(count);
        }
        let bytes = fs::read(machine.ledger()).expect("a ledger");
        let lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        assert_eq!(lines.len(), 3);
        tamper(&machine, &lines);
        let refused = meter(&machine.offline(), METRIC, units(1)).expect_err("nothing more is granted");
        assert_eq!(refused, MeterRefusal::LedgerDamaged, "{what}");
        let verdict = pool.tells(&online);
        assert!(verdict.is_granted(), "{what}: the license itself goes on: {verdict:?}");
        assert_eq!(pool.refused_ledgers(), [(entry.to_string(), fault.to_owned())], "{what}");
        // The rest of the share is paid, whatever was done with it; then the machine starts anew.
        let books = pool.books();
        assert_eq!((books.used, books.reserved), (100, 100), "{what}, of which {honest} were told of");
        assert!(machine.folder.path().join("acme-cad.usage-refused").exists(), "{what}: kept for people");
        assert_eq!(machine.uses(5), units(95), "{what}");
        assert!(pool.tells(&online).is_granted());
        assert_eq!(pool.books().used, 105, "{what}");
        assert_eq!(pool.refused_ledgers().len(), 1, "{what}");
    }
}

fn write(machine: &Machine, lines: &[&[u8]]) {
    fs::write(machine.ledger(), lines.concat()).expect("written");
}

/// The amount of an entry, one digit changed.
fn flipped(line: &[u8]) -> Vec<u8> {
    String::from_utf8(line.to_vec()).expect("text").replacen("\"amount\":20", "\"amount\":10", 1).into_bytes()
}

#[test]
fn a_machine_put_back_to_an_older_day_forks_its_ledger_and_is_found() {
    let pool = Pool::of("pool", &Engine::Memory(lictor::store::MemoryEngine::new()));
    let (machine, online) = pool.with_share(1, 200);
    machine.uses(10);
    let snapshot = tempfile::tempdir().expect("a folder");
    copy(machine.folder.path(), snapshot.path());
    machine.uses(50);
    assert!(pool.tells(&online).is_granted());
    assert_eq!(pool.books().used, 60);
    // The virtual machine is put back, and consumes the same share once more.
    for file in fs::read_dir(machine.folder.path()).expect("a folder") {
        fs::remove_file(file.expect("an entry").path()).expect("removed");
    }
    copy(snapshot.path(), machine.folder.path());
    machine.uses(70);
    assert!(pool.tells(&online).is_granted());
    assert!(pool.tells(&online).is_granted());
    assert_eq!(pool.refused_ledgers(), [("2".to_owned(), "fork".to_owned())]);
    let books = pool.books();
    assert_eq!(books.used, 60 + 200, "what it held when it was found counts as used");
}

#[test]
fn a_ledger_of_another_machine_counts_nothing_here() {
    let pool = Pool::of("pool", &Engine::Memory(lictor::store::MemoryEngine::new()));
    let (first, first_online) = pool.with_share(1, 100);
    let (second, _) = pool.with_share(2, 100);
    first.uses(10);
    second.uses(60);
    let stolen = fs::read_to_string(second.ledger()).expect("a ledger");
    let own = |machine: &Machine| {
        fs::read_to_string(machine.folder.path().join("acme-cad.license.json")).expect("kept")
    };
    let act = |state: &str| {
        serde_json::from_str::<serde_json::Value>(state).expect("JSON")["activation_id"].clone()
    };
    let (first_act, second_act) = (act(&own(&first)), act(&own(&second)));
    let forged = stolen.replace(second_act.as_str().expect("text"), first_act.as_str().expect("text"));
    fs::write(first.ledger(), forged).expect("written");
    assert!(pool.tells(&first_online).is_granted());
    assert_eq!(pool.refused_ledgers(), [("1".to_owned(), "bad_signature".to_owned())]);
    assert_eq!(pool.books(), Books { used: 100, reserved: 200, left: 700, ..Books::default() });
}

#[test]
fn what_a_silent_machine_holds_returns_after_its_lease_and_a_late_ledger_still_counts() {
    let pool = Pool::of("pool", &Engine::Memory(lictor::store::MemoryEngine::new()));
    let (silent, silent_online) = pool.with_share(1, 900);
    silent.uses(300);
    let lease = Duration::from_secs(30 * 86_400);
    pool.harness.world.clock.advance(lease);
    assert!(matches!(
        meter(&silent.offline(), METRIC, units(1)),
        Err(MeterRefusal::NotLicensed(Verdict::Expired(_)))
    ));
    let (_early, _) = pool.with_share(2, 400);
    assert_eq!(pool.books(), Books { reserved: 1_000, ..Books::default() }, "its clock may be a day behind");
    pool.harness.world.clock.advance(DAY);
    let (_later, later_online) = pool.with_share(3, 400);
    assert_eq!(pool.books(), Books { reserved: 500, left: 500, ..Books::default() });
    let _ = later_online;
    let (_greedy, _) = pool.with_share(4, 400);
    assert_eq!(pool.books(), Books { reserved: 900, left: 100, ..Books::default() });
    let back = pool.tells(&silent_online);
    assert!(back.is_granted(), "the machine comes back: {back:?} {:?}", pool.refused_ledgers());
    let books = pool.books();
    assert_eq!((books.used, books.over), (100, 200), "300 were used, 100 were left: {books:?}");
    assert!(pool.refused_ledgers().is_empty());
}

#[test]
fn a_share_of_a_day_ends_with_the_day() {
    let pool = Pool::of("daily", &Engine::Memory(lictor::store::MemoryEngine::new()));
    let (machine, online) = pool.with_share(1, 60);
    assert_eq!(machine.uses(20), units(40));
    pool.harness.world.clock.advance(DAY);
    let refused = meter(&machine.offline(), METRIC, units(1)).expect_err("that day is over");
    assert_eq!(refused, MeterRefusal::NoShare);
    assert!(pool.tells(&online).is_granted());
    assert_eq!(machine.uses(60), units(0), "a new day, a new share");
    let books = pool.books();
    assert_eq!((books.used, books.reserved, books.expired), (20, 60, 80), "{books:?}");
    command(&pool.harness, &pool.license, "suspend", &json!({ "reason": "chargeback" })).expect(200);
    assert!(!pool.tells(&online).is_granted());
    assert_eq!(meter(&machine.offline(), METRIC, units(1)).expect_err("suspended").code(), "suspended");
}

#[test]
fn a_license_may_be_bound_to_device_keys() {
    let pool = Pool::of("keyed", &Engine::Memory(lictor::store::MemoryEngine::new()));
    let machine = pool.machine(1);
    let online = machine.config(pool.url());
    assert_eq!(check(&online, Some(&pool.key)).code(), "valid");
    pool.harness.world.clock.advance(DAY * 8);
    assert!(pool.tells(&online).is_granted());
    assert_eq!(check(&machine.offline(), None).code(), "valid");
    assert_eq!(pool.shown().at("/activations").as_array().map(Vec::len), Some(1));
    // The certificate without the key is worth nothing, here and at the server.
    let thief = pool.machine(1);
    copy(machine.folder.path(), thief.folder.path());
    fs::remove_file(thief.folder.path().join("acme-cad.device-key")).expect("removed");
    assert_eq!(check(&thief.offline(), None).code(), "wrong_machine");
    let state = fs::read_to_string(machine.folder.path().join("acme-cad.license.json")).expect("kept");
    let state: serde_json::Value = serde_json::from_str(&state).expect("JSON");
    let id = state["activation_id"].as_str().expect("text");
    let anonymous = pool.harness.anonymous();
    let renew = format!("/v1/activations/{id}/renew");
    let body = json!({ "certificate": state["certificate"], "nonce": "n" });
    let refused = anonymous.post(&renew, &body).expect_problem(422, "invalid_request");
    assert_eq!(refused.at("/pointer"), "/proof");
    let released = anonymous
        .post(&format!("/v1/activations/{id}/release"), &json!({ "certificate": state["certificate"] }));
    assert_eq!(released.expect_problem(422, "invalid_request").at("/pointer"), "/proof");
    release(&online).expect("the key gives the place back");
}
