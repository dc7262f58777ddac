//! Calls whose answer nobody reads: the caller gave up, or its connection broke.

use std::io::{self, Read, Write as _};

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
        self.leave_unread(target, request, |answer| match hang_up {
            HangUp::AfterSending => Ok(()),
            HangUp::AtFirstByte => first_byte(answer),
        })
    }

    /// Sends one request whose answer is late on its way: the other side is done, and the caller reads nothing before
    /// `time_passes` is over, which is its time-out, and hangs up.
    pub fn time_out(
        &self,
        target: &Target,
        request: &WireRequest,
        time_passes: &dyn Fn(),
    ) -> Result<(), CallFailure> {
        self.leave_unread(target, request, |answer| {
            first_byte(answer)?;
            time_passes();
            Ok(())
        })
    }

    fn leave_unread(
        &self,
        target: &Target,
        request: &WireRequest,
        then: impl FnOnce(&mut dyn Read) -> io::Result<()>,
    ) -> Result<(), CallFailure> {
        let deadline = Deadline::after(self.limits.whole);
        let tcp = self.connect(target, &deadline)?;
        let bytes = request_bytes(target, request);
        let failed = |error: io::Error| failure_of(&error, Phase::FirstByte, self.limits.whole);
        if target.is_tls {
            let mut tls = self.trust.connect(target, tcp, &deadline)?;
            tls.write_all(&bytes).and_then(|()| tls.flush()).map_err(failed)?;
            then(&mut tls).map_err(failed)
        } else {
            let mut timed = Timed { tcp, deadline, phase: Phase::FirstByte };
            timed.write_all(&bytes).map_err(failed)?;
            then(&mut timed).map_err(failed)
        }
    }
}

fn first_byte(answer: &mut dyn Read) -> io::Result<()> {
    answer.read(&mut [0; 1]).map(drop)
}
