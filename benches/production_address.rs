//! `./scripts/bench production-address`: the production address of a running `lictor serve` while the marketplace's open
//! API hangs, and what became of every order afterwards.
//!
//! Calls go out when they are due, whether the ones before were answered or not, and each is timed from the moment at
//! which it was due: a server that stands still is not spared the calls that it kept waiting.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::time::{Duration, Instant};

use lictor::application::ports::Clock;
use lictor::sandbox::open_api::Trouble;
use lictor::sandbox::orders::{Basket, Billing, MockOrder, OrderReason, Period, digits};
use lictor::sandbox::{Sandbox, signer};
use serde_json::{Value, json};

use crate::figures::{Figures, rounded};
use crate::process::{ACCESS_KEY, Dice, Merchant, Site, start_sandbox};

/// Connections at a time: more than are ever needed while answers take less than half a second.
const SENDERS: usize = 100;
/// One call in so many comes on a connection of its own.
const NEW_CONNECTION_EVERY: usize = 5;
/// Licenses that are there before.
const MINTED_BEFORE: usize = 200;
/// How long everything may take to be minted once the open API answers again.
const DRAIN_PATIENCE: Duration = Duration::from_secs(1_800);
/// What a call may take that is not shown by itself.
const SLOW_MICROS: u32 = 100_000;
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);

/// What a marketplace asks, by twenties.
const MIX: [(Ask, usize); 6] = [
    (Ask::Buy, 6),
    (Ask::BuyAgain, 3),
    (Ask::Query, 5),
    (Ask::Renew, 2),
    (Ask::Status, 2),
    (Ask::DialTest, 2),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ask {
    Buy,
    BuyAgain,
    Query,
    Renew,
    Status,
    DialTest,
}

impl Ask {
    fn name(self) -> &'static str {
        match self {
            Self::Buy => "newInstance, a new order each",
            Self::BuyAgain => "newInstance, a known order",
            Self::Query => "queryInstance",
            Self::Renew => "refreshInstance, a new order each",
            Self::Status => "updateInstanceStatus",
            Self::DialTest => "testFlag=1",
        }
    }
}

/// What is asked of the benchmark.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub per_second: usize,
    pub seconds: usize,
    /// How long the open API takes for each answer.
    pub hangs_for: Duration,
}

/// What a call came to.
struct Answered {
    ask: Ask,
    due: Duration,
    micros: u32,
    /// Why it is no answer.
    error: Option<String>,
}

/// What was measured.
pub struct Report {
    load: Load,
    elapsed: Duration,
    by_ask: BTreeMap<Ask, Figures>,
    all: Figures,
    errors: Vec<String>,
    hung_calls: u64,
    accepted: usize,
    drain: Drain,
    machine: Figures,
    /// In which seconds calls took longer than [`SLOW_MICROS`], and how many.
    slow: BTreeMap<u64, usize>,
}

struct Drain {
    took: Duration,
    lost: usize,
    minted_twice: usize,
}

/// A marketplace with buyers.
struct Crowd {
    sandbox: Sandbox,
    address: String,
    /// Orders that were told of, and the instances that were made of them.
    orders: Mutex<Vec<MockOrder>>,
    instances: Mutex<Vec<String>>,
    accepted: Mutex<BTreeSet<String>>,
    next_id: AtomicUsize,
}

pub fn measure(load: Load) -> Report {
    let sandbox = start_sandbox();
    let site = Site::new(&sandbox.base_url());
    let server = site.start();
    let merchant = site.merchant();
    let crowd = Crowd::new(sandbox, &site);
    crowd.settle_in(&merchant);
    eprintln!("the open API hangs; {} calls/s for {} s", load.per_second, load.seconds);
    let calls_before = crowd.sandbox.open_api_calls();
    crowd.sandbox.trouble(Trouble::Delay(load.hangs_for), u32::MAX);
    let ((elapsed, answered), machine) = beside_a_sleeper(|| crowd.rush(load));
    let hung_calls = crowd.sandbox.open_api_calls() - calls_before;
    eprintln!("the open API answers again");
    crowd.sandbox.trouble(Trouble::Delay(load.hangs_for), 0);
    let drain = crowd.drained(&merchant);
    server.stop();
    let mut micros: BTreeMap<Ask, Vec<u32>> = BTreeMap::new();
    answered.iter().for_each(|one| micros.entry(one.ask).or_default().push(one.micros));
    let mut slow: BTreeMap<u64, usize> = BTreeMap::new();
    let are_slow = answered.iter().filter(|one| one.micros > SLOW_MICROS);
    are_slow.for_each(|one| *slow.entry(one.due.as_secs()).or_default() += 1);
    let errors = answered.iter().filter_map(|one| one.error.clone()).collect();
    let all = Figures::of(elapsed, answered.iter().map(|one| one.micros).collect());
    let by_ask = micros.into_iter().map(|(ask, micros)| (ask, Figures::of(elapsed, micros))).collect();
    let accepted = locked(&crowd.accepted).len();
    Report { load, elapsed, by_ask, all, errors, hung_calls, accepted, drain, machine, slow }
}

impl Crowd {
    fn new(sandbox: Sandbox, site: &Site) -> Self {
        let address = site.url().trim_start_matches("http://").to_owned();
        let (orders, instances, accepted) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { sandbox, address, orders, instances, accepted, next_id: AtomicUsize::new(0) }
    }

    /// Licenses that are there before, so that renewals and freezes find some.
    fn settle_in(&self, merchant: &Merchant) {
        eprintln!("{MINTED_BEFORE} licenses are minted");
        let mut line = Line::default();
        for _ in 0..MINTED_BEFORE {
            let body = self.body(Ask::Buy, &mut Dice::quiet(1));
            let answer = line.ask(&self.address, &signed(&body.text), false).expect("the server answers");
            self.heard(&body, &answer).expect("it is accepted");
        }
        self.drained(merchant);
    }

    /// Calls at random moments, so many a second on average.
    fn rush(&self, load: Load) -> (Duration, Vec<Answered>) {
        let mut dice = Dice::fresh();
        let mut due = Duration::ZERO;
        let plan: Vec<(Duration, Ask)> = (0..load.per_second * load.seconds)
            .map(|_| {
                due += gap(&mut dice, load.per_second);
                (due, one_of(&mut dice))
            })
            .collect();
        // The kept connections are there before the first call is due.
        let (next, all_there) = (AtomicUsize::new(0), Barrier::new(SENDERS + 1));
        let begun: OnceLock<Instant> = OnceLock::new();
        let sender = |mut dice: Dice| {
            let (mut line, mut answered) = (Line::default(), Vec::new());
            let probe = self.body(Ask::DialTest, &mut dice);
            line.ask(&self.address, &signed(&probe.text), false).expect("the server answers");
            all_there.wait();
            let begun = *begun.get_or_init(Instant::now);
            while let Some((due, ask)) = plan.get(next.fetch_add(1, Ordering::SeqCst)) {
                wait_until(begun + *due);
                let alone = dice.below(NEW_CONNECTION_EVERY) == 0;
                let body = self.body(*ask, &mut dice);
                let heard = line.ask(&self.address, &signed(&body.text), alone);
                let micros = (begun.elapsed() - *due).as_micros().try_into().unwrap_or(u32::MAX);
                let error = match heard {
                    Ok(answer) => self.heard(&body, &answer).err(),
                    Err(error) => Some(error.to_string()),
                };
                answered.push(Answered { ask: *ask, due: *due, micros, error });
            }
            answered
        };
        let answered = std::thread::scope(|scope| {
            let senders: Vec<_> = (0..SENDERS)
                .map(|_| {
                    let dice = dice.split();
                    scope.spawn(|| sender(dice))
                })
                .collect();
            all_there.wait();
            begun.get_or_init(Instant::now);
            senders.into_iter().flat_map(|sender| sender.join().expect("no sender panics")).collect()
        });
        (begun.get().map(Instant::elapsed).unwrap_or_default(), answered)
    }

    fn body(&self, ask: Ask, dice: &mut Dice) -> Body {
        let pick = |dice: &mut Dice| {
            let instances = locked(&self.instances);
            instances[dice.below(instances.len())].clone()
        };
        let buys = |order: &MockOrder, dice: &mut Dice| {
            let business_id = format!("{:016x}{:016x}", dice.below(usize::MAX), dice.below(usize::MAX));
            json!({
                "activity": "newInstance", "orderId": order.order_id, "orderLineId": order.order_line_id,
                "businessId": business_id,
            })
        };
        let (members, order) = match ask {
            Ask::Buy => {
                let order = self.order(OrderReason::New);
                (buys(&order, dice), Some(order))
            }
            Ask::BuyAgain => {
                let orders = locked(&self.orders);
                let order = orders[dice.below(orders.len())].clone();
                drop(orders);
                (buys(&order, dice), None)
            }
            Ask::Query => (json!({ "activity": "queryInstance", "instanceId": pick(dice) }), None),
            Ask::Renew => {
                let order = self.order(OrderReason::Renew);
                let end = order.expires_at.map(digits);
                let members = json!({
                    "activity": "refreshInstance", "scene": "RENEWAL", "instanceId": pick(dice),
                    "orderId": order.order_id, "orderLineId": order.order_line_id, "expireTime": end,
                });
                (members, None)
            }
            Ask::Status => {
                let status = ["FREEZE", "UNFREEZE"][dice.below(2)];
                let instance = pick(dice);
                (
                    json!({ "activity": "updateInstanceStatus", "instanceId": instance, "status": status }),
                    None,
                )
            }
            Ask::DialTest => {
                let order = MockOrder::new("MOCKPERIODYEARNEW", OrderReason::New, now(), basket());
                let mut members = buys(&order, dice);
                members["testFlag"] = json!("1");
                (members, None)
            }
        };
        // `serde_json` sorts members by name, which is what is signed.
        Body { text: members.to_string(), order }
    }

    /// A new order that the open API knows.
    fn order(&self, reason: OrderReason) -> MockOrder {
        let id = format!("CS{:012}", self.next_id.fetch_add(1, Ordering::SeqCst));
        let order = MockOrder::new(&id, reason, now(), basket());
        self.sandbox.register(order.clone());
        order
    }

    /// Judges an answer and remembers what it promised.
    fn heard(&self, body: &Body, answer: &Value) -> Result<(), String> {
        let code = answer["resultCode"].as_str().unwrap_or_default();
        if !["000000", "000004"].contains(&code) {
            return Err(format!("{answer} to {}", body.text));
        }
        let Some(order) = &body.order else { return Ok(()) };
        let instance = answer["instanceId"].as_str().ok_or_else(|| format!("no instance id: {answer}"))?;
        locked(&self.accepted).insert(order.order_id.clone());
        locked(&self.instances).push(instance.to_owned());
        locked(&self.orders).push(order.clone());
        Ok(())
    }

    /// Waits until every order that was accepted has its license.
    fn drained(&self, merchant: &Merchant) -> Drain {
        let (begun, accepted) = (Instant::now(), locked(&self.accepted).clone());
        loop {
            let mut minted: BTreeMap<String, usize> = BTreeMap::new();
            for license in merchant.licenses() {
                // Frozen ones are minted too.
                if license["state"] != "pending" {
                    *minted
                        .entry(license["order_id"].as_str().unwrap_or_default().to_owned())
                        .or_default() += 1;
                }
            }
            let lost = accepted.iter().filter(|order| !minted.contains_key(*order)).count();
            let minted_twice = minted.values().filter(|count| **count > 1).count();
            let took = begun.elapsed();
            if lost == 0 || took > DRAIN_PATIENCE {
                return Drain { took, lost, minted_twice };
            }
            eprintln!("{lost} of {} wait", accepted.len());
            wait_until(Instant::now() + Duration::from_secs(1));
        }
    }
}

struct Body {
    text: String,
    /// The order that is told of for the first time.
    order: Option<MockOrder>,
}

/// A connection that is kept, as long as the other side keeps it.
#[derive(Default)]
struct Line(Option<BufReader<TcpStream>>);

impl Line {
    /// Sends a request and reads the answer whole; `alone` on a connection of its own.
    fn ask(&mut self, address: &str, (query, body): &(String, String), alone: bool) -> io::Result<Value> {
        let mut kept = if alone { None } else { self.0.take() };
        let stream = match &mut kept {
            Some(stream) => stream,
            None => kept.insert(connected(address)?),
        };
        let connection = if alone { "close" } else { "keep-alive" };
        let request = format!(
            "POST /marketplace/acme/cad-koogallery?{query} HTTP/1.1\r\nHost: {address}\r\nConnection: {connection}\r\n\
             Accept: application/json\r\nContent-Type: application/json;charset=utf8\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.get_mut().write_all(request.as_bytes())?;
        let answer = read_answer(stream)?;
        if !alone {
            self.0 = kept;
        }
        Ok(answer)
    }
}

fn connected(address: &str) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER_PATIENCE))?;
    Ok(BufReader::new(stream))
}

fn read_answer(stream: &mut BufReader<TcpStream>) -> io::Result<Value> {
    let mut status = String::new();
    stream.read_line(&mut status)?;
    let mut length = 0;
    loop {
        let mut header = String::new();
        stream.read_line(&mut header)?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().map_err(|_| io::Error::other("no length"))?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    if !status.starts_with("HTTP/1.1 200") {
        return Err(io::Error::other(status));
    }
    serde_json::from_slice(&body).map_err(io::Error::other)
}

/// The query and the body of a call of now.
fn signed(body: &str) -> (String, String) {
    let nonce: String = lictor::randomness::random_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let timestamp = now().timestamp_millis().to_string();
    let signature = signer::sign_callback(ACCESS_KEY, &timestamp, &nonce, body.as_bytes()).signature;
    (format!("signature={signature}&timestamp={timestamp}&nonce={nonce}"), body.to_owned())
}

fn now() -> chrono::DateTime<chrono::Utc> {
    lictor::clock::SystemClock.now()
}

fn basket() -> Basket {
    Basket::of("CAD-MONTH", Billing::Period(Period::Months(1)))
}

/// The time between two calls that do not know of each other.
fn gap(dice: &mut Dice, per_second: usize) -> Duration {
    let share = (dice.below(1_000_000) + 1) as f64 / 1_000_000.0;
    Duration::from_secs_f64(-share.ln() / per_second as f64)
}

fn one_of(dice: &mut Dice) -> Ask {
    let mut left = dice.below(MIX.iter().map(|(_, weight)| weight).sum());
    for (ask, weight) in MIX {
        if left < weight {
            return ask;
        }
        left -= weight;
    }
    Ask::Query
}

/// How late a thread wakes that wants to sleep for five milliseconds again and again: what the machine itself adds to
/// every answer, while others use it.
fn beside_a_sleeper<T>(work: impl FnOnce() -> T) -> (T, Figures) {
    const NAP: Duration = Duration::from_millis(5);
    let (begun, is_over) = (Instant::now(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| {
            let mut late = Vec::new();
            while !is_over.load(Ordering::SeqCst) {
                let due = Instant::now() + NAP;
                wait_until(due);
                late.push(due.elapsed().as_micros().try_into().unwrap_or(u32::MAX));
            }
            late
        });
        let done = work();
        is_over.store(true, Ordering::SeqCst);
        (done, Figures::of(begun.elapsed(), sleeper.join().expect("it only sleeps")))
    })
}

/// Lets a moment of the plan come.
fn wait_until(moment: Instant) {
    let (_alive, nobody_speaks) = mpsc::channel::<()>();
    nobody_speaks.recv_timeout(moment.saturating_duration_since(Instant::now())).ok();
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99_9", 0.999), ("max", 1.0)];

impl Report {
    pub fn json(&self) -> Value {
        let quantiles = |figures: &Figures| -> Value {
            let member = |(name, share)| (format!("{name}_ms"), json!(rounded(figures.quantile(share))));
            QUANTILES.into_iter().map(member).collect::<serde_json::Map<_, _>>().into()
        };
        let by_ask: serde_json::Map<_, _> =
            self.by_ask.iter().map(|(ask, figures)| (ask.name().to_owned(), quantiles(figures))).collect();
        json!({
            "calls_per_second": self.load.per_second, "seconds": rounded(self.elapsed.as_secs_f64()),
            "calls": self.all.count(), "all": quantiles(&self.all), "by_call": by_ask, "errors": self.errors.len(),
            "machine_wakes_late": quantiles(&self.machine), "open_api_hangs_seconds": self.load.hangs_for.as_secs(),
            "open_api_calls_while_it_hung": self.hung_calls,
            "orders_accepted": self.accepted, "orders_lost": self.drain.lost,
            "orders_minted_twice": self.drain.minted_twice,
            "drain_seconds": rounded(self.drain.took.as_secs_f64()),
        })
    }

    pub fn table(&self) -> String {
        let mut lines = vec![
            format!(
                "The production address at {} calls/s for {:.0} s, the open API hanging {} s on each call",
                self.load.per_second,
                self.elapsed.as_secs_f64(),
                self.load.hangs_for.as_secs()
            ),
            format!(
                "  {:<36} {:>7} {}",
                "",
                "calls",
                QUANTILES.map(|(name, _)| format!("{name:>8} ms")).join(" ")
            ),
        ];
        let mut row = |name: &str, figures: &Figures| {
            let figures_of =
                QUANTILES.map(|(_, share)| format!("{:>11.1}", figures.quantile(share))).join(" ");
            lines.push(format!("  {name:<36} {:>7} {figures_of}", figures.count()));
        };
        row("all", &self.all);
        self.by_ask.iter().for_each(|(ask, figures)| row(ask.name(), figures));
        row("the machine: a sleeper wakes late by", &self.machine);
        lines.push(format!(
            "  {} errors; the open API was asked {} times",
            self.errors.len(),
            self.hung_calls
        ));
        if !self.slow.is_empty() {
            let seconds: Vec<_> =
                self.slow.iter().map(|(second, count)| format!("{second}: {count}")).collect();
            lines.push(format!("  calls of more than 100 ms, by second: {}", seconds.join(", ")));
        }
        lines.extend(self.errors.iter().take(5).map(|error| format!("    {error}")));
        let Drain { took, lost, minted_twice } = &self.drain;
        lines.push(format!(
            "Of {} orders accepted by then {lost} are lost and {minted_twice} were minted twice, {:.0} s after it answered again",
            self.accepted,
            took.as_secs_f64()
        ));
        lines.join("\n") + "\n"
    }
}
