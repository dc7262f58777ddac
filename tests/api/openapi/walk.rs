//! Stories of the other tests, told once more to see which answers they meet: what needs a license that is full, a key
//! that is rotated or an order that is held. Each answer on the way is held to the document.

use std::sync::OnceLock;

use super::described::{Described, Seen};
use super::stories;
use crate::support::Harness;
use crate::support::api::exchanges;
use crate::{
    activations, app_info, audit, bulk, extensions, licenses, offline_material, packages, requests, rotation,
    sessions, starts, tokens_and_apply, usage, webhooks,
};

const STORIES: &[fn()] = &[
    activations::a_claim_code_activates_and_so_does_the_authorization_header,
    activations::a_renewal_by_license_key_needs_the_machine,
    activations::a_renewal_moves_on_and_repeats_and_notices_a_clone,
    activations::a_certificate_opens_its_own_activation_only,
    activations::a_place_given_back_is_free_at_once_and_twice_is_once,
    app_info::an_instance_is_in_progress_until_its_app_info_is_set_and_shows_it_from_then_on,
    bulk::one_wrong_line_stops_all_of_them_unless_the_rest_is_wanted,
    extensions::support_adds_31_days_to_what_was_bought_however_often_it_asks_and_more_takes_another_scope,
    extensions::a_spec_that_is_changed_by_hand_grants_what_the_other_one_does_and_keeps_end_and_term,
    extensions::a_preview_tells_who_stops_and_when_each_knows_and_writes_nothing,
    requests::a_lost_update_is_told_with_what_is_there_now,
    requests::an_order_that_changed_meanwhile_is_not_mapped_and_told_as_it_is,
    requests::machines_are_found_by_license_and_by_name_and_never_another_merchants,
    licenses::a_lost_update_is_noticed,
    licenses::a_license_is_suspended_resumed_reissued_and_revoked,
    licenses::the_same_request_under_an_idempotency_key_is_done_once,
    offline_material::a_status_list_says_what_was_revoked_and_changes_its_etag,
    packages::of_none_it_stands_by_itself_until_it_is_moved_and_what_was_used_goes_with_it,
    rotation::a_key_set_is_cacheable_and_found_by_issuer_and_no_set_is_another_merchants,
    rotation::keys_that_changed_meanwhile_are_left_alone_and_told_as_they_are,
    rotation::wrong_requests_say_the_next_step_and_change_nothing,
    sessions::a_link_ends_with_its_time_with_its_token_and_when_it_is_withdrawn,
    sessions::a_link_gives_no_more_than_its_maker_has_and_passes_for_nobody_else,
    sessions::a_request_that_is_repeated_makes_one_link_and_a_used_one_stays_used,
    sessions::sessions_are_listed_and_ended_from_outside_by_their_own_merchant,
    starts::an_acceptance_begins_a_license_once_at_the_time_that_is_said,
    tokens_and_apply::a_token_is_shown_once_works_and_ends_when_revoked,
    webhooks::an_endpoint_is_made_shown_changed_and_deleted_and_its_secret_is_told_once,
    webhooks::what_is_wrong_with_an_endpoint_is_pointed_at_and_changes_nothing,
    webhooks::a_test_event_says_at_once_what_the_endpoint_answers,
    webhooks::what_was_sent_is_sent_again_on_demand_under_the_same_id,
    extensions::an_extension_that_adds_nothing_or_cannot_be_is_refused_and_changes_nothing,
    extensions::a_preview_refuses_what_the_act_would_refuse_and_members_of_another_command,
    audit::told::events_are_found_by_what_they_are_about_who_did_it_what_and_when,
    audit::told::questions_that_cannot_be_answered_are_refused_and_foreign_events_are_not_there,
    activations::the_same_machine_keeps_its_place_and_the_same_request_its_certificate,
    activations::a_claim_gives_the_key_and_a_code_of_another_product_is_unknown,
    activations::the_online_verdict_is_200_with_the_codes_of_refusals,
    rotation::a_key_is_not_retired_while_anything_hangs_on_it,
    rotation::certificates_of_a_revoked_key_are_renewed_where_they_are_on_record,
    rotation::with_the_root_away_a_key_set_waits_for_its_signature_and_the_key_for_the_key_set,
    usage::at_the_limit_nothing_is_counted_and_the_refusal_says_what_is_left_and_when_it_resets,
    stories::orders,
    stories::codes,
    stories::states,
    stories::air_gap,
    stories::operation,
    stories::lost_updates,
    stories::sold_before,
    usage::what_is_reserved_is_used_by_nobody_else_until_it_is_confirmed_or_given_back,
    usage::a_license_that_is_stopped_uses_nothing_and_goes_on_where_it_was,
];

/// What the stories have met; they are told once.
pub fn seen() -> &'static Seen {
    static SEEN: OnceLock<Seen> = OnceLock::new();
    SEEN.get_or_init(|| {
        let described = Described::by(&Harness::start());
        let mut seen = Seen::new();
        for exchange in exchanges(|| STORIES.iter().for_each(|story| story())) {
            let Some(operation) = described.operation_of(&exchange.method, &exchange.path) else { continue };
            described.check(&operation, &exchange.answer);
            seen.insert((operation.id.to_owned(), exchange.answer.status));
        }
        seen
    })
}
