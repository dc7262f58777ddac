//! `authToken`, and whatever else is wrong before an activity is looked at.

use super::license_v1;

#[test]
fn a_wrong_truncated_or_foreign_token_is_refused_and_every_live_key_is_tried() {
    license_v1().tokens_are_checked("getLicense");
}

#[test]
fn a_token_that_was_decoded_on_its_way_still_fits() {
    license_v1().a_token_may_have_been_decoded_on_its_way("releaseLicense");
}

#[test]
fn a_blank_in_a_value_may_be_written_as_a_plus() {
    license_v1().a_blank_may_be_a_plus_on_the_wire("getLicense");
}

#[test]
fn a_call_is_valid_for_five_minutes_either_way() {
    license_v1().time_stamps_are_checked("refreshLicense");
}

#[test]
fn no_single_bit_can_be_changed() {
    license_v1().no_single_bit_can_be_changed();
}

#[test]
fn bad_queries_and_methods_are_told_apart() {
    license_v1().bad_queries_and_methods_are_told_apart();
}

#[test]
fn an_unknown_activity_is_an_invalid_parameter_and_known_only_to_signed_callers() {
    license_v1().an_unknown_activity_is_an_invalid_parameter();
}

#[test]
fn the_token_stands_for_the_nonce() {
    for activity in license_v1().activities {
        license_v1().the_token_is_the_identity_of_a_call_that_changes_something(activity);
    }
}
