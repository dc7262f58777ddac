//! Real servers on each engine that a process of its own can have.

use crate::cluster::Cluster;
use crate::engines::EngineName;
use crate::process::Site;

/// A site whose servers keep their records there.
pub fn site_on(on: EngineName, open_api_base: &str) -> Site {
    let site = Site::new(open_api_base);
    match on {
        EngineName::Memory => unreachable!("what a process keeps in memory ends with it"),
        EngineName::Embedded => site,
        EngineName::Postgres => site.in_database(&Cluster::shared().database().address),
    }
}
