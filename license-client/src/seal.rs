//! The seal on what is kept: whose it is, and that nobody has changed it.
//!
//! Under a key made of the machine's commitments, so it is no secret: it finds accidents, copies and edits by hand. Whoever
//! can write a program that reads the machine's components can make one.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit as _, Mac as _};
use license_token::{Commitment, Component, Machine, MachineClaim};
use sha2::{Digest as _, Sha256};

const OPENING: &str = "{\"mac\":";
/// More than the seals of every component take.
const LINE_MAX_BYTES: usize = 512;

/// One key per component of this machine. A file that was sealed before a part was changed is this machine's by the same
/// rule by which its certificate is: enough of the seals fit.
pub(crate) struct Seal {
    keys: BTreeMap<Component, [u8; 32]>,
}

impl Seal {
    pub fn new(issuer: &str, product: &str, machine: &Machine) -> Self {
        let salt = Sha256::new()
            .chain_update(b"lictor-state-v1\0")
            .chain_update(issuer)
            .chain_update(b"\0")
            .chain_update(product)
            .finalize();
        let key = |(component, commitment): (&Component, &Commitment)| {
            let text = [component.as_str().as_bytes(), b"\0", &commitment.0].concat();
            (*component, mac(&salt, &text))
        };
        Self { keys: machine.components.iter().map(key).collect() }
    }

    /// Seals a JSON object: what is sealed are the bytes behind the first line, as they stand.
    pub fn close(&self, object: &str) -> String {
        let body = object.strip_prefix('{').unwrap_or(object).trim_start();
        let seals: BTreeMap<&str, String> = self
            .seals(self.keys.keys(), body)
            .into_iter()
            .map(|(component, seal)| (component.as_str(), seal.to_text()))
            .collect();
        let seals = serde_json::to_string(&seals).unwrap_or_default();
        format!("{OPENING}{seals},\n{body}")
    }

    /// Whether it has the form of something sealed.
    pub fn is_closed(text: &str) -> bool {
        text.starts_with(OPENING)
    }

    /// The object, if this machine has sealed it and nothing was changed since.
    pub fn open<'a>(&self, text: &'a str) -> Option<&'a str> {
        let (line, body) = text.split_once('\n')?;
        let seals =
            line.strip_prefix(OPENING)?.strip_suffix(',').filter(|seals| seals.len() <= LINE_MAX_BYTES)?;
        let seals: BTreeMap<String, String> = serde_json::from_str(seals).ok()?;
        let seal =
            |(name, seal): (&String, &String)| Some((Component::from_text(name)?, Commitment::parse(seal)?));
        let enrolled: Option<BTreeMap<Component, Commitment>> = seals.iter().map(seal).collect();
        let enrolled = MachineClaim::enroll(enrolled?)?;
        let components = self.seals(enrolled.components().keys(), body);
        let here = Machine { components, device_key: None };
        enrolled.matches(&here, false).then_some(text)
    }

    /// Which components were sealed is sealed with the rest: leaving one out helps nobody.
    fn seals<'a>(
        &self,
        sealed: impl Iterator<Item = &'a Component>,
        body: &str,
    ) -> BTreeMap<Component, Commitment> {
        let mut digest = Sha256::new();
        for component in sealed {
            digest.update(component.as_str());
            digest.update(b"\0");
        }
        let digest = digest.chain_update(b"\0").chain_update(body).finalize();
        let seal = |key: &[u8; 32]| {
            let mut seal = Commitment([0; 16]);
            seal.0.copy_from_slice(&mac(key, &digest)[..16]);
            seal
        };
        self.keys.iter().map(|(component, key)| (*component, seal(key))).collect()
    }
}

fn mac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    hmac.update(text);
    hmac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(values: &[(Component, &str)]) -> Machine {
        Machine::commit("iss", "aud", values.iter().copied())
    }

    fn seal(values: &[(Component, &str)]) -> Seal {
        Seal::new("iss", "aud", &machine(values))
    }

    const HERE: [(Component, &str); 4] =
        [(Component::Os, "o1"), (Component::Fw, "f1"), (Component::Brd, "b1"), (Component::Dsk, "d1")];

    #[test]
    fn what_this_machine_sealed_is_read_as_it_stands() {
        let text = seal(&HERE).close("{\n  \"v\": 2\n}");
        let read: serde_json::Value = serde_json::from_str(&text).expect("one JSON object");
        assert_eq!(read["v"], 2);
        assert_eq!(seal(&HERE).open(&text), Some(text.as_str()));
    }

    #[test]
    fn no_byte_can_be_changed_and_nothing_cut_or_added() {
        let (seal, text) = (seal(&HERE), seal(&HERE).close("{\n  \"v\": 2, \"seq\": 7\n}"));
        let body = text.find('\n').expect("a first line") + 1;
        for at in body..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] ^= 1;
            assert_eq!(String::from_utf8(changed).ok().and_then(|text| seal.open(&text).map(drop)), None);
            assert_eq!(seal.open(&text[..at]), None);
        }
        assert_eq!(seal.open(&format!("{text} ")), None);
        assert_eq!(seal.open(&text[body..]), None);
        let read: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let os = read["mac"]["os"].as_str().expect("a seal");
        let fewer = format!("{OPENING}{{\"os\":\"{os}\"}},\n{}", &text[body..]);
        assert_eq!(seal.open(&fewer), None, "one seal for all of them");
    }

    #[test]
    fn a_changed_part_of_the_machine_leaves_it_readable_and_another_machine_does_not() {
        let text = seal(&HERE).close("{\"v\": 2}");
        let with = |component, value| {
            let mut values = HERE;
            values.iter_mut().filter(|(own, _)| *own == component).for_each(|own| own.1 = value);
            seal(&values)
        };
        assert!(with(Component::Dsk, "d2").open(&text).is_some(), "a new disk");
        assert!(with(Component::Os, "o2").open(&text).is_some(), "a new system");
        assert!(with(Component::Fw, "f2").open(&text).is_none(), "a clone on another machine");
        assert!(seal(&[]).open(&text).is_none());
        assert!(Seal::new("iss", "other", &machine(&HERE)).open(&text).is_none(), "another product's");
        assert!(
            seal(&[]).open(&seal(&[]).close("{\"v\": 2}")).is_none(),
            "no machine is not the same machine"
        );
    }
}
