//! For whoever watches the service: Prometheus' text format 0.0.4. No order, license or customer in a label.

use std::fmt::Write as _;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse as _;

use super::call_metrics::channel_label;
use super::reply::Reply;
use super::state::HttpState;
use crate::application::ports::DiskState;
use crate::application::{Gauges, UseCaseError};
use crate::domain::{ChannelId, Instant, MerchantId};
use crate::telemetry::{CERTIFICATE_EXPIRY, COMMIT_DURATION, HistogramReading};

const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// How long the store may take to count. Whoever watches wants the rest most of all when it does not.
const STORE_TIME: Duration = Duration::from_secs(2);

/// `GET /metrics`
pub async fn show(State(state): State<HttpState>) -> Reply {
    let counting =
        async { Ok::<_, UseCaseError>((state.app.gauges().await?, state.app.last_dial_tests().await?)) };
    let counted = tokio::time::timeout(STORE_TIME, counting).await.ok().and_then(Result::ok);
    let (gauges, tests) = counted.unzip();
    let mut text = written(&COMMIT_DURATION.reading(), state.store.disk(), gauges.as_ref());
    calls(&mut text, &state, tests);
    let age = "How long ago no change was waiting for its publication in a status list, as far as this process knows.";
    gauge(&mut text, "lictor_status_list_age_seconds", age, state.app.status_lists_age().as_secs());
    certificate(&mut text, CERTIFICATE_EXPIRY.reading());
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

fn written(commits: &HistogramReading, disk: Option<DiskState>, gauges: Option<&Gauges>) -> String {
    let mut text = String::new();
    head(&mut text, "lictor_build_info", "gauge", "The running program.");
    line(&mut text, concat!("lictor_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), "1");
    histogram(
        &mut text,
        "lictor_store_commit_duration_seconds",
        "From asking for a commit to its being durable or refused.",
        commits,
    );
    if let Some(disk) = disk {
        let meaning = "What the service may still write to the disk of its store.";
        gauge(&mut text, "lictor_store_free_bytes", meaning, disk.free_bytes);
    }
    let answers = "Whether the store has answered just now; what it counts is left out when it has not.";
    gauge(&mut text, "lictor_store_answers", answers, u8::from(gauges.is_some()));
    let Some(gauges) = gauges else { return text };
    let held = "Orders whose SKU no spec knows, among each merchant's newest 1000 that are not minted.";
    gauge(&mut text, "lictor_orders_held", held, gauges.orders_held);
    let pending = "Jobs that wait, counted up to 1000, and events on their way to endpoints.";
    gauge(&mut text, "lictor_outbox_pending", pending, gauges.jobs);
    let oldest = "How long the oldest job has been undone that was tried in vain or is overdue; held orders not among them.";
    gauge(&mut text, "lictor_outbox_oldest_seconds", oldest, gauges.oldest_undone.as_secs());
    let events = "Events on their way to endpoints of webhooks; those behind them wait in the chain.";
    gauge(&mut text, "lictor_webhook_events_pending", events, gauges.deliveries);
    let oldest = "How long the oldest event is on its way to an endpoint that does not take it.";
    gauge(&mut text, "lictor_webhook_oldest_seconds", oldest, gauges.oldest_delivery.as_secs());
    text
}

/// When a dial test of each channel last succeeded.
type DialTests = Vec<(MerchantId, ChannelId, Instant)>;

/// What is counted of calls at production addresses. A channel is named `merchant/channel`.
fn calls(text: &mut String, state: &HttpState, tests: Option<DialTests>) {
    let called =
        "Calls at production addresses, by what was answered: a result code, or an HTTP status; 0 is none.";
    head(text, "lictor_callbacks_total", "counter", called);
    state.calls.written(text);
    let took = "From a whole call at a production address to its answer.";
    histogram(text, "lictor_callback_duration_seconds", took, &state.calls.durations());
    if let Some(tests) = tests {
        let name = "lictor_dial_test_last_success_timestamp_seconds";
        head(text, name, "gauge", "When a dial test last succeeded.");
        for (merchant, channel, at) in tests {
            let channel = channel_label(&merchant, &channel);
            line(text, &format!("{name}{{channel=\"{channel}\"}}"), at.timestamp());
        }
    }
    let name = "lictor_channel_notices_total";
    head(text, name, "counter", "Notices to merchants about their channels, told by this process.");
    for (merchant, channel, kind, count) in state.app.notices_raised() {
        let channel = channel_label(&merchant, &channel);
        line(text, &format!("{name}{{channel=\"{channel}\",kind=\"{kind}\"}}"), count);
    }
    let name = "lictor_call_records_dropped_total";
    head(text, name, "counter", "Calls that were answered and could not be kept for the list of last calls.");
    line(text, name, state.app.calls_not_kept());
}

/// Left out where a proxy has the certificate.
fn certificate(text: &mut String, ends_at: Option<i64>) {
    if let Some(ends_at) = ends_at {
        let meaning = "When the served TLS certificate, or an intermediate of it, ends.";
        gauge(text, "lictor_certificate_expiry_timestamp_seconds", meaning, ends_at);
    }
}

fn head(text: &mut String, name: &str, kind: &str, meaning: &str) {
    writeln!(text, "# HELP {name} {meaning}\n# TYPE {name} {kind}").expect("a String takes all text");
}

fn line(text: &mut String, series: &str, value: impl std::fmt::Display) {
    writeln!(text, "{series} {value}").expect("a String takes all text");
}

fn gauge(text: &mut String, name: &str, meaning: &str, value: impl std::fmt::Display) {
    head(text, name, "gauge", meaning);
    line(text, name, value);
}

fn histogram(text: &mut String, name: &str, meaning: &str, reading: &HistogramReading) {
    head(text, name, "histogram", meaning);
    for (bound_micros, count) in &reading.buckets {
        line(text, &format!("{name}_bucket{{le=\"{}\"}}", Seconds(*bound_micros)), count);
    }
    line(text, &format!("{name}_bucket{{le=\"+Inf\"}}"), reading.count);
    line(text, &format!("{name}_sum"), Seconds(reading.sum_micros));
    line(text, &format!("{name}_count"), reading.count);
}

/// Microseconds, written as seconds without a float in between.
struct Seconds(u64);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::application::ports::DiskLevel;

    #[test]
    fn every_series_is_written_with_its_kind_and_in_seconds() {
        let commits =
            HistogramReading { buckets: vec![(250, 1), (2_500_000, 3)], count: 4, sum_micros: 20_000_502 };
        let disk = DiskState { free_bytes: 1_000, level: DiskLevel::Full };
        let gauges = Gauges {
            orders_held: 2,
            jobs: 5,
            oldest_undone: Duration::from_secs(61),
            deliveries: 3,
            oldest_delivery: Duration::from_secs(7),
        };
        let text = written(&commits, Some(disk), Some(&gauges));
        for line in [
            "# TYPE lictor_store_commit_duration_seconds histogram",
            "lictor_store_commit_duration_seconds_bucket{le=\"0.000250\"} 1",
            "lictor_store_commit_duration_seconds_bucket{le=\"2.500000\"} 3",
            "lictor_store_commit_duration_seconds_bucket{le=\"+Inf\"} 4",
            "lictor_store_commit_duration_seconds_sum 20.000502",
            "lictor_store_commit_duration_seconds_count 4",
            "# TYPE lictor_store_free_bytes gauge",
            "lictor_store_free_bytes 1000",
            "lictor_store_answers 1",
            "lictor_orders_held 2",
            "lictor_outbox_pending 5",
            "lictor_outbox_oldest_seconds 61",
            "lictor_webhook_events_pending 3",
            "lictor_webhook_oldest_seconds 7",
        ] {
            assert!(text.lines().any(|written| written == line), "{line} in\n{text}");
        }
        let (mut with, mut without) = (String::new(), String::new());
        certificate(&mut with, Some(1_800_000_000));
        certificate(&mut without, None);
        assert!(with.ends_with("lictor_certificate_expiry_timestamp_seconds 1800000000\n"), "{with}");
        assert_eq!(without, "", "without TLS there is no such series");
        assert!(
            !written(&commits, None, Some(&gauges)).contains("free_bytes"),
            "what is not known is left out"
        );
        let away = written(&commits, None, None);
        assert!(away.contains("lictor_store_answers 0") && !away.contains("orders_held"), "{away}");
    }
}
