//! Why a command did not do it, in words, with the next step and the exit code.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::problem::Problem;
use crate::config::{ConfigError, ReadError};
use crate::service::RunError;

/// Why a command did not do it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Failure {
    /// The rules say no, or it is not there.
    #[error("{0}")]
    Refused(String),
    /// The command or its settings are wrong.
    #[error("{0}")]
    Usage(String),
    /// No server answered.
    #[error("{0}")]
    Unreachable(String),
    /// The request may have been done, but no answer came.
    #[error("{0}")]
    Lost(String),
    /// The store of a running service failed.
    #[error("{0}")]
    StoreFailed(String),
    /// The store of a running service met damage.
    #[error("{0}")]
    StoreDamaged(String),
    /// The answer is not there yet.
    #[error("{0}")]
    Pending(String),
    /// The server said no.
    #[error("{0}")]
    Problem(Box<Problem>),
}

impl Failure {
    /// 1 refused or not found, 2 usage, 3 unreachable, 503 or not there yet; of a service that ran, 4 damage met and 5 store failed.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Refused(_) => 1,
            Self::Usage(_) => 2,
            Self::StoreDamaged(_) => 4,
            Self::StoreFailed(_) => 5,
            Self::Unreachable(_) | Self::Lost(_) | Self::Pending(_) => 3,
            Self::Problem(problem) if problem.is_unavailable() => 3,
            Self::Problem(_) => 1,
        })
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Refused(reason) => json!({ "code": "refused", "reason": reason }),
            Self::Usage(reason) => json!({ "code": "usage", "reason": reason }),
            Self::Unreachable(reason) => json!({ "code": "unreachable", "reason": reason }),
            Self::Lost(reason) => json!({ "code": "outcome_unknown", "reason": reason }),
            Self::StoreDamaged(reason) => json!({ "code": "store_damaged", "reason": reason }),
            Self::StoreFailed(reason) => json!({ "code": "store_failed", "reason": reason }),
            Self::Pending(reason) => json!({ "code": "pending", "reason": reason }),
            Self::Problem(problem) => problem.to_json(),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let reason = error.to_string();
        match error {
            RunError::StoreFailed { .. } => Self::StoreFailed(reason),
            RunError::StoreDamaged(_) => Self::StoreDamaged(reason),
            RunError::Listen { .. }
            | RunError::NotServed(_)
            | RunError::Tls(_)
            | RunError::Start(_)
            | RunError::Read(_)
            | RunError::Bootstrap { .. }
            | RunError::Serve(_) => Self::Refused(reason),
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        Self::Usage(error.to_string())
    }
}
