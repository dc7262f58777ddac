//! The kinds of record: the second part of every key.

/// What a record is about. Three bytes in every key, so that a kind's records lie together and in order.
///
/// A kind's bytes are part of the stored format and never change; a new noun is a new kind, not a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One order line as received.
    Purchase,
    /// A marketplace's instance id, pointing to its purchase.
    Instance,
    /// An authorization code of a marketplace.
    AuthorizationCode,
    /// A license.
    License,
    /// The digest of a claim code, pointing to its license.
    ClaimCode,
    /// What the buyer of a license's instance is shown.
    AppInfo,
    /// A license handed over through a marketplace.
    HandedOver,
    /// Which activations hold a place of a license.
    Places,
    /// A license on a machine.
    Activation,
    /// Quota: the packages of a license, counters of what was used of them (never below zero), reports that were answered.
    Quota,
    /// The device key of an activation, the quota escrowed to it, how far its usage ledger was merged.
    Escrow,
    /// A reservation of quota, with an `until`.
    Reservation,
    /// A nonce with its answer, with an `until`.
    Nonce,
    /// An idempotency key with its digest and answer, with an `until`.
    Idempotency,
    /// Counter: the slot cursor of a status list. Never below zero.
    StatusListSlots,
    /// A status list as published.
    StatusListBits,
    /// A flip that waits for the next publication of its status list.
    StatusListFlip,
    /// Work to do after the answer that has no lane yet.
    Job,
    /// Work to do after the answer, lane by lane. A kind of its own, just before that of jobs without one: programs that
    /// know no lanes read only those.
    LaneJob,
    /// What later programs know of a license beside its record, which earlier ones read.
    Supplement,
    /// An audit event.
    Event,
    /// The chain over a merchant's events: what waits for it, its blocks and heads; and events that earlier programs, which list
    /// those of a license, do not read.
    Audit,
    /// A look-up key, written with its owner.
    Index,
    /// Catalog: product, spec, channel, API token.
    Catalog,
    /// What a marketplace tells of the companies that use what they bought.
    Kit,
    /// What the installation remembers about itself.
    Meta,
    /// Calls at a production address, some in each record.
    Call,
    /// How a channel has fared.
    Standing,
    /// What a merchant should know of a channel.
    Notice,
    /// Usage: records, their queue, their sums.
    Usage,
    /// Where events are sent: endpoints, deliveries, of which ends merchants were told.
    Webhook,
    /// Who is signed in, links that sign in, when tokens were last used, and answers kept for repeated requests.
    Access,
}

impl Kind {
    /// Every kind, in the order of their bytes.
    pub const ALL: [Self; 32] = [
        Self::Access,
        Self::Activation,
        Self::AppInfo,
        Self::Audit,
        Self::Call,
        Self::Catalog,
        Self::ClaimCode,
        Self::AuthorizationCode,
        Self::Escrow,
        Self::Event,
        Self::HandedOver,
        Self::Idempotency,
        Self::Instance,
        Self::Index,
        Self::LaneJob,
        Self::Job,
        Self::Kit,
        Self::License,
        Self::Meta,
        Self::Nonce,
        Self::Notice,
        Self::Places,
        Self::Purchase,
        Self::Quota,
        Self::Reservation,
        Self::StatusListBits,
        Self::StatusListFlip,
        Self::StatusListSlots,
        Self::Standing,
        Self::Supplement,
        Self::Usage,
        Self::Webhook,
    ];

    /// The kinds whose keys are digests, scattered without an order.
    pub const DIGESTS: [Self; 3] = [Self::ClaimCode, Self::Idempotency, Self::Nonce];

    /// The bytes that stand for this kind in a key.
    pub const fn bytes(self) -> [u8; KIND_BYTES] {
        match self {
            Self::Purchase => *b"pur",
            Self::Instance => *b"ins",
            Self::AuthorizationCode => *b"cod",
            Self::License => *b"lic",
            Self::ClaimCode => *b"clm",
            Self::AppInfo => *b"app",
            Self::HandedOver => *b"hnd",
            Self::Places => *b"plc",
            Self::Activation => *b"act",
            Self::Quota => *b"qty",
            Self::Escrow => *b"esc",
            Self::Reservation => *b"rsv",
            Self::Nonce => *b"non",
            Self::Idempotency => *b"idm",
            Self::StatusListSlots => *b"sls",
            Self::StatusListBits => *b"slb",
            Self::StatusListFlip => *b"slf",
            Self::Job => *b"job",
            Self::LaneJob => *b"jln",
            Self::Supplement => *b"sup",
            Self::Event => *b"evt",
            Self::Audit => *b"aud",
            Self::Index => *b"ix_",
            Self::Catalog => *b"cat",
            Self::Kit => *b"kit",
            Self::Meta => *b"met",
            Self::Call => *b"cal",
            Self::Standing => *b"std",
            Self::Notice => *b"ntc",
            Self::Usage => *b"usg",
            Self::Webhook => *b"whk",
            Self::Access => *b"acc",
        }
    }

    /// The kind that these bytes stand for.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.bytes() == bytes)
    }
}

/// Length of a kind inside a key.
pub const KIND_BYTES: usize = 3;

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.bytes().escape_ascii().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_listed_in_the_order_of_their_bytes_and_none_twice() {
        assert!(Kind::ALL.windows(2).all(|pair| pair[0].bytes() < pair[1].bytes()));
    }

    #[test]
    fn every_kind_is_found_by_its_bytes() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_bytes(&kind.bytes()), Some(kind));
        }
        assert_eq!(Kind::from_bytes(b"???"), None);
    }
}
