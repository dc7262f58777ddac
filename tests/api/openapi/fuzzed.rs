//! schemathesis reads the served document and calls the served program: with what fits, and with what does not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::described::Seen;
use super::file;
use crate::process::{Server, Site, prove_count, start_sandbox};
use crate::support::api::Api;

/// Cases in `./scripts/test`: about one per operation. `./scripts/prove openapi` has more.
const CASES: usize = 60;
/// From how many on the phase is worth its time that goes through every bound and every member of the document.
const COVERAGE_CASES_MIN: usize = 3_000;
/// Where a run that failed stands, so that it can be repeated.
const SEED: &str = "20261130";

/// What a run has seen.
pub struct Run {
    pub seen: Seen,
    pub cases: usize,
}

/// Run once for all tests.
pub fn run() -> &'static Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(|| fuzzed(prove_count(CASES)))
}

fn fuzzed(cases: usize) -> Run {
    let sandbox = start_sandbox();
    let site = Site::new(&sandbox.base_url());
    // The cases are many, and some of them without a token that is believed.
    let launch = site.launch_here().env("LICTOR_API_REQUESTS_PER_MINUTE", "0");
    let server = Server::start(launch.env("LICTOR_REFUSED_TOKENS_PER_MINUTE", "0"));
    let seeded = Seeded::on(&server, &site.folder.path().join("data/operator-token"));
    let calls = site.folder.path().join("calls");
    let mut run = Run { seen: Seen::new(), cases: 0 };
    let mut round = 0;
    while run.cases < cases {
        let per_operation = (cases - run.cases).div_ceil(70).clamp(1, 100);
        let seed = format!("{SEED}{round}");
        // A store that stands still for a move answers 503, which is right and would hide what is not.
        seeded.schemathesis(
            &server,
            &calls,
            &seed,
            per_operation,
            &["--exclude-path-regex", "^/v1/server/move"],
        );
        seeded.schemathesis(
            &server,
            &calls,
            &seed,
            per_operation,
            &["--include-path-regex", "^/v1/server/move"],
        );
        run = read(&calls);
        round += 1;
    }
    run.seen.extend(seeded.leave(&server));
    assert!(!server.said().contains("panicked"), "{}", server.said());
    server.kill();
    run
}

fn read(calls: &Path) -> Run {
    let text = std::fs::read_to_string(calls).expect("calls were made");
    let pairs = text.lines().map(|line| line.split_once(' ').expect("an operation and a status"));
    let seen = pairs.map(|(operation, status)| (operation.to_owned(), status.parse().expect("a status")));
    Run { seen: seen.collect(), cases: text.lines().count() }
}

/// The server's operator, and what there is of `acme`.
struct Seeded {
    token: String,
    token_id: String,
    there: BTreeMap<String, Vec<String>>,
}

impl Seeded {
    fn on(server: &Server, operator: &Path) -> Self {
        let token = std::fs::read_to_string(operator).expect("the first start writes it").trim().to_owned();
        let bearer = Api::new(server.url()).with("Authorization", &format!("Bearer {token}"));
        let token_id = bearer.get("/v1/merchant/api-tokens").expect(200).text_at("/items/0/id");
        let acme = bearer.with("Lictor-Merchant", "acme");
        let mut there: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (number, spec) in ["cad-month", "cad-year", "cad-year"].into_iter().enumerate() {
            let order =
                json!({ "product": "acme-cad", "spec": spec, "customer": format!("customer-{number}") });
            let license = acme.post("/v1/merchant/licenses?reveal=true", &order).expect(201);
            there.entry("lic".into()).or_default().push(license.text_at("/id"));
            there.entry("key".into()).or_default().push(license.text_at("/license_key"));
            let machine = crate::support::people::activate(
                &Api::new(server.url()),
                &license.text_at("/license_key"),
                u8::try_from(number).expect("a few"),
                "first",
            );
            there.entry("act".into()).or_default().push(machine.expect(201).text_at("/activation_id"));
        }
        let tokens = acme.get("/v1/merchant/api-tokens").expect(200);
        there.insert("tok".into(), vec![tokens.text_at("/items/0/id")]);
        Self { token, token_id, there }
    }

    /// The end of a move: the server lets go of its records, and that is its end.
    fn leave(&self, server: &Server) -> Seen {
        let operator = Api::new(server.url()).with("Authorization", &format!("Bearer {}", self.token));
        operator
            .post(
                "/v1/server/move/pause",
                &json!({ "move": "0000000000000000000000000000001e", "hold_secs": 60 }),
            )
            .expect(200);
        let left = operator.post(
            "/v1/server/move/leave",
            &json!({ "move": "0000000000000000000000000000001e", "to": "elsewhere" }),
        );
        [("moving_leave".to_owned(), left.expect(200).status)].into()
    }

    fn schemathesis(&self, server: &Server, calls: &Path, seed: &str, per_operation: usize, only: &[&str]) {
        let is_long = prove_count(CASES) >= COVERAGE_CASES_MIN;
        let phases = if is_long { "examples,coverage,fuzzing,stateful" } else { "fuzzing" };
        let folder = file("tests/api/openapi");
        let mut command = Command::new(installed());
        command
            .arg("--config-file")
            .arg(folder.join("schemathesis.toml"))
            .args(["run", &format!("{}/openapi.json", server.url())])
            .args([
                "--phases",
                phases,
                "--checks",
                "all",
                "--seed",
                seed,
                "--max-examples",
                &per_operation.to_string(),
            ])
            .args([
                "--continue-on-failure",
                "--generation-database",
                "none",
                "--no-color",
                "--warnings",
                "off",
            ])
            .args(["--header", &format!("Authorization:Bearer {}", self.token)])
            .args(["--header", "Lictor-Merchant:acme"])
            .args(only)
            .env("SCHEMATHESIS_HOOKS", "schemathesis_hooks")
            .env("PYTHONPATH", &folder)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("LICTOR_THERE", json!(self.there).to_string())
            .env("LICTOR_OWN_TOKEN_ID", &self.token_id)
            .env("LICTOR_CALLS_FILE", calls)
            .current_dir(calls.parent().expect("the site's folder"));
        let done = command.output().expect("schemathesis starts");
        let (said, failed) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success(), "seed {seed}\n{said}\n{failed}\nthe server's log:\n{}", server.said());
    }
}

fn installed() -> PathBuf {
    let program = file("target/interop/venv/bin/schemathesis");
    assert!(program.exists(), "{} is missing: ./scripts/test installs it", program.display());
    program
}

#[test]
fn no_case_that_schemathesis_thinks_of_is_answered_otherwise_than_described() {
    let run = run();
    println!("{} cases", run.cases);
    assert!(run.cases >= prove_count(CASES));
}

/// Answers that take a story too long to be told twice, and the test that meets them.
const ELSEWHERE: &[(&str, u16, &str)] = &[
    ("activations_delete", 409, "the handler of activations_release, which a story meets with POST"),
    ("usage_record", 200, "tests/lives/usage_push: Ground::record"),
    ("activations_delete", 403, "tests/customer_life: a device key that is not the activation's"),
    ("activations_release", 403, "tests/customer_life: a device key that is not the activation's"),
    (
        "keys_retire",
        202,
        "rotation::a_certificate_behind_a_thousand_machines_that_came_and_went_keeps_its_key",
    ),
];

/// What nothing but a fault of the machine brings about stands as `default` in the document, without a number.
#[test]
fn every_documented_status_was_answered_by_some_operation() {
    let harness = crate::support::Harness::start();
    let documented = super::described::Described::by(&harness).statuses();
    let mut seen = super::table::seen().clone();
    seen.extend(run().seen.clone());
    seen.extend(super::walk::seen().clone());
    seen.extend(ELSEWHERE.iter().map(|(operation, status, _told_by)| ((*operation).to_owned(), *status)));
    seen.extend(super::everywhere::seen().clone());
    let never: Vec<Value> = documented.difference(&seen).map(|pair| json!(pair)).collect();
    assert!(never.is_empty(), "documented and never answered: {never:#?}");
}
