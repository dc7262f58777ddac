//! The audit log over real HTTP: what was sealed cannot be changed without a trace, and every change is told.

mod command;
mod lines;
mod sealer;
mod store;
pub mod told;

use license_token::KeySet;
use lictor::cli::api::Api as Client;
use lictor::cli::audit_lines;
use lictor::cli::audit_verifier::{Report, Verifier};
use lictor::domain::Scope;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::support::Harness;

/// Seals everything that waits.
fn seal(harness: &Harness) -> usize {
    let mut sealed = 0;
    loop {
        let round = harness.block_on(harness.app.seal_events()).expect("events can be sealed");
        sealed += round.sealed;
        if !round.has_more {
            return sealed;
        }
    }
}

/// Issues so many licenses, suspends and resumes some: events of several kinds, sealed in blocks of several lengths.
fn busy(harness: &Harness, licenses: usize) -> Vec<String> {
    let merchant = harness.merchant();
    let mut issued = Vec::new();
    for number in 0..licenses {
        let order =
            json!({ "product": "acme-cad", "spec": "cad-year", "label": format!("座位 \"{number}\" \\") });
        let id = merchant.post("/v1/merchant/licenses", &order).expect(201).text_at("/id");
        if number % 3 == 0 {
            for verb in ["suspend", "resume"] {
                let path = format!("/v1/merchant/licenses/{id}/{verb}");
                merchant.post(&path, &json!({ "reason": "looked at" })).expect(200);
            }
        }
        issued.push(id);
        if number % 4 == 3 {
            seal(harness);
        }
    }
    seal(harness);
    issued
}

/// The client of the commands.
fn client(harness: &Harness) -> Client {
    let token = SecretString::from(harness.token(&[Scope::Admin]));
    // The token itself was told of.
    seal(harness);
    Client::new(&harness.url, Some(token), None)
}

fn keys(harness: &Harness) -> KeySet {
    let jwks = harness.anonymous().get("/v1/keysets/acme/jwks.json").expect(200);
    KeySet::parse(jwks.text.as_bytes()).expect("a key set")
}

/// What `lictor audit export` writes.
fn exported(client: &Client) -> Vec<Value> {
    let mut lines = Vec::new();
    let kept = audit_lines::of_server(client, true, &mut |line| {
        lines.push(line.clone());
        Ok(())
    });
    kept.expect("the server answers");
    lines
}

fn verified(keys: &KeySet, lines: &[Value], kept: &[&str]) -> Report {
    let mut verifier = Verifier::new(keys);
    for head in kept {
        verifier.keep(head).expect("a genuine head");
    }
    lines.iter().for_each(|line| verifier.line(line));
    verifier.finish()
}

/// The codes and places of what was found.
fn found(report: &Report) -> Vec<(&'static str, Option<u64>)> {
    report.findings.iter().map(|finding| (finding.code, finding.seq)).collect()
}
