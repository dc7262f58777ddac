//! Which addresses may be called although they are not of the open internet.

use std::net::IpAddr;

use ipnet::IpNet;

use super::networks::Networks;
use super::types::Form;

/// Addresses and networks; by default none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedNetworks(Networks);

impl AllowedNetworks {
    /// These.
    pub fn of(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self(Networks::of(networks))
    }

    /// Whether this is one, written either way.
    pub fn include(&self, address: IpAddr) -> bool {
        self.0.include(address)
    }
}

impl Form for AllowedNetworks {
    type Value = Self;
    const MAY_BE_EMPTY: bool = true;

    fn read(text: &str) -> Result<Self, String> {
        Networks::read(text, "every address, and nothing would be refused; name the networks").map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_networks_are_read_and_too_wide_ones_are_told_with_what_to_write() {
        let allowed = AllowedNetworks::read("10.1.0.0/16, 127.0.0.1 fd12::/16").expect("valid");
        assert!(
            allowed.include(IpAddr::from([10, 1, 2, 3])) && !allowed.include(IpAddr::from([10, 2, 0, 0]))
        );
        assert_eq!(AllowedNetworks::read("").expect("none"), AllowedNetworks::default());
        for (text, told) in [
            ("inside.example", "is neither"),
            ("0.0.0.0/0", "is every address"),
            ("::/0", "is every address"),
            ("10.1.2.3/8", "write 10.0.0.0/8"),
            (&"10.0.0.1,".repeat(65), "more than 64"),
        ] {
            let message = AllowedNetworks::read(text).expect_err(text);
            assert!(message.contains(told), "{message}");
        }
    }
}
