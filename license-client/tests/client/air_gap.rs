//! A machine that was without a network, and has one again.

use license_client::{Verdict, check, deactivate, maintain};

use crate::support::{DAY, FakeServer};

#[test]
fn a_license_that_was_given_back_offline_and_is_pasted_again_online_stays_and_the_proof_frees_nothing_of_it()
{
    let server = FakeServer::start();
    server.shop().machines = 1;
    let folder = tempfile::tempdir().expect("a folder");
    let config = server.client(folder.path(), "m");
    assert!(check(&config, Some(&server.key())).is_granted());
    server.shop().offline = true;
    let proof = deactivate(&config).expect("a proof");
    assert!(!check(&config, None).is_granted());
    server.shop().offline = false;

    // The server has not seen the proof: for it the machine still has its place.
    assert!(matches!(check(&config, Some(&server.key())), Verdict::Valid(_)));
    assert_eq!(server.shop().places_taken(), 1);
    let released = server.requests().into_iter().filter(|line| line.ends_with("/act_2/release")).count();
    assert_eq!(released, 1, "what the proof stands for has ended, so it frees nothing when it comes late");
    for _start in 0..2 {
        let again = server.client(folder.path(), "m");
        assert!(matches!(check(&again, None), Verdict::Valid(_)), "{:?}", check(&again, None));
    }
    server.clock.advance(8 * DAY);
    assert!(maintain(&config).is_granted());
    assert_ne!(deactivate(&config), Ok(proof), "a proof of its own");
}

#[test]
fn what_was_given_back_is_not_taken_while_the_server_cannot_end_it() {
    let server = FakeServer::start();
    let folder = tempfile::tempdir().expect("a folder");
    let config = server.client(folder.path(), "m");
    assert!(check(&config, Some(&server.key())).is_granted());
    let _proof = deactivate(&config).expect("a proof");
    server.shop().refuses_release = true;
    assert!(!check(&config, Some(&server.key())).is_granted());
    server.shop().refuses_release = false;
    server.clock.advance(DAY);
    assert!(
        matches!(check(&config, None), Verdict::Valid(_)),
        "the key was kept: {:?}",
        check(&config, None)
    );
    assert_eq!(server.shop().places_taken(), 1);
}

#[test]
fn of_what_was_given_back_long_ago_no_certificate_counts_and_the_newest_proof_is_shown_again() {
    let server = FakeServer::start();
    let folder = tempfile::tempdir().expect("a folder");
    let config = server.client(folder.path(), "m");
    assert!(check(&config, Some(&server.key())).is_granted());
    let first = server.shop().newest_certificate();
    let mut proof = deactivate(&config).expect("a proof");
    for _time in 0..17 {
        assert!(check(&config, Some(&server.key())).is_granted());
        proof = deactivate(&config).expect("a proof");
    }
    assert!(!check(&config, Some(&first)).is_granted());
    assert_eq!(deactivate(&config), Ok(proof));
    let kept = std::fs::metadata(folder.path().join("acme-cad.given-back.json")).expect("a file").len();
    assert!(kept < 64 * 1024, "of an old one only the id is kept: {kept} bytes");
}
