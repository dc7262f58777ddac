//! Which proxies may say for whom they call.

use std::net::IpAddr;

use ipnet::IpNet;

use super::networks::Networks;
use super::types::Form;

/// Addresses and networks of proxies; by default none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Networks);

impl TrustedProxies {
    /// These.
    pub fn of(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self(Networks::of(networks))
    }

    /// Whether this is one, written either way.
    pub fn include(&self, address: IpAddr) -> bool {
        self.0.include(address)
    }
}

impl Form for TrustedProxies {
    type Value = Self;
    const MAY_BE_EMPTY: bool = true;

    fn read(text: &str) -> Result<Self, String> {
        Networks::read(text, "everybody, and anybody could then call for anybody; name the proxies").map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> TrustedProxies {
        TrustedProxies::read(text).expect("a test writes valid networks")
    }

    #[test]
    fn addresses_and_networks_are_held_apart_from_their_neighbours() {
        let trusted = read("127.0.0.1, 10.1.0.0/16 ,2001:db8::/32, ::ffff:192.0.2.1");
        for (address, is_trusted) in [
            ("127.0.0.1", true),
            ("::ffff:127.0.0.1", true),
            ("127.0.0.2", false),
            ("10.1.255.255", true),
            ("10.2.0.0", false),
            ("2001:db8:ffff::1", true),
            ("2001:db9::", false),
            ("192.0.2.1", true),
            ("::1", false),
        ] {
            assert_eq!(trusted.include(address.parse().expect("an address")), is_trusted, "{address}");
        }
        assert_eq!(read(""), TrustedProxies::default());
        assert!(!read("").include(IpAddr::from([127, 0, 0, 1])));
    }

    #[test]
    fn what_is_no_network_or_too_wide_is_told_with_what_to_write() {
        for (text, told) in [
            ("proxy.example", "\"proxy.example\" is neither"),
            ("10.0.0.0/33", "is neither"),
            ("127.0.0.1:80", "is neither"),
            ("0.0.0.0/0", "is everybody"),
            ("::/0", "is everybody"),
            ("10.1.2.3/8", "write 10.0.0.0/8"),
            (&"10.0.0.1,".repeat(65), "more than 64"),
        ] {
            let message = TrustedProxies::read(text).expect_err(text);
            assert!(message.contains(told), "{message}");
        }
    }
}
