//! What decides whether a license is valid, as its events carry it: so that a later day can tell what held on an earlier one.

use std::fmt;

use chrono::SecondsFormat;

use super::license::{Hold, Holds, License, LicenseEnd, LicenseState};
use super::{Instant, Refusal, StartEvent, TokenId, Validity};

/// Most superseded key texts that one event names.
const SUPERSEDED_MAX: usize = 20;
/// Stands after the last one where there are more, all of them older.
const AND_OLDER: &str = "older";

/// What decides whether a license is valid: everything that [`License::check`] looks at, and what has become of its keys.
/// Reasons are not part of it: events have them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LicenseStanding {
    /// When it is valid, as far as that is known: what has not begun has no end that is counted.
    pub validity: Validity,
    /// What has to happen before it begins.
    pub awaits: Option<StartEvent>,
    /// Why it is stopped, if it is.
    pub holds: Holds,
    /// Whether it goes on.
    pub end: LicenseEnd,
    /// The current key text.
    pub current_key: Option<TokenId>,
    /// Unexpired key texts that are superseded, oldest first.
    pub superseded: Vec<TokenId>,
    /// Whether those that are older than the first of them are superseded too.
    pub and_older: bool,
    /// The first key text after the last that had leaked: whatever is older opens nothing.
    pub opens_from: Option<TokenId>,
    /// The revision of the license that this one replaced: the order of changes within one instant.
    pub replaced: u64,
}

impl LicenseStanding {
    /// Of a license that replaces the one at a revision.
    pub fn of(license: &License, replaced: u64) -> Self {
        let bare = |hold: &Hold| Hold { since: hold.since, reason: None };
        let holds = Holds {
            marketplace: license.holds.marketplace.as_ref().map(bare),
            merchant: license.holds.merchant.as_ref().map(bare),
        };
        let end = match license.end {
            LicenseEnd::Running => LicenseEnd::Running,
            LicenseEnd::Released { at } => LicenseEnd::Released { at },
            LicenseEnd::Revoked { at, .. } => LicenseEnd::Revoked { at, reason: None },
        };
        let after_leak = license.issued.iter().rposition(|key| key.leaked).map_or(0, |last| last + 1);
        let opens_from = license.issued.get(after_leak).filter(|_| after_leak > 0);
        let superseded = license.issued.iter().skip(after_leak).filter(|key| key.superseded);
        let superseded: Vec<TokenId> = superseded.map(|key| key.token_id.clone()).collect();
        let beyond = superseded.len().saturating_sub(SUPERSEDED_MAX);
        Self {
            validity: Validity::between(license.validity.starts_at, license.known_end()),
            awaits: license.awaits(),
            holds,
            end,
            current_key: license.current_key().map(|key| key.token_id.clone()),
            superseded: superseded[beyond..].to_vec(),
            and_older: beyond > 0,
            opens_from: opens_from.map(|key| key.token_id.clone()),
            replaced,
        }
    }

    /// The state at an instant at which it stands.
    pub fn state(&self, at: Instant) -> LicenseState {
        LicenseState::of(&self.end, &self.holds, self.awaits, &self.validity, at)
    }

    /// Whether the license can be used at an instant at which it stands, or why not.
    pub fn check(&self, at: Instant) -> Result<(), Refusal> {
        self.state(at).check(self.awaits)
    }

    /// Whether a key text has nothing to say any more.
    pub fn is_superseded(&self, key: &TokenId) -> bool {
        let is_older = self.superseded.first().is_some_and(|first| key < first);
        let had_leaked = self.opens_from.as_ref().is_some_and(|first| key < first);
        had_leaked || self.superseded.contains(key) || (self.and_older && is_older)
    }

    /// Reads what [`fmt::Display`] wrote, also in a later version: what it does not know it passes over.
    pub fn parse(text: &str) -> Option<Self> {
        let mut starts_at = None;
        let mut standing = Self {
            validity: Validity::between(Instant::UNIX_EPOCH, None),
            awaits: None,
            holds: Holds::default(),
            end: LicenseEnd::Running,
            current_key: None,
            superseded: Vec::new(),
            and_older: false,
            opens_from: None,
            replaced: 0,
        };
        for member in text.split(' ') {
            let (name, value) = member.split_once('=')?;
            let at = || value.parse::<Instant>().ok();
            let hold = || at().map(|since| Hold { since, reason: None });
            match name {
                "starts" => starts_at = Some(at()?),
                "awaits" => standing.awaits = Some(StartEvent::parse(value)?),
                "ends" => standing.validity.ends_at = Some(at()?),
                "held-by-marketplace" => standing.holds.marketplace = Some(hold()?),
                "held-by-merchant" => standing.holds.merchant = Some(hold()?),
                "released" => standing.end = LicenseEnd::Released { at: at()? },
                "revoked" => standing.end = LicenseEnd::Revoked { at: at()?, reason: None },
                "key" => standing.current_key = Some(TokenId::parse(value).ok()?),
                "opens-from" => standing.opens_from = Some(TokenId::parse(value).ok()?),
                "superseded" => {
                    let keys = value.split(',');
                    standing.and_older = value.ends_with(AND_OLDER);
                    let keys = keys.filter(|key| *key != AND_OLDER).map(TokenId::parse);
                    standing.superseded = keys.collect::<Result<_, _>>().ok()?;
                }
                "replaced" => standing.replaced = value.parse().ok()?,
                _ => {}
            }
        }
        standing.validity = Validity::between(starts_at?, standing.validity.ends_at);
        Some(standing)
    }
}

/// `starts=… ends=… held-by-merchant=… key=…`: members with a blank between them; what there is not is left out.
impl fmt::Display for LicenseStanding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "starts={}", text(self.validity.starts_at))?;
        let ends_at = self.validity.ends_at.map(|end| ("ends", end));
        let marketplace = self.holds.marketplace.as_ref().map(|hold| ("held-by-marketplace", hold.since));
        let merchant = self.holds.merchant.as_ref().map(|hold| ("held-by-merchant", hold.since));
        let end = match self.end {
            LicenseEnd::Running => None,
            LicenseEnd::Released { at } => Some(("released", at)),
            LicenseEnd::Revoked { at, .. } => Some(("revoked", at)),
        };
        for (name, at) in [ends_at, marketplace, merchant, end].into_iter().flatten() {
            write!(f, " {name}={}", text(at))?;
        }
        if let Some(event) = self.awaits {
            write!(f, " awaits={}", event.as_str())?;
        }
        if let Some(key) = &self.current_key {
            write!(f, " key={key}")?;
        }
        if let Some(first) = &self.opens_from {
            write!(f, " opens-from={first}")?;
        }
        if !self.superseded.is_empty() {
            let keys = self.superseded.iter().map(TokenId::as_str);
            let keys: Vec<&str> = keys.chain(self.and_older.then_some(AND_OLDER)).collect();
            write!(f, " superseded={}", keys.join(","))?;
        }
        write!(f, " replaced={}", self.replaced)
    }
}

fn text(at: Instant) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().expect("a test writes valid instants")
    }

    fn key(number: u128) -> TokenId {
        TokenId::from_uuid(number)
    }

    fn standing() -> LicenseStanding {
        LicenseStanding {
            validity: Validity::between(at("2026-01-31T10:00:00Z"), Some(at("2026-02-28T10:00:00.25Z"))),
            awaits: None,
            holds: Holds {
                marketplace: Some(Hold { since: at("2026-02-01T00:00:00Z"), reason: None }),
                merchant: Some(Hold { since: at("2026-02-02T00:00:00Z"), reason: None }),
            },
            end: LicenseEnd::Revoked { at: at("2026-02-03T00:00:00Z"), reason: None },
            current_key: Some(key(9)),
            superseded: vec![key(4), key(7)],
            and_older: true,
            opens_from: None,
            replaced: 12,
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let whole = standing();
        let permanent = LicenseStanding {
            validity: Validity::between(whole.validity.starts_at, None),
            awaits: Some(StartEvent::Acceptance),
            holds: Holds::default(),
            end: LicenseEnd::Running,
            current_key: None,
            superseded: Vec::new(),
            and_older: false,
            opens_from: Some(key(5)),
            replaced: 0,
        };
        let released = LicenseStanding {
            end: LicenseEnd::Released { at: at("2026-02-03T00:00:00Z") },
            and_older: false,
            ..whole.clone()
        };
        for standing in [whole, permanent, released] {
            assert_eq!(LicenseStanding::parse(&standing.to_string()), Some(standing.clone()), "{standing}");
        }
    }

    #[test]
    fn what_a_later_version_adds_is_passed_over_and_what_is_broken_is_not_known() {
        let text = format!("{} colour=blue", standing());
        assert_eq!(LicenseStanding::parse(&text), Some(standing()));
        for broken in
            ["", "starts", "ends=2026-02-28T10:00:00Z", "starts=tomorrow", "starts=2026-02-28T10:00:00Z x"]
        {
            assert_eq!(LicenseStanding::parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn keys_that_are_superseded_are_those_named_and_where_it_says_so_all_older_ones() {
        let standing = standing();
        let superseded = |number| standing.is_superseded(&key(number));
        assert_eq!([1, 4, 5, 7, 9].map(superseded), [true, true, false, true, false]);
        let named = LicenseStanding { and_older: false, ..standing.clone() };
        assert!(!named.is_superseded(&key(1)));
        let leaked = LicenseStanding { opens_from: Some(key(4)), ..named };
        assert_eq!([3, 4, 5].map(|number| leaked.is_superseded(&key(number))), [true, true, false]);
    }
}
