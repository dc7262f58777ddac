//! The chain over events.

use super::event::SubjectText;
use super::form::{Base64, Millis, Text};
use super::mirror::row;
use crate::domain::{
    Adoption, ChainBlock, ChainEntry, ChainHead, EventId, EventPlace, MerchantId, SealedEvent, SealerLease,
    Unsealed,
};

row!(
    /// Where an event lies.
    EventPlaceRow for EventPlace {
        event: Text<EventId> = event,
        subject: SubjectText = subject,
        under_license: bool = under_license,
    }
);

row!(
    /// That an event waits.
    UnsealedRow for Unsealed {
        merchant: Text<MerchantId> = merchant,
        place: EventPlaceRow = place,
        adopted: bool = adopted,
    }
);

row!(
    /// One place.
    ChainEntryRow for ChainEntry {
        seq: u64 = seq,
        place: EventPlaceRow = place,
        adopted: bool = adopted,
        digest: Base64<[u8; 32]> = digest,
        link: Base64<[u8; 32]> = link,
    }
);

row!(
    /// Entries that were sealed together.
    ChainBlockRow for ChainBlock {
        merchant: Text<MerchantId> = merchant,
        entries: Vec<ChainEntryRow> = entries,
        sealed_at_ms: Millis = sealed_at,
        head: String = head,
    }
);

row!(
    /// Where a chain ends.
    ChainHeadRow for ChainHead {
        merchant: Text<MerchantId> = merchant,
        seq: u64 = seq,
        link: Base64<[u8; 32]> = link,
        sealed_at_ms: Millis = sealed_at,
        token: String = token,
    }
);

row!(
    /// The place that an event has.
    SealedEventRow for SealedEvent {
        merchant: Text<MerchantId> = merchant,
        event: Text<EventId> = event,
        seq: u64 = seq,
    }
);

row!(
    /// Who seals.
    SealerLeaseRow for SealerLease {
        holder: u64 = holder,
        until_ms: Millis = until,
    }
);

row!(
    /// How far was looked.
    AdoptionRow for Adoption {
        merchant: Text<MerchantId> = merchant,
        pass: u32 = pass,
        began_at_ms: Millis = began_at,
        after: Option<EventPlaceRow> = after,
        looked_at: u64 = looked_at,
        adopted: u64 = adopted,
        done_at_ms: Option<Millis> = done_at,
    }
);
