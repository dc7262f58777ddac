//! Which time leases begin and end by, whatever the wall clock does.

use super::app::App;
use crate::domain::{Activation, Binding, Freeing, Instant, LeaseTime, License, whole_seconds};

impl App {
    /// Holds the wall clock against the time that has passed; called now and again, so that a jump is noticed when it happens.
    pub fn watch_clock(&self) {
        self.lease_time();
    }

    fn lease_time(&self) -> LeaseTime {
        let mut clock = self.lease_clock.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        clock.read(self.clock.now(), self.clock.elapsed())
    }

    /// When a place of this license goes to another machine. A floating lease is short: a jump of the clock could end all
    /// of them.
    pub(super) fn freeing(&self, license: &License, now: Instant) -> Freeing {
        let machine = &license.sold.machine;
        let now = match machine.binding {
            Binding::Floating => self.lease_time().for_ends(machine.floating_lease).min(now),
            Binding::Hardware | Binding::DeviceKey | Binding::Unbound => now,
        };
        Freeing { now, when_full: machine.when_full }
    }

    /// When the next lease of a machine begins.
    pub(super) fn lease_start(
        &self,
        license: &License,
        activation: Option<&Activation>,
        now: Instant,
    ) -> Instant {
        match license.sold.machine.binding {
            Binding::Floating => {
                let lease = activation.and_then(|activation| activation.lease().ok());
                whole_seconds(self.lease_time().start_after(lease.map(|lease| lease.validity.starts_at)))
            }
            Binding::Hardware | Binding::DeviceKey | Binding::Unbound => now,
        }
    }
}
