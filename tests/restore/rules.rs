//! What single holders meet at a restored server.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::client::Client;
use super::load::{Sold, back_up, restored, sell, service};
use super::support::Harness;
use super::support::api::Answer;
use super::support::people::{activate, command, machine};
use super::witness::{Witness, claims};

/// A service with one sold license, and what happens to it.
struct Story {
    harness: Harness,
    sold: Sold,
    witness: Witness,
}

impl Story {
    fn begin(spec: &str) -> Self {
        let (harness, witness) = (service(), Witness::default());
        let sold = sell(&harness, spec, &witness);
        Self { harness, sold, witness }
    }

    fn back_up(&self) -> PathBuf {
        let backup = back_up(&self.harness, "backup");
        self.harness.world.clock.advance(Duration::from_secs(60));
        backup
    }

    fn restore(self, backup: &std::path::Path) -> Self {
        self.harness.world.clock.advance(Duration::from_secs(60));
        let (harness, _) = restored(self.harness, backup);
        Self { harness, ..self }
    }

    fn activate(&self, number: u8, nonce: &str) -> Answer {
        activate(&self.harness.anonymous(), &self.sold.license_key, number, nonce)
    }

    fn renew(&self, certificate: &str, number: u8, nonce: &str) -> Answer {
        let request = json!({ "certificate": certificate, "machine": machine(number), "nonce": nonce });
        self.harness.anonymous().post(&format!("/v1/activations/{}/renew", act(certificate)), &request)
    }

    fn release(&self, certificate: &str) -> Answer {
        let path = format!("/v1/activations/{}/release", act(certificate));
        self.harness.anonymous().post(&path, &json!({ "certificate": certificate }))
    }
}

fn act(certificate: &str) -> String {
    claims(certificate)["lic"]["act"].as_str().expect("a certificate names its activation").to_owned()
}

fn generation(certificate: &str) -> i64 {
    claims(certificate)["lic"]["gen"].as_i64().expect("a certificate has a generation")
}

fn certificate(answer: &Answer) -> String {
    answer.text_at("/certificate")
}

#[test]
fn a_renewal_of_the_lost_time_is_followed_by_a_far_higher_one_and_then_copies_are_found_again() {
    let story = Story::begin("one-seat");
    let first = certificate(&story.activate(1, "a").expect(201));
    let backup = story.back_up();
    let second = certificate(&story.renew(&first, 1, "b").expect(200));
    let third = certificate(&story.renew(&second, 1, "c").expect(200));
    let story = story.restore(&backup);
    let next = certificate(&story.renew(&third, 1, "d").expect(200));
    assert!(generation(&next) > generation(&third) + (1 << 20), "{}", generation(&next));
    assert_eq!(act(&next), act(&third));
    // The answer was lost on the way: the same one again.
    assert_eq!(certificate(&story.renew(&third, 1, "d").expect(200)), next);
    for (copy, nonce) in [(&third, "e"), (&second, "d"), (&first, "a")] {
        story.renew(copy, 1, nonce).expect_problem(409, "clone_suspected");
    }
    let then = certificate(&story.renew(&next, 1, "f").expect(200));
    assert_eq!(generation(&then), generation(&next) + 1);
}

#[test]
fn whoever_shows_no_certificate_gets_one_above_every_one_of_the_lost_time_too() {
    let story = Story::begin("one-seat");
    let first = certificate(&story.activate(1, "a").expect(201));
    let backup = story.back_up();
    let mut last = first;
    for number in 0..50 {
        last = certificate(&story.renew(&last, 1, &format!("n{number}")).expect(200));
    }
    let story = story.restore(&backup);
    // The nonce of the stored certificate: what is stored is older than what the machine may have.
    let again = certificate(&story.activate(1, "a").expect(200));
    assert!(generation(&again) > generation(&last), "{}", generation(&again));
    let mut then = certificate(&story.activate(1, "b").expect(200));
    for number in 0..50 {
        then = certificate(&story.renew(&then, 1, &format!("m{number}")).expect(200));
    }
    let story = story.restore(&backup);
    let again = certificate(&story.activate(1, "a").expect(200));
    assert!(generation(&again) > generation(&then), "also after the second restore of one backup");
}

#[test]
fn a_place_that_moved_in_the_lost_time_moves_again_and_the_limit_holds() {
    let story = Story::begin("one-seat");
    let first = certificate(&story.activate(1, "a").expect(201));
    let backup = story.back_up();
    story.release(&first).expect(200);
    let moved = certificate(&story.activate(2, "b").expect(201));
    let story = story.restore(&backup);
    // The backup says that machine 1 has the only place. Machine 2 proves that it had been given up.
    let again = certificate(&story.renew(&moved, 2, "c").expect(200));
    assert_ne!(act(&again), act(&moved));
    assert_eq!(certificate(&story.renew(&moved, 2, "c").expect(200)), again, "asked again, answered again");
    story.renew(&first, 1, "d").expect_problem(409, "illegal_state");
    story.activate(1, "e").expect_problem(409, "machine_limit_reached");
}

#[test]
fn of_two_who_both_prove_the_place_the_first_has_it() {
    let story = Story::begin("one-seat");
    let first = certificate(&story.activate(1, "a").expect(201));
    let backup = story.back_up();
    story.release(&first).expect(200);
    let moved = certificate(&story.activate(2, "b").expect(201));
    let story = story.restore(&backup);
    story.renew(&first, 1, "c").expect(200);
    story.renew(&moved, 2, "d").expect_problem(409, "machine_limit_reached");
}

#[test]
fn a_certificate_of_the_lost_time_moves_to_no_other_machine() {
    let story = Story::begin("one-seat");
    let backup = story.back_up();
    let lost = certificate(&story.activate(1, "a").expect(201));
    let story = story.restore(&backup);
    story.renew(&lost, 2, "b").expect_problem(403, "machine_mismatch");
    let again = certificate(&story.renew(&lost, 1, "c").expect(200));
    assert_ne!(act(&again), act(&lost));
}

#[test]
fn giving_back_a_place_that_a_restore_has_lost_is_no_mistake() {
    let story = Story::begin("one-seat");
    let backup = story.back_up();
    let lost = certificate(&story.activate(1, "a").expect(201));
    let story = story.restore(&backup);
    story.release(&lost).expect(200);
    story.activate(2, "b").expect(201);
}

#[test]
fn a_license_key_of_the_lost_time_activates_until_there_is_a_newer_one() {
    let story = Story::begin("three-seats");
    let why = json!({ "reason": "other" });
    let backup = story.back_up();
    command(&story.harness, &story.sold.id, "reissue", &why).expect(200);
    let shown = |story: &Story| -> String {
        let path = format!("/v1/merchant/licenses/{}?reveal=true", story.sold.id);
        story.harness.merchant().get(&path).expect(200).text_at("/license_key")
    };
    let lost_key = shown(&story);
    assert_ne!(lost_key, story.sold.license_key);
    let story = story.restore(&backup);
    assert_eq!(shown(&story), story.sold.license_key, "the backup does not know the later key");
    let id = activate(&story.harness.anonymous(), &lost_key, 1, "a").expect(201).text_at("/activation_id");
    story.harness.world.clock.advance(Duration::from_secs(1));
    command(&story.harness, &story.sold.id, "reissue", &json!({ "reason": "leaked", "keep": "all" }))
        .expect(200);
    activate(&story.harness.anonymous(), &lost_key, 2, "b").expect_problem(403, "license_superseded");
    // Nobody knows which text had leaked: none from before opens anything, not even a renewal.
    let by_key = json!({ "license_key": lost_key, "machine": machine(1), "nonce": "c" });
    let renewed = story.harness.anonymous().post(&format!("/v1/activations/{id}/renew"), &by_key);
    renewed.expect_problem(403, "license_superseded");
}

#[test]
fn a_list_that_only_lost_texts_name_is_not_there_and_the_software_goes_on_by_itself() {
    let story = Story::begin("one-seat");
    let backup = story.back_up();
    let story = story.restore(&backup);
    // After a restore a new list is begun; the second restore loses it.
    let client = Client::install(&story.harness, "desk", &story.sold.license_key);
    assert_eq!(client.paste(&story.witness).code(), "valid");
    let lost = claims(&client.certificate())["status"]["status_list"]["uri"].clone();
    let story = story.restore(&backup);
    let path = lost.as_str().and_then(|uri| uri.strip_prefix(&story.harness.url)).expect("an own address");
    story.harness.anonymous().get(path).expect_problem(404, "not_found");
    story.harness.world.clock.advance(Duration::from_secs(61));
    assert_eq!(client.maintain(&story.witness).code(), "valid");
    assert_ne!(claims(&client.certificate())["status"]["status_list"]["uri"], lost);
    client.release();
    story.witness.is_content();
}
