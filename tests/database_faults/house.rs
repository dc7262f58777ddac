//! A server over a database, and what its callers are owed while the database is not what it should be.

use std::process::Command;
use std::time::{Duration, Instant};

use lictor::sandbox::orders::{Basket, Billing, MockOrder, OrderReason, Period};
use lictor::sandbox::{Sandbox, Storefront};
use serde_json::{Value, json};

use crate::process::{ISSUER, Merchant, Server, Site, read, start_sandbox, wait_until};

/// What every request is answered within, as it is set here; 10 s unless somebody says otherwise.
const REQUEST_SECS: u64 = 5;
/// A call of the marketplace, which gives up after five.
const CALL_TIME: Duration = Duration::from_secs(5);
/// Room for two processors that have much else to do.
const SLACK: Duration = Duration::from_secs(3);

pub struct House {
    site: Site,
    sandbox: Sandbox,
    server: Server,
}

/// What is asked for while the database is away.
pub struct Asked {
    label: String,
    order: MockOrder,
}

/// What still works meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    Answered,
    Refused,
}

impl House {
    pub fn on(database: &str) -> Self {
        let sandbox = start_sandbox();
        let site = Site::new(&sandbox.base_url());
        for words in [&["init"][..], &["keys", "create", "acme", "--issuer", ISSUER]] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_lictor"));
            command.args(words).env("LICTOR_STORE", database);
            let folder = site.folder.path();
            command.env("LICTOR_DATA_DIR", folder.join("data")).env("LICTOR_KEYS_DIR", folder.join("keys"));
            let done = command.output().expect("the binary starts");
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        }
        let launch = site.launch(&site.folder.path().join("replica")).port(site.port);
        let launch = launch.env("LICTOR_STORE", database).env("LICTOR_PUBLIC_URL", &site.url());
        let launch = launch.env("LICTOR_REQUEST_TIMEOUT_SECS", &REQUEST_SECS.to_string());
        let server = Server::start(launch);
        let house = Self { site, sandbox, server };
        house.issue("before").expect("the database is there");
        house
    }

    fn merchant(&self) -> Merchant {
        self.site.merchant()
    }

    fn storefront(&self) -> Storefront {
        self.site.storefront(&self.sandbox)
    }

    /// Asks with an idempotency key; the status and the answer, or the status of a refusal that says when to come again.
    fn issue(&self, label: &str) -> Result<Value, u16> {
        let merchant = self.merchant();
        let body = json!({ "product": "acme-cad", "spec": "cad-year", "label": label });
        let request = merchant.agent.post(format!("{}/v1/merchant/licenses", merchant.url));
        let request = request.header("Authorization", format!("Bearer {}", merchant.token));
        let answer = request.header("Idempotency-Key", label).send(body.to_string()).expect("answered");
        let again = answer.headers().get("retry-after").cloned();
        let (status, told) = read(answer);
        match status {
            200 | 201 => Ok(told),
            503 => {
                assert!(again.is_some(), "a refusal that passes says when to come again: {told}");
                assert!(told["code"] == "unavailable" || told["code"] == "outcome_unknown", "{told}");
                Err(status)
            }
            _ => panic!("{status} {told}"),
        }
    }

    /// One after the other until one is refused.
    pub fn issues_until_refused(&self) {
        let refused = (0..2_000).any(|number| self.issue(&format!("filling {number}")).is_err());
        assert!(refused, "there is no end of room");
    }

    /// Everybody asks while the database is away: each is answered in time, none is told that it was done which was not.
    pub fn asks_while_it_is_away(&self, what: &str, reads: Reads) -> Asked {
        let label = format!("while {what}");
        let storefront = self.storefront();
        let basket = Basket::of("CAD-MONTH", Billing::Period(Period::Months(1)));
        let order = storefront.place(OrderReason::New, basket).expect("the sandbox takes orders");
        let in_time = |name: &str, bound: Duration, began: Instant| {
            let took = began.elapsed();
            assert!(took < bound + SLACK, "{what}: {name} took {took:?}");
        };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let began = Instant::now();
                assert_eq!(self.issue(&label), Err(503), "{what}");
                in_time("a license", Duration::from_secs(REQUEST_SECS), began);
            });
            scope.spawn(|| {
                let began = Instant::now();
                let answer = storefront.deliver(&order).expect("answered");
                let is_done = answer.status == 200 && matches!(answer.result_code(), "000000" | "000004");
                assert!(!is_done, "{what}: {} {}", answer.status, answer.result_code());
                in_time("a call of the marketplace", CALL_TIME, began);
            });
            scope.spawn(|| {
                let began = Instant::now();
                let (status, told) = self.merchant().get("/v1/merchant/licenses");
                let expected = if reads == Reads::Answered { 200 } else { 503 };
                assert_eq!(status, expected, "{what}: {told}");
                in_time("a list", Duration::from_secs(REQUEST_SECS), began);
                let began = Instant::now();
                let (status, told) = self.merchant().get("/readyz");
                assert_eq!(status, expected, "{what}: {told}");
                in_time("readiness", Duration::from_secs(2), began);
            });
            // What needs no database is answered at once.
            for path in ["/healthz", "/v1/keysets/acme/jwks.json", "/metrics"] {
                let began = Instant::now();
                assert_eq!(self.merchant().get(path).0, 200, "{what}: {path}");
                in_time(path, Duration::from_secs(1), began);
            }
        });
        Asked { label, order }
    }

    /// The database is back: the server finds it by itself, and what was asked for is done once when it is asked again.
    pub fn goes_on(&mut self, asked: &Asked) {
        let merchant = self.merchant();
        let began = Instant::now();
        wait_until("it is ready again", || matches!(merchant.try_get("/readyz"), Ok((200, _))));
        println!("{}: ready again after {:?}", asked.label, began.elapsed());
        let issued = self.until_answered(&asked.label);
        assert_eq!(self.until_answered(&asked.label)["id"], issued["id"]);
        let storefront = self.storefront();
        let mut instance = String::new();
        wait_until("the order is minted", || {
            let answer = storefront.deliver(&asked.order).expect("answered");
            instance = answer.instance_id().to_owned();
            answer.result_code() == "000000"
        });
        let licenses = merchant.licenses();
        let of = |name: &str, value: &str| licenses.iter().filter(|license| license[name] == value).count();
        assert_eq!((of("label", &asked.label), of("label", "before")), (1, 1));
        assert_eq!(of("order_id", &asked.order.order_id), 1);
        assert_eq!(of("instance_id", &instance), 1);
        assert!(self.server.has_ended().is_none(), "it never ended: {}", self.server.said());
    }

    /// A connection that broke meanwhile may be met once more.
    fn until_answered(&self, label: &str) -> Value {
        let mut told = None;
        wait_until("it is answered", || {
            told = self.issue(label).ok();
            told.is_some()
        });
        told.expect("answered")
    }
}
