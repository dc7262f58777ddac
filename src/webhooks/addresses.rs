//! Which addresses are called: those of the open internet, and what the configuration allows beyond.
//!
//! Source: the IANA special-purpose address registries (RFC 6890 and later entries) as of 2025. IPv6 is refused unless it
//! lies in what is assigned for the internet, so that a spelling that nobody thought of is refused as well.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::AllowedNetworks;

/// Why an address is not called; nothing when it may be.
pub fn blocked(address: IpAddr, allowed: &AllowedNetworks) -> Option<&'static str> {
    // An IPv4 address that is written as an IPv6 one is that IPv4 address: it is reached by it.
    let address = address.to_canonical();
    if allowed.include(address) {
        return None;
    }
    match address {
        IpAddr::V4(address) => blocked_v4(address),
        IpAddr::V6(address) => match translated(address) {
            // A network without IPv4 reaches it through this prefix (RFC 6052).
            Some(behind) if allowed.include(IpAddr::V4(behind)) => None,
            Some(behind) => blocked_v4(behind),
            None => blocked_v6(address),
        },
    }
}

/// Networks of IPv4 that are not of the open internet: address, length, what they are.
const V4: &[(Ipv4Addr, u32, &str)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8, "this network"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "a private network"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "shared between a carrier's customers"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "this machine"),
    // Azure's wire server: metadata at an address that looks public.
    (Ipv4Addr::new(168, 63, 129, 16), 32, "a cloud's metadata"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local, where clouds keep metadata"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "a private network"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "kept for protocols"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "for documentation"),
    (Ipv4Addr::new(192, 31, 196, 0), 24, "an anycast network of AS112"),
    (Ipv4Addr::new(192, 52, 193, 0), 24, "an anycast network of AMT"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "a relay of 6to4"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "a private network"),
    (Ipv4Addr::new(192, 175, 48, 0), 24, "an anycast network of AS112"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "for benchmarks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "for documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "for documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved, or everybody on the network"),
];

/// What is assigned for the internet (RFC 4291 §2.4).
const V6_INTERNET: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Networks in it that are not of the open internet.
const V6: &[(Ipv6Addr, u32, &str)] = &[
    // Teredo (2001::/32), benchmarks (2001:2::/48), ORCHID (2001:10::/28, 2001:20::/28) and other protocols.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "kept for protocols, such as Teredo"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "for documentation"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "6to4, which hides an IPv4 address"),
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48, "an anycast network of AS112"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "for documentation"),
];

/// The well-known prefix of translators, 64:ff9b::/96.
const TRANSLATED: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

fn blocked_v4(address: Ipv4Addr) -> Option<&'static str> {
    let lies_in =
        |network: &Ipv4Addr, length: u32| (address.to_bits() ^ network.to_bits()) >> (32 - length) == 0;
    V4.iter().find(|(network, length, _)| lies_in(network, *length)).map(|(.., what)| *what)
}

fn blocked_v6(address: Ipv6Addr) -> Option<&'static str> {
    if !within(address, V6_INTERNET) {
        return Some(
            "not assigned for the internet: this machine, a private network, link-local or multicast",
        );
    }
    V6.iter().find(|(network, length, _)| within(address, (*network, *length))).map(|(.., what)| *what)
}

fn translated(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., a, b, c, d] = address.octets();
    within(address, TRANSLATED).then(|| Ipv4Addr::new(a, b, c, d))
}

fn within(address: Ipv6Addr, (network, length): (Ipv6Addr, u32)) -> bool {
    (address.to_bits() ^ network.to_bits()) >> (128 - length) == 0
}

#[cfg(test)]
mod tests {
    use ipnet::IpNet;
    use proptest::prelude::*;

    use super::*;

    fn judged(text: &str) -> Option<&'static str> {
        blocked(text.parse().expect("an address"), &AllowedNetworks::default())
    }

    #[test]
    fn addresses_of_the_internet_are_called_and_those_beside_blocked_networks_too() {
        for text in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "168.63.129.17",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "191.255.255.255",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.99.255",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:200::1",
            "2001:db7:ffff::1",
            "2001:db9::1",
            "2003::1",
            "2400:cb00::1",
            "3ffe::1",
            "64:ff9b::1.1.1.1",
            "::ffff:1.1.1.1",
        ] {
            assert_eq!(judged(text), None, "{text}");
        }
    }

    #[test]
    fn addresses_inside_are_refused_in_every_spelling() {
        for text in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.100.100.200",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "168.63.129.16",
            "169.254.0.0",
            "169.254.169.254",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.0",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0:127.0.0.1",
            "::127.0.0.1",
            "::1.1.1.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::1",
            "64:ff9b:0:0:0:1:7f00:1",
            "100::1",
            "2001::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:1ff:ffff::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:101:101::1",
            "3fff::1",
            "3fff:fff::1",
            "5f00::1",
            "4000::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fe80::a9fe:a9fe",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "ffff::1",
        ] {
            assert!(judged(text).is_some(), "{text}");
        }
    }

    #[test]
    fn what_the_configuration_allows_is_called_in_every_spelling_and_nothing_beside_it() {
        let networks = ["10.1.0.0/16", "fd12::/16", "127.0.0.1/32"];
        let allowed = AllowedNetworks::of(networks.map(|text| text.parse::<IpNet>().expect("a network")));
        for (text, is_blocked) in [
            ("10.1.2.3", false),
            ("::ffff:10.1.2.3", false),
            ("64:ff9b::10.1.2.3", false),
            ("10.2.0.0", true),
            ("::ffff:10.2.0.0", true),
            ("127.0.0.1", false),
            ("127.0.0.2", true),
            ("::1", true),
            ("fd12::1", false),
            ("fd13::1", true),
            ("2002:0a01:0203::", true),
        ] {
            let judged = blocked(text.parse().expect("an address"), &allowed);
            assert_eq!(judged.is_some(), is_blocked, "{text}");
        }
    }

    /// An address of a blocked network.
    fn blocked_address() -> impl Strategy<Value = Ipv4Addr> {
        (proptest::sample::select(V4.to_vec()), any::<u32>()).prop_map(|((network, length, _), bits)| {
            let host = if length == 32 { 0 } else { bits >> length };
            Ipv4Addr::from_bits(network.to_bits() | host)
        })
    }

    proptest! {
        #[test]
        fn no_spelling_of_a_blocked_address_is_called(address in blocked_address()) {
            let none = AllowedNetworks::default();
            let [a, b, c, d] = address.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let spellings = [
                IpAddr::V4(address),
                IpAddr::V6(address.to_ipv6_mapped()),
                IpAddr::V6(address.to_ipv6_compatible()),
                IpAddr::V6(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low)),
                IpAddr::V6(Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low)),
                IpAddr::V6(Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low)),
                IpAddr::V6(Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1)),
                // Teredo: the client's address, all bits turned over.
                IpAddr::V6(Ipv6Addr::new(0x2001, 0, 0x4136, 0xe378, 0x8000, 0x63bf, !high, !low)),
            ];
            for spelling in spellings {
                prop_assert!(blocked(spelling, &none).is_some(), "{}", spelling);
            }
        }

        #[test]
        fn every_other_address_of_ipv4_is_called(bits in any::<u32>()) {
            let address = Ipv4Addr::from_bits(bits);
            let inside = V4.iter().any(|(network, length, _)| {
                let mask = u32::MAX.checked_shl(32 - length).unwrap_or(u32::MAX);
                bits & mask == network.to_bits()
            });
            prop_assert_eq!(blocked(address.into(), &AllowedNetworks::default()).is_some(), inside);
        }
    }
}
