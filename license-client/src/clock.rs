//! The only reader of the wall clock. Tests and products with a better clock put their own in its place.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Unix seconds, now.
pub(crate) type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

pub(crate) fn system() -> Clock {
    Arc::new(|| {
        #[expect(clippy::disallowed_methods, reason = "this crate's only reading of the clock")]
        let now = SystemTime::now();
        // A clock before 1970 counts as 1970: signed times correct it or call it suspect.
        now.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
    })
}
