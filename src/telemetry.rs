//! Log lines, and what is counted. What is logged are ids and outcomes: never a key, a code, a token or a request body.

mod histogram;
mod time_gauge;

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, Settings};
pub use histogram::{Histogram, HistogramReading, Timed};
pub use time_gauge::TimeGauge;

/// How long commits took, from being asked for to being durable or refused.
pub static COMMIT_DURATION: Histogram = Histogram::new();

/// When the served TLS certificate ends; without TLS nothing.
pub static CERTIFICATE_EXPIRY: TimeGauge = TimeGauge::new();

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is none.
    #[error("log_filter: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Something else was set up before.
    #[error("logging is set up already")]
    Twice,
}

/// Sets up logging for the whole process, to the standard error.
pub fn init(settings: &Settings) -> Result<(), TelemetryError> {
    let filter = EnvFilter::builder().parse(&settings.log_filter)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let set = match settings.log_format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(true).try_init(),
    };
    set.map_err(|_| TelemetryError::Twice)
}
