//! Every commit of a use case tells what it changes, or stands here with the reason why there is nothing to tell.
//!
//! A change of the merchant's world is an event in the same commit (`docs/audit.md`). Counted are the places that commit: whoever
//! adds one decides, and changes a line here.

use std::collections::BTreeMap;

use super::sources::rust_files;

/// A file of `src/application` that commits, how often, and what of it is not told.
struct Commits {
    file: &'static str,
    count: usize,
    /// Why some of its commits, or all, tell nothing; empty where each one does.
    untold: &'static str,
}

const fn told(file: &'static str, count: usize) -> Commits {
    Commits { file, count, untold: "" }
}

const fn untold(file: &'static str, count: usize, untold: &'static str) -> Commits {
    Commits { file, count, untold }
}

const COMMITS: &[Commits] = &[
    untold(
        "activate",
        2,
        "a machine that has its place gets its next lease: one record per machine and week",
    ),
    untold(
        "adopt_events",
        2,
        "how far the look for events without a place has come; that somebody asked for one is told",
    ),
    untold("answer_once", 4, "answers kept for repeated requests: what they did is told where it was done"),
    told("api_tokens", 3),
    told("apply_catalog", 1),
    told("attach_package", 1),
    told("begin_license", 1),
    told("change_instance", 2),
    told("change_instance_status", 1),
    told("continue_after_restore", 1),
    untold(
        "erase_customer",
        4,
        "what a marketplace told of a company, and machines' names, go with the license, which is told",
    ),
    untold(
        "escrow_quota",
        1,
        "shares of quota that lapse come back; low and used-up packages are told where they are taken from",
    ),
    untold("fetch_order", 1, "a job that will look at an order: what it finds is told"),
    untold("fill_index", 3, "words by which licenses are found"),
    untold("flush_calls", 2, "notes of calls, kept for a time"),
    told("hand_over_license", 3),
    told("import_licenses", 1),
    told("issue_in_bulk", 1),
    told("issue_license", 1),
    untold("job_lanes", 3, "when and where work waits; that somebody has it done now is told"),
    told("key_rings", 1),
    told("map_order", 1),
    told("merchant_commands", 1),
    untold("notice_order", 2, "a job that will look at an order, and a notice of it: what it finds is told"),
    untold("publish_status_lists", 1, "what changed was told where it changed"),
    untold("push_usage", 2, "how far usage was pushed; records that were given up are told"),
    told("rank_order", 1),
    told("receive_purchase", 1),
    untold("record_usage", 1, "usage is a log of its own, listed by itself"),
    untold(
        "redeem_code",
        3,
        "a code and its purchase are remembered until the marketplace has answered: then the purchase is told",
    ),
    told("refresh_instance", 2),
    told("reissue_withdrawn", 1),
    told("release_instance", 2),
    told("release_place", 1),
    untold("renew_activation", 2, "a lease goes on: as for activate; conflicts and lost places are told"),
    untold(
        "report_use",
        2,
        "that a code was used on a day, until the marketplace has been told; what it answers is told",
    ),
    untold("roll_up_usage", 1, "usage is a log of its own; what was given up is told"),
    untold("run_jobs", 2, "who works at a job, and that it is done"),
    untold("seal_events", 2, "the chain itself"),
    untold("search_licenses", 1, "words by which licenses are found"),
    untold("sessions", 5, "when a session was last used; its beginning and its end are told"),
    told("set_app_info", 1),
    untold("settle_code", 3, "where the work on a code stands; the license that comes of it is told"),
    untold("settle_device", 2, "a device's ledger and share; what was wrong with it is told"),
    untold(
        "settle_purchase",
        2,
        "what the marketplace says of an order is kept until it is minted or held, which are told",
    ),
    untold("settle_reservation", 1, "usage is counted, not told: low and used-up packages are"),
    told("sign_in_links", 2),
    untold("status_slots", 1, "room for entries of status lists"),
    untold("sweep_lapsed", 1, "what was kept for a time only"),
    untold("sync_kit", 1, "what a marketplace tells of companies, kept as it was told"),
    untold("token_uses", 1, "when a token was last used, by the hour"),
    untold(
        "upgrade_instance",
        2,
        "what is bought while there is no license yet is kept, and told when there is",
    ),
    told("use_quota", 1),
    told("view_outbox", 1),
    told("change_webhook", 1),
    told("create_webhook", 1),
    told("delete_webhook", 1),
    told("switch_webhook", 1),
    told("attempt_delivery", 1),
    untold("deliver_events", 2, "who sends to an endpoint, and how far that came"),
    untold("take_on_events", 1, "how far events were taken on for an endpoint"),
    told("issue_in_bulk", 1),
    told("replay_events", 1),
    told("tell_ends", 1),
    told("test_webhook", 1),
    untold("watch_channels", 1, "that a channel is silent is a notice of the channel"),
];

#[test]
fn every_commit_of_a_use_case_is_told_or_has_its_reason() {
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for (path, text) in rust_files("src/application") {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let count = code.matches("store.commit(").count() + code.matches("        .commit(").count();
        if count > 0 {
            let file = path.trim_start_matches("src/application/").trim_end_matches(".rs").to_owned();
            found.insert(file, count);
        }
    }
    let listed: BTreeMap<String, usize> =
        COMMITS.iter().map(|commits| (commits.file.to_owned(), commits.count)).collect();
    let missing: Vec<_> = found.iter().filter(|(file, count)| listed.get(*file) != Some(count)).collect();
    assert!(
        missing.is_empty(),
        "these commit, so often: tell it in an event, or say here why not: {missing:?}"
    );
    let gone: Vec<_> = listed.keys().filter(|file| !found.contains_key(*file)).collect();
    assert!(gone.is_empty(), "these commit no more: {gone:?}");
}

/// What is said to be told all of it names a kind of event, itself or through the one file that makes it.
#[test]
fn what_is_said_to_be_told_makes_events() {
    let sources: BTreeMap<String, String> = rust_files("src/application").into_iter().collect();
    const MAKERS: &[&str] = &[
        "EventKind::",
        "_event(",
        ".event(",
        "event_about(",
        "told_of_",
        "tell_of_token(",
        "self.mint",
        "self.minted",
    ];
    for commits in COMMITS.iter().filter(|commits| commits.untold.is_empty()) {
        let text = &sources[&format!("src/application/{}.rs", commits.file)];
        assert!(MAKERS.iter().any(|maker| text.contains(maker)), "{} makes no event", commits.file);
    }
}
