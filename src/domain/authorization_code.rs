//! The marketplace's own code for what it sold: shown to the buyer there, redeemed here.

use super::{ChannelId, EarlyEvent, InstanceId, Instant, LicenseId, Marketplace, MerchantId, OrderId};

/// Longest authorization code, in characters.
const CODE_CHARS_MAX: usize = 64;
const PREFIX: &str = "PL";

/// The code that people paste, without blanks, if the text can be one. What it opens only the marketplace knows.
pub fn authorization_code(text: &str) -> Option<InstanceId> {
    if text.len() > 2 * CODE_CHARS_MAX {
        return None;
    }
    let code: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    let fits = code.len() > PREFIX.len() && code.len() <= CODE_CHARS_MAX && code.chars().all(plain);
    if fits && code.starts_with(PREFIX) { InstanceId::parse(&code).ok() } else { None }
}

/// What the marketplace said when a code was activated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeGrant {
    /// Through whose access to the marketplace.
    pub channel: ChannelId,
    /// Whose order it is; not told again when the first answer was lost.
    pub order_id: Option<OrderId>,
    /// The marketplace's product id.
    pub product_id: Option<String>,
    /// How much was bought.
    pub quantity: Option<u32>,
    /// The end, as the marketplace has it.
    pub ends_at: Option<Instant>,
}

/// Where a code stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorizationCodeState {
    /// The marketplace has spoken of it; nobody has redeemed it here.
    Unredeemed,
    /// Somebody redeems it; the marketplace is being asked.
    Asked {
        /// Since when.
        since: Instant,
    },
    /// The marketplace has activated it; its order is being asked for.
    Activated {
        /// What it said.
        grant: CodeGrant,
    },
    /// The marketplace does not know it. Asked again from `again_at` on, when somebody tries once more.
    Refused {
        /// Not before.
        again_at: Instant,
    },
    /// Its purchase is there, and its license, unless the purchase is held.
    Redeemed {
        /// The license, also one that is not minted yet.
        license: LicenseId,
        /// The marketplace's day on which its use was last reported.
        used_on: Option<u32>,
    },
    /// Released before anybody redeemed it.
    Released {
        /// When.
        at: Instant,
    },
}

/// A code that the marketplace gave a buyer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationCode {
    /// Whose.
    pub merchant: MerchantId,
    /// Who made it.
    pub marketplace: Marketplace,
    /// The code, which is also what the marketplace calls the instance.
    pub code: InstanceId,
    /// Where it stands.
    pub state: AuthorizationCodeState,
    /// What came before it was redeemed, in order of arrival.
    pub early: Vec<EarlyEvent>,
}

impl AuthorizationCode {
    /// Until when it is kept, if not for ever: one that the marketplace does not know, and has said nothing of, is
    /// forgotten once it may be asked about again. Anybody can make such texts up.
    pub fn kept_until(&self) -> Option<Instant> {
        match &self.state {
            AuthorizationCodeState::Refused { again_at } if self.early.is_empty() => Some(*again_at),
            AuthorizationCodeState::Refused { .. }
            | AuthorizationCodeState::Unredeemed
            | AuthorizationCodeState::Asked { .. }
            | AuthorizationCodeState::Activated { .. }
            | AuthorizationCodeState::Redeemed { .. }
            | AuthorizationCodeState::Released { .. } => None,
        }
    }

    /// The license that it opens, once it does.
    pub fn license(&self) -> Option<&LicenseId> {
        match &self.state {
            AuthorizationCodeState::Redeemed { license, .. } => Some(license),
            AuthorizationCodeState::Unredeemed
            | AuthorizationCodeState::Asked { .. }
            | AuthorizationCodeState::Activated { .. }
            | AuthorizationCodeState::Refused { .. }
            | AuthorizationCodeState::Released { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_paste_it() {
        let code = |text: &str| authorization_code(text).map(|code| code.to_string());
        assert_eq!(code(" PL2305\u{a0}23 ABC\n").as_deref(), Some("PL230523ABC"));
        assert_eq!(code("PL-1_a").as_deref(), Some("PL-1_a"));
        assert!(code(&format!("PL{}", "1".repeat(62))).is_some());
        for text in ["", "PL", "pl230523", "XPL1", "PL*1", "PL1.2", "PL码", "8-4-4-4-12"] {
            assert_eq!(code(text), None, "{text}");
        }
        assert_eq!(code(&format!("PL{}", "1".repeat(63))), None);
        assert_eq!(code(&format!("PL1{}", " ".repeat(200))), None);
    }
}
