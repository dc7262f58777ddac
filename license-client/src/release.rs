use std::fmt;

use crate::Config;
use crate::server::Failure;
use crate::session::Session;

/// Gives this machine's place back, so that another can take it, and forgets the license here. Nothing happens
/// where no license is activated.
///
/// # Errors
/// The server cannot be reached, or refuses; the license stays as it is.
pub fn release(config: &Config) -> Result<(), ReleaseError> {
    let mut session = Session::open(config);
    let released = session.release().map_err(|failure| match failure {
        Failure::Unreachable => ReleaseError::Unreachable,
        Failure::Refused(code) => ReleaseError::Refused(code),
    });
    session.close();
    released
}

/// Why a place was not given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReleaseError {
    /// No server is configured, or it cannot be reached.
    Unreachable,
    /// The server's code.
    Refused(String),
}

impl fmt::Display for ReleaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable => f.write_str("the license server cannot be reached"),
            Self::Refused(code) => write!(f, "the license server refuses: {code}"),
        }
    }
}

impl std::error::Error for ReleaseError {}
