//! Sends written calls to a production address and keeps what it answers, byte for byte.

use super::caller::CallError;
use super::judge::wire::{HangUp, Limits, Target, TargetError, Wire, WireRequest};
use super::judge::{CallFailure, WireAnswer};

/// A way to one place.
#[derive(Clone)]
pub struct Transport {
    wire: Wire,
    target: Result<Target, TargetError>,
}

impl Transport {
    /// The way to a production address. One that cannot be read is told on the first call.
    pub fn new(production_address: &str) -> Self {
        Self { wire: Wire::new(Limits::default()), target: Target::parse(production_address) }
    }

    /// The same way by another client.
    #[must_use]
    pub fn with_wire(mut self, wire: Wire) -> Self {
        self.wire = wire;
        self
    }

    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Sends a request as it is. Blocks.
    pub fn send(&self, request: &WireRequest) -> Result<WireAnswer, CallError> {
        Ok(self.wire.send(self.target()?, request)?)
    }

    /// The same, a call that failed being a result like any other.
    pub fn try_send(&self, request: &WireRequest) -> Result<Result<WireAnswer, CallFailure>, CallError> {
        Ok(self.wire.send(self.target()?, request))
    }

    /// Sends a request and does not read what comes of it.
    pub fn abandon(&self, request: &WireRequest, hang_up: HangUp) -> Result<(), CallError> {
        Ok(self.wire.abandon(self.target()?, request, hang_up)?)
    }

    /// Sends a request whose answer is late on its way, and goes when the caller's time-out has passed.
    pub fn time_out(&self, request: &WireRequest, time_passes: &dyn Fn()) -> Result<(), CallError> {
        Ok(self.wire.time_out(self.target()?, request, time_passes)?)
    }

    /// Path and query of something below the address.
    pub fn path_and_query(&self, below: &str, query: &str) -> Result<String, CallError> {
        Ok(self.target()?.path_and_query(below, query))
    }

    fn target(&self) -> Result<&Target, CallError> {
        self.target.as_ref().map_err(|error| CallError::NoAddress(error.clone()))
    }
}

impl From<CallFailure> for CallError {
    fn from(failure: CallFailure) -> Self {
        Self::Unreachable(failure)
    }
}
