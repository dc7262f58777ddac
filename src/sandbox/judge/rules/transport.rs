//! Status, time, redirects, content type.

use std::time::Duration;

use super::Looking;
use crate::sandbox::judge::Rule;
use crate::sandbox::judge::exchange::{CallFailure, Expected, Phase, Provocation, WireAnswer};

/// zh-cn_topic_0070649475. The console waits longer; the access guide does not.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const PROMPT_WITHIN: Duration = Duration::from_secs(2);
const UNKNOWN_ACTIVITY: Expected = Expected::Refused(Provocation::UnknownActivity);

/// The answer, if it is one that the marketplace reads on.
pub fn look<'a>(looking: &mut Looking<'a>) -> Option<&'a WireAnswer> {
    let exchange = looking.exchange;
    let answer = match &exchange.outcome {
        Ok(answer) => answer,
        Err(failure) => {
            looking.hold(rule_of(failure), Some(failure.to_string()));
            return None;
        }
    };
    looking.hold(Rule::AnswersAtAll, None);
    look_at_time(looking, answer.took);
    let status = answer.status;
    let is_redirect = (300..400).contains(&status);
    looking.holds(Rule::NoRedirect, !is_redirect, || format!("status {status}"));
    if is_redirect {
        return None;
    }
    let is_ok = status == 200;
    let rule = if exchange.expected == UNKNOWN_ACTIVITY {
        Rule::UnknownActivityAnswered
    } else {
        Rule::HttpStatus200
    };
    if !is_ok || rule == Rule::HttpStatus200 {
        looking.holds(rule, is_ok, || format!("status {status}"));
    }
    if !is_ok {
        return None;
    }
    let said = answer.header("content-type").unwrap_or_default();
    let kind = said.split(';').next().unwrap_or_default().trim();
    looking.holds(Rule::ContentTypeJson, kind.eq_ignore_ascii_case("application/json"), || {
        if said.is_empty() { "there is none".to_owned() } else { format!("it is {said:?}") }
    });
    Some(answer)
}

fn look_at_time(looking: &mut Looking<'_>, took: Duration) {
    let told = || format!("it took {} ms", took.as_millis());
    let in_time = took <= ANSWER_WITHIN;
    looking.holds(Rule::AnswersInTime, in_time, told);
    if in_time {
        looking.holds(Rule::AnswersPromptly, took <= PROMPT_WITHIN, told);
    }
}

/// No answer in time is a matter of time once there is a connection.
fn rule_of(failure: &CallFailure) -> Rule {
    match failure {
        CallFailure::TimedOut { phase: Phase::FirstByte | Phase::Rest, .. } => Rule::AnswersInTime,
        CallFailure::TimedOut { phase: Phase::Connecting | Phase::TlsHandshake, .. }
        | CallFailure::NameUnknown(_)
        | CallFailure::CannotConnect(_)
        | CallFailure::Tls(_)
        | CallFailure::Closed
        | CallFailure::Unreadable(_)
        | CallFailure::TooLarge { .. } => Rule::AnswersAtAll,
    }
}
