//! `lictor channel …`

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::api::{escaped, with_query};
use super::output::printable;
use super::table::cell;
use super::{Api, Common, Failure, Table};

/// Pause between two looks at the newest calls.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// Calls that are remembered as printed.
const PRINTED_MAX: usize = 2_000;
/// Most calls of one page.
const PAGE_MAX: u16 = 200;
/// Printed in front of what a call's or a test's line continues with.
const INDENT: &str = "    ";

/// Production addresses: what to paste, how they fare, what was called and why it was refused.
#[derive(Debug, Subcommand)]
pub enum Channel {
    /// List the channels with their addresses.
    List,
    /// Show a channel: address, access keys, activities to debug, dial tests, notices.
    Show {
        /// The channel.
        #[arg(value_name = "CHANNEL")]
        id: String,
    },
    /// Show the last calls, newest first, with the cause of each refusal in words.
    Calls(Calls),
    /// Check a production address from outside: name, certificate, TLS, header case, time limit, clock, one mock order
    /// query, and the debugging calls of its protocol. Nothing is left behind.
    Check(super::channel_check::Check),
    /// Try a test authorization code of the seller console; nothing is sold.
    TestCode {
        /// The channel.
        #[arg(value_name = "CHANNEL")]
        id: String,
        /// The code, `PL…`.
        #[arg(value_name = "CODE")]
        code: String,
    },
}

/// Which calls are shown.
#[derive(Debug, Args)]
pub struct Calls {
    /// The channel.
    #[arg(value_name = "CHANNEL")]
    id: String,
    /// Only of this activity.
    #[arg(long, value_name = "ACTIVITY")]
    activity: Option<String>,
    /// Only those that were refused or answered with an error.
    #[arg(long)]
    refused: bool,
    /// Go on with each new call until interrupted.
    #[arg(long, conflicts_with = "cursor")]
    follow: bool,
    /// At most so many, up to 200; with --follow so many to begin with.
    #[arg(long, default_value_t = 50, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=200))]
    limit: u16,
    /// Where the page before ended.
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

impl Channel {
    /// Does it.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        let api = common.api()?;
        let output = common.output();
        match self {
            Self::List => output.answer(&api.get("/v1/merchant/channels")?, listing),
            Self::Show { id } => output.answer(&api.get(&path(&id, ""))?, details),
            Self::Calls(calls) if calls.follow => calls.follow(&api, common)?,
            Self::Calls(calls) => {
                output.answer(&calls.page(&api, calls.limit, calls.cursor.clone())?, call_table)
            }
            Self::Check(check) => check.run(common)?,
            Self::TestCode { id, code } => {
                let answer = api.post(&path(&id, "/test-code"), &json!({ "code": code }))?;
                output.answer(&answer, trial);
                if answer["ok"] != true {
                    return Err(Failure::Refused("the test code did not pass".into()));
                }
            }
        }
        Ok(())
    }
}

fn path(id: &str, below: &str) -> String {
    format!("/v1/merchant/channels/{}{below}", escaped(id))
}

impl Calls {
    fn page(&self, api: &Api, limit: u16, cursor: Option<String>) -> Result<Value, Failure> {
        let query = [
            ("activity", self.activity.clone()),
            ("refused", self.refused.then(|| "true".to_owned())),
            ("limit", Some(limit.to_string())),
            ("cursor", cursor),
        ];
        api.get(&with_query(&path(&self.id, "/calls"), &query))
    }

    #[expect(clippy::disallowed_methods, reason = "a person looks on, between two requests")]
    /// Prints each call once, oldest first, and goes on until the process is interrupted.
    fn follow(&self, api: &Api, common: &Common) -> Result<(), Failure> {
        let mut printed = Printed::default();
        let mut first = self.page(api, self.limit, None)?["items"].as_array().cloned().unwrap_or_default();
        first.reverse();
        printed.print(first, common);
        loop {
            std::thread::sleep(BETWEEN_LOOKS);
            printed.print(self.newer(api, &printed)?, common);
        }
    }

    /// What was not printed yet, oldest first: pages back to what was.
    fn newer(&self, api: &Api, printed: &Printed) -> Result<Vec<Value>, Failure> {
        let (mut newer, mut cursor) = (Vec::new(), None);
        loop {
            let page = self.page(api, PAGE_MAX, cursor)?;
            let items = page["items"].as_array().cloned().unwrap_or_default();
            let reaches_known = items.iter().any(|call| printed.knows(call));
            newer.extend(items.into_iter().filter(|call| printed.is_news(call)));
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            // Calls of another replica may lie below the newest known one: one whole page is always looked at.
            if reaches_known || cursor.is_none() || newer.len() >= PRINTED_MAX {
                newer.reverse();
                return Ok(newer);
            }
        }
    }
}

/// What was printed, by id with its count: a call that came again while it waited is printed again.
#[derive(Default)]
struct Printed {
    counts: HashMap<String, u64>,
    order: VecDeque<String>,
}

impl Printed {
    fn id(call: &Value) -> &str {
        call["id"].as_str().unwrap_or_default()
    }

    fn knows(&self, call: &Value) -> bool {
        self.counts.contains_key(Self::id(call))
    }

    /// Ids sort by time: what lies below the oldest remembered one was printed or is too old.
    fn is_news(&self, call: &Value) -> bool {
        let id = Self::id(call);
        let is_older = self.order.front().is_some_and(|oldest| id < oldest.as_str());
        let count = call["count"].as_u64().unwrap_or(1);
        !is_older && self.counts.get(id).is_none_or(|known| *known < count)
    }

    fn print(&mut self, calls: Vec<Value>, common: &Common) {
        for call in calls {
            common.output().answer(&call, call_line);
            let (id, count) = (Self::id(&call).to_owned(), call["count"].as_u64().unwrap_or(1));
            if self.counts.insert(id.clone(), count).is_none() {
                self.order.push_back(id);
            }
        }
        while self.order.len() > PRINTED_MAX {
            if let Some(id) = self.order.pop_front() {
                self.counts.remove(&id);
            }
        }
    }
}

fn listing(answer: &Value) -> String {
    let columns = [
        ("CHANNEL", "id"),
        ("PROTOCOL", "protocol"),
        ("PRODUCTS", "products"),
        ("LAST DIAL TEST", "last_dial_test"),
        ("NOTICES", "notices"),
    ];
    let table = Table::of_items(&answer["items"], &columns);
    if table.is_empty() {
        return "there is no channel; write a [[channel]] into an apply file and apply it\n".to_owned();
    }
    let line = |channel: &Value| format!("{}: {}\n", text(channel, "id"), text(channel, "address"));
    let addresses: String = answer["items"].as_array().into_iter().flatten().map(line).collect();
    format!("{}\n{addresses}", table.render())
}

/// A member as people read it, harmless to a terminal.
fn text(holder: &Value, name: &str) -> String {
    printable(&cell(holder.get(name)))
}

fn details(channel: &Value) -> String {
    let mut out = String::new();
    for (head, name) in [
        ("channel", "id"),
        ("address", "address"),
        ("marketplace", "marketplace"),
        ("protocol", "protocol"),
        ("products", "products"),
        ("last dial test", "last_dial_test"),
    ] {
        out.push_str(&format!("{head:<15} {}\n", text(channel, name)));
    }
    let open_api = &channel["open_api_state"];
    out.push_str(&format!(
        "{:<15} {} {}\n",
        "open api",
        text(open_api, "state"),
        text(open_api, "unresolvable")
    ));
    out.push_str(&format!("\naccess keys\n{}", keys(&channel["access_keys"])));
    out.push_str("\nactivities to debug (with testFlag = 1)\n");
    for activity in channel["activities"].as_array().into_iter().flatten() {
        out.push_str(&activity_lines(activity));
    }
    let notices = channel["recent_notices"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !notices.is_empty() {
        out.push_str("\nnotices\n");
    }
    for notice in notices {
        let (at, kind) = (text(notice, "at"), text(notice, "kind"));
        let words = if notice["cause"].is_string() { text(notice, "cause") } else { text(notice, "reason") };
        out.push_str(&format!("{at}  {kind}  {}\n{INDENT}{words}\n", text(notice, "activity")));
    }
    out
}

fn keys(keys: &Value) -> String {
    let mut table = Table::new(&["KEY", "USE", "STATE", "READ FROM", "LAST SIGNED"]);
    for key in keys.as_array().into_iter().flatten() {
        let state = match (key["retired"] == true, key["resolvable"] == true, key["signs_now"] == true) {
            (true, true, _) => "retired",
            (true, false, _) => "retired, cannot be resolved",
            (false, false, _) => "CANNOT BE RESOLVED",
            (false, true, true) => "live, signs now",
            (false, true, false) => "live",
        };
        let cells = ["id", "use", "value", "last_signed_at"].map(|name| cell(key.get(name)));
        let [id, used_for, value, signed] = cells;
        table.row(vec![id, used_for, state.to_owned(), value, signed]);
    }
    table.render()
}

fn activity_lines(activity: &Value) -> String {
    let state = match activity["passed"].as_bool() {
        Some(true) => format!("passed {}", text(activity, "last_test_success")),
        Some(false) => {
            format!(
                "FAILED {}: {}",
                text(activity, "last_test_failure"),
                text(activity, "test_failure_cause")
            )
        }
        None => "not tried".to_owned(),
    };
    let mut lines = format!("{:<24} {state}\n", text(activity, "activity"));
    let fields = activity["fill_in"].as_object().into_iter().flatten();
    let fields: Vec<_> = fields
        .map(|(name, value)| format!("{} = {}", printable(name), printable(&cell(Some(value)))))
        .collect();
    if !fields.is_empty() {
        lines.push_str(&format!("{INDENT}{}\n", fields.join(", ")));
    }
    lines
}

fn call_table(answer: &Value) -> String {
    let calls = answer["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    if calls.is_empty() {
        return "no call fits\n".to_owned();
    }
    let mut out: String = calls.iter().map(|call| format!("{}\n", call_line(call))).collect();
    if let Some(cursor) = answer["next_cursor"].as_str() {
        out.push_str(&format!("more: --cursor {}\n", printable(cursor)));
    }
    out
}

/// A call on a line, and the cause on the next: causes are sentences and must not be cut.
fn call_line(call: &Value) -> String {
    let answered =
        if call["result_code"].is_string() { text(call, "result_code") } else { text(call, "status") };
    let test = if call["test"] == true { " (test)" } else { "" };
    let times = call["count"].as_u64().filter(|count| *count > 1).map(|count| format!("  ×{count}"));
    let key = if call["signed_by"].is_string() {
        format!("  key {}", text(call, "signed_by"))
    } else {
        String::new()
    };
    let subject = ["order_id", "instance_id"].map(|name| call[name].as_str().map(printable));
    let subject: String = subject.into_iter().flatten().map(|id| format!("  {id}")).collect();
    let mut line = format!(
        "{}  {answered:<6}  {}{test}  {} ms{key}{subject}{}",
        text(call, "at"),
        text(call, "activity"),
        text(call, "took_ms"),
        times.unwrap_or_default(),
    );
    if call["cause"].is_string() {
        line.push_str(&format!("\n{INDENT}{}", text(call, "cause")));
    }
    line
}

fn trial(answer: &Value) -> String {
    let step = |head: &str, step: &Value| match step {
        Value::Null => format!("{head:<10} not asked\n"),
        step => {
            let end = step["ends_at"].as_str().map(|end| format!(", until {}", printable(end)));
            let state = if step["ok"] == true { "ok" } else { "FAILED" };
            format!("{head:<10} {state}: {}{}\n", text(step, "reason"), end.unwrap_or_default())
        }
    };
    format!("{}{}", step("activate", &answer["activate"]), step("heartbeat", &answer["heartbeat"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_a_line_with_its_cause_below_and_steers_no_terminal() {
        let call = json!({
            "id": "cal_1", "at": "2026-01-31T08:00:00Z", "activity": "newInstance", "test": true, "status": 200,
            "result_code": "000001", "took_ms": 2, "signed_by": "cad-2025", "count": 7, "order_id": "CS1\u{1b}[2J",
            "cause": "signature fits the retired key cad-2025",
        });
        let line = call_line(&call);
        assert_eq!(
            line,
            "2026-01-31T08:00:00Z  000001  newInstance (test)  2 ms  key cad-2025  CS1\u{fffd}[2J  ×7\n    \
             signature fits the retired key cad-2025"
        );
    }

    #[test]
    fn a_call_is_printed_once_and_again_when_its_count_grew() {
        let mut printed = Printed::default();
        let call = |id: &str, count: u64| json!({ "id": id, "count": count });
        assert!(printed.is_news(&call("cal_5", 1)));
        printed.print(vec![call("cal_5", 1)], &Common::default());
        assert!(!printed.is_news(&call("cal_5", 1)) && printed.is_news(&call("cal_5", 2)));
        assert!(printed.is_news(&call("cal_6", 1)) && !printed.is_news(&call("cal_4", 1)));
    }
}
