//! Customers whose personal data was erased.

use super::form::{Base64, Millis, Text};
use super::mirror::row;
use crate::domain::{CustomerDigest, CustomerId, Erasure, MerchantId};

row!(
    /// One of them, without the id.
    ErasureRow for Erasure {
        merchant: Text<MerchantId> = merchant,
        customer: Base64<CustomerDigest> = customer,
        pseudonym: Text<CustomerId> = pseudonym,
        at_ms: Millis = at,
    }
);
