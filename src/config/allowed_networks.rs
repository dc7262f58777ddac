//! Which addresses may be called although they are not of the open internet.

use std::net::IpAddr;

use ipnet::IpNet;

use super::types::Form;

/// Most addresses and networks.
const NETWORKS_MAX: usize = 64;

/// Addresses and networks; by default none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedNetworks(Vec<IpNet>);

impl AllowedNetworks {
    /// These.
    pub fn of(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self(networks.into_iter().collect())
    }

    /// Whether this is one. An IPv4 address counts the same when it is written as an IPv6 one.
    pub fn include(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl Form for AllowedNetworks {
    type Value = Self;
    const MAY_BE_EMPTY: bool = true;

    fn read(text: &str) -> Result<Self, String> {
        let words: Vec<_> = text.split([',', ' ']).filter(|word| !word.is_empty()).collect();
        if words.len() > NETWORKS_MAX {
            return Err(format!("names more than {NETWORKS_MAX}; write the networks that they are in"));
        }
        words.into_iter().map(network).collect::<Result<_, _>>().map(Self)
    }
}

fn network(word: &str) -> Result<IpNet, String> {
    let address = word.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
    let network = address.or_else(|_| word.parse::<IpNet>()).map_err(|_| {
        format!("{word:?} is neither an address such as 10.1.2.3 nor a network such as 10.1.0.0/16")
    })?;
    if network.prefix_len() == 0 {
        return Err(format!("{word} is every address, and nothing would be refused; name the networks"));
    }
    if network.addr() != network.network() {
        return Err(format!("{word} has bits beyond its length; write {}", network.trunc()));
    }
    Ok(network)
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
