//! Device keys, what is escrowed to them, and how far their ledgers were merged.

use super::form::{Base64, Millis, TenThousandths, Text};
use super::mirror::row;
use crate::domain::{
    ActivationId, Device, HashStart, LedgerHead, LicenseId, LineHash, MerchantId, PackageId, QuotaWindow,
    ResetWindow, Share, WindowAlignment,
};

row!(
    /// The device key of an activation.
    DeviceRow for Device {
        merchant: Text<MerchantId> = merchant,
        license: Text<LicenseId> = license,
        activation: Text<ActivationId> = activation,
        key: Base64<[u8; 32]> = key,
        thumbprint: Base64<[u8; 32]> = thumbprint,
        head: LedgerHeadRow = head,
        generation: u64 = generation,
        merged_until_ms: Option<Millis> = merged_until,
        recent: Vec<Base64<HashStart>> = recent,
        shares: Vec<ShareRow> = shares,
        shares_granted: u32 = shares_granted,
    }
);

row!(
    /// How far its ledger was merged.
    LedgerHeadRow for LedgerHead {
        seq: u64 = seq,
        hash: Base64<LineHash> = hash,
    }
);

row!(
    /// A share of quota.
    ShareRow for Share {
        number: u32 = number,
        package: Text<PackageId> = package,
        window: QuotaWindowRow = window,
        metric: String = metric,
        unit: String = unit,
        reset: Text<ResetWindow> = reset,
        alignment: Text<WindowAlignment> = alignment,
        granted_ten_thousandths: TenThousandths = granted,
        used_ten_thousandths: TenThousandths = used,
        until_ms: Millis = until,
        returns_at_ms: Millis = returns_at,
        closed: bool = is_closed,
    }
);

row!(
    /// A window of a package.
    QuotaWindowRow for QuotaWindow {
        starts_at_ms: Millis = starts_at,
        ends_at_ms: Option<Millis> = ends_at,
        ordinal: u32 = ordinal,
    }
);
