//! An authorization code opens a license at `/v1/claims`. Whatever may reach an answer, an event, a log line or another
//! server names something else in its place.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::ports::StoreError;
use crate::domain::{AuditEvent, InstanceId, Marketplace, OrderId, OrderLineKey, authorization_code};

/// Bytes of the digest that stand for a code: too many for two codes ever to share them.
const STAND_IN_BYTES: usize = 16;

/// What stands for a code where its order has no name: the beginning of its SHA-256.
pub(super) fn stand_in(code: &InstanceId) -> String {
    let digest = Sha256::digest(code.as_str().as_bytes());
    digest.iter().take(STAND_IN_BYTES).fold("code-".to_owned(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The same as an order id.
pub(super) fn order_of_code(code: &InstanceId) -> Result<OrderId, StoreError> {
    OrderId::parse(&stand_in(code)).map_err(|_| StoreError::Failed("a digest that is no id".into()))
}

/// Whether the marketplace calls an instance by an authorization code.
fn is_code(marketplace: Marketplace, instance: &InstanceId) -> bool {
    marketplace == Marketplace::KooGallery && authorization_code(instance.as_str()).is_some()
}

/// Whether a purchase is named after its code, because the marketplace named no order: nobody can be asked for that
/// order. Purchases of earlier versions bear the code itself.
pub(super) fn is_named_after_code(key: &OrderLineKey, instance: &InstanceId) -> bool {
    let order_id = key.order_id.as_str();
    is_code(key.marketplace, instance) && (order_id == instance.as_str() || order_id == stand_in(instance))
}

/// The order id of a purchase for everybody who may read it.
pub fn order_id_shown(key: &OrderLineKey, instance: &InstanceId) -> String {
    if is_named_after_code(key, instance) { stand_in(instance) } else { key.order_id.to_string() }
}

/// What the marketplace calls an instance; a code is shown only to those who may see keys (`reveal`).
pub fn instance_shown(marketplace: Marketplace, instance: &InstanceId, reveal: bool) -> Option<String> {
    (reveal || !is_code(marketplace, instance)).then(|| instance.to_string())
}

/// An event for those who may not see keys: what looks like a code is not shown. Says whether there was one; then the event's
/// digest cannot be made of what is shown.
pub fn event_shown(mut event: AuditEvent) -> (AuditEvent, bool) {
    let mut is_hidden = false;
    for value in event.detail.values_mut() {
        let code = InstanceId::parse(value).ok().filter(|code| authorization_code(code.as_str()).is_some());
        if let Some(code) = code {
            (*value, is_hidden) = (stand_in(&code), true);
        }
    }
    (event, is_hidden)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::MerchantId;

    fn id(text: &str) -> InstanceId {
        InstanceId::parse(text).expect("an id")
    }

    fn key(order_id: &str) -> OrderLineKey {
        OrderLineKey {
            merchant: MerchantId::parse("acme").expect("valid"),
            marketplace: Marketplace::KooGallery,
            order_id: OrderId::parse(order_id).expect("valid"),
            line_id: None,
            product_id: None,
        }
    }

    #[test]
    fn the_stand_in_is_the_beginning_of_the_sha_256_of_the_code() {
        // printf %s abc | sha256sum: the vector of FIPS 180-4.
        assert_eq!(stand_in(&id("abc")), "code-ba7816bf8f01cfea414140de5dae2223");
        assert!(OrderId::parse(&stand_in(&id("PL1"))).is_ok());
    }

    #[test]
    fn a_purchase_of_an_earlier_version_is_shown_as_one_of_today() {
        let code = id("PL230523");
        for named in ["PL230523".to_owned(), stand_in(&code)] {
            assert!(is_named_after_code(&key(&named), &code));
            assert_eq!(order_id_shown(&key(&named), &code), stand_in(&code));
        }
        for other in ["CS1", "PL230524"] {
            assert!(!is_named_after_code(&key(other), &code));
            assert_eq!(order_id_shown(&key(other), &code), other);
        }
        assert_eq!(order_id_shown(&key("4ef28f"), &id("4ef28f")), "4ef28f");
    }

    #[test]
    fn an_instance_is_hidden_only_where_it_is_a_code_and_nobody_may_see_keys() {
        let shown = |marketplace, text: &str, reveal| instance_shown(marketplace, &id(text), reveal);
        assert_eq!(shown(Marketplace::KooGallery, "PL230523", false), None);
        assert_eq!(shown(Marketplace::KooGallery, "PL230523", true).as_deref(), Some("PL230523"));
        assert_eq!(shown(Marketplace::KooGallery, "4ef28f", false).as_deref(), Some("4ef28f"));
        assert_eq!(shown(Marketplace::Generic, "PL230523", false).as_deref(), Some("PL230523"));
    }
}
