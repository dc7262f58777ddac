//! Calls at production addresses, counted. Labels come from the protocols' own lists and the catalog: what a stranger sends
//! never becomes a series.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::{ChannelId, MerchantId};
use crate::telemetry::{Histogram, HistogramReading};

/// The label of what is on no list.
pub const UNKNOWN: &str = "unknown";

/// What one series counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallLabels {
    /// `merchant/channel`: two merchants may have channels of one name.
    pub channel: String,
    pub activity: &'static str,
    /// The marketplace's code; the HTTP status where the answer has none.
    pub result_code: String,
    pub test: bool,
}

/// Since the process started.
#[derive(Debug, Default)]
pub struct CallMetrics {
    counts: Mutex<BTreeMap<CallLabels, u64>>,
    durations: Histogram,
}

impl CallMetrics {
    /// Counts a call.
    pub fn count(&self, labels: CallLabels, took: Duration) {
        self.durations.observe(took);
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(labels).or_default() += 1;
    }

    /// How long calls took.
    pub fn durations(&self) -> HistogramReading {
        self.durations.reading()
    }

    /// The counters in Prometheus' text format.
    pub fn written(&self, text: &mut String) {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (labels, count) in counts {
            let CallLabels { channel, activity, result_code, test } = labels;
            let test = u8::from(test);
            writeln!(
                text,
                "lictor_callbacks_total{{channel=\"{channel}\",activity=\"{activity}\",\
                 result_code=\"{result_code}\",test=\"{test}\"}} {count}"
            )
            .expect("a String takes all text");
        }
    }
}

/// The label of a channel: slugs, which need no escapes.
pub fn channel_label(merchant: &MerchantId, channel: &ChannelId) -> String {
    format!("{merchant}/{channel}")
}
