//! API tokens, by the digest of their text.

use super::form::{Base64, Millis, Text};
use super::mirror::{row, row_enum};
use crate::domain::{ApiToken, ApiTokenId, MerchantId, Scope, TokenDigest, TokenOwner};

row!(
    /// An API token.
    ApiTokenRow for ApiToken {
        id: Text<ApiTokenId> = id,
        digest: Base64<TokenDigest> = digest,
        name: String = name,
        owner: TokenOwnerRow = owner,
        scopes: Vec<Text<Scope>> = scopes,
        created_at_ms: Millis = created_at,
        #[serde(skip_serializing_if = "Option::is_none")]
        expires_at_ms: Option<Millis> = expires_at,
        #[serde(skip_serializing_if = "Option::is_none")]
        revoked_at_ms: Option<Millis> = revoked_at,
    }
);

row_enum!(
    /// Whose a token is.
    TokenOwnerRow for TokenOwner {
        Merchant(merchant: Text<MerchantId>),
        Server,
    }
);
