//! The marketplace's worst week against the real binary: every family, every way to be late, lost, repeated, out of
//! order or oddly written. What comes of it is what was planned, and the sandbox's judge finds nothing.

mod process;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound as _, Utc};
use lictor::sandbox::address::AddressKeys;
use lictor::sandbox::chaos::{Aftermath, EndState, LineEnd, Patience, Storm, StormTarget};
use lictor::sandbox::family::Family;
use lictor::sandbox::orders::{Basket, Billing, Period};
use lictor::sandbox::{Sandbox, Shop, Step};
use process::{ACCESS_KEY, Merchant, Server, Site, claim_code_in, prove_count, start_sandbox};
use serde_json::{Value, json};

const NEXT_KEY: &str = "next-access-key-of-the-tests";
const KIT_KEY: &str = "kit-key-of-the-tests";
const NEXT_KIT_KEY: &str = "next-kit-key-of-the-tests";
/// What the server may still have to do when the storm is over: jobs that met a failing open API pause.
/// The backlog of a marketplace that comes back is worked off at a bounded rate.
const PATIENCE: Duration = Duration::from_secs(300);

/// Lives at the same time, each with up to 20 calls: a machine with little to spare answers them within 5 s.
const CALLERS: usize = 4;

const SELLING: [Family; 5] =
    [Family::SaasV2, Family::LicenseOnline, Family::LicenseCode, Family::LicenseV1, Family::SaasV1];

/// A little time for the server, between two looks at it.
fn a_while() {
    std::thread::park_timeout(Duration::from_millis(50));
}

/// One address per family; the Kit lies below two of them.
fn catalog(open_api_base: &str) -> String {
    let mut text = r#"
[merchant]
id = "acme"
name = "Acme Software"
issuer = "https://license.acme.example"
time_zone = "Asia/Shanghai"
locale = "en"

[[product]]
id = "acme-cad"
name = "Acme CAD"
memo = { zh = "激活码 {claim_code}", en = "Claim code {claim_code}, license at {portal_url}" }

[[spec]]
id = "cad-month"
product = "acme-cad"
sku = "CAD-MONTH"
term = "P1M"
machines = 3

[[spec]]
id = "cad-year"
product = "acme-cad"
sku = "CAD-YEAR"
term = "P1Y"

[[spec]]
id = "cad-forever"
product = "acme-cad"
sku = "CAD-FOREVER"
term = "permanent"

[[spec]]
id = "cad-forever-pro"
product = "acme-cad"
sku = "CAD-FOREVER-PRO"
term = "permanent"

[[api_token]]
name = "tests"
scopes = ["admin"]
value = "env:TEST_API_TOKEN"
"#
    .to_owned();
    for family in SELLING {
        let protocol = family.name();
        text.push_str(&format!(
            "\n[[channel]]\nid = \"{protocol}\"\nmarketplace = \"koogallery\"\nprotocol = \"{protocol}\"\n\
             products = [\"acme-cad\"]\n"
        ));
        // The older families carry the order, and have nobody to ask.
        if !family.is_get() {
            text.push_str(&format!(
                "open_api = {{ base_url = \"{open_api_base}\", access_key = \"env:TEST_OPEN_API_KEY\", \
                 secret_key = \"env:TEST_OPEN_API_SECRET\" }}\n"
            ));
        }
        for (id, used_for, name) in [
            ("next", "", "TEST_NEXT_ACCESS_KEY"),
            ("now", "", "TEST_ACCESS_KEY"),
            ("kit", "use = \"kit\"\n", "TEST_KIT_KEY"),
            ("next-kit", "use = \"kit\"\n", "TEST_NEXT_KIT_KEY"),
        ] {
            text.push_str(&format!(
                "[[channel.access_key]]\nid = \"{id}\"\n{used_for}value = \"env:{name}\"\n"
            ));
        }
    }
    text
}

fn baskets() -> Vec<Basket> {
    vec![
        Basket::of("CAD-MONTH", Billing::Period(Period::Months(1))),
        Basket::of("CAD-YEAR", Billing::Period(Period::Years(1))),
        Basket::of("CAD-FOREVER", Billing::OneTime),
        Basket::of("CAD-FOREVER-PRO", Billing::OneTime),
    ]
}

fn keys(callbacks: &str, kit: &str) -> AddressKeys {
    AddressKeys { callbacks: callbacks.to_owned().into(), kit: Some(kit.to_owned().into()) }
}

fn address(url: &str, family: Family) -> String {
    let channel = match family {
        Family::KitV1 => Family::SaasV1,
        Family::KitV2 => Family::SaasV2,
        Family::SaasV2 | Family::LicenseOnline | Family::LicenseCode | Family::LicenseV1 | Family::SaasV1 => {
            family
        }
    };
    format!("{url}/marketplace/acme/{}", channel.name())
}

fn targets(url: &str) -> Vec<StormTarget> {
    let target = |family| StormTarget {
        family,
        production_address: address(url, family),
        keys: keys(ACCESS_KEY, KIT_KEY),
        next_keys: Some(keys(NEXT_KEY, NEXT_KIT_KEY)),
    };
    Family::ALL.into_iter().map(target).collect()
}

struct Ground {
    sandbox: Sandbox,
    server: Server,
    merchant: Merchant,
    _site: Site,
}

fn start() -> Ground {
    let sandbox = start_sandbox();
    let (site, server) = start_at(&sandbox.base_url());
    let merchant = site.merchant_of(server.url());
    Ground { sandbox, server, merchant, _site: site }
}

/// A server whose channels ask for their orders there.
fn start_at(open_api_base: &str) -> (Site, Server) {
    let site = Site::new(open_api_base).with_catalog(&catalog(open_api_base));
    let launch = site
        .launch_here()
        .env("TEST_NEXT_ACCESS_KEY", NEXT_KEY)
        .env("TEST_KIT_KEY", KIT_KEY)
        .env("TEST_NEXT_KIT_KEY", NEXT_KIT_KEY)
        .env("LICTOR_LOG_FILTER", "off");
    let server = Server::start(launch);
    (site, server)
}

fn storm(ground: &Ground, orders: usize, seed: u64) -> Aftermath {
    let redeem = |code: &str| drop(ground.merchant.claim(code));
    let storm = Storm {
        orders,
        callers: CALLERS,
        seed,
        baskets: baskets(),
        every_reading: true,
        on_code: Some(&redeem),
    };
    let patience = Patience { between_tries: &a_while, settles_within: PATIENCE, call_time_passes: &a_while };
    storm.run(&ground.sandbox, &targets(ground.server.url()), &patience)
}

#[test]
fn after_the_storm_everything_is_as_planned_and_the_judge_finds_nothing() {
    let orders = prove_count(42);
    let bytes = lictor::randomness::random_bytes();
    let seed = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"));
    println!("seed {seed}");
    let ground = start();
    let began = Instant::now();
    let after = storm(&ground, orders, seed);
    println!("{orders} orders in {:?}: {}", began.elapsed(), after.tally.to_json());
    for rule in after.report.to_json()["rules"].as_array().into_iter().flatten() {
        let broken = rule["broken"].as_u64().unwrap_or(0);
        println!("{:>8} looks, {broken} broken: {} ({})", rule["looked"], rule["rule"], rule["source"]);
        if broken > 0 {
            println!("         {}", rule["example"]);
        }
    }
    assert_eq!(after.faults, Vec::<String>::new());
    assert!(after.tally.timed_out.load(Ordering::Relaxed) > 0, "seed {seed}");
    let selling = (0..orders).filter(|number| number % Family::ALL.len() < SELLING.len()).count();
    assert_eq!(after.lines.len(), selling);
    let wrong = compare(&ground, &after.lines);
    assert!(wrong.is_empty(), "seed {seed}: {} lines are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(after.report.is_clean(), "seed {seed}");
    let licenses = ground.merchant.licenses();
    // A list does not show the codes among them.
    let revealed = |license: &Value| {
        ground.merchant.reveal(license["id"].as_str()?)["instance_id"].as_str().map(str::to_owned)
    };
    let ids: BTreeSet<_> = licenses.iter().filter_map(revealed).collect();
    assert_eq!(ids.len(), licenses.len(), "one license per instance");
    ground.server.stop();
}

/// What is not as it was planned, line by line.
fn compare(ground: &Ground, lines: &[LineEnd]) -> Vec<String> {
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(line) = lines.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let began = Instant::now();
                    let mut fault = fault_of(ground, line);
                    while fault.is_some() && began.elapsed() < PATIENCE {
                        a_while();
                        fault = fault_of(ground, line);
                    }
                    let mut wrong = wrong.lock().unwrap_or_else(PoisonError::into_inner);
                    wrong.extend(fault.map(|fault| format!("{fault}: {line:?}")));
                }
            });
        }
    });
    wrong.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn fault_of(ground: &Ground, line: &LineEnd) -> Option<String> {
    let merchant = &ground.merchant;
    let instance = &line.sale.instance;
    let redeemed = (line.family == Family::LicenseCode).then(|| merchant.claim(instance).0);
    let (status, found) = merchant.get(&format!("/v1/merchant/licenses?instance_id={instance}"));
    let items = found["items"].as_array().cloned().unwrap_or_default();
    if line.state == EndState::Released {
        // What was released before its license existed has none.
        let is_over = items.iter().all(|license| license["state"] == "released");
        let opens = redeemed.is_some_and(|status| status == 200 || status == 202);
        return (!is_over || items.len() > 1 || opens).then(|| format!("not over: {redeemed:?} {found}"));
    }
    let [license] = &items[..] else {
        return Some(format!("status {status}, {} licenses: {found}", items.len()));
    };
    let state = if line.state == EndState::Active { "active" } else { "suspended" };
    if license["state"] != state {
        return Some(format!("{} instead of {state}", license["state"]));
    }
    let end = license["ends_at"].as_str().and_then(|text| text.parse::<DateTime<Utc>>().ok());
    // Instants are shown in whole seconds.
    if end != line.ends_at.map(|end| end.trunc_subsecs(0)) {
        return Some(format!("ends at {end:?} instead of {:?}", line.ends_at));
    }
    if license["sku"] != line.sale.basket.sku.as_str() {
        return Some(format!("sku {} instead of {}", license["sku"], line.sale.basket.sku));
    }
    if line.state == EndState::Active { readers_differ(ground, line, license) } else { None }
}

/// Every way to the license key gives the same text.
fn readers_differ(ground: &Ground, line: &LineEnd, license: &Value) -> Option<String> {
    let merchant = &ground.merchant;
    let shown = merchant.reveal(license["id"].as_str()?);
    let mut keys = BTreeSet::from([shown["license_key"].to_string()]);
    let shop: Shop =
        ground.sandbox.shop(line.family, &address(ground.server.url(), line.family), keys_of_the_end());
    let mut sale = line.sale.clone();
    let mut claimed = |code: &str| keys.insert(merchant.claim(code).1["license_key"].to_string());
    match line.family {
        Family::SaasV2 | Family::LicenseOnline | Family::SaasV1 => {
            for _ in 0..2 {
                let answer = shop.take(&mut sale, &Step::Query).ok()?;
                let info = answer.app_info(&line.sale.instance)?;
                claimed(&claim_code_in(info["memo"].as_str()?));
            }
        }
        Family::LicenseCode => _ = claimed(&line.sale.instance),
        Family::LicenseV1 => {
            for _ in 0..2 {
                let answer = shop.take(&mut sale, &Step::Buy).ok()?;
                keys.insert(json!(answer.text("license")).to_string());
            }
        }
        Family::KitV1 | Family::KitV2 => {}
    }
    (keys.len() != 1).then(|| format!("{} license keys of one license", keys.len()))
}

fn keys_of_the_end() -> AddressKeys {
    keys(NEXT_KEY, NEXT_KIT_KEY)
}

/// The command over an address of one family, with the sandbox where the server's channels look for it.
fn serve_chaos(port: u16, url: &str, family: Family, key: &str, more: &[&str]) -> std::process::Output {
    let listen = format!("127.0.0.1:{port}");
    let target = address(url, family);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lictor"));
    command
        .args(["--json", "sandbox", "serve", "--listen", &listen, "--target", &target])
        .args(["--open-api-access-key", "env:AK", "--open-api-secret-key", "env:SK"])
        .args(["--protocol", family.name(), "--access-key", "env:KEY", "--kit-access-key", "env:KIT"])
        .args(["--chaos", "--orders", "12", "--every-reading", "--call-time", "1"])
        .args(more)
        .envs([("AK", "open-api-key"), ("SK", process::OPEN_API_SECRET)])
        .envs([("KEY", key), ("NEXT", NEXT_KEY), ("KIT", KIT_KEY), ("NEXT_KIT", NEXT_KIT_KEY)]);
    command.output().expect("the binary starts")
}

fn broken(report: &Value) -> Vec<&str> {
    let rules = report["rules"].as_array().expect("a list").iter();
    rules.filter(|rule| rule["broken"] != 0).filter_map(|rule| rule["rule"].as_str()).collect()
}

#[test]
fn the_command_weathers_a_storm_and_fails_when_a_rule_is_broken() {
    let probe = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = probe.local_addr().expect("bound").port();
    drop(probe);
    let ground = start_at(&format!("http://127.0.0.1:{port}"));
    let url = ground.1.url();
    let buy = ["--buy", "CAD-MONTH=P1M", "--buy", "CAD-FOREVER=permanent", "--seed", "7"];
    // Whoever cannot be told by his signature is answered by the newest key: every one has to be known.
    let rotated = [&["--next-access-key", "env:NEXT"], &buy[..]].concat();
    let of_kit = ["--next-access-key", "env:NEXT", "--next-kit-access-key", "env:NEXT_KIT"];
    for (family, more) in
        [(Family::SaasV2, &rotated[..]), (Family::LicenseV1, &rotated[..]), (Family::KitV1, &of_kit[..])]
    {
        let done = serve_chaos(port, url, family, ACCESS_KEY, more);
        let said = String::from_utf8_lossy(&done.stderr);
        let report: Value = serde_json::from_slice(&done.stdout).expect("JSON");
        assert!(done.status.success(), "{}: {said} {:?} {report}", family.name(), broken(&report));
        assert_eq!(report["clean"], true, "{report}");
        assert!(report["calls"]["calls"].as_u64() > Some(50) && report["rules"][0]["source"].is_string());
    }
    let foreign = serve_chaos(port, url, Family::SaasV2, "a key of somebody else", &buy);
    assert_eq!(foreign.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&foreign.stdout).expect("JSON");
    let broken = broken(&report);
    assert!(broken.contains(&"right-call-accepted") && broken.contains(&"body-sign-right"), "{broken:?}");
    assert_eq!(report["clean"], false);
    let idle = serve_chaos(port, url, Family::SaasV2, ACCESS_KEY, &[]);
    assert_eq!(idle.status.code(), Some(2), "nothing to buy");
}
