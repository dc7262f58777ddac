//! What has to be accepted and what has to be refused.

use super::{Looking, Read};
use crate::sandbox::judge::Rule;
use crate::sandbox::judge::exchange::{Expected, Provocation, Twist};
use crate::sandbox::judge::kind::Kind;
use crate::sandbox::judge::memory::Memory;

/// Holds an answer to what had to come of the call.
pub fn look(looking: &mut Looking<'_>, read: &Read, memory: &Memory) {
    match looking.exchange.expected {
        Expected::Accepted => {
            let rule = if looking.exchange.is_test {
                Rule::DebuggingCallSucceeds
            } else if memory.was_released(looking.exchange) {
                Rule::RepeatedReleaseSucceeds
            } else {
                Rule::RightCallAccepted
            };
            look_at_accepted(looking, read, rule);
        }
        Expected::AcceptedDespite(Twist::UnknownMember) => {
            look_at_accepted(looking, read, Rule::UnknownMembersIgnored);
        }
        Expected::AcceptedDespite(twist) => look_at_variation(looking, read, twist),
        Expected::Refused(provocation) => look_at_refused(looking, read, provocation),
        Expected::Documented => {}
    }
}

fn look_at_accepted(looking: &mut Looking<'_>, read: &Read, rule: Rule) {
    let is_accepted = accepted(looking, read);
    looking.holds(rule, is_accepted, || answered(read));
}

fn look_at_variation(looking: &mut Looking<'_>, read: &Read, twist: Twist) {
    let is_accepted = accepted(looking, read);
    let told = || format!("{} with {}", answered(read), words(twist));
    looking.holds(Rule::VariationsAccepted, is_accepted, told);
}

/// The console takes "being processed" for a success only where the work may go on.
fn accepted(looking: &Looking<'_>, read: &Read) -> bool {
    let goes_on = match looking.exchange.kind() {
        Kind::Purchase | Kind::Application | Kind::Change | Kind::Notice => true,
        Kind::Query | Kind::Release | Kind::Check | Kind::Sync | Kind::Unknown => !looking.exchange.is_test,
    };
    read.is_done() || (goes_on && read.is_success())
}

fn look_at_refused(looking: &mut Looking<'_>, read: &Read, provocation: Provocation) {
    let (rule, code) = match provocation {
        Provocation::WrongSignature | Provocation::MissingSignature => {
            (Rule::WrongSignatureRefused, "000001")
        }
        Provocation::StaleTime if looking.exchange.family.has_auth_token() => {
            (Rule::StaleTimeRefusedV1, "000002")
        }
        Provocation::StaleTime => (Rule::StaleTimeRefused, "000002"),
        Provocation::UnknownActivity => (Rule::UnknownActivityAnswered, "000002"),
    };
    let is_refused = !read.is_success();
    looking.holds(rule, is_refused, || format!("{} to {}", answered(read), wrong(provocation)));
    if is_refused {
        let is_named = read.result_code() == code;
        looking.holds(Rule::RefusalCode, is_named, || {
            format!("{} instead of {code} to {}", answered(read), wrong(provocation))
        });
    }
}

fn answered(read: &Read) -> String {
    match read.result_code() {
        "" => "it answers no code".to_owned(),
        code => format!("it answers {code}"),
    }
}

fn wrong(provocation: Provocation) -> &'static str {
    match provocation {
        Provocation::WrongSignature => "a wrong signature",
        Provocation::MissingSignature => "a call without a signature",
        Provocation::StaleTime => "a call of long ago",
        Provocation::UnknownActivity => "an unknown activity",
    }
}

fn words(twist: Twist) -> &'static str {
    match twist {
        Twist::UnknownMember => "a member that no page names",
        Twist::MissingOptional => "an optional member left out",
        Twist::Unsorted => "members that are not sorted",
        Twist::NullMember => "a null for a member that is not there",
        Twist::OtherReading => "a signature over another form of the body",
        Twist::Seconds => "a time in seconds",
        Twist::LongTime => "a time of 17 digits",
        Twist::BlankInToken => "a blank for a + in authToken",
        Twist::Skewed => "a clock that is a little off",
        Twist::Replayed => "the same call sent again",
    }
}
