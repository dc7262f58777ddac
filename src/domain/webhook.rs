//! Where a merchant has events sent, and how sending fares there.

use chrono::TimeDelta;

use super::{Instant, MerchantId, SecretRef, WebhookEvent, WebhookId, WebhookSecretId};

/// Most endpoints of one merchant.
pub const WEBHOOKS_MAX: usize = 20;
/// Most secrets of one endpoint that sign at the same time: receivers look at 16 signatures at most.
pub const WEBHOOK_SECRETS_MAX: usize = 4;
/// Longest address, in bytes.
pub const WEBHOOK_URL_BYTES_MAX: usize = 2_048;
/// Longest description, in characters.
pub const WEBHOOK_DESCRIPTION_CHARS_MAX: usize = 256;
/// Most days before an end of which one endpoint wants to be told, and
pub const EXPIRING_DAYS_MAX: usize = 8;
/// the earliest of them.
pub const EXPIRING_DAYS_AHEAD_MAX: u16 = 366;
/// Days before an end of which an endpoint is told unless it says others.
pub const EXPIRING_DAYS_DEFAULT: [u16; 3] = [30, 7, 1];
/// An endpoint that answers nothing but failures for so long is disabled, with a notice.
pub const DISABLED_AFTER: TimeDelta = TimeDelta::days(5);

/// One address of a merchant to which events are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Time-ordered id, unless a repeatable request made it.
    pub id: WebhookId,
    /// Whose.
    pub merchant: MerchantId,
    /// Where events go.
    pub url: String,
    /// The merchant's own words.
    pub description: String,
    /// What is sent; empty: everything but what must be asked for by name.
    pub events: Vec<WebhookEvent>,
    /// How many days before the end of a license it is told, most first.
    pub expiring_days: Vec<u16>,
    /// What signs, newest first; at least one has no end.
    pub secrets: Vec<WebhookSecret>,
    /// Why nothing is sent, if nothing is.
    pub disabled: Option<WebhookDisabled>,
    /// When it was made.
    pub created_at: Instant,
    /// When it was changed last.
    pub updated_at: Instant,
}

/// A secret by which a receiver knows that an event is true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookSecret {
    /// Which.
    pub id: WebhookSecretId,
    /// Where it is.
    pub kept: KeptSecret,
    /// Since when it signs.
    pub created_at: Instant,
    /// From when on it signs no more.
    pub ends_at: Option<Instant>,
}

/// Where a secret is that must be read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptSecret {
    /// Here, sealed under the vault's key.
    Sealed(Vec<u8>),
    /// Where the merchant says.
    Reference(SecretRef),
}

/// Why and since when nothing is sent to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebhookDisabled {
    /// Since when.
    pub at: Instant,
    /// Why.
    pub cause: DisableCause,
}

super::spec::named!(
    /// Why nothing is sent to an endpoint.
    DisableCause {
        /// The merchant has said so.
        ByHand = "by_hand",
        /// It answered 410: it is gone for good.
        Gone = "gone",
        /// Nothing was accepted there for [`DISABLED_AFTER`].
        Failing = "failing",
    }
);

impl Webhook {
    /// Whether it wants events of this kind.
    pub fn wants(&self, event: WebhookEvent) -> bool {
        if self.events.is_empty() { !event.only_by_name() } else { self.events.contains(&event) }
    }

    /// The secrets that sign at an instant, newest first.
    pub fn live_secrets(&self, now: Instant) -> impl Iterator<Item = &WebhookSecret> {
        let is_live = move |secret: &&WebhookSecret| secret.ends_at.is_none_or(|end| now < end);
        self.secrets.iter().filter(is_live)
    }

    /// Puts another secret first; those of before sign until `ends_at` at the longest, the oldest are forgotten when there
    /// are too many.
    pub fn rotate(&mut self, next: WebhookSecret, ends_at: Instant) {
        let now = next.created_at;
        self.secrets.retain(|secret| secret.ends_at.is_none_or(|end| now < end));
        for secret in &mut self.secrets {
            secret.ends_at = Some(secret.ends_at.map_or(ends_at, |end| end.min(ends_at)));
        }
        // One that ends at once signs nothing.
        self.secrets.retain(|secret| secret.ends_at.is_none_or(|end| now < end));
        self.secrets.insert(0, next);
        self.secrets.truncate(WEBHOOK_SECRETS_MAX);
    }
}

/// How far events were sent to an endpoint. It changes with every attempt, its endpoint only by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookProgress {
    /// Whose.
    pub merchant: MerchantId,
    /// Which endpoint.
    pub webhook: WebhookId,
    /// Up to which number of its merchant's chain deliveries were made.
    pub cursor: u64,
    /// While this lies ahead, some worker sends.
    pub leased_until: Option<Instant>,
    /// When an attempt failed for the first time after the last success.
    pub failing_since: Option<Instant>,
    /// Attempts that failed since the last success.
    pub failures_in_row: u32,
    /// No attempt before this: an endpoint that does not answer is left alone for a while.
    pub rests_until: Option<Instant>,
    /// The start of the minute in which attempts are counted,
    pub minute: Instant,
    /// and how many there were.
    pub sent_in_minute: u32,
    /// When an event was accepted last.
    pub last_success_at: Option<Instant>,
    /// When one was not.
    pub last_failure_at: Option<Instant>,
    /// Deliveries that ended since the history was trimmed.
    pub since_trim: u32,
    /// Deliveries that are on their way.
    pub pending: u32,
    /// When the oldest of them was made.
    pub oldest_at: Option<Instant>,
    /// When the next of them may be tried.
    pub next_due_at: Option<Instant>,
}

/// Events that an endpoint is sent once more, because its merchant has asked for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookReplay {
    /// Whose.
    pub merchant: MerchantId,
    /// Which endpoint.
    pub webhook: WebhookId,
    /// What is left of what was asked for, in the order of asking.
    pub spans: Vec<ReplaySpan>,
}

/// Numbers of a chain whose events are sent once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplaySpan {
    /// Behind this number,
    pub after: u64,
    /// up to and with this one,
    pub through: u64,
    /// at most so many deliveries.
    pub left: u32,
}

/// Spans of one endpoint that wait at a time.
pub const REPLAYS_MAX: usize = 100;
/// Most events of one replay.
pub const REPLAY_EVENTS_MAX: u32 = 10_000;

/// Attempts at one endpoint in one minute of the clock.
pub const ATTEMPTS_PER_MINUTE_MAX: u32 = 600;
/// After so many failures in a row an endpoint counts as down.
const DOWN_AFTER_FAILURES: u32 = 5;
/// How long it is left alone then: doubled with each further failure up to the longest.
const REST_FIRST_SECS: i64 = 5;
const REST_MAX_SECS: i64 = 600;

impl WebhookProgress {
    /// Of an endpoint that is sent what comes behind this number of the chain.
    pub fn new(merchant: MerchantId, webhook: WebhookId, cursor: u64, now: Instant) -> Self {
        Self {
            merchant,
            webhook,
            cursor,
            leased_until: None,
            failing_since: None,
            failures_in_row: 0,
            rests_until: None,
            minute: now,
            sent_in_minute: 0,
            last_success_at: None,
            last_failure_at: None,
            since_trim: 0,
            pending: 0,
            oldest_at: None,
            next_due_at: None,
        }
    }

    /// Whether the endpoint has answered nothing but failures lately.
    pub fn is_down(&self) -> bool {
        self.failures_in_row >= DOWN_AFTER_FAILURES
    }

    /// From when on an attempt may be made.
    pub fn next_attempt_at(&self, now: Instant) -> Instant {
        let rested = self.rests_until.map_or(now, |until| until.max(now));
        let minute_ends = self.minute + TimeDelta::minutes(1);
        let is_full =
            self.sent_in_minute >= ATTEMPTS_PER_MINUTE_MAX && now < minute_ends && self.minute <= now;
        if is_full { rested.max(minute_ends) } else { rested }
    }

    /// Counts an attempt.
    pub fn count_attempt(&mut self, now: Instant) {
        if now < self.minute || self.minute + TimeDelta::minutes(1) <= now {
            (self.minute, self.sent_in_minute) = (now, 0);
        }
        self.sent_in_minute += 1;
    }

    /// An event was accepted. Says whether the endpoint was down until now.
    pub fn succeeded(&mut self, now: Instant) -> bool {
        let was_down = self.is_down();
        self.forgive();
        self.last_success_at = Some(now);
        was_down
    }

    /// An event was not accepted; `wait` is what the endpoint has asked for. `die` spreads attempts over time.
    pub fn failed(&mut self, now: Instant, wait: Option<TimeDelta>, die: u8) {
        self.failing_since.get_or_insert(now);
        self.failures_in_row = self.failures_in_row.saturating_add(1);
        self.last_failure_at = Some(now);
        let asked = wait.map(|wait| now + wait.min(TimeDelta::seconds(REST_MAX_SECS)));
        let beyond = self.failures_in_row.checked_sub(DOWN_AFTER_FAILURES);
        let rest = beyond.map(|beyond| {
            let pause = (REST_FIRST_SECS << beyond.min(16)).min(REST_MAX_SECS);
            now + spread(TimeDelta::seconds(pause), die)
        });
        self.rests_until = asked.max(rest);
    }

    /// As if it had never failed: somebody says that it is mended.
    pub fn forgive(&mut self) {
        (self.failing_since, self.failures_in_row, self.rests_until) = (None, 0, None);
    }

    /// Whether it has failed for so long that it is disabled.
    pub fn is_given_up(&self, now: Instant) -> bool {
        self.failing_since.is_some_and(|since| since + DISABLED_AFTER <= now)
    }
}

/// A pause, up to a tenth shorter or longer by chance: what failed together is not tried together.
pub(super) fn spread(pause: TimeDelta, die: u8) -> TimeDelta {
    let millis = pause.num_milliseconds();
    let share = millis / 10 * (i64::from(die) - 128) / 128;
    TimeDelta::milliseconds(millis + share)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Instant {
        "2026-01-31T08:00:00Z".parse().expect("an instant")
    }

    fn secret(number: u128, at: Instant) -> WebhookSecret {
        let id = WebhookSecretId::from_uuid(number);
        WebhookSecret { id, kept: KeptSecret::Sealed(vec![1]), created_at: at, ends_at: None }
    }

    fn webhook() -> Webhook {
        Webhook {
            id: WebhookId::from_uuid(1),
            merchant: MerchantId::parse("acme").expect("a slug"),
            url: "https://example.com/".into(),
            description: String::new(),
            events: Vec::new(),
            expiring_days: EXPIRING_DAYS_DEFAULT.to_vec(),
            secrets: vec![secret(1, now())],
            disabled: None,
            created_at: now(),
            updated_at: now(),
        }
    }

    #[test]
    fn an_old_secret_signs_until_its_end_and_not_at_it() {
        let mut webhook = webhook();
        let (at, ends_at) = (now() + TimeDelta::hours(1), now() + TimeDelta::hours(25));
        webhook.rotate(secret(2, at), ends_at);
        let live = |at| webhook.live_secrets(at).map(|secret| secret.id.clone()).collect::<Vec<_>>();
        assert_eq!(live(at), [2, 1].map(WebhookSecretId::from_uuid));
        assert_eq!(live(ends_at - TimeDelta::seconds(1)).len(), 2);
        assert_eq!(live(ends_at), [WebhookSecretId::from_uuid(2)]);
    }

    #[test]
    fn one_that_leaked_ends_at_once_and_a_later_rotation_makes_no_end_later() {
        let mut webhook = webhook();
        webhook.rotate(secret(2, now()), now() + TimeDelta::hours(1));
        webhook.rotate(secret(3, now()), now() + TimeDelta::hours(9));
        assert_eq!(webhook.secrets[2].ends_at, Some(now() + TimeDelta::hours(1)));
        webhook.rotate(secret(4, now()), now());
        assert_eq!(webhook.secrets.len(), 1);
        for number in 5..20 {
            webhook.rotate(secret(number, now()), now() + TimeDelta::days(1));
        }
        assert_eq!(webhook.secrets.len(), WEBHOOK_SECRETS_MAX);
    }

    #[test]
    fn what_costs_a_commit_of_its_own_is_sent_only_when_it_is_asked_for_by_name() {
        let mut webhook = webhook();
        assert!(
            webhook.wants(WebhookEvent::LicenseIssued) && !webhook.wants(WebhookEvent::ActivationRenewed)
        );
        webhook.events = vec![WebhookEvent::ActivationRenewed];
        assert!(
            webhook.wants(WebhookEvent::ActivationRenewed) && !webhook.wants(WebhookEvent::LicenseIssued)
        );
    }

    #[test]
    fn an_endpoint_that_is_down_is_asked_ever_more_seldom_and_never_less_than_every_eleven_minutes() {
        let mut progress = WebhookProgress::new(webhook().merchant, webhook().id, 0, now());
        let mut at = now();
        let mut attempts = 0;
        while at < now() + TimeDelta::days(1) {
            progress.failed(at, None, 200);
            attempts += 1;
            let next = progress.next_attempt_at(at).max(at + TimeDelta::seconds(1));
            assert!(next - at <= TimeDelta::minutes(11), "{}", next - at);
            at = next;
        }
        println!("{attempts} attempts in a day");
        assert!((100..200).contains(&attempts), "{attempts}");
        assert!(progress.is_down() && !progress.is_given_up(at));
        assert!(progress.is_given_up(now() + DISABLED_AFTER));
        assert!(progress.succeeded(at), "it was down until now");
        assert_eq!(progress.next_attempt_at(at), at);
    }

    #[test]
    fn a_minute_has_its_bound_and_the_next_begins_anew() {
        let mut progress = WebhookProgress::new(webhook().merchant, webhook().id, 0, now());
        for _ in 0..ATTEMPTS_PER_MINUTE_MAX {
            assert_eq!(progress.next_attempt_at(now()), now());
            progress.count_attempt(now());
        }
        let next = progress.next_attempt_at(now());
        assert_eq!(next, now() + TimeDelta::minutes(1));
        progress.count_attempt(next);
        assert_eq!((progress.sent_in_minute, progress.next_attempt_at(next)), (1, next));
    }
}
