//! One newtype per id; parsed at the edge, trusted inside.

use std::fmt;

/// Why a text is not the id it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {} must be {rule}", noun_of_id(.what))]
pub struct IdError {
    /// The name of its type.
    what: &'static str,
    rule: &'static str,
}

impl IdError {
    /// How such an id is written.
    pub fn rule(&self) -> &'static str {
        self.rule
    }
}

/// What people call an id type of this name: `OrderLineId` is an order line id.
pub fn noun_of_id(name: &str) -> String {
    let mut noun = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !noun.is_empty() {
            noun.push(' ');
        }
        noun.push(letter.to_ascii_lowercase());
    }
    noun
}

/// Longest id chosen by a merchant, in bytes.
pub const SLUG_BYTES_MAX: usize = 64;
/// Longest id that a marketplace gives, in bytes (the marketplace's own limit is 64 for most of them).
pub const FOREIGN_ID_BYTES_MAX: usize = 128;
/// Longest name of a record of usage, in bytes (`metering_sn`).
pub const METERING_SN_BYTES_MAX: usize = 64;
/// Characters of a UUID in base 62 at fixed width: sorts like the UUID itself.
pub const UUID_TEXT_CHARS: usize = 22;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn uuid_text(uuid: u128) -> String {
    let mut digits = [b'0'; UUID_TEXT_CHARS];
    let mut rest = uuid;
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[usize::try_from(rest % 62).expect("a remainder below 62 fits")];
        rest /= 62;
    }
    digits.iter().map(|&digit| char::from(digit)).collect()
}

fn is_slug(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty()
        && text.len() <= SLUG_BYTES_MAX
        && text.bytes().all(allowed)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn is_foreign(text: &str) -> bool {
    !text.is_empty() && text.len() <= FOREIGN_ID_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic())
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $rule:expr, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Parses the text as it comes from outside.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(IdError { what: stringify!($name), rule: $rule })
                }
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

macro_rules! own_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        id!($(#[$doc])* $name, concat!("`", $prefix, "` and 22 letters or digits"), |text| {
            text.strip_prefix($prefix).is_some_and(|rest| {
                rest.len() == UUID_TEXT_CHARS && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
            })
        });

        impl $name {
            /// The least id above this one.
            pub fn following(&self) -> Self {
                let mut rest = self.0.as_bytes()[$prefix.len()..].to_vec();
                for digit in rest.iter_mut().rev() {
                    match BASE62.iter().position(|known| known == digit).and_then(|at| BASE62.get(at + 1)) {
                        Some(next) => {
                            *digit = *next;
                            break;
                        }
                        None => *digit = BASE62[0],
                    }
                }
                Self(format!("{}{}", $prefix, String::from_utf8_lossy(&rest)))
            }

            /// What every id of this kind starts with.
            pub const PREFIX: &'static str = $prefix;

            /// The id made from a time-ordered UUID: ids sort by their time.
            pub fn from_uuid(uuid: u128) -> Self {
                Self(format!("{}{}", $prefix, uuid_text(uuid)))
            }
        }
    };
}

const SLUG: &str = "1 to 64 lower-case letters, digits and inner hyphens";

id!(/// Who sells. Chosen by the operator.
    MerchantId, "1 to 64 lower-case letters, digits and inner hyphens", is_slug);
id!(/// A signing key: the RFC 7638 thumbprint of its public half.
KeyId, "43 characters of base64url, as `lictor keys list` shows it", |text| {
    text.len() == 43 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
});
id!(/// A product of a merchant: `aud` of its tokens.
    ProductId, "1 to 64 lower-case letters, digits and inner hyphens", is_slug);
id!(/// What can be bought of a product.
SpecId, "1 to 64 letters, digits, dots, underscores and hyphens", |text| {
    !text.is_empty()
        && text.len() <= SLUG_BYTES_MAX
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
});
id!(/// One production address of a merchant.
    ChannelId, "1 to 64 lower-case letters, digits and inner hyphens", is_slug);
id!(/// The marketplace's code for a spec (`skuCode`).
    Sku, "1 to 128 visible ASCII characters", is_foreign);
id!(/// The marketplace's order id.
    OrderId, "1 to 128 visible ASCII characters", is_foreign);
id!(/// The marketplace's order line id.
    OrderLineId, "1 to 128 visible ASCII characters", is_foreign);
id!(/// What the marketplace calls the thing it sold: answered to its first call, the same for ever.
    InstanceId, "1 to 128 visible ASCII characters", is_foreign);
id!(/// What the marketplace calls an application for a license.
    RequestId, "1 to 128 visible ASCII characters", is_foreign);
id!(/// Who bought; opaque.
    CustomerId, "1 to 128 visible ASCII characters", is_foreign);
id!(/// What an event is about, within its sort.
    SubjectId, "1 to 128 visible ASCII characters", is_foreign);
own_id!(/// A license; never reused.
    LicenseId, "lic_");
own_id!(/// A license on a machine; never reused.
    ActivationId, "act_");
own_id!(/// An audit event.
    EventId, "evt_");
own_id!(/// Work to be done after an answer.
    JobId, "job_");
own_id!(/// A purchase, as its merchant names it: the id of its license under another prefix.
    PurchaseId, "ord_");
own_id!(/// One signed token (`jti`).
    TokenId, "jti_");
own_id!(/// An API token, as shown in lists.
    ApiTokenId, "tok_");
own_id!(/// Somebody at work in the console.
    SessionId, "ses_");
own_id!(/// A link that opens a session once.
    SignInLinkId, "lnk_");
own_id!(/// A call at a production address.
    CallId, "cal_");
own_id!(/// Something that a merchant should know of a channel.
    NoticeId, "ntc_");
own_id!(/// A record of usage; its order is that of recording.
    UsageId, "usg_");
own_id!(/// Quota kept back for work that may fail.
    ReservationId, "rsv_");
own_id!(/// An endpoint to which events are sent.
    WebhookId, "whk_");
own_id!(/// A secret of an endpoint.
    WebhookSecretId, "wsk_");
own_id!(/// One event on its way to one endpoint.
    DeliveryId, "dlv_");
id!(/// A quota package of a license: stable over renewals and changes, never reused, also when the package moves.
PackageId, "`pkg_`, 22 letters or digits, `_` and a number", |text| {
    let parts = text.strip_prefix("pkg_").and_then(|rest| rest.split_once('_'));
    parts.is_some_and(|(uuid, number)| {
        uuid.len() == UUID_TEXT_CHARS
            && uuid.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && number.parse::<u16>().is_ok_and(|value| value.to_string() == number)
    })
});
id!(/// What a record of usage is called towards the marketplace (`metering_sn`): the same for ever.
MeteringSn, "1 to 64 visible ASCII characters", |text| is_foreign(text) && text.len() <= METERING_SN_BYTES_MAX);

impl SubjectId {
    /// Of an id or digest: visible ASCII, and no longer than this is.
    pub(super) fn of(id: &str) -> Self {
        debug_assert!(is_foreign(id), "{id:?} names a subject");
        Self(id.to_owned())
    }
}

impl UsageId {
    /// The name towards the marketplace of a record that its merchant did not name.
    pub fn metering_sn(&self) -> MeteringSn {
        MeteringSn(self.0.clone())
    }
}

impl PackageId {
    /// The package of this number among those that the purchase of a license gave.
    pub fn of(license: &LicenseId, number: u16) -> Self {
        Self(format!("{}_{number}", license.as_str().replacen(LicenseId::PREFIX, "pkg_", 1)))
    }
}

impl PurchaseId {
    /// The purchase that became, or will become, this license.
    pub fn of(license: &LicenseId) -> Self {
        Self(license.as_str().replacen(LicenseId::PREFIX, Self::PREFIX, 1))
    }

    /// The license that it became, or will become.
    pub fn license(&self) -> LicenseId {
        LicenseId(self.0.replacen(Self::PREFIX, LicenseId::PREFIX, 1))
    }
}

impl SpecId {
    /// The rule that merchants' slugs follow, for messages.
    pub const SLUG_RULE: &'static str = SLUG;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_made_from_later_uuids_sort_later() {
        let earlier = LicenseId::from_uuid(0x0190_0000_0000_7000_8000_0000_0000_0000);
        let later = LicenseId::from_uuid(0x0190_0000_0001_7000_8000_0000_0000_0000);
        assert!(earlier < later);
        assert_eq!(LicenseId::parse(later.as_str()), Ok(later));
    }

    #[test]
    fn a_purchase_and_its_license_have_the_same_number() {
        let license = LicenseId::from_uuid(7);
        let purchase = PurchaseId::of(&license);
        assert_eq!((purchase.license(), PurchaseId::parse(purchase.as_str())), (license, Ok(purchase)));
    }

    #[test]
    fn packages_of_a_license_are_told_apart_by_their_number() {
        let license = LicenseId::from_uuid(7);
        let id = PackageId::of(&license, 12);
        assert_eq!(id.as_str(), "pkg_0000000000000000000007_12");
        assert_eq!(PackageId::parse(id.as_str()), Ok(id));
        for text in ["pkg_0000000000000000000007", "pkg_0000000000000000000007_012", "pkg_7_1"] {
            assert!(PackageId::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_largest_uuid_still_has_22_characters() {
        assert_eq!(LicenseId::from_uuid(u128::MAX).as_str().len(), "lic_".len() + UUID_TEXT_CHARS);
    }

    #[test]
    fn an_error_names_the_id_as_people_call_it() {
        let error = OrderLineId::parse("").expect_err("there is none");
        assert_eq!(error.to_string(), "the order line id must be 1 to 128 visible ASCII characters");
        assert_eq!(error.rule(), "1 to 128 visible ASCII characters");
    }

    #[test]
    fn a_slug_with_upper_case_or_an_outer_hyphen_is_refused() {
        for text in ["", "Acme", "-acme", "acme-", "ac me", "ac/me"] {
            assert!(MerchantId::parse(text).is_err(), "{text:?}");
        }
    }
}
