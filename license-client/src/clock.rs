//! The only reader of the two clocks: the wall clock, which anybody can set, and the boot clock, which only runs. Tests
//! and products with better clocks put their own in their place.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Unix seconds, now.
pub(crate) type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// How long this machine has been up.
pub(crate) type BootClock = Arc<dyn Fn() -> Uptime + Send + Sync>;

/// How long a machine has been up, and since which start: readings of two starts say nothing about each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uptime {
    /// Tells this start of the machine apart from its other ones.
    pub boot: String,
    /// Seconds since then, those in which the machine slept included. Nobody can set it; it never goes back within a start.
    pub secs: i64,
}

pub(crate) fn system() -> Clock {
    Arc::new(|| {
        #[expect(clippy::disallowed_methods, reason = "this crate's only reading of the clock")]
        let now = SystemTime::now();
        // A clock before 1970 counts as 1970: signed times correct it or call it suspect.
        now.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
    })
}

/// The kernel's; where it cannot be read, the time since this clock was made, under a name of its own.
pub(crate) fn boot() -> BootClock {
    let own = own();
    Arc::new(move || kernel().unwrap_or_else(&own))
}

/// `/proc/uptime` is `CLOCK_BOOTTIME` (proc_uptime(5)); the boot id is made at random at each start (random(4)).
#[cfg(target_os = "linux")]
fn kernel() -> Option<Uptime> {
    use std::path::Path;

    use crate::machine::read_short;
    let boot = read_short(Path::new("/proc/sys/kernel/random/boot_id"))?;
    let uptime = read_short(Path::new("/proc/uptime"))?;
    let secs = uptime.split(['.', ' ']).next()?.parse().ok()?;
    Some(Uptime { boot, secs })
}

#[cfg(not(target_os = "linux"))]
fn kernel() -> Option<Uptime> {
    None
}

fn own() -> impl Fn() -> Uptime + Send + Sync {
    let mut random = [0; 16];
    // Without randomness every process is of one start, whose clock then seems to go back: that counts as no time.
    let _named_alike = getrandom::fill(&mut random);
    let boot = license_token::base64url::encode(&random);
    let start = std::time::Instant::now();
    move || Uptime { boot: boot.clone(), secs: i64::try_from(start.elapsed().as_secs()).unwrap_or(i64::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_boot_clock_keeps_its_start_and_never_goes_back() {
        for clock in [boot(), Arc::new(own())] {
            let (first, second) = (clock(), clock());
            assert!(!first.boot.is_empty());
            assert_eq!(first.boot, second.boot);
            assert!((0..=second.secs).contains(&first.secs));
        }
        assert_ne!(own()().boot, own()().boot, "processes know nothing of each other's");
    }
}
