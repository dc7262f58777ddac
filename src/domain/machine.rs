//! Where software runs: committed components, never raw serial numbers.

use std::collections::BTreeMap;

/// Bytes of a commitment: the first 128 bits of HMAC-SHA-256.
pub const COMMITMENT_BYTES: usize = 16;

/// A committed component value; the server never sees the value.
pub type Commitment = [u8; COMMITMENT_BYTES];

/// What a commitment is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// Machine id of the operating system. Strong.
    Os,
    /// Firmware UUID. Strong.
    Firmware,
    /// Board serial number.
    Board,
    /// System disk.
    Disk,
    /// Lowest permanent MAC address.
    Network,
    /// A marketplace's own fingerprint, as one opaque value. Strong.
    Opaque,
}

impl Component {
    const ALL: [Self; 6] = [Self::Os, Self::Firmware, Self::Board, Self::Disk, Self::Network, Self::Opaque];

    /// The name in requests and certificates.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Os => "os",
            Self::Firmware => "fw",
            Self::Board => "brd",
            Self::Disk => "dsk",
            Self::Network => "net",
            Self::Opaque => "opq",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|component| component.as_str() == text)
    }

    fn is_strong(self) -> bool {
        matches!(self, Self::Os | Self::Firmware | Self::Opaque)
    }
}

/// The components of one machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Machine {
    /// Commitment per component; a component the machine does not have is absent.
    pub components: BTreeMap<Component, Commitment>,
}

impl Machine {
    /// How many of `enrolled` components must agree: 3 of 5, 3 of 4, 2 of 3, all of fewer.
    pub fn agreement_needed(enrolled: usize) -> usize {
        match enrolled {
            0..=2 => enrolled,
            3 => 2,
            _ => 3,
        }
    }

    /// The machine that a device key alone tells apart: by the first half of the key's RFC 7638 thumbprint, as one opaque
    /// component.
    pub fn of_device_key(thumbprint: &[u8; 32]) -> Self {
        let mut commitment = Commitment::default();
        commitment.copy_from_slice(&thumbprint[..COMMITMENT_BYTES]);
        Self { components: BTreeMap::from([(Component::Opaque, commitment)]) }
    }

    /// Whether it has what tells it apart: what does not match itself would take a new place with every request.
    pub fn is_distinct(&self) -> bool {
        self.is_same_as(self)
    }

    /// Whether `self`, as enrolled, is the machine that offers `offered`.
    ///
    /// A component not offered now counts as different; at least one strong component must agree; a
    /// firmware UUID on both sides that differs is another machine, whatever else agrees (a cloned image).
    pub fn is_same_as(&self, offered: &Machine) -> bool {
        let agrees = |component: &Component| {
            offered.components.get(component).is_some_and(|value| value == &self.components[component])
        };
        let firmware = Component::Firmware;
        let other_firmware = self.components.contains_key(&firmware)
            && offered.components.contains_key(&firmware)
            && !agrees(&firmware);
        let agreeing: Vec<_> = self.components.keys().filter(|component| agrees(component)).collect();
        !self.components.is_empty()
            && !other_firmware
            && agreeing.len() >= Self::agreement_needed(self.components.len())
            && agreeing.iter().any(|component| component.is_strong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(values: &[(&str, u8)]) -> Machine {
        let component = |name: &str| Component::parse(name).expect("a test names known components");
        Machine { components: values.iter().map(|(name, value)| (component(name), [*value; 16])).collect() }
    }

    #[test]
    fn three_of_five_with_a_strong_one_are_the_same_machine() {
        let enrolled = machine(&[("os", 1), ("fw", 1), ("brd", 1), ("dsk", 1), ("net", 1)]);
        assert!(enrolled.is_same_as(&machine(&[("os", 1), ("fw", 1), ("brd", 1)])));
        assert!(enrolled.is_same_as(&machine(&[("os", 1), ("brd", 2), ("dsk", 1), ("net", 1)])));
        assert!(!enrolled.is_same_as(&machine(&[("os", 1), ("fw", 1), ("brd", 2), ("dsk", 2), ("net", 2)])));
    }

    #[test]
    fn weak_components_alone_are_never_enough() {
        let enrolled = machine(&[("os", 1), ("fw", 1), ("brd", 1), ("dsk", 1), ("net", 1)]);
        assert!(!enrolled.is_same_as(&machine(&[("os", 2), ("brd", 1), ("dsk", 1), ("net", 1)])));
    }

    #[test]
    fn another_firmware_is_another_machine_whatever_else_agrees() {
        let enrolled = machine(&[("os", 1), ("fw", 1), ("brd", 1), ("dsk", 1), ("net", 1)]);
        assert!(!enrolled.is_same_as(&machine(&[("os", 1), ("fw", 2), ("brd", 1), ("dsk", 1), ("net", 1)])));
    }

    #[test]
    fn a_single_enrolled_component_must_agree() {
        assert!(machine(&[("os", 1)]).is_same_as(&machine(&[("os", 1), ("net", 9)])));
        assert!(!machine(&[("os", 1)]).is_same_as(&machine(&[("net", 9)])));
        assert!(!machine(&[("net", 1)]).is_same_as(&machine(&[("net", 1)])), "weak alone");
        assert!(!Machine::default().is_same_as(&Machine::default()));
    }
}
