//! `lictor order …`

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::api::{escaped, with_query};
use super::output::printable;
use super::table::cell;
use super::{Api, Common, Failure, Table};

/// Orders of marketplaces: seen, mapped, looked at again, fetched. ORDER is the marketplace's order id, or the `ord_` id of
/// one of its lines.
#[derive(Debug, Subcommand)]
pub enum Order {
    /// List order lines, newest first.
    List(Box<List>),
    /// Show one order line: since when it waits, when the marketplace pays it back, which specs may be meant.
    Show {
        /// The order.
        #[arg(value_name = "ORDER")]
        order: String,
    },
    /// Say which spec the SKU of a held order means: remembered, and every held order of it is minted.
    Map {
        /// The order.
        #[arg(value_name = "ORDER")]
        order: String,
        /// The spec.
        #[arg(long, value_name = "ID")]
        spec: String,
    },
    /// Look at a waiting order again now.
    Retry {
        /// The order.
        #[arg(value_name = "ORDER")]
        order: String,
    },
    /// Ask the marketplace for an order that never arrived, and receive it.
    Fetch {
        /// The marketplace's order id.
        #[arg(value_name = "ORDER")]
        order: String,
        /// Through which channel.
        #[arg(long, value_name = "ID")]
        channel: String,
        /// Only this line of it.
        #[arg(long, value_name = "LINE")]
        line: Option<String>,
        /// What the marketplace was told to call it, when a restore has lost it: its later calls then find it.
        #[arg(long, value_name = "INSTANCE")]
        instance_id: Option<String>,
    },
    /// Compare the order list that you export from the seller console with what is kept here: which orders never arrived, or
    /// were lost with an earlier store; and fetch them.
    Missing(super::order_missing::Missing),
}

/// Which order lines are listed.
#[derive(Debug, Args)]
pub struct List {
    /// Only those whose SKU no spec knows.
    #[arg(long, conflicts_with = "state")]
    held: bool,
    /// In this state: received, held, minted or ended.
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Of this order.
    #[arg(long, value_name = "ORDER")]
    order_id: Option<String>,
    /// Of this instance of the marketplace.
    #[arg(long, value_name = "INSTANCE")]
    instance_id: Option<String>,
    /// Through this channel.
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// At most so many, up to 200.
    #[arg(long, default_value_t = 50, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=200))]
    limit: u16,
    /// Where the page before ended.
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

impl Order {
    /// Does it.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        let (api, output) = (common.api()?, common.output());
        match self {
            Self::List(list) => output.answer(&list.ask(&api)?, listing),
            Self::Show { order } => output.answer(&api.get(&path(&order, ""))?, details),
            Self::Map { order, spec } => {
                output.answer(&api.post(&path(&order, "/map"), &json!({ "spec": spec }))?, mapped);
            }
            Self::Retry { order } => output.answer(&api.post(&path(&order, "/retry"), &json!({}))?, retried),
            Self::Missing(missing) => return missing.run(&api, output),
            Self::Fetch { order, channel, line, instance_id } => {
                let mut body = json!({ "channel": channel, "order_id": order });
                if let Some(line) = line {
                    body["order_line_id"] = line.into();
                }
                if let Some(instance_id) = instance_id {
                    body["instance_id"] = instance_id.into();
                }
                let answer = api.post("/v1/merchant/orders/fetch", &body)?;
                if answer["outcome"] == "asking" {
                    return Err(Failure::Pending(still_asking(&answer, &order)));
                }
                output.answer(&answer, fetched);
            }
        }
        Ok(())
    }
}

fn path(order: &str, act: &str) -> String {
    format!("/v1/merchant/orders/{}{act}", escaped(order))
}

impl List {
    fn ask(self, api: &Api) -> Result<Value, Failure> {
        let query = [
            ("state", if self.held { Some("held".to_owned()) } else { self.state }),
            ("order_id", self.order_id),
            ("instance_id", self.instance_id),
            ("channel", self.channel),
            ("limit", Some(self.limit.to_string())),
            ("cursor", self.cursor),
        ];
        api.get(&with_query("/v1/merchant/orders", &query))
    }
}

fn listing(answer: &Value) -> String {
    let mut table =
        Table::new(&["ORDER", "LINE", "STATE", "SKU", "PRODUCT ID", "CHANNEL", "RECEIVED", "PAID BACK"]);
    for order in answer["items"].as_array().into_iter().flatten() {
        let text = |name: &str| cell(order.get(name));
        table.row(vec![
            text("order_id"),
            text("id"),
            text("state"),
            text("sku"),
            text("product_id"),
            text("channel"),
            text("received_at"),
            paid_back(order),
        ]);
    }
    let mut text = if table.is_empty() { "no order fits\n".to_owned() } else { table.render() };
    if let Some(cursor) = answer["next_cursor"].as_str() {
        text.push_str(&format!("more: --cursor {}\n", printable(cursor)));
    }
    let items = answer["items"].as_array();
    if let Some(held) = items.into_iter().flatten().find(|order| order["state"] == "held") {
        text.push_str(&format!(
            "next: lictor order map {} --spec {}\n",
            cell(held.get("id")),
            suggestion(held)
        ));
    }
    text
}

/// The spec for the next command. A mapping is remembered for good: it is only named when nothing else can be meant.
fn suggestion(order: &Value) -> String {
    match order["suggestions"].as_array().map(Vec::as_slice) {
        Some([only]) => only["spec"].as_str().map_or_else(|| "ID".to_owned(), printable),
        _ => "ID".to_owned(),
    }
}

/// In words: how long until the marketplace pays back.
fn paid_back(order: &Value) -> String {
    match (order["refund"]["at"].as_str(), order["refund"]["left_secs"].as_i64()) {
        (Some(_), Some(0)) => "time is up".to_owned(),
        (Some(_), Some(secs)) => format!("in {}:{:02} h", secs / 3_600, secs % 3_600 / 60),
        (Some(at), None) => at.to_owned(),
        (None, _) => "-".to_owned(),
    }
}

fn details(order: &Value) -> String {
    let line = |(name, value): (&str, String)| format!("{name:<16} {}\n", printable(&value));
    let members = [
        "order_id",
        "order_line_id",
        "id",
        "state",
        "license_id",
        "instance_id",
        "channel",
        "received_at",
        "held_since",
        "ended_at",
        "sku",
        "product_id",
        "quantity",
        "charging",
        "term",
        "customer",
        "ordered_at",
    ];
    let mut text: String = members.into_iter().map(|name| line((name, cell(order.get(name))))).collect();
    for param in order["extend_params"].as_array().into_iter().flatten() {
        let asked = format!("{} = {}", cell(param.get("name")), cell(param.get("value")));
        text.push_str(&line(("extend_param", asked)));
    }
    if let Some(rule) = order["refund"]["rule"].as_str() {
        text.push_str(&line(("paid back", paid_back(order))));
        text.push_str(&line(("rule", format!("{rule} ({})", cell(order["refund"].get("source"))))));
    }
    if let Some(job) = order.get("job").filter(|job| job.is_object()) {
        text.push_str(&line(("looked at", format!("{} times", cell(job.get("attempts"))))));
        text.push_str(&line(("next look", cell(job.get("next_try_at")))));
        text.push_str(&line(("last failure", cell(job.get("last_failure")))));
    }
    let specs: Vec<_> =
        order["suggestions"].as_array().into_iter().flatten().map(|it| cell(it.get("spec"))).collect();
    if order["state"] == "held" {
        let known = if specs.is_empty() { "-".to_owned() } else { specs.join(", ") };
        text.push_str(&line(("may be meant", known)));
        text.push_str(&format!(
            "next: lictor order map {} --spec {}\n",
            cell(order.get("id")),
            suggestion(order)
        ));
    }
    text
}

fn mapped(answer: &Value) -> String {
    let code = if answer["sku"].is_null() { answer.get("product_id") } else { answer.get("sku") };
    let text = format!(
        "{} means {} from now on; {} minted, {} waiting",
        cell(code),
        cell(answer.get("spec")),
        cell(answer.get("minted")),
        cell(answer.get("waiting"))
    );
    let next = if answer["waiting"].as_u64().unwrap_or(0) > 0 {
        "\nnext: the workers mint the others; see `lictor order list --held`"
    } else {
        ""
    };
    printable(&text) + next
}

fn retried(job: &Value) -> String {
    let order = cell(job.get("order_id"));
    printable(&format!("{order} is looked at again now; see `lictor order show {order}`"))
}

fn fetched(answer: &Value) -> String {
    let orders = answer["orders"].as_array().into_iter().flatten();
    let line = |order: &Value| {
        let told = format!("{} is {}", cell(order.get("id")), cell(order.get("state")));
        match order["state"].as_str() {
            Some("held") => format!(
                "{told}\nnext: lictor order map {} --spec {}\n",
                cell(order.get("id")),
                suggestion(order)
            ),
            _ => format!("{told}: license {}\n", cell(order.get("license_id"))),
        }
    };
    orders.map(line).map(|text| text.lines().map(printable).collect::<Vec<_>>().join("\n") + "\n").collect()
}

fn still_asking(answer: &Value, order: &str) -> String {
    let why = printable(answer["reason"].as_str().unwrap_or("no answer yet"));
    format!(
        "the marketplace has not said what {order} is: {why}\nnext: the outbox goes on asking; see `lictor outbox list`, or run the command again"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_says_how_long_is_left_and_what_to_do() {
        assert_eq!(listing(&json!({ "items": [], "next_cursor": null })), "no order fits\n");
        let held = json!({ "items": [{
            "id": "ord_1", "order_id": "CS1", "state": "held", "sku": "CAD-NEW", "received_at": "2026-01-31T08:00:00Z",
            "refund": { "at": "2026-01-31T11:00:00Z", "left_secs": 7_380 }, "suggestions": [{ "spec": "cad-key-only" }],
        }], "next_cursor": "ord_1" });
        let text = listing(&held);
        assert!(text.contains("in 2:03 h"), "{text}");
        assert!(
            text.contains("more: --cursor ord_1\nnext: lictor order map ord_1 --spec cad-key-only\n"),
            "{text}"
        );
    }

    #[test]
    fn of_several_specs_that_fit_none_is_proposed_as_the_next_command() {
        let held = json!({ "id": "ord_1", "state": "held", "suggestions": [{ "spec": "cad-pro" }, { "spec": "cad-team" }] });
        let next = "next: lictor order map ord_1 --spec ID\n";
        let text = details(&held);
        assert!(text.contains("cad-pro, cad-team\n") && text.ends_with(next), "{text}");
        assert!(listing(&json!({ "items": [&held], "next_cursor": null })).ends_with(next));
        let told = fetched(&json!({ "outcome": "received", "orders": [&held] }));
        assert_eq!(told, format!("ord_1 is held\n{next}"));
    }

    #[test]
    fn what_is_fetched_and_held_says_what_to_do() {
        let answer = json!({ "outcome": "received", "orders": [
            { "id": "ord_1", "state": "minted", "license_id": "lic_1" }, { "id": "ord_2", "state": "held" }] });
        let expected =
            "ord_1 is minted: license lic_1\nord_2 is held\nnext: lictor order map ord_2 --spec ID\n";
        assert_eq!(fetched(&answer), expected);
    }
}
