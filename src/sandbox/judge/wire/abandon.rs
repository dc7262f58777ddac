//! Calls whose answer nobody reads: the caller gave up, or its connection broke.

use std::io::{Read as _, Write as _};

use super::{Deadline, Phase, Target, Timed, Wire, WireRequest, failure_of, request_bytes};
use crate::sandbox::judge::exchange::CallFailure;

/// When a caller that will not read the answer hangs up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HangUp {
    /// As soon as the last byte is on its way: the other side may not even have begun.
    AfterSending,
    /// When the first byte of the answer arrives: the other side is done.
    AtFirstByte,
}

impl Wire {
    /// Sends one request and hangs up without reading its answer.
    pub fn abandon(
        &self,
        target: &Target,
        request: &WireRequest,
        hang_up: HangUp,
    ) -> Result<(), CallFailure> {
        let deadline = Deadline::after(self.limits.whole);
        let tcp = self.connect(target, &deadline)?;
        let bytes = request_bytes(target, request);
        let failed = |error: std::io::Error| failure_of(&error, Phase::FirstByte, self.limits.whole);
        let mut first = [0; 1];
        let wants_byte = hang_up == HangUp::AtFirstByte;
        if target.is_tls {
            let mut tls = self.trust.connect(target, tcp, &deadline)?;
            tls.write_all(&bytes).and_then(|()| tls.flush()).map_err(failed)?;
            if wants_byte {
                tls.read(&mut first).map_err(failed)?;
            }
        } else {
            let mut timed = Timed { tcp, deadline, phase: Phase::FirstByte };
            timed.write_all(&bytes).map_err(failed)?;
            if wants_byte {
                timed.read(&mut first).map_err(failed)?;
            }
        }
        Ok(())
    }
}
