//! Lives of licenses, told by the day.

use crate::support::{DAY, FakeServer, HOUR, MONTH, START, require_status, unbound};
use license_client::{NextAction, Verdict, check, maintain, release};
use license_token::{StatusValue, Term};
use tempfile::tempdir;

#[test]
fn twelve_renewals_and_one_hour_online_a_week_never_read_a_refusal() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    assert_eq!(check(&config, Some(&server.key())).code(), "valid");
    let mut renewals = 0;
    for day in 1..=365 {
        server.clock.set(START + day * DAY);
        // Paid five days before each end, so that one weekly hour online falls before it or into the grace.
        if (day + 5) % 30 == 0 && renewals < 12 {
            server.shop().renew_purchase();
            renewals += 1;
        }
        server.shop().offline = day % 7 != 0;
        if day % 7 == 0 {
            let verdict = maintain(&config);
            assert!(verdict.is_granted(), "day {day}: {verdict:?}");
        }
        let verdict = check(&config, None);
        assert!(verdict.is_granted(), "day {day}: {verdict:?}");
    }
    assert_eq!(renewals, 12);
    assert_eq!(server.shop().places_taken(), 1);
}

#[test]
fn a_certificate_holds_without_the_network_until_its_lease_ends() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    server.shop().sell(Term::Years(1), Some(START + 365 * DAY));
    let config = server.client(folder.path(), "pc");
    assert_eq!(check(&config, Some(&server.key())).code(), "valid");
    server.requests();
    server.shop().offline = true;
    server.clock.set(START + 20 * DAY);
    assert_eq!(check(&config, None).code(), "valid");
    assert!(server.requests().is_empty(), "check asked the network although a certificate holds");
    assert_eq!(maintain(&config).code(), "valid", "a failed renewal costs nothing");
    server.clock.set(START + 28 * DAY);
    let nearly_over = check(&config, None);
    assert_eq!((nearly_over.code(), nearly_over.next_action()), ("expiring", Some(NextAction::GoOnline)));
    server.clock.set(START + 30 * DAY - 1);
    assert!(check(&config, None).is_granted());
    server.clock.set(START + 30 * DAY);
    assert_eq!(check(&config, None), Verdict::Expired(NextAction::GoOnline));
    server.shop().offline = false;
    server.clock.advance(7 * HOUR);
    assert_eq!(check(&config, None).code(), "valid", "online again: the check renews by itself");
}

#[test]
fn a_license_that_is_not_renewed_expires_through_its_grace() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    let at = |now| {
        server.clock.set(now);
        let verdict = check(&config, None);
        (verdict.code(), verdict.next_action())
    };
    assert!(check(&config, Some(&server.key())).is_granted());
    server.shop().offline = true;
    assert_eq!(at(START + 20 * DAY), ("valid", None));
    assert_eq!(at(START + 24 * DAY), ("expiring", Some(NextAction::Renew)));
    assert_eq!(at(START + MONTH - 1), ("expiring", Some(NextAction::Renew)));
    assert_eq!(at(START + MONTH), ("grace", Some(NextAction::Renew)));
    assert_eq!(at(START + MONTH + 3 * DAY - 1), ("grace", Some(NextAction::Renew)));
    assert_eq!(at(START + MONTH + 3 * DAY), ("expired", Some(NextAction::Renew)));
    server.shop().offline = false;
    server.shop().refusal = Some("license_expired");
    server.clock.advance(DAY);
    assert_eq!(maintain(&config), Verdict::Expired(NextAction::Renew));
    server.shop().refusal = None;
    server.shop().renew_purchase();
    server.clock.advance(DAY);
    assert!(maintain(&config).is_granted(), "paid late: the next contact cures it without a new paste");
}

#[test]
fn a_revocation_is_read_once_the_list_or_the_server_was_heard_and_stays() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    assert!(check(&config, Some(&server.key())).is_granted());
    server.shop().revoke();
    assert!(check(&config, None).is_granted(), "offline nobody can know yet");
    server.clock.advance(DAY);
    let verdict = maintain(&config);
    assert_eq!((verdict.code(), verdict.next_action()), ("revoked", Some(NextAction::ContactSeller)));
    server.shop().offline = true;
    server.clock.advance(DAY);
    assert_eq!(check(&config, None).code(), "revoked");
    assert_eq!(check(&config, Some(&server.key())).code(), "revoked", "pasting the same key changes nothing");
}

/// The list alone is enough: the server's word at a renewal is not needed.
#[test]
fn a_revocation_by_the_list_alone_refuses() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    assert!(check(&config, Some(&server.key())).is_granted());
    server.shop().set_status_of_all(StatusValue::Invalid);
    server.shop().refusal = Some("rate_limited");
    server.clock.advance(DAY);
    assert_eq!(maintain(&config), Verdict::Revoked(NextAction::GoOnline));
}

#[test]
fn a_suspension_ends_when_the_license_is_resumed() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    assert!(check(&config, Some(&server.key())).is_granted());
    server.shop().suspend();
    server.clock.advance(DAY);
    assert_eq!(maintain(&config), Verdict::Suspended);
    assert_eq!(check(&config, None).next_action(), Some(NextAction::ContactSeller));
    server.shop().resume();
    server.clock.advance(DAY);
    assert_eq!(maintain(&config).code(), "valid");
}

#[test]
fn a_leaked_key_reads_superseded_and_the_new_key_cures_it() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    let leaked = server.key();
    assert!(check(&config, Some(&leaked)).is_granted());
    server.clock.advance(DAY);
    server.shop().reissue_as_leaked();
    assert_eq!(maintain(&config), Verdict::Superseded(NextAction::PasteCurrentKey));
    server.clock.advance(DAY);
    assert_eq!(check(&config, Some(&leaked)), Verdict::Superseded(NextAction::PasteCurrentKey));
    assert_eq!(check(&config, Some(&server.key())).code(), "valid");
    assert_eq!(server.shop().places_taken(), 1);
}

/// Something was taken away from the license, not from this machine: the renewal brings the current key.
#[test]
fn a_superseded_key_is_cured_by_a_renewal_without_a_paste() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    assert!(check(&config, Some(&server.key())).is_granted());
    server.clock.advance(DAY);
    server.shop().set_key_status(StatusValue::Superseded);
    server.shop().ends_at = Some(START + 20 * DAY);
    server.shop().issue_key();
    let verdict = maintain(&config);
    assert_eq!(verdict.granted().and_then(|license| license.ends_at), Some(START + 20 * DAY));
}

#[test]
fn a_clock_that_is_set_back_is_corrected_or_called_suspect() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    assert!(check(&config, Some(&server.key())).is_granted());
    server.clock.set(START + 10 * DAY);
    assert!(maintain(&config).is_granted());
    server.shop().offline = true;
    server.clock.set(START + 10 * DAY - HOUR);
    assert!(check(&config, None).is_granted(), "an hour is corrected silently");
    server.clock.set(START + 9 * DAY);
    assert!(check(&config, None).is_granted(), "so is a day");
    server.clock.set(START + 8 * DAY);
    let verdict = check(&config, None);
    assert_eq!((&verdict, verdict.next_action()), (&Verdict::ClockSuspect, Some(NextAction::SetClock)));
    server.clock.set(0);
    assert_eq!(check(&config, None), Verdict::ClockSuspect);
    server.clock.set(START + 11 * DAY);
    assert!(check(&config, None).is_granted(), "set right, it holds again");
}

#[test]
fn an_old_list_stops_where_it_is_required_and_only_there() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    server.shop().sell(Term::Years(1), Some(START + 365 * DAY));
    server.shop().policy = require_status();
    server.shop().issue_key();
    assert_eq!(
        check(&config, Some(&server.key())).code(),
        "valid",
        "a missing list is fetched at activation"
    );
    server.shop().offline = true;
    server.clock.set(START + 7 * DAY - 1);
    assert!(check(&config, None).is_granted());
    server.clock.set(START + 7 * DAY);
    let verdict = check(&config, None);
    assert_eq!((&verdict, verdict.next_action()), (&Verdict::StatusStale, Some(NextAction::GoOnline)));
    server.shop().offline = false;
    server.clock.advance(HOUR);
    assert_eq!(maintain(&config).code(), "valid");

    let preferring = tempdir().expect("a folder");
    let config = server.client(preferring.path(), "lab");
    server.shop().policy = license_token::Policy::default();
    server.shop().issue_key();
    assert!(check(&config, Some(&server.key())).is_granted());
    assert!(maintain(&config).is_granted());
    server.shop().offline = true;
    server.clock.advance(20 * DAY);
    assert_eq!(check(&config, None).code(), "valid", "prefer never stops an offline lab");
}

#[test]
fn a_list_that_goes_back_does_not_undo_a_revocation() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    assert!(check(&config, Some(&server.key())).is_granted());
    assert!(maintain(&config).is_granted());
    let before = server.shop().status_list();
    server.clock.advance(DAY);
    server.shop().set_status_of_all(StatusValue::Invalid);
    server.shop().refusal = Some("rate_limited");
    assert_eq!(maintain(&config).code(), "revoked");
    server.shop().old_list = Some(before);
    server.clock.advance(DAY);
    assert_eq!(maintain(&config).code(), "revoked");
}

#[test]
fn a_copied_state_folder_is_of_no_use_on_another_machine() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    assert!(check(&server.client(folder.path(), "pc"), Some(&server.key())).is_granted());
    let copy = server.client(folder.path(), "thief");
    let verdict = check(&copy, None);
    assert_eq!(
        (&verdict, verdict.next_action()),
        (&Verdict::WrongMachine, Some(NextAction::ReleaseAMachine))
    );
    assert_eq!(server.shop().places_taken(), 1);
    server.clock.advance(DAY);
    assert!(check(&copy, Some(&server.key())).is_granted(), "the key pasted there takes a place of its own");
    assert_eq!(server.shop().places_taken(), 2);
}

#[test]
fn the_fourth_of_three_machines_is_told_to_release_one() {
    let server = FakeServer::start();
    let folders: Vec<_> = (0..4).map(|_| tempdir().expect("a folder")).collect();
    let configs: Vec<_> = folders
        .iter()
        .enumerate()
        .map(|(index, folder)| server.client(folder.path(), &format!("pc{index}")))
        .collect();
    for config in &configs[..3] {
        assert!(check(config, Some(&server.key())).is_granted());
    }
    let verdict = check(&configs[3], Some(&server.key()));
    assert_eq!(
        (&verdict, verdict.next_action()),
        (&Verdict::MachineLimit, Some(NextAction::ReleaseAMachine))
    );
    assert_eq!(release(&configs[0]), Ok(()));
    assert_eq!(check(&configs[3], Some(&server.key())).code(), "valid");
    assert_eq!(check(&configs[0], None), Verdict::NeedsKey(NextAction::PasteCurrentKey));
}

#[test]
fn a_machine_that_was_released_elsewhere_takes_no_place_by_itself() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    assert!(check(&config, Some(&server.key())).is_granted());
    server.shop().end_activations();
    server.clock.advance(DAY);
    assert_eq!(maintain(&config), Verdict::Revoked(NextAction::PasteCurrentKey));
    server.clock.advance(DAY);
    assert_eq!(check(&config, None), Verdict::Revoked(NextAction::PasteCurrentKey));
    assert_eq!(server.shop().places_taken(), 0);
    assert_eq!(check(&config, Some(&server.key())).code(), "valid", "a paste is a wish");
}

#[test]
fn a_license_that_binds_nothing_needs_no_server() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    server.shop().policy = unbound();
    server.shop().issue_key();
    let config = server.client(folder.path(), "pc");
    assert_eq!(check(&config, Some(&server.key())).code(), "valid");
    assert_eq!(check(&config, None).code(), "valid");
    assert!(server.requests().is_empty());
    server.shop().set_key_status(StatusValue::Invalid);
    server.clock.advance(DAY);
    assert_eq!(maintain(&config).code(), "revoked", "its list is fetched nevertheless");
}

#[test]
fn a_failure_of_the_server_does_not_undo_what_it_said() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    assert!(check(&config, Some(&server.key())).is_granted());
    server.shop().refusal = Some("license_revoked");
    server.clock.advance(8 * DAY);
    assert_eq!(maintain(&config).code(), "revoked");
    server.shop().refusal = Some("invalid_request");
    server.clock.advance(DAY);
    assert_eq!(maintain(&config).code(), "revoked");
}

#[test]
fn an_answer_that_was_lost_before_a_long_time_offline_is_caught_up_with() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    server.shop().sell(Term::Years(1), Some(START + 365 * DAY));
    let config = server.client(folder.path(), "pc");
    assert!(check(&config, Some(&server.key())).is_granted());
    server.clock.advance(8 * DAY);
    server.shop().lose_next_answer = true;
    assert!(maintain(&config).is_granted());
    server.clock.advance(60 * DAY);
    assert_eq!(check(&config, None).code(), "valid");
    assert_eq!(server.shop().generation(), 3);
}
