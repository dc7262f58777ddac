//! Sessions of people in the console, and the links that open one.

use chrono::TimeDelta;

use super::{
    ApiToken, Instant, MerchantId, Scope, SessionId, SignInLinkId, TokenDigest, TokenOwner, Validity,
};

/// SHA-256 over a random secret that only the browser keeps.
pub type SessionDigest = [u8; 32];

/// A session ends when nobody has used it for so long.
pub const SESSION_IDLE: TimeDelta = TimeDelta::hours(8);
/// However much it is used, it ends after so long.
pub const SESSION_LONGEST: TimeDelta = TimeDelta::days(7);
/// How coarsely its last use is written down: a page is no reason for a write.
pub const SESSION_STEP: TimeDelta = TimeDelta::minutes(10);
/// How long a sign-in link can be used, unless its maker says otherwise, in seconds.
pub const SIGN_IN_LINK_DEFAULT_SECS: u32 = 600;
/// The longest that a sign-in link can be used, in seconds.
pub const SIGN_IN_LINK_MAX_SECS: u32 = 86_400;

/// As long as the answers to idempotency keys.
const REMEMBERED: TimeDelta = TimeDelta::days(31);

/// What a sign-in link gives less than the token behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Narrowed {
    /// The actor in the audit log, in place of the token's name.
    pub name: String,
    /// What may be done; never more than the token may.
    pub scopes: Vec<Scope>,
}

/// Somebody at work in the console. It holds as long as the token behind it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// As shown in lists.
    pub id: SessionId,
    /// Under which it is found.
    pub digest: SessionDigest,
    /// Whose the token is.
    pub owner: TokenOwner,
    /// The token that opened it, or that made the link which did.
    pub token: TokenDigest,
    /// What the link gave less than the token, if a link opened it.
    pub narrowed: Option<Narrowed>,
    /// For whom an operator works; a merchant's token says it by itself.
    pub acting_for: Option<MerchantId>,
    /// When it began.
    pub created_at: Instant,
    /// When it was last used, in steps of [`SESSION_STEP`].
    pub last_seen_at: Instant,
}

impl Session {
    /// When it ends if nobody uses it any more.
    pub fn ends_at(&self) -> Instant {
        (self.last_seen_at + SESSION_IDLE).min(self.created_at + SESSION_LONGEST)
    }

    /// Whether it still opens anything at `now`.
    pub fn is_live(&self, now: Instant) -> bool {
        Validity::between(self.created_at, Some(self.ends_at())).holds_at(now)
    }

    /// Whether its use at `now` is to be written down.
    pub fn is_to_be_noted(&self, now: Instant) -> bool {
        now - self.last_seen_at >= SESSION_STEP
    }

    /// Whether it may go on for another merchant: an operator's, unless a link was made for one merchant.
    pub fn may_choose(&self) -> bool {
        let is_fixed = self.narrowed.is_some() && self.acting_for.is_some();
        self.owner == TokenOwner::Server && !is_fixed
    }

    /// The merchant whose data it shows, if that is said already.
    pub fn merchant(&self) -> Option<&MerchantId> {
        match &self.owner {
            TokenOwner::Merchant(own) => Some(own),
            TokenOwner::Server => self.acting_for.as_ref(),
        }
    }

    /// The token as whoever works here holds it: under the name and with the scopes that a link left of it. Nothing when
    /// none is left.
    pub fn held(&self, token: ApiToken) -> Option<ApiToken> {
        let Some(Narrowed { name, scopes }) = &self.narrowed else { return Some(token) };
        let scopes: Vec<Scope> = scopes.iter().copied().filter(|scope| token.allows(*scope)).collect();
        (!scopes.is_empty()).then(|| ApiToken { name: name.clone(), scopes, ..token })
    }
}

/// A link that opens one session, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInLink {
    /// As shown in lists.
    pub id: SignInLinkId,
    /// Under which it is found.
    pub digest: SessionDigest,
    /// Whose the token is.
    pub owner: TokenOwner,
    /// The token that made it.
    pub token: TokenDigest,
    /// What the session is given.
    pub gives: Narrowed,
    /// For whom the session of an operator works.
    pub acting_for: Option<MerchantId>,
    /// When it was made.
    pub created_at: Instant,
    /// When it opens nothing any more.
    pub expires_at: Instant,
    /// When it was used, or withdrawn.
    pub closed_at: Option<Instant>,
}

impl SignInLink {
    /// Whether it still opens a session at `now`.
    pub fn is_live(&self, now: Instant) -> bool {
        self.closed_at.is_none() && Validity::between(self.created_at, Some(self.expires_at)).holds_at(now)
    }

    /// Until when it is remembered that it was used: a request that is repeated must not make it anew.
    pub fn remembered_until(&self) -> Instant {
        self.expires_at.max(self.created_at + REMEMBERED)
    }
}

/// When a token was last used, in coarse steps. A record beside the token's, so that using it never changes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenUse {
    /// Which token.
    pub token: TokenDigest,
    /// When.
    pub last_used_at: Instant,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ApiTokenId;

    fn at(minutes: i64) -> Instant {
        Instant::UNIX_EPOCH + TimeDelta::minutes(minutes)
    }

    fn session(last_seen_at: Instant) -> Session {
        Session {
            id: SessionId::from_uuid(1),
            digest: [0; 32],
            owner: TokenOwner::Server,
            token: [1; 32],
            narrowed: None,
            acting_for: None,
            created_at: at(0),
            last_seen_at,
        }
    }

    #[test]
    fn a_session_ends_when_it_idles_and_at_the_latest_after_a_week() {
        let idle = session(at(0));
        assert!(idle.is_live(at(8 * 60) - TimeDelta::seconds(1)));
        assert!(!idle.is_live(at(8 * 60)));
        let busy = session(at(7 * 24 * 60 - 10));
        assert!(busy.is_live(at(7 * 24 * 60) - TimeDelta::seconds(1)));
        assert!(!busy.is_live(at(7 * 24 * 60)));
    }

    #[test]
    fn use_is_noted_in_steps() {
        assert!(!session(at(0)).is_to_be_noted(at(10) - TimeDelta::seconds(1)));
        assert!(session(at(0)).is_to_be_noted(at(10)));
    }

    #[test]
    fn a_link_never_gives_more_than_its_token_has_left() {
        let token = |scopes: &[Scope]| ApiToken {
            id: ApiTokenId::from_uuid(1),
            digest: [1; 32],
            name: "desk".into(),
            owner: TokenOwner::Server,
            scopes: scopes.to_vec(),
            created_at: at(0),
            expires_at: None,
            revoked_at: None,
        };
        let gives = Narrowed { name: "Li".into(), scopes: vec![Scope::Read, Scope::Support] };
        let session = Session { narrowed: Some(gives), ..session(at(0)) };
        let held = session.held(token(&[Scope::Admin])).expect("scopes are left");
        assert_eq!((held.name.as_str(), held.scopes), ("Li", vec![Scope::Read, Scope::Support]));
        let held = session.held(token(&[Scope::Read, Scope::Issue])).expect("one is left");
        assert_eq!(held.scopes, [Scope::Read]);
        assert_eq!(session.held(token(&[Scope::Issue])), None);
    }
}
