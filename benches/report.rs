//! What was measured, for people and for programs.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::commits::CLIENTS;
use crate::figures::{Figures, rounded};
use crate::growth::Size;
use crate::issue::Issue;
use crate::usage::Usage;

pub struct Report {
    pub quick: bool,
    /// Records of one commit.
    pub records: usize,
    pub sizes: Vec<Size>,
    pub issue: Issue,
    pub usage: Usage,
    pub left_out: Vec<String>,
}

impl Report {
    /// Embedded commits to raw appends at one size, while the backlog takes what the index has not yet.
    fn burst(size: &Size) -> Option<f64> {
        (size.raw.seconds > 0.0).then(|| size.embedded.per_second() / size.raw.per_second())
    }

    /// Growing to one size, with everything in the index at the end, to raw appends at that size.
    fn sustained(size: &Size) -> Option<f64> {
        (size.raw.seconds > 0.0).then(|| size.grown.per_second() / size.raw.per_second())
    }

    fn http(&self) -> f64 {
        self.issue.embedded.per_second() / self.issue.no_store.per_second()
    }

    fn http_usage(&self) -> f64 {
        self.usage.embedded.per_second() / self.usage.no_store.per_second()
    }

    pub fn json(&self) -> Value {
        let by_size = |ratio: fn(&Size) -> Option<f64>| -> Map<String, Value> {
            let named = |size: &Size| Some((size.licenses.to_string(), json!(rounded(ratio(size)?))));
            self.sizes.iter().filter_map(named).collect()
        };
        let at_100_000 = self.sizes.iter().find(|size| size.licenses == 100_000);
        json!({
            "quick": self.quick,
            "clients": CLIENTS,
            "records_per_commit": self.records,
            "ratios": {
                "embedded_commits_to_raw_append": at_100_000.and_then(Self::burst).map(rounded),
                "embedded_commits_to_raw_append_sustained": at_100_000.and_then(Self::sustained).map(rounded),
                "http_issue_to_no_store": rounded(self.http()),
                "http_usage_to_no_store": rounded(self.http_usage()),
                "growth_1000000_to_100000": self.growth().map(rounded),
                "embedded_commits_to_raw_append_by_size": by_size(Self::burst),
                "embedded_commits_to_raw_append_sustained_by_size": by_size(Self::sustained),
            },
            "sizes": self.sizes.iter().map(size_json).collect::<Vec<_>>(),
            "issue": { "embedded": self.issue.embedded.json(), "no_store": self.issue.no_store.json() },
            "usage": { "embedded": self.usage.embedded.json(), "no_store": self.usage.no_store.json() },
            "left_out": self.left_out,
        })
    }

    /// How much slower the last decade grows than the one before.
    fn growth(&self) -> Option<f64> {
        let rate = |licenses| {
            let size = self.sizes.iter().find(|size| size.licenses == licenses)?;
            Some(size.grown.per_second())
        };
        Some(rate(1_000_000)? / rate(100_000)?)
    }

    pub fn table(&self) -> String {
        let mut out = String::new();
        let mut line = |text: String| writeln!(out, "{text}").expect("a text takes everything");
        line(format!(
            "Commits of {} records from {CLIENTS} clients, beside raw group-committed appending",
            self.records
        ));
        for size in self.sizes.iter().filter(|size| size.raw.seconds > 0.0) {
            line(size.raw.row(&format!("{} licenses: raw append", size.licenses)));
            line(size.embedded.row(&format!("{} licenses: embedded", size.licenses)));
            line(format!("  {:<44} {:>10.2}", "ratio", Self::burst(size).unwrap_or_default()));
        }
        line("\nGrowing, up to everything being in the index and the store closed".to_owned());
        line(format!(
            "  {:>9} {:>11} {:>9} {:>11} {:>11} {:>11} {:>11} {:>11}",
            "licenses", "commits/s", "to raw", "journal MB", "index MB", "open s", "killed s", "rebuild s"
        ));
        for size in &self.sizes {
            line(format!(
                "  {:>9} {:>11} {:>9} {:>11} {:>11} {:>11} {:>11} {:>11}",
                size.licenses,
                format!("{:.0}", size.grown.per_second()),
                Self::sustained(size).map_or("-".to_owned(), |ratio| format!("{ratio:.2}")),
                size.journal_bytes / 1_000_000,
                size.index_bytes / 1_000_000,
                format!("{:.2}", size.open_clean.as_secs_f64()),
                format!("{:.2}", size.open_killed.as_secs_f64()),
                size.rebuild.map_or("-".to_owned(), |took| format!("{:.1}", took.as_secs_f64())),
            ));
        }
        line("\nIssuing over HTTP".to_owned());
        line(self.issue.no_store.row("a store that keeps nothing"));
        line(self.issue.embedded.row("embedded store"));
        line(format!("  {:<44} {:>10.2}", "ratio", self.http()));
        line("\nReporting usage of one license over HTTP".to_owned());
        line(self.usage.no_store.row("a store that keeps nothing"));
        line(self.usage.embedded.row("embedded store"));
        line(format!("  {:<44} {:>10.2}", "ratio", self.http_usage()));
        for left_out in &self.left_out {
            line(format!("Left out: {left_out}"));
        }
        out
    }
}

fn size_json(size: &Size) -> Value {
    let seconds = |took: Duration| rounded(took.as_secs_f64());
    let compared = |figures: &Figures| (figures.seconds > 0.0).then(|| figures.json());
    json!({
        "licenses": size.licenses,
        "grown_per_second": rounded(size.grown.per_second()),
        "journal_bytes": size.journal_bytes,
        "index_bytes": size.index_bytes,
        "open_clean_seconds": seconds(size.open_clean),
        "open_killed_seconds": seconds(size.open_killed),
        "rebuild_seconds": size.rebuild.map(seconds),
        "raw_append": compared(&size.raw),
        "embedded_commits": compared(&size.embedded),
    })
}
