//! Clients that buy, change and use licenses, and remember what they asked for, what was answered, and when.
//!
//! Each license belongs to one client, which asks for one thing at a time: what the license looks like after a crash
//! must be what it looked like after one of the steps between the last that was answered and the last that was asked for.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Dice, Merchant};

/// The server did not answer, or said that the outcome is unknown. The same request may be sent again.
#[derive(Debug)]
pub struct Unanswered;

/// What is asked for, of one license.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ask {
    Suspend,
    Resume,
    Revoke,
    Reissue,
    Activate(u8),
    Renew(u8),
    Release(u8),
}

#[derive(Debug, Clone)]
struct Step {
    ask: Ask,
    /// The idempotency key or the nonce: the same when the step is asked for again.
    identity: String,
    asked: Instant,
    heard: Option<(Instant, Value)>,
}

/// One license, from its issue on.
#[derive(Debug, Clone)]
pub struct Remembered {
    /// Its label, and the idempotency key of its issue.
    label: String,
    asked: Instant,
    issued: Option<(Instant, Value)>,
    steps: Vec<Step>,
}

/// What a license must look like. `None` is what its client has not heard.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shape {
    state: &'static str,
    license_key: Option<String>,
    claim_code: Option<String>,
    /// The held places: machine and generation of its certificate.
    places: BTreeMap<u8, u64>,
}

/// When an image was taken: what was answered before is in it, what was asked for after is not.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    pub before: Instant,
    pub after: Instant,
}

impl Moment {
    /// Nobody is asking: everything answered so far must be there.
    pub fn now() -> Self {
        let now = Instant::now();
        Self { before: now, after: now }
    }
}

const MACHINES: u8 = 3;
const STEPS_MAX: usize = 8;

impl Remembered {
    fn new(label: String) -> Self {
        Self { label, asked: Instant::now(), issued: None, steps: Vec::new() }
    }

    fn id(&self) -> &str {
        self.issued.as_ref().and_then(|(_, issued)| issued["id"].as_str()).expect("issued")
    }

    fn issue_body(&self) -> Value {
        json!({ "product": "acme-cad", "spec": "cad-month", "label": self.label })
    }

    /// How many answers its client had heard by then.
    fn answers(&self, by: Instant) -> usize {
        let heard = self.steps.iter().map(|step| &step.heard).chain([&self.issued]);
        heard.flatten().filter(|(at, _)| *at <= by).count()
    }

    /// What it looks like after so many steps.
    fn shape(&self, steps: usize) -> Shape {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let issued = self.issued.as_ref().map(|(_, issued)| issued);
        let mut shape = Shape {
            state: "active",
            license_key: issued.and_then(|issued| text(&issued["license_key"])),
            claim_code: issued.and_then(|issued| text(&issued["claim_code"])),
            places: BTreeMap::new(),
        };
        for step in &self.steps[..steps] {
            match step.ask {
                Ask::Suspend => shape.state = "suspended",
                Ask::Resume => shape.state = "active",
                Ask::Revoke => shape.state = "revoked",
                Ask::Reissue => {
                    let heard = step.heard.as_ref().map(|(_, heard)| heard);
                    shape.license_key = heard.and_then(|heard| text(&heard["license_key"]));
                    shape.claim_code = heard.and_then(|heard| text(&heard["claim_code"]));
                }
                Ask::Activate(machine) => drop(shape.places.insert(machine, 1)),
                Ask::Renew(machine) => *shape.places.entry(machine).or_default() += 1,
                Ask::Release(machine) => drop(shape.places.remove(&machine)),
            }
        }
        shape
    }

    /// What a machine was answered last before a step: its certificate and the id of its activation.
    fn certificate(&self, machine: u8, before: usize) -> &Value {
        let of_machine = [Ask::Activate(machine), Ask::Renew(machine)];
        let last = self.steps[..before].iter().rfind(|step| of_machine.contains(&step.ask));
        &last.and_then(|step| step.heard.as_ref()).expect("activated and answered").1
    }

    /// Anything that the license allows now; `None` when it is time for another one.
    fn next_ask(&self, dice: &mut Dice) -> Option<Ask> {
        if self.steps.len() >= STEPS_MAX {
            return None;
        }
        let shape = self.shape(self.steps.len());
        match shape.state {
            "revoked" => return None,
            "suspended" => return Some(if dice.below(8) == 0 { Ask::Revoke } else { Ask::Resume }),
            _ => {}
        }
        let machine = u8::try_from(dice.below(usize::from(MACHINES))).expect("small");
        let held = shape.places.contains_key(&machine);
        Some(match dice.below(12) {
            0 => Ask::Suspend,
            1 => Ask::Revoke,
            2 => Ask::Reissue,
            3 if held => Ask::Release(machine),
            4 => return None,
            _ if held => Ask::Renew(machine),
            _ => Ask::Activate(machine),
        })
    }
}

/// One client with its licenses, the newest last.
pub struct Client {
    name: String,
    dice: Dice,
    merchant: Merchant,
    pub licenses: Vec<Remembered>,
}

impl Client {
    pub fn new(number: usize, dice: Dice, merchant: Merchant) -> Self {
        Self { name: format!("client-{number}"), dice, merchant, licenses: Vec::new() }
    }

    /// The server came back elsewhere.
    pub fn moves_to(&mut self, merchant: Merchant) {
        self.merchant = merchant;
    }

    /// Asks for the next thing, or again for what was not answered.
    pub fn step(&mut self) -> Result<(), Unanswered> {
        let unheard = self.licenses.last().is_some_and(|license| {
            license.issued.is_none() || license.steps.last().is_some_and(|step| step.heard.is_none())
        });
        if !unheard {
            self.plan();
        }
        let license = self.licenses.last_mut().expect("planned");
        let answer = match license.steps.len() {
            0 => issue(&self.merchant, license)?,
            steps => ask(&self.merchant, license, steps - 1)?,
        };
        let heard = Some((Instant::now(), answer));
        match license.steps.last_mut() {
            None => license.issued = heard,
            Some(step) => step.heard = heard,
        }
        Ok(())
    }

    fn plan(&mut self) {
        let number = self.licenses.len();
        let next = self.licenses.last().and_then(|license| license.next_ask(&mut self.dice));
        match (self.licenses.last_mut(), next) {
            (Some(license), Some(ask)) => {
                let identity = format!("{}-{}", license.label, license.steps.len());
                license.steps.push(Step { ask, identity, asked: Instant::now(), heard: None });
            }
            (_, None) | (None, _) => {
                self.licenses.push(Remembered::new(format!("{}-{number}", self.name)));
            }
        }
    }
}

fn issue(merchant: &Merchant, license: &Remembered) -> Result<Value, Unanswered> {
    let path = "/v1/merchant/licenses?reveal=true";
    send(merchant, path, &license.label, &license.issue_body())
}

/// Asks for one step of a license, for the first time or again.
fn ask(merchant: &Merchant, license: &Remembered, at: usize) -> Result<Value, Unanswered> {
    let step = &license.steps[at];
    let command = |name: &str, body: &Value| {
        let path = format!("/v1/merchant/licenses/{}/{name}?reveal=true", license.id());
        send(merchant, &path, &step.identity, body)
    };
    let with_certificate = |machine: u8, name: &str| {
        let last = license.certificate(machine, at);
        let path = format!("/v1/activations/{}/{name}", last["activation_id"].as_str().expect("an id"));
        let mut body = json!({ "certificate": last["certificate"] });
        if name == "renew" {
            body["nonce"] = json!(step.identity);
        }
        send(merchant, &path, "", &body)
    };
    match step.ask {
        Ask::Suspend => command("suspend", &json!({ "reason": "unpaid" })),
        Ask::Resume => command("resume", &json!({})),
        Ask::Revoke => command("revoke", &json!({})),
        Ask::Reissue => command("reissue", &json!({ "keep": "all" })),
        Ask::Renew(machine) => with_certificate(machine, "renew"),
        Ask::Release(machine) => with_certificate(machine, "release"),
        Ask::Activate(machine) => {
            let body = json!({
                "license_key": license.shape(at).license_key.expect("answered"),
                "name": format!("machine-{machine}"),
                "nonce": step.identity,
                "machine": { "fingerprint": format!("{}-{machine}", license.label) },
            });
            send(merchant, "/v1/activations", "", &body)
        }
    }
}

/// Sends with an idempotency key unless it is empty. Only 2xx is an answer, and only 503 is none.
fn send(merchant: &Merchant, path: &str, identity: &str, body: &Value) -> Result<Value, Unanswered> {
    let mut request = merchant.agent.post(format!("{}{path}", merchant.url));
    if !identity.is_empty() {
        request = request.header("Authorization", format!("Bearer {}", merchant.token));
        request = request.header("Idempotency-Key", identity);
    }
    let answer = request.send(body.to_string()).map_err(|_| Unanswered)?;
    let (status, mut answer) = (answer.status().as_u16(), answer);
    let text = answer.body_mut().read_to_string().map_err(|_| Unanswered)?;
    match status {
        200 | 201 => Ok(serde_json::from_str(&text).expect("JSON")),
        503 => Err(Unanswered),
        _ => panic!("{path} with {body}: {status} {text}"),
    }
}

/// How many answers all clients have heard, and who waits for more of them.
#[derive(Default)]
pub struct Heard {
    count: AtomicUsize,
    lock: Mutex<()>,
    more: Condvar,
}

impl Heard {
    pub fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    fn one_more(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        // Whoever has just looked at the count is waiting once this is let go of.
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner));
        self.more.notify_all();
    }

    /// Waits until so many answers were heard. Panics when that takes over a minute.
    pub fn wait_for(&self, count: usize) {
        let turn = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |(): &mut ()| self.count() < count;
        let waited = self.more.wait_timeout_while(turn, Duration::from_secs(60), waiting);
        let (_turn, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!timeout.timed_out(), "no {count} answers within a minute, but {}", self.count());
    }
}

/// All clients ask, each for one thing after the other, until told to stop or until nobody answers.
pub fn drive(clients: &mut [Client], stop: &AtomicBool, heard: &Heard) {
    std::thread::scope(|scope| {
        for client in clients {
            scope.spawn(move || {
                while !stop.load(Ordering::SeqCst) && client.step().is_ok() {
                    heard.one_more();
                }
            });
        }
    });
}

/// What is wrong with a store, found through its server.
#[derive(Debug, Default)]
pub struct Findings {
    /// Answered and not there.
    pub lost: Vec<String>,
    /// There twice, or as nobody has asked for.
    pub wrong: Vec<String>,
    /// Answers that were looked for.
    pub answers: usize,
}

impl Findings {
    #[track_caller]
    pub fn expect_none(&self) {
        assert!(self.lost.is_empty() && self.wrong.is_empty(), "{self:#?}");
    }
}

/// Compares what a server shows with what the clients have heard at that moment. Then sends every issue and every
/// last step that was answered again: nothing new may come of it.
pub fn findings(merchant: &Merchant, clients: &[Client], moment: Moment) -> Findings {
    let mut labelled: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for license in merchant.licenses() {
        let text = |name: &str| license[name].as_str().expect("text").to_owned();
        labelled.entry(text("label")).or_default().push(text("id"));
    }
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Findings::default());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let merchant = Merchant { agent: super::agent(), ..merchant.clone() };
                while let Some(client) = clients.get(next.fetch_add(1, Ordering::SeqCst)) {
                    for license in &client.licenses {
                        let stored = labelled.get(&license.label).map_or(&[][..], Vec::as_slice);
                        look_at(&merchant, license, stored, moment, &found);
                    }
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    let known = clients.iter().flat_map(|client| &client.licenses);
    let asked = known.filter(|license| license.asked < moment.after).count();
    let stored = merchant.licenses().len();
    if stored != asked {
        found.wrong.push(format!("{stored} licenses after {asked} were asked for, each at least once"));
    }
    found
}

fn look_at(
    merchant: &Merchant,
    license: &Remembered,
    stored: &[String],
    moment: Moment,
    found: &Mutex<Findings>,
) {
    let (mut lost, mut wrong) = (Vec::new(), Vec::new());
    let heard =
        |answer: &Option<(Instant, Value)>| answer.as_ref().is_some_and(|(at, _)| *at <= moment.before);
    if license.asked >= moment.after {
        if !stored.is_empty() {
            wrong.push(format!("{} is there before it was asked for", license.label));
        }
    } else {
        match stored {
            [] if heard(&license.issued) => lost.push(format!("{} was issued", license.label)),
            [] => {}
            [id] => {
                let answered = license.steps.iter().filter(|step| heard(&step.heard)).count();
                let asked = license.steps.iter().filter(|step| step.asked < moment.after).count();
                look_at_shape(merchant, license, id, answered..=asked, &mut lost, &mut wrong);
            }
            _ => wrong.push(format!("{} is there {} times", license.label, stored.len())),
        }
        if lost.is_empty() {
            match issue(merchant, license) {
                Ok(again) if stored.first().is_some_and(|id| again["id"] != id.as_str()) => {
                    wrong.push(format!("{} asked for again is another license: {again}", license.label));
                }
                Ok(_) => {}
                Err(Unanswered) => lost.push(format!("{}: no answer when asked for again", license.label)),
            }
        }
    }
    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
    found.answers += license.answers(moment.before);
    found.lost.append(&mut lost);
    found.wrong.append(&mut wrong);
}

fn look_at_shape(
    merchant: &Merchant,
    license: &Remembered,
    id: &str,
    steps: std::ops::RangeInclusive<usize>,
    lost: &mut Vec<String>,
    wrong: &mut Vec<String>,
) {
    let shown = merchant.reveal(id);
    let fitting = |steps: &usize| fits(&shown, &license.shape(*steps));
    let Some(now) = steps.clone().rev().find(fitting) else {
        let earlier = (0..*steps.start()).rev().find(fitting);
        let words = format!("{} after step {} of {:?}: {shown}", license.label, steps.start(), license.steps);
        if earlier.is_some() {
            lost.push(words)
        } else {
            wrong.push(words)
        }
        return;
    };
    // The last step that was answered, once more: answered alike, and nothing is made of it.
    let Some(last) = now.checked_sub(1).filter(|_| now == *steps.start()) else { return };
    let step = &license.steps[last];
    let of_machine = matches!(step.ask, Ask::Activate(_) | Ask::Renew(_));
    let before = step.heard.as_ref().map(|(_, heard)| &heard["certificate"]);
    match ask(merchant, license, last) {
        Ok(again) if of_machine && Some(&again["certificate"]) != before => {
            wrong.push(format!("{} is answered anew for the same nonce: {again}", license.label));
        }
        Ok(_) => {}
        Err(Unanswered) => lost.push(format!("{} is not answered again", step.identity)),
    }
    let shown = merchant.reveal(id);
    if !fits(&shown, &license.shape(now)) {
        wrong.push(format!("{} changed when {} was sent again: {shown}", license.label, step.identity));
    }
}

fn fits(shown: &Value, shape: &Shape) -> bool {
    let same = |known: &Option<String>, shown: &Value| known.as_deref().is_none_or(|text| shown == text);
    let held: BTreeMap<u8, u64> = shown["activations"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|activation| activation["state"] == "held")
        .map(|activation| {
            let name = activation["name"].as_str().expect("named");
            let machine = name.strip_prefix("machine-").and_then(|number| number.parse().ok());
            (machine.expect("a machine"), activation["generation"].as_u64().expect("a number"))
        })
        .collect();
    shown["state"] == shape.state
        && same(&shape.license_key, &shown["license_key"])
        && same(&shape.claim_code, &shown["claim_code"])
        && held == shape.places
}
