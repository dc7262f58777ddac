//! `lictor webhook …`

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::api::{escaped, with_query};
use super::output::printable;
use super::table::cell;
use super::{Common, Failure, Table};
use crate::domain::WebhookEvent;

/// Endpoints of a merchant to which events are sent by Standard Webhooks.
#[derive(Debug, Subcommand)]
pub enum Webhook {
    /// Have events sent to an address; prints its secret: the only time it can be read.
    Create(Create),
    /// List the endpoints and how sending fares.
    List,
    /// Show an endpoint.
    Show {
        /// The endpoint, as `list` shows it.
        #[arg(value_name = "WEBHOOK")]
        id: String,
    },
    /// Change an endpoint; what is not named stays.
    Change(Change),
    /// Send a test event now and say what the endpoint answers.
    Test {
        /// The endpoint, as `list` shows it.
        #[arg(value_name = "WEBHOOK")]
        id: String,
    },
    /// Send again, from where it stopped.
    Enable {
        /// The endpoint, as `list` shows it.
        #[arg(value_name = "WEBHOOK")]
        id: String,
        /// Leave out what happened meanwhile.
        #[arg(long)]
        skip_missed: bool,
    },
    /// Send nothing any more; what happens meanwhile is kept.
    Disable {
        /// The endpoint, as `list` shows it.
        #[arg(value_name = "WEBHOOK")]
        id: String,
    },
    /// Make another secret and print it; both sign until the old one ends.
    Rotate(Rotate),
    /// List what was sent and what is on its way, newest first.
    Deliveries(Deliveries),
    /// Send once more: one delivery, or everything since an instant.
    Replay(Replay),
    /// Delete an endpoint, with everything that is on its way to it.
    Delete {
        /// The endpoint, as `list` shows it.
        #[arg(value_name = "WEBHOOK")]
        id: String,
    },
    /// Sign {secret, id, timestamp, body}: answers {signature}. JSON lines, without a server.
    Sign,
    /// Verify {secret, id, timestamp, signature, body, now}: answers {valid, code}; without `now` by the clock. JSON lines,
    /// without a server.
    Verify,
}

/// What the endpoint is to be.
#[derive(Debug, Args)]
pub struct Create {
    /// Where events go: https://…
    #[arg(value_name = "ADDRESS")]
    address: String,
    /// In your own words.
    #[arg(long, value_name = "TEXT", default_value = "")]
    description: String,
    /// Which events; may be given several times. Default: all but activation.renewed.
    #[arg(long = "event", value_name = "EVENT", value_delimiter = ',',
          value_parser = clap::builder::PossibleValuesParser::new(WebhookEvent::NAMES))]
    events: Vec<String>,
    /// How many days before the end of a license it is told; default: 30,7,1.
    #[arg(long, value_name = "DAYS", value_delimiter = ',')]
    expiring_days: Vec<u16>,
    /// Where the secret is, as the server finds it: env:NAME or file:PATH. Default: the server makes one.
    #[arg(long, value_name = "REFERENCE")]
    secret: Option<String>,
    /// The same key again makes no second endpoint.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// What is changed.
#[derive(Debug, Args)]
pub struct Change {
    /// The endpoint, as `list` shows it.
    #[arg(value_name = "WEBHOOK")]
    id: String,
    /// Where events go: https://…
    #[arg(long, value_name = "ADDRESS")]
    address: Option<String>,
    /// In your own words.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Which events; may be given several times.
    #[arg(long = "event", value_name = "EVENT", value_delimiter = ',',
          value_parser = clap::builder::PossibleValuesParser::new(WebhookEvent::NAMES))]
    events: Option<Vec<String>>,
    /// All events but activation.renewed.
    #[arg(long, conflicts_with = "events")]
    all_events: bool,
    /// How many days before the end of a license it is told.
    #[arg(long, value_name = "DAYS", value_delimiter = ',')]
    expiring_days: Option<Vec<u16>>,
    /// Only if it still has this revision.
    #[arg(long, value_name = "REVISION")]
    if_revision: Option<u64>,
}

/// How the secret is changed.
#[derive(Debug, Args)]
pub struct Rotate {
    /// The endpoint, as `list` shows it.
    #[arg(value_name = "WEBHOOK")]
    id: String,
    /// How long the old secrets go on signing, in seconds; default: a day. 0 for one that leaked.
    #[arg(long, value_name = "SECONDS")]
    overlap_secs: Option<u32>,
    /// Where the new secret is, as the server finds it: env:NAME or file:PATH. Default: the server makes one.
    #[arg(long, value_name = "REFERENCE")]
    secret: Option<String>,
    /// The same key again makes no further secret.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// Which deliveries are listed.
#[derive(Debug, Args)]
pub struct Deliveries {
    /// The endpoint, as `list` shows it.
    #[arg(value_name = "WEBHOOK")]
    id: String,
    /// Only those in this state.
    #[arg(long, value_name = "STATE", value_parser = ["pending", "delivered", "given_up"])]
    state: Option<String>,
    /// At most so many, up to 200.
    #[arg(long, default_value_t = 50, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=200))]
    limit: u16,
    /// Where the page before ended.
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

/// What is sent once more.
#[derive(Debug, Args)]
pub struct Replay {
    /// The endpoint, as `list` shows it.
    #[arg(value_name = "WEBHOOK", required = true)]
    id: String,
    /// This delivery's event.
    #[arg(long, value_name = "DELIVERY", conflicts_with_all = ["since", "limit"])]
    delivery: Option<String>,
    /// Everything that happened since then (RFC 3339).
    #[arg(long, value_name = "INSTANT", required_unless_present = "delivery")]
    since: Option<String>,
    /// At most so many events, up to 10,000.
    #[arg(long, value_name = "COUNT")]
    limit: Option<u32>,
}

const PATH: &str = "/v1/merchant/webhooks";

impl Webhook {
    /// Does it. `sign` and `verify` are done elsewhere: they need no server.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        let (api, output) = (common.api()?, common.output());
        let below = |id: &str, what: &str| format!("{PATH}/{}{what}", escaped(id));
        match self {
            Self::Create(create) => {
                let answer = api.post_as(PATH, &create.body(), create.idempotency_key.as_deref())?;
                if answer.get("secret").is_some() {
                    output.note("Keep this secret now: it cannot be shown again.");
                }
                output.answer(&answer, made);
            }
            Self::List => output.answer(&api.get(PATH)?, listing),
            Self::Show { id } => output.answer(&api.get(&below(&id, ""))?, shown),
            Self::Change(change) => {
                let answer = api.patch(&below(&change.id, ""), &change.body(), change.if_revision)?;
                output.answer(&answer, shown);
            }
            Self::Test { id } => {
                let answer = api.post(&below(&id, "/test"), &json!({}))?;
                output.answer(&answer, tested);
                if answer["state"] != "delivered" {
                    return Err(Failure::Refused("the endpoint did not take the test event".to_owned()));
                }
            }
            Self::Enable { id, skip_missed } => {
                let answer = api.post(&below(&id, "/enable"), &json!({ "skip_missed": skip_missed }))?;
                output.answer(&answer, shown);
            }
            Self::Disable { id } => {
                output.answer(&api.post(&below(&id, "/disable"), &json!({}))?, shown);
            }
            Self::Rotate(rotate) => {
                let mut body = json!({});
                if let Some(reference) = &rotate.secret {
                    body["secret"] = json!(reference);
                }
                if let Some(secs) = rotate.overlap_secs {
                    body["overlap_secs"] = json!(secs);
                }
                let key = rotate.idempotency_key.as_deref();
                let answer = api.post_as(&below(&rotate.id, "/secrets"), &body, key)?;
                if answer.get("secret").is_some() {
                    output.note("Keep this secret now: it cannot be shown again.");
                }
                output.answer(&answer, made);
            }
            Self::Deliveries(list) => {
                let query =
                    [("state", list.state), ("limit", Some(list.limit.to_string())), ("cursor", list.cursor)];
                let path = with_query(&below(&list.id, "/deliveries"), &query);
                output.answer(&api.get(&path)?, deliveries);
            }
            Self::Replay(replay) => {
                let mut body = json!({});
                if let Some(delivery) = &replay.delivery {
                    body["delivery"] = json!(delivery);
                }
                if let Some(since) = &replay.since {
                    body["since"] = json!(since);
                }
                if let Some(limit) = replay.limit {
                    body["limit"] = json!(limit);
                }
                output.answer(&api.post(&below(&replay.id, "/replay"), &body)?, replayed);
            }
            Self::Delete { id } => {
                let answer = api.delete(&below(&id, ""))?;
                output.answer(&answer, |_| format!("{} is deleted", printable(&id)));
            }
            Self::Sign | Self::Verify => {}
        }
        Ok(())
    }
}

impl Create {
    fn body(&self) -> Value {
        let mut body = json!({ "url": self.address, "description": self.description, "events": self.events });
        if !self.expiring_days.is_empty() {
            body["expiring_days"] = json!(self.expiring_days);
        }
        if let Some(reference) = &self.secret {
            body["secret"] = json!(reference);
        }
        body
    }
}

impl Change {
    fn body(&self) -> Value {
        let mut body = json!({});
        if let Some(address) = &self.address {
            body["url"] = json!(address);
        }
        if let Some(description) = &self.description {
            body["description"] = json!(description);
        }
        if let Some(events) = &self.events {
            body["events"] = json!(events);
        }
        if self.all_events {
            body["events"] = json!([]);
        }
        if let Some(days) = &self.expiring_days {
            body["expiring_days"] = json!(days);
        }
        body
    }
}

fn made(answer: &Value) -> String {
    let id = printable(&cell(answer.get("id")));
    match answer["secret"].as_str() {
        Some(secret) => format!("{id}\n{}", printable(secret)),
        None => format!("{id} signs with the secret that its reference names"),
    }
}

fn listing(answer: &Value) -> String {
    let mut answer = answer.clone();
    for item in answer["items"].as_array_mut().into_iter().flatten() {
        let progress = item["progress"].clone();
        item["pending"] = progress["pending"].clone();
        item["failing_since"] = progress["failing_since"].clone();
        item["last_success_at"] = progress["last_success_at"].clone();
    }
    let columns = [
        ("WEBHOOK", "id"),
        ("STATE", "state"),
        ("ADDRESS", "url"),
        ("PENDING", "pending"),
        ("FAILING SINCE", "failing_since"),
        ("LAST SUCCESS", "last_success_at"),
        ("DESCRIPTION", "description"),
    ];
    let table = Table::of_items(&answer["items"], &columns);
    if table.is_empty() { "no events are sent anywhere\n".to_owned() } else { table.render() }
}

fn shown(answer: &Value) -> String {
    let events = answer["events"].as_array().filter(|events| !events.is_empty());
    let events = events.map_or_else(
        || "all but activation.renewed".to_owned(),
        |events| events.iter().map(|it| cell(Some(it))).collect::<Vec<_>>().join(", "),
    );
    let state = match answer["disabled"]["cause"].as_str() {
        Some("gone") => "disabled: it answered 410, gone for good",
        Some("failing") => "disabled: nothing was accepted there for five days",
        Some(_) => "disabled by hand",
        None => "enabled",
    };
    let progress = &answer["progress"];
    let secrets = answer["secrets"].as_array().map_or(0, Vec::len);
    let lines = [
        ("webhook", cell(answer.get("id"))),
        ("state", state.to_owned()),
        ("address", cell(answer.get("url"))),
        ("description", cell(answer.get("description"))),
        ("events", events),
        ("expiring days", cell(answer.get("expiring_days"))),
        ("secrets", secrets.to_string()),
        ("pending", cell(progress.get("pending"))),
        ("failing since", cell(progress.get("failing_since"))),
        ("last success", cell(progress.get("last_success_at"))),
        ("next attempt", cell(progress.get("next_attempt_at"))),
        ("revision", cell(answer.get("revision"))),
    ];
    lines.iter().map(|(name, value)| format!("{name:<14} {}\n", printable(value))).collect()
}

fn tested(answer: &Value) -> String {
    let attempt = &answer["last_attempt"];
    let words = attempt["words"].as_str().unwrap_or_default();
    let told = match attempt["status"].as_u64() {
        Some(status) if words.is_empty() => format!("it answered {status}"),
        Some(status) => format!("it answered {status}: {words}"),
        None => words.to_owned(),
    };
    printable(&format!("{} after {} ms", told, cell(attempt.get("took_ms"))))
}

fn deliveries(answer: &Value) -> String {
    let mut answer = answer.clone();
    for item in answer["items"].as_array_mut().into_iter().flatten() {
        let attempt = item["last_attempt"].clone();
        item["status"] = attempt["status"].clone();
        item["words"] = attempt["words"].clone();
    }
    let columns = [
        ("DELIVERY", "id"),
        ("EVENT", "event_id"),
        ("TYPE", "type"),
        ("STATE", "state"),
        ("TRIES", "attempts"),
        ("CREATED", "created_at"),
        ("NEXT TRY", "next_attempt_at"),
        ("ANSWER", "status"),
        ("WORDS", "words"),
    ];
    let table = Table::of_items(&answer["items"], &columns);
    let mut text = if table.is_empty() { "nothing was sent\n".to_owned() } else { table.render() };
    if let Some(cursor) = answer["next_cursor"].as_str() {
        text.push_str(&format!("more: --cursor {}\n", printable(cursor)));
    }
    text
}

fn replayed(answer: &Value) -> String {
    let number = |name: &str| answer[name].as_u64().unwrap_or_default();
    let (after, through) = (number("after"), number("through"));
    if through <= after {
        return "nothing has happened since then".to_owned();
    }
    format!(
        "up to {} of the events {} to {through} are sent again, behind what is new",
        number("events_max"),
        after + 1
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_endpoint_says_so_and_an_empty_list_is_no_table() {
        assert_eq!(listing(&json!({ "items": [], "next_cursor": null })), "no events are sent anywhere\n");
        let answer = json!({ "id": "whk_1", "disabled": { "cause": "gone", "at": "…" }, "events": [] });
        assert!(shown(&answer).contains("410") && shown(&answer).contains("all but activation.renewed"));
    }

    #[test]
    fn what_an_endpoint_answers_is_printed_without_control_characters() {
        let answer = json!({ "last_attempt": { "status": 500, "words": "no\u{1b}[2J", "took_ms": 7 } });
        assert!(!tested(&answer).contains('\u{1b}'));
    }

    #[test]
    fn nothing_to_replay_is_said_in_words() {
        assert_eq!(replayed(&json!({ "after": 7, "through": 7 })), "nothing has happened since then");
        assert!(replayed(&json!({ "after": 7, "through": 9, "events_max": 2 })).contains("8 to 9"));
    }
}
