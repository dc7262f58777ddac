//! `lictor demo`

use super::{Common, Failure};

/// Shows the whole way; until its rooms are joined here, it refuses.
pub fn run(_common: &Common) -> Result<(), Failure> {
    Err(Failure::Refused("this build holds no demo yet".into()))
}
