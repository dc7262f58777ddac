//! How badly one copy of a call is treated.

use chrono::TimeDelta;

use crate::sandbox::dice::Dice;
use crate::sandbox::family::Family;
use crate::sandbox::judge::wire::HangUp;
use crate::sandbox::judge::{Expected, Provocation, Twist};
use crate::sandbox::manner::{BodyForm, Manner, SignedForm, TokenPlus};
use crate::sandbox::words::Call;

use super::life::Saying;

/// What becomes of one copy.
#[derive(Debug, Clone, PartialEq)]
pub enum Temper {
    /// Sent, and its answer read.
    Plain(Manner),
    /// Sent this often, signature and all.
    Replayed(Manner, usize),
    /// Sent, and its answer lost.
    Lost(Manner, HangUp),
    /// Sent, and its answer so late that the caller's time-out passes before it is read; then repeated.
    TimedOut(Manner),
    /// Written now, and sent when everything else was said.
    HeldBack(Manner),
    /// Signed by a stranger.
    WrongKey(Manner),
    /// The same, marked as a debugging call: nothing may come of it.
    AsTest(Manner),
    /// Signed for a time that is long over.
    Stale(Manner),
}

/// Skew that is still right: the window of 60 s, less what the two clocks differ by already.
const AHEAD_SECS_MAX: usize = 58;
/// The same, less what a call may also take on its way, which makes it older.
const BEHIND_SECS_MAX: usize = 50;
/// Of the copies that would be so treated: each takes the whole time-out of a caller.
const TIME_OUTS_ONE_IN: usize = 4;

/// Some temper for a copy of a saying.
pub fn temper(saying: &Saying, dice: &mut Dice, every_reading: bool) -> Temper {
    let manner = manner(saying, dice, every_reading);
    match dice.below(16) {
        0 | 1 => Temper::Replayed(manner, 2 + dice.below(2)),
        2 | 3 if saying.may_be_late => Temper::Lost(manner, HangUp::AfterSending),
        2..=4 => Temper::Lost(manner, HangUp::AtFirstByte),
        5 if saying.may_be_late => {
            // It is late enough as it is.
            Temper::HeldBack(Manner { skew: manner.skew.max(TimeDelta::zero()), ..manner })
        }
        6 => Temper::WrongKey(Manner { wrong_key: true, ..manner }),
        7 => Temper::AsTest(manner),
        8 if dice.one_in(3) => {
            let hours = TimeDelta::hours(if dice.one_in(2) { 2 } else { -2 });
            Temper::Stale(Manner { skew: hours, ..manner })
        }
        9 if dice.one_in(TIME_OUTS_ONE_IN) => Temper::TimedOut(manner),
        _ => Temper::Plain(manner),
    }
}

/// Some way to write it: half of the calls as ever, the others in up to three ways at once.
pub fn manner(saying: &Saying, dice: &mut Dice, every_reading: bool) -> Manner {
    let mut manner = usual(saying, dice);
    for _ in 0..dice.below(4) {
        twist(&mut manner, &saying.call, dice, every_reading);
    }
    manner
}

/// As the marketplace writes today.
pub fn usual(saying: &Saying, dice: &mut Dice) -> Manner {
    Manner { expire_millis: saying.expire_millis, order_seed: seed(dice), ..Manner::default() }
}

fn seed(dice: &mut Dice) -> u64 {
    u64::try_from(dice.below(1 << 30)).unwrap_or(1)
}

fn twist(manner: &mut Manner, call: &Call, dice: &mut Dice, every_reading: bool) {
    match dice.below(9) {
        0 => manner.body = BodyForm::Shuffled,
        1 => manner.body = BodyForm::Spaced,
        2 => manner.unknown_member = true,
        3 => manner.nulls = true,
        4 => manner.leaves_out_optional(call),
        5 => {
            let secs = if dice.one_in(2) {
                i64::try_from(dice.below(AHEAD_SECS_MAX + 1)).unwrap_or(0)
            } else {
                -i64::try_from(dice.below(BEHIND_SECS_MAX + 1)).unwrap_or(0)
            };
            manner.skew = TimeDelta::seconds(secs);
        }
        6 => {
            manner.token_plus = if dice.one_in(2) { TokenPlus::Blank } else { TokenPlus::Bare };
            manner.shuffled_query = true;
        }
        7 if every_reading => manner.in_seconds = true,
        8 if every_reading => {
            manner.signed = if dice.one_in(2) { SignedForm::AsSent } else { SignedForm::SortedDeeply };
            manner.body = BodyForm::Spaced;
        }
        _ => manner.blank_as_plus = true,
    }
}

/// What the judge is told of it.
pub fn expected(saying: &Saying, manner: &Manner) -> Expected {
    if manner.wrong_key {
        return Expected::Refused(Provocation::WrongSignature);
    }
    if manner.skew.abs() > TimeDelta::minutes(2) {
        return Expected::Refused(Provocation::StaleTime);
    }
    if saying.any_answer {
        return Expected::Documented;
    }
    twist_of(saying.call.family, manner).map_or(Expected::Accepted, Expected::AcceptedDespite)
}

fn twist_of(family: Family, manner: &Manner) -> Option<Twist> {
    let json = !family.is_get();
    let twists = [
        (manner.unknown_member, Twist::UnknownMember),
        (json && manner.nulls, Twist::NullMember),
        (!manner.without.is_empty(), Twist::MissingOptional),
        (json && manner.signed != SignedForm::SortedAtTop, Twist::OtherReading),
        (json && manner.in_seconds, Twist::Seconds),
        (json && manner.body != BodyForm::Sorted, Twist::Unsorted),
        (manner.expire_millis.is_some(), Twist::LongTime),
        (!json && manner.token_plus != TokenPlus::Encoded, Twist::BlankInToken),
        (manner.skew != TimeDelta::zero(), Twist::Skewed),
    ];
    twists.into_iter().find(|(is_so, _)| *is_so).map(|(_, twist)| twist)
}
