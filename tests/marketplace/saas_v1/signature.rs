//! `authToken`, and whatever else is wrong before an activity is looked at.

use super::saas_v1;

#[test]
fn a_wrong_truncated_or_foreign_token_is_refused_and_every_live_key_is_tried() {
    saas_v1().tokens_are_checked("newInstance");
}

#[test]
fn a_token_that_was_decoded_on_its_way_still_fits() {
    saas_v1().a_token_may_have_been_decoded_on_its_way("releaseInstance");
}

#[test]
fn a_blank_in_a_value_may_be_written_as_a_plus() {
    saas_v1().a_blank_may_be_a_plus_on_the_wire("newInstance");
}

#[test]
fn a_call_is_valid_for_five_minutes_either_way() {
    saas_v1().time_stamps_are_checked("refreshInstance");
}

#[test]
fn no_single_bit_can_be_changed() {
    saas_v1().no_single_bit_can_be_changed();
}

#[test]
fn bad_queries_and_methods_are_told_apart() {
    saas_v1().bad_queries_and_methods_are_told_apart();
}

#[test]
fn an_unknown_activity_is_an_invalid_parameter_and_known_only_to_signed_callers() {
    saas_v1().an_unknown_activity_is_an_invalid_parameter();
}

#[test]
fn the_token_stands_for_the_nonce_except_where_nothing_changes() {
    for activity in saas_v1().activities {
        if *activity != "queryInstance" {
            saas_v1().the_token_is_the_identity_of_a_call_that_changes_something(activity);
        }
    }
    assert_eq!(saas_v1().with("queryInstance", "x", "1").unwrap().replay, None);
}
