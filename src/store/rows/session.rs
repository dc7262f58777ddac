//! Who is signed in, links that sign in, and when tokens were last used.

use super::api_token::TokenOwnerRow;
use super::form::{Base64, Millis, Text};
use super::mirror::row;
use crate::domain::{
    MerchantId, Narrowed, Scope, Session, SessionDigest, SessionId, SignInLink, SignInLinkId, TokenDigest,
    TokenUse,
};

row!(
    /// What a link gives less than its token.
    NarrowedRow for Narrowed {
        name: String = name,
        scopes: Vec<Text<Scope>> = scopes,
    }
);

row!(
    /// A session of the console.
    SessionRow for Session {
        id: Text<SessionId> = id,
        digest: Base64<SessionDigest> = digest,
        owner: TokenOwnerRow = owner,
        token: Base64<TokenDigest> = token,
        #[serde(skip_serializing_if = "Option::is_none")]
        narrowed: Option<NarrowedRow> = narrowed,
        #[serde(skip_serializing_if = "Option::is_none")]
        acting_for: Option<Text<MerchantId>> = acting_for,
        created_at_ms: Millis = created_at,
        last_seen_at_ms: Millis = last_seen_at,
    }
);

row!(
    /// A sign-in link.
    SignInLinkRow for SignInLink {
        id: Text<SignInLinkId> = id,
        digest: Base64<SessionDigest> = digest,
        owner: TokenOwnerRow = owner,
        token: Base64<TokenDigest> = token,
        gives: NarrowedRow = gives,
        #[serde(skip_serializing_if = "Option::is_none")]
        acting_for: Option<Text<MerchantId>> = acting_for,
        created_at_ms: Millis = created_at,
        expires_at_ms: Millis = expires_at,
        #[serde(skip_serializing_if = "Option::is_none")]
        closed_at_ms: Option<Millis> = closed_at,
    }
);

row!(
    /// When a token was last used.
    TokenUseRow for TokenUse {
        token: Base64<TokenDigest> = token,
        last_used_at_ms: Millis = last_used_at,
    }
);
