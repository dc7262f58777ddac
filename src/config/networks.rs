//! Addresses and networks, as settings name them.

use std::net::IpAddr;

use ipnet::IpNet;

/// Most addresses and networks of one setting.
const NETWORKS_MAX: usize = 64;

/// Addresses and networks; by default none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// These.
    pub fn of(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self(networks.into_iter().collect())
    }

    /// Whether this is one. An IPv4 address counts the same when it is written as an IPv6 one.
    pub fn include(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Reads words between commas and blanks, at most 64. Of a network that is every address `all` says what is wrong.
    pub fn read(text: &str, all: &str) -> Result<Self, String> {
        let words: Vec<_> = text.split([',', ' ']).filter(|word| !word.is_empty()).collect();
        if words.len() > NETWORKS_MAX {
            return Err(format!("names more than {NETWORKS_MAX}; write the networks that they are in"));
        }
        words.into_iter().map(|word| network(word, all)).collect::<Result<_, _>>().map(Self)
    }
}

fn network(word: &str, all: &str) -> Result<IpNet, String> {
    let address = word.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
    let network = address.or_else(|_| word.parse::<IpNet>()).map_err(|_| {
        format!("{word:?} is neither an address such as 10.1.2.3 nor a network such as 10.1.0.0/16")
    })?;
    if network.prefix_len() == 0 {
        return Err(format!("{word} is {all}"));
    }
    if network.addr() != network.network() {
        return Err(format!("{word} has bits beyond its length; write {}", network.trunc()));
    }
    Ok(network)
}
