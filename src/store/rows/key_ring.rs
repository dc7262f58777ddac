//! The signing keys of a merchant; never a private half.

use super::form::{Base64, Millis, Text};
use super::mirror::{row, row_enum};
use crate::domain::{
    KeyId, KeyRing, KeyRole, KeySetDraft, KeyState, LicenseId, MerchantId, PublishedKeySet, Reissue,
    Retiring, RevocationMode, RingKey,
};

row!(
    /// The keys of one merchant.
    KeyRingRow for KeyRing {
        merchant: Text<MerchantId> = merchant,
        keys: Vec<RingKeyRow> = keys,
        published: Option<PublishedKeySetRow> = published,
        draft: Option<KeySetDraftRow> = draft,
        reissue: Option<ReissueRow> = reissue,
        retiring: Option<RetiringRow> = retiring,
    }
);

row!(
    /// One of them.
    RingKeyRow for RingKey {
        kid: Text<KeyId> = kid,
        role: Text<KeyRole> = role,
        public: Base64<[u8; 32]> = public,
        known_since_ms: Millis = known_since,
        signs_from_ms: Option<Millis> = signs_from,
        signs_until_ms: Option<Millis> = signs_until,
        state: KeyStateRow = state,
    }
);

row_enum!(
    /// Where it stands.
    KeyStateRow for KeyState {
        Staged,
        Active,
        Verifying,
        Retired { at_ms: Millis = at },
        Revoked { at_ms: Millis = at, mode: Text<RevocationMode> = mode },
    }
);

row!(
    /// What clients are served.
    PublishedKeySetRow for PublishedKeySet {
        seq: u64 = seq,
        token: String = token,
        published_at_ms: Millis = published_at,
    }
);

row!(
    /// What waits for the root.
    KeySetDraftRow for KeySetDraft {
        seq: u64 = seq,
        payload: String = payload,
        activates: Vec<Text<KeyId>> = activates,
        made_at_ms: Millis = made_at,
    }
);

row!(
    /// What is being re-issued.
    ReissueRow for Reissue {
        since_ms: Millis = since,
        pass_began_at_ms: Millis = pass_began_at,
        before: Option<Text<LicenseId>> = before,
        looked_at: u64 = looked_at,
        reissued: u64 = reissued,
        failed: u64 = failed,
        done_at_ms: Option<Millis> = done_at,
    }
);

row!(
    /// What is being looked for.
    RetiringRow for Retiring {
        kid: Text<KeyId> = kid,
        before: Option<Text<LicenseId>> = before,
        looked_at: u64 = looked_at,
    }
);
