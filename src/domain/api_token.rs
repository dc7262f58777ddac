//! Tokens of the merchant API.

use super::spec::named;
use super::{ApiTokenId, Instant, MerchantId, Validity};

named!(
    /// What a token may do.
    Scope {
        /// See everything but keys and codes.
        Read = "read",
        /// Reveal license keys and claim codes.
        Keys = "keys",
        /// Suspend, resume, release a machine, re-issue, extend by at most 31 days.
        Support = "support",
        /// Issue licenses.
        Issue = "issue",
        /// Revoke licenses.
        Revoke = "revoke",
        /// Report usage.
        Usage = "usage",
        /// Change products, specs and channels.
        Catalog = "catalog",
        /// All of these, for one merchant.
        Admin = "admin",
        /// The server's own: merchants, signing keys, backup.
        Operator = "operator",
    }
);

/// SHA-256 of the token text; the text is not stored.
pub type TokenDigest = [u8; 32];

/// Whose a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenOwner {
    /// One merchant's.
    Merchant(MerchantId),
    /// The server's own; it names its merchant in a header.
    Server,
}

impl TokenOwner {
    /// The merchant, if it is one's.
    pub fn merchant(&self) -> Option<&MerchantId> {
        match self {
            Self::Merchant(merchant) => Some(merchant),
            Self::Server => None,
        }
    }
}

/// A bearer token of the merchant API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// As shown in lists.
    pub id: ApiTokenId,
    /// Under which it is found.
    pub digest: TokenDigest,
    /// The actor in the audit log.
    pub name: String,
    /// Whose.
    pub owner: TokenOwner,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: Instant,
    /// When it ends, if ever.
    pub expires_at: Option<Instant>,
    /// When it was revoked.
    pub revoked_at: Option<Instant>,
}

impl ApiToken {
    /// Whether it opens anything at `now`.
    pub fn is_live(&self, now: Instant) -> bool {
        self.revoked_at.is_none()
            && self.expires_at.is_none_or(|end| Validity::between(self.created_at, Some(end)).holds_at(now))
    }

    /// Whether it may do what `scope` names; `admin` holds all but `operator`, `operator` holds all.
    pub fn allows(&self, scope: Scope) -> bool {
        let holds = |own: &Scope| {
            *own == scope || *own == Scope::Operator || (*own == Scope::Admin && scope != Scope::Operator)
        };
        self.scopes.iter().any(holds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_gives_no_other() {
        let all: Vec<Scope> = Scope::NAMES.iter().filter_map(|name| Scope::parse(name)).collect();
        for &held in &all {
            for &asked in &all {
                let token = ApiToken {
                    id: ApiTokenId::from_uuid(1),
                    digest: [0; 32],
                    name: "ci".into(),
                    owner: TokenOwner::Server,
                    scopes: vec![held],
                    created_at: Instant::UNIX_EPOCH,
                    expires_at: None,
                    revoked_at: None,
                };
                let expected = held == asked
                    || held == Scope::Operator
                    || (held == Scope::Admin && asked != Scope::Operator);
                assert_eq!(token.allows(asked), expected, "{held:?} {asked:?}");
            }
        }
    }
}
