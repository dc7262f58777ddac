//! A standby that no commit waits for is behind when the primary is lost: what it had not is lost, nothing else is, and
//! nothing that was given out in the lost time is given out again.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lictor::sandbox::Storefront;
use lictor::sandbox::orders::MockOrder;
use serde_json::{Value, json};

use super::postgres::Cluster;
use super::process::start_sandbox;
use super::site::Replicas;
use super::{deliver, place, revoke};

/// An entry of a status list.
type Entry = (String, u64);

/// What the test knows of the service, as its clients do.
struct Known<'a> {
    replicas: &'a Replicas,
    storefronts: Vec<Storefront>,
}

impl Known<'_> {
    fn post(&self, replica: usize, path: &str, body: &Value) -> (u16, Value) {
        let merchant = self.replicas.merchant(replica);
        self.replicas.ask(|| merchant.try_post(path, body).ok().filter(|(status, _)| *status != 503))
    }

    fn get(&self, replica: usize, path: &str) -> (u16, Value) {
        let merchant = self.replicas.merchant(replica);
        self.replicas.ask(|| merchant.try_get(path).ok().filter(|(status, _)| *status != 503))
    }

    /// Each license with its key.
    fn licenses(&self, replica: usize) -> Vec<Value> {
        let (status, page) = self.get(replica, "/v1/merchant/licenses?limit=200");
        assert_eq!(status, 200, "{page}");
        let id = |license: &Value| license["id"].as_str().expect("one").to_owned();
        let shown = |id: String| self.get(replica, &format!("/v1/merchant/licenses/{id}?reveal=true")).1;
        page["items"].as_array().expect("a list").iter().map(id).map(shown).collect()
    }

    fn buy(&self, replica: usize, orders: &[MockOrder]) {
        for order in orders {
            self.replicas.ask(|| {
                let answer = deliver(self.replicas, &self.storefronts, replica, order);
                (answer.0 == "000000").then_some(())
            });
        }
    }

    fn issue(&self, replica: usize) -> Value {
        let order = json!({ "product": "acme-cad", "spec": "cad-month", "quantity": 1 });
        let (status, license) = self.post(replica, "/v1/merchant/licenses", &order);
        assert_eq!(status, 201, "{license}");
        let id = license["id"].as_str().expect("one");
        self.get(replica, &format!("/v1/merchant/licenses/{id}?reveal=true")).1
    }

    fn activate(&self, replica: usize, license: &Value, machine: u8) -> Value {
        let components = |name: u8| URL_SAFE_NO_PAD.encode([[machine; 8], [name; 8]].concat());
        let components = json!({ "os": components(1), "fw": components(2), "brd": components(3) });
        let body = json!({
            "license_key": license["license_key"],
            "machine": { "components": components },
            "name": format!("machine {machine}"),
            "nonce": format!("first of {machine}"),
        });
        let (status, activated) = self.post(replica, "/v1/activations", &body);
        assert_eq!(status, 201, "{activated}");
        activated
    }

    fn renew(&self, replica: usize, activated: &Value, nonce: &str) -> (u16, Value) {
        let id = activated["activation_id"].as_str().expect("one");
        let body = json!({ "certificate": activated["certificate"], "nonce": nonce });
        self.post(replica, &format!("/v1/activations/{id}/renew"), &body)
    }

    /// The number of the published list; it only grows.
    fn seq(&self, replica: usize, uri: &str) -> u64 {
        let path = uri.find("/v1/").map(|at| &uri[at..]).expect("an address");
        let (_, token) = self.get(replica, path);
        let claims = claims(token.as_str().expect("a token"));
        claims["lic"]["seq"].as_u64().expect("a number")
    }
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON")
}

fn entry(token: &Value) -> Entry {
    let claims = claims(token.as_str().expect("a token"));
    let status = &claims["status"]["status_list"];
    (status["uri"].as_str().expect("one").to_owned(), status["idx"].as_u64().expect("one"))
}

fn ids(licenses: &[Value]) -> BTreeSet<String> {
    licenses.iter().map(|license| license["id"].as_str().expect("one").to_owned()).collect()
}

fn newest_revision(licenses: &[Value]) -> u64 {
    licenses.iter().filter_map(|license| license["revision"].as_u64()).max().expect("some")
}

#[test]
fn a_standby_that_was_behind_loses_what_it_had_not_and_nothing_is_given_out_twice() {
    let primary = Cluster::start(&[]);
    let database = primary.database().name;
    let standby = primary.follower();
    let sandbox = start_sandbox();
    let replicas = Replicas::new(&sandbox.base_url(), &primary.url_with(&standby, &database), 3);
    let storefronts: Vec<_> = (0..3).map(|number| replicas.storefront(&sandbox, number)).collect();
    let orders = place(&storefronts[0], 8);
    let (kept, lost) = orders.split_at(5);
    let known = Known { replicas: &replicas, storefronts };

    known.buy(0, kept);
    let revoked = revoke(&replicas, 1, &kept[0].order_id);
    let by_hand = known.issue(0);
    let machine = known.activate(0, &by_hand, 1);
    let before = known.licenses(0);
    primary.hold_back(&standby);

    // Answered by the primary alone. The second replica takes a new block of entries now.
    replicas.kill_and_start(1);
    replicas.kill(2);
    let lost_licenses: Vec<Value> = (0..3).map(|_| known.issue(1)).collect();
    known.buy(1, lost);
    let revoked_in_vain = revoke(&replicas, 1, &kept[1].order_id);
    let (status, renewed) = known.renew(0, &machine, "second");
    assert_eq!(status, 200, "{renewed}");
    let lost_machine = known.activate(0, &by_hand, 2);
    let during = known.licenses(1);
    assert_eq!(during.len(), before.len() + lost.len() + lost_licenses.len());
    let lost_entries: BTreeSet<Entry> = during
        .iter()
        .filter(|license| !ids(&before).contains(license["id"].as_str().expect("one")))
        .map(|license| entry(&license["license_key"]))
        .chain([entry(&lost_machine["certificate"])])
        .collect();
    let list = entry(&by_hand["license_key"]).0;
    let seq = known.seq(0, &list);

    primary.kill();
    standby.promote();

    let after = known.licenses(0);
    assert_eq!(ids(&after), ids(&before), "what the standby had, and nothing else");
    let state = |licenses: &[Value], id: &str| {
        licenses.iter().find(|license| license["id"] == id).map(|license| license["state"].clone())
    };
    assert_eq!(state(&after, &revoked), Some(json!("revoked")));
    assert_eq!(state(&after, &revoked_in_vain), Some(json!("active")), "that is what is lost");
    for lost in &lost_licenses {
        let id = lost["id"].as_str().expect("one");
        assert_eq!(known.get(0, &format!("/v1/merchant/licenses/{id}")).0, 404);
    }

    // So does the third after the promotion.
    replicas.start(2);
    // The marketplace tells again of what it heard nothing of; the merchant does again what was lost.
    for replica in 0..3 {
        known.buy(replica, lost);
        known.buy(replica, kept);
    }
    let again: Vec<Value> = (0..3).map(|replica| known.issue(2 - replica)).collect();
    let path = format!("/v1/merchant/licenses/{revoked_in_vain}/revoke");
    assert_eq!(known.post(2, &path, &json!({ "reason": "again" })).0, 200);
    let machines: Vec<Value> =
        again.iter().enumerate().map(|(replica, license)| known.activate(replica, license, 3)).collect();
    let all = known.licenses(1);
    assert_eq!(all.len(), kept.len() + 1 + lost.len() + again.len(), "each order once");
    let order_ids: Vec<_> = all.iter().filter_map(|license| license["order_id"].as_str()).collect();
    assert_eq!(order_ids.len(), order_ids.iter().collect::<BTreeSet<_>>().len());
    assert_eq!(state(&all, &revoked_in_vain), Some(json!("revoked")));

    let given: Vec<Entry> = all
        .iter()
        .map(|license| entry(&license["license_key"]))
        .chain(machines.iter().map(|machine| entry(&machine["certificate"])))
        .collect();
    assert_eq!(given.len(), given.iter().collect::<BTreeSet<_>>().len(), "an entry is one token's");
    let twice: Vec<_> = given.iter().filter(|entry| lost_entries.contains(entry)).collect();
    assert!(twice.is_empty(), "given out in the lost time and again: {twice:?}");
    let changed: Vec<Value> = all.into_iter().filter(|license| !after.contains(license)).collect();
    let oldest = changed.iter().filter_map(|license| license["revision"].as_u64()).min();
    assert!(oldest > Some(newest_revision(&during)), "no revision of the lost time comes again");
    assert!(known.seq(2, &list) > seq, "no list goes back");

    // Certificates of the lost time: one of an activation that is known, one of an activation that is not.
    let (status, next) = known.renew(2, &renewed, "third");
    assert_eq!(status, 200, "no copy is suspected: {next}");
    let (status, next) = known.renew(1, &lost_machine, "second");
    assert!([200, 201].contains(&status), "it gets its place again: {next}");
    assert!(!lost_entries.contains(&entry(&next["certificate"])));
    let told = replicas.said().matches("a standby of the database was promoted").count();
    assert_eq!(told, 1, "one of the replicas continues the store, once");
}
