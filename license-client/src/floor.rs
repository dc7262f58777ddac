//! What time it is at least, whatever the wall clock says.
//!
//! Signed texts prove an instant; from there the boot clock, which nobody can set, counts on. So a wall clock that is set
//! back or stands still gains no more than the machine's power-off time, and never more running than the lease is long.

use license_token::Role;
use serde::{Deserialize, Serialize};

use crate::clock::Uptime;

/// How far the wall clock is believed beyond what is proved: a clock far ahead can cost no more than this.
pub(crate) const TOLERANCE_SECS: i64 = 24 * 60 * 60;
/// A wall clock that jumps ahead by more than this while the machine is up was set: no machine is paused for that long.
const LEAP_SECS: i64 = 365 * 24 * 60 * 60;
/// Less than this is not worth a write.
const WORTH_KEEPING_SECS: i64 = 60;

/// Both clocks, read at the same time.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    /// Unix seconds.
    pub wall: i64,
    pub uptime: Uptime,
}

/// The newest instants that signed texts prove, by the role of the key that signed, in Unix seconds; 0: none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Instants {
    pub license: i64,
    pub activation: i64,
    pub status: i64,
}

impl Instants {
    fn newest(self) -> i64 {
        self.license.max(self.activation).max(self.status)
    }

    fn or_later(self, other: Self) -> Self {
        Self {
            license: self.license.max(other.license),
            activation: self.activation.max(other.activation),
            status: self.status.max(other.status),
        }
    }

    /// After so many seconds of running.
    fn after(self, secs: i64) -> Self {
        let later = |instant: i64| if instant == 0 { 0 } else { instant.saturating_add(secs) };
        Self { license: later(self.license), activation: later(self.activation), status: later(self.status) }
    }

    fn forget(&mut self, role: Role) {
        match role {
            Role::Root => {}
            Role::License => self.license = 0,
            Role::Activation => self.activation = 0,
            Role::Status => self.status = 0,
        }
    }
}

/// What is known about time, kept between calls.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Seen {
    /// It was at least this, in truth: the newest signed instant and the running time since. In Unix seconds; 0: nothing
    /// was signed yet.
    pub proved: i64,
    /// The same, by who signed: so that what a thief has signed can be told from the rest.
    by: Instants,
    /// What is taken for the time at least: `proved`, or the wall clock as far as it was believed.
    pub floor: i64,
    /// The wall clock at the last reading.
    wall: i64,
    /// The boot clock at the last reading.
    boot: String,
    boot_secs: i64,
    /// Within this start of the machine the wall clock was not behind.
    was_right: bool,
    /// The wall clock was found to be ahead.
    ahead: Option<Ahead>,
}

/// How it was found that the wall clock is ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ahead {
    /// It jumped by years while the machine was up, and has not come back.
    Leapt,
    /// In this start of the machine the server has answered with another time.
    Told,
}

impl Seen {
    /// Known from signed texts alone.
    pub fn of_floor(floor: i64) -> Self {
        Self { proved: floor, floor, ..Self::default() }
    }

    /// After another reading of the clocks, and with what signed texts prove now.
    pub fn observed(&self, reading: &Reading, signed: Instants) -> Self {
        // A boot clock that is behind is a snapshot's, put back: what was seen of its start is not to come from it.
        let is_same_boot = !self.boot.is_empty()
            && self.boot == reading.uptime.boot
            && self.boot_secs <= reading.uptime.secs;
        let elapsed = if self.proved == 0 { 0 } else { self.elapsed(reading, is_same_boot) };
        let walked = reading.wall.saturating_sub(self.wall).saturating_sub(elapsed);
        let has_leapt = is_same_boot && self.was_right && walked > LEAP_SECS;
        let is_still_ahead = |found: &Ahead| is_same_boot || *found == Ahead::Leapt;
        let ahead = if has_leapt { Some(Ahead::Leapt) } else { self.ahead.filter(is_still_ahead) };
        Self {
            proved: self.proved.saturating_add(elapsed),
            by: self.by.after(elapsed),
            wall: reading.wall,
            boot: reading.uptime.boot.clone(),
            boot_secs: reading.uptime.secs,
            was_right: is_same_boot && self.was_right,
            ahead,
            floor: self.floor,
        }
        .raised(signed)
    }

    /// How long it has been at least. Of an earlier start only what both clocks say counts: a folder may have moved here
    /// from a machine that was started later.
    fn elapsed(&self, reading: &Reading, is_same_boot: bool) -> i64 {
        let up = reading.uptime.secs;
        if self.boot.is_empty() {
            0
        } else if is_same_boot {
            up.saturating_sub(self.boot_secs)
        } else {
            up.min(reading.wall.saturating_sub(self.wall)).max(0)
        }
    }

    /// With other signed instants.
    pub fn raised(mut self, signed: Instants) -> Self {
        self.by = self.by.or_later(signed);
        self.proved = self.proved.max(self.by.newest());
        if self.proved == 0 {
            return self;
        }
        let believed = self.wall.min(self.proved.saturating_add(TOLERANCE_SECS));
        self.floor = self.floor.max(self.proved).max(believed);
        self.was_right |= !self.is_behind();
        if self.wall.saturating_sub(self.proved) <= TOLERANCE_SECS {
            self.ahead = None;
        }
        self
    }

    /// Without what keys of these roles have proved: one of them was withdrawn, and whoever stole it may have signed any time.
    /// `root`: the instant at which the root said so, in Unix seconds; `signed`: what still is believed.
    pub fn without(mut self, roles: &[Role], root: i64, signed: Instants) -> Self {
        roles.iter().for_each(|role| self.by.forget(*role));
        self.by = self.by.or_later(signed);
        self.proved = self.by.newest().max(root);
        self.floor = self.floor.min(self.proved.saturating_add(TOLERANCE_SECS));
        self.raised(signed)
    }

    /// The server has signed an answer to what was asked a moment ago: so it is that time now, and a wall clock that says
    /// otherwise is wrong, and nobody's trick: who reaches the server gains nothing by it.
    pub fn told(mut self, now: i64) -> Self {
        self = self.raised(Instants { activation: now, ..Instants::default() });
        self.was_right = !self.is_behind();
        if self.wall.saturating_sub(now) > TOLERANCE_SECS {
            self.ahead = Some(Ahead::Told);
        }
        self
    }

    /// With what another process of this machine has kept meanwhile.
    pub fn joined(mut self, theirs: &Self) -> Self {
        let theirs = self.of_now(theirs);
        self.floor = self.floor.max(theirs.floor);
        self.proved = self.proved.max(theirs.proved);
        self.raised(theirs.by)
    }

    /// What another process has kept, at this reading of the clocks.
    pub fn of_now(&self, theirs: &Self) -> Self {
        let reading =
            Reading { wall: self.wall, uptime: Uptime { boot: self.boot.clone(), secs: self.boot_secs } };
        theirs.observed(&reading, Instants::default())
    }

    fn is_behind(&self) -> bool {
        self.proved.saturating_sub(self.wall) > TOLERANCE_SECS
    }

    /// It was right in this start of the machine and is days behind now: somebody set it back. A clock that was never right
    /// since the machine was started has lost its battery, or waits for the network, and is corrected silently.
    pub fn is_suspect(&self) -> bool {
        self.was_right && self.is_behind()
    }

    /// Somebody set it ahead by years.
    pub fn has_leapt(&self) -> bool {
        self.ahead == Some(Ahead::Leapt)
    }

    /// The time that counts.
    pub fn effective_now(&self) -> i64 {
        if self.ahead == Some(Ahead::Told) { self.floor } else { self.wall.max(self.floor) }
    }

    /// What a verdict takes for the wall clock: a suspect clock as it is, every other one corrected.
    pub fn corrected(&self) -> i64 {
        if self.is_suspect() { self.wall } else { self.effective_now() }
    }

    /// Whether it says enough that `kept` does not.
    pub fn is_news_to(&self, kept: &Self) -> bool {
        let is_later = |ours: i64, kept: i64| ours.saturating_sub(kept) >= WORTH_KEEPING_SECS;
        self.boot != kept.boot
            || is_later(self.proved, kept.proved)
            || is_later(self.floor, kept.floor)
            || (self.was_right, self.ahead) != (kept.was_right, kept.ahead)
    }
}
