//! One event on its way to one endpoint.

use std::time::Duration;

use chrono::TimeDelta;

use super::webhook::spread;
use super::{DeliveryId, EventId, Instant, MerchantId, WebhookEvent, WebhookId};

/// Deliveries of one endpoint that are on their way at a time. Events behind them wait in their merchant's chain.
pub const DELIVERIES_PENDING_MAX: usize = 64;
/// Deliveries of one endpoint that have ended and are still shown.
pub const DELIVERIES_KEPT_MAX: usize = 200;
/// Longest part of an answer that is kept, in characters.
pub const EXCERPT_CHARS_MAX: usize = 200;

/// Pauses between attempts, in seconds: the schedule that Standard Webhooks recommends, three days in all.
const RETRY_PAUSES_SECS: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// No attempt is made after this, however few there were: an endpoint that was down had fewer.
const GIVEN_UP_AFTER: TimeDelta = TimeDelta::hours(76);

/// One event on its way to one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Which.
    pub id: DeliveryId,
    /// Whose.
    pub merchant: MerchantId,
    /// Where to.
    pub webhook: WebhookId,
    /// What receivers know it by: the same at every attempt and every replay.
    pub event: EventId,
    /// What it tells.
    pub kind: WebhookEvent,
    /// Its number in its merchant's chain; none for what stands in no chain.
    pub seq: Option<u64>,
    /// When it was made.
    pub made_at: Instant,
    /// What is sent; empty once it has ended.
    pub body: String,
    /// How often it was tried.
    pub attempts: u32,
    /// How many pauses of its schedule are over.
    pub step: u32,
    /// Not before.
    pub due_at: Instant,
    /// When it would be due, if it was brought forward.
    pub due_later: Option<Instant>,
    /// The last attempt.
    pub last: Option<Attempt>,
    /// Where it stands.
    pub state: DeliveryState,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is tried, or will be.
    Pending,
    /// It was accepted.
    Delivered(Instant),
    /// It was not, and is tried no more.
    GivenUp(Instant),
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// When.
    pub at: Instant,
    /// How long it took.
    pub took: Duration,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// How the answer begins, or why there was none; bounded, without control characters.
    pub words: String,
}

impl Attempt {
    /// Whether the event was accepted.
    pub fn is_success(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }

    /// Whether the endpoint says that it is gone for good.
    pub fn is_gone(&self) -> bool {
        self.status == Some(410)
    }
}

impl Delivery {
    /// An attempt was made. `die` spreads the next one over time.
    pub fn tried(&mut self, attempt: Attempt, die: u8) {
        let now = attempt.at;
        self.attempts = self.attempts.saturating_add(1);
        if attempt.is_success() {
            self.end(DeliveryState::Delivered(now));
        } else if let Some(later) = self.due_later.take() {
            // What was brought forward takes nothing away from its schedule.
            self.due_at = later;
        } else {
            let pause = usize::try_from(self.step).ok().and_then(|step| RETRY_PAUSES_SECS.get(step));
            self.step = self.step.saturating_add(1);
            match pause {
                Some(secs) => self.due_at = now + spread(TimeDelta::seconds(*secs), die),
                None => self.end(DeliveryState::GivenUp(now)),
            }
        }
        if self.state == DeliveryState::Pending && self.made_at + GIVEN_UP_AFTER < self.due_at {
            self.end(DeliveryState::GivenUp(now));
        }
        self.last = Some(attempt);
    }

    /// It is due now: its endpoint answers again.
    pub fn bring_forward(&mut self, now: Instant) {
        if now < self.due_at {
            self.due_later.get_or_insert(self.due_at);
            self.due_at = now;
        }
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.state != DeliveryState::Pending
    }

    fn end(&mut self, state: DeliveryState) {
        (self.state, self.due_later) = (state, None);
        self.body.clear();
    }
}

/// The beginning of a text from outside, without control characters.
pub fn excerpt(text: &str) -> String {
    let shown = |character: char| if character.is_control() { ' ' } else { character };
    text.chars().map(shown).take(EXCERPT_CHARS_MAX).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Instant {
        "2026-01-31T08:00:00Z".parse().expect("an instant")
    }

    fn delivery() -> Delivery {
        Delivery {
            id: DeliveryId::from_uuid(1),
            merchant: MerchantId::parse("acme").expect("a slug"),
            webhook: WebhookId::from_uuid(1),
            event: EventId::from_uuid(1),
            kind: WebhookEvent::LicenseIssued,
            seq: Some(1),
            made_at: now(),
            body: "{}".into(),
            attempts: 0,
            step: 0,
            due_at: now(),
            due_later: None,
            last: None,
            state: DeliveryState::Pending,
        }
    }

    fn attempt(at: Instant, status: Option<u16>) -> Attempt {
        Attempt { at, took: Duration::from_millis(5), status, words: String::new() }
    }

    #[test]
    fn an_event_that_nobody_takes_is_tried_ten_times_over_three_days_whatever_the_dice_say() {
        for die in [0, 1, 77, 128, 255] {
            let mut delivery = delivery();
            let mut pauses = Vec::new();
            while !delivery.has_ended() {
                let at = delivery.due_at;
                delivery.tried(attempt(at, Some(500)), die);
                pauses.push((delivery.due_at - at).num_seconds());
            }
            let span = delivery.due_at - now();
            println!("die {die}: {} attempts, {pauses:?}, {} h", delivery.attempts, span.num_hours());
            assert!((9..=10).contains(&delivery.attempts), "{}", delivery.attempts);
            assert!((TimeDelta::hours(48)..TimeDelta::hours(84)).contains(&span), "{span}");
            assert_eq!(delivery.body, "", "what ended is kept without its body");
        }
    }

    #[test]
    fn any_2xx_is_success_and_nothing_else_is() {
        for (status, is_success) in [
            (Some(200), true),
            (Some(204), true),
            (Some(299), true),
            (Some(199), false),
            (Some(302), false),
            (None, false),
        ] {
            let mut delivery = delivery();
            delivery.tried(attempt(now(), status), 0);
            assert_eq!(delivery.state == DeliveryState::Delivered(now()), is_success, "{status:?}");
        }
    }

    #[test]
    fn being_brought_forward_takes_nothing_away_from_the_schedule() {
        let mut delivery = delivery();
        delivery.tried(attempt(now(), None), 128);
        delivery.tried(attempt(delivery.due_at, None), 128);
        let (step, due_at) = (delivery.step, delivery.due_at);
        for _ in 0..50 {
            delivery.bring_forward(now() + TimeDelta::seconds(6));
            assert_eq!(delivery.due_at, now() + TimeDelta::seconds(6));
            delivery.tried(attempt(delivery.due_at, None), 128);
            assert_eq!((delivery.step, delivery.due_at), (step, due_at));
        }
        assert!(!delivery.has_ended());
    }

    #[test]
    fn what_others_answered_is_kept_short_and_without_control_characters() {
        assert_eq!(excerpt(" no\u{1b}[31m\r\nsuch\u{7f} thing\0 "), "no [31m  such  thing");
        assert_eq!(excerpt(&"é".repeat(9_000)).chars().count(), EXCERPT_CHARS_MAX);
    }
}
