//! Machines, and how many there may be.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::form::{Base64, Form, Secs, Text, form};
use super::mirror::{row, row_enum};
use crate::domain::{Binding, Commitment, Component, Machine, MachineLimit, MachinePolicy, WhenFull};

/// Commitments by component, without a level of its own.
#[derive(Serialize, Deserialize)]
pub(super) struct MachineRow(BTreeMap<Text<Component>, Base64<Commitment>>);

impl From<Machine> for MachineRow {
    fn from(Machine { components }: Machine) -> Self {
        Self(Form::of(components))
    }
}

impl From<MachineRow> for Machine {
    fn from(row: MachineRow) -> Self {
        Self { components: row.0.value() }
    }
}

form!(MachineRow => Machine);

row_enum!(
    /// How many machines at a time.
    MachineLimitRow for MachineLimit {
        AtMost(limit: u32),
        Unlimited,
    }
);

row!(
    /// Where software may run.
    MachinePolicyRow for MachinePolicy {
        binding: Text<Binding> = binding,
        floating_lease_secs: Secs = floating_lease,
        when_full: Text<WhenFull> = when_full,
        moves_per_30_days: u32 = moves_per_30_days,
    }
);
