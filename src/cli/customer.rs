//! `lictor customer …`

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::api::{escaped, with_query};
use super::backup::cannot;
use super::{Api, Common, Failure, Table};
use crate::config::read_text;

/// Longest list of erasures, in bytes.
const LIST_BYTES_MAX: usize = 16 << 20;
/// Customers of one request.
const ERASED_PER_REQUEST: usize = 200;

/// Personal data of customers: what is kept of one, and its erasure.
#[derive(Debug, Subcommand)]
pub enum Customer {
    /// Print everything that is kept of a customer.
    Export {
        /// The customer, as the marketplace or you name it.
        #[arg(value_name = "CUSTOMER")]
        customer: String,
    },
    /// Erase what is kept of a customer; licenses stay and go on working. Files and backups: see docs/privacy.md.
    Erase(Erase),
    /// List what was erased, by digests that name nobody; save it, to erase again after a restore.
    Erasures,
}

/// Whose data is erased.
#[derive(Debug, Args)]
pub struct Erase {
    /// The customer, as the marketplace or you name it.
    #[arg(value_name = "CUSTOMER", required_unless_present = "from_list")]
    customer: Option<String>,
    /// Add the erasure to this list of your own, which names nobody, for the time after a restore.
    #[arg(long, value_name = "FILE", conflicts_with = "from_list")]
    list: Option<PathBuf>,
    /// Erase again everything that is on such a list, or in what `customer erasures --json` has printed.
    #[arg(long, value_name = "FILE", conflicts_with = "customer")]
    from_list: Option<PathBuf>,
}

impl Customer {
    /// Does it.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        let (api, output) = (common.api()?, common.output());
        match self {
            Self::Export { customer } => {
                let path = format!("/v1/merchant/customers/{}", escaped(&customer));
                let answer = json!({ "customer": customer, "items": all(&api, &path)? });
                // It is handed to somebody: as it is, also for people.
                output.answer(&answer, |answer| format!("{answer:#}"));
            }
            Self::Erasures => {
                let answer = json!({ "items": all(&api, "/v1/merchant/erasures")? });
                let columns = [("CUSTOMER (DIGEST)", "customer_digest"), ("AT", "at")];
                output.answer(&answer, |answer| Table::of_items(&answer["items"], &columns).render());
            }
            Self::Erase(erase) => output.answer(&erase.run(&api)?, erased),
        }
        Ok(())
    }
}

/// Every page.
fn all(api: &Api, path: &str) -> Result<Vec<Value>, Failure> {
    let (mut items, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut page = api.get(&with_query(path, &[("cursor", cursor)]))?;
        items.extend(page["items"].as_array_mut().map(std::mem::take).unwrap_or_default());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return Ok(items),
        }
    }
}

impl Erase {
    fn run(self, api: &Api) -> Result<Value, Failure> {
        if let Some(list) = &self.from_list {
            let digests = read_list(list)?;
            let mut sums = Sums::default();
            for some in digests.chunks(ERASED_PER_REQUEST) {
                sums.add(api, "/v1/merchant/erasures", &json!({ "customers": some }))?;
            }
            return Ok(sums.answer(digests.len()));
        }
        let customer = self.customer.unwrap_or_default();
        let mut sums = Sums::default();
        sums.add(api, &format!("/v1/merchant/customers/{}/erase", escaped(&customer)), &json!({}))?;
        if let Some(list) = &self.list {
            // Whatever is not on it yet: the server knows the digest.
            let known = if list.exists() { read_list(list)? } else { Vec::new() };
            let mut digests = digests_of(&all(api, "/v1/merchant/erasures")?);
            digests.retain(|digest| !known.contains(digest));
            append(list, &digests)?;
        }
        Ok(sums.answer(1))
    }
}

#[derive(Default)]
struct Sums {
    licenses: u64,
    machines: u64,
    kit_records: u64,
}

impl Sums {
    /// Page after page: a long list of licenses is looked at in parts.
    fn add(&mut self, api: &Api, path: &str, body: &Value) -> Result<(), Failure> {
        let mut body = body.clone();
        loop {
            let answer = api.post(path, &body)?;
            let count = |name: &str| answer[name].as_u64().unwrap_or(0);
            self.licenses += count("licenses");
            self.machines += count("machines");
            self.kit_records += count("kit_records");
            if answer["next_cursor"].is_null() {
                return Ok(());
            }
            body["cursor"] = answer["next_cursor"].clone();
        }
    }

    fn answer(&self, customers: usize) -> Value {
        json!({
            "customers": customers,
            "licenses": self.licenses,
            "machines": self.machines,
            "kit_records": self.kit_records,
        })
    }
}

fn digests_of(items: &[Value]) -> Vec<String> {
    items.iter().filter_map(|it| it["customer_digest"].as_str().map(str::to_owned)).collect()
}

/// One digest a line, or the answer of `customer erasures --json`.
fn read_list(path: &Path) -> Result<Vec<String>, Failure> {
    let text = read_text(path, LIST_BYTES_MAX)?;
    if let Ok(answer) = serde_json::from_str::<Value>(&text)
        && let Some(items) = answer["items"].as_array()
    {
        return Ok(digests_of(items));
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(str::to_owned).collect())
}

fn append(path: &Path, digests: &[String]) -> Result<(), Failure> {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    let lines: String = digests.iter().map(|digest| format!("{digest}\n")).collect();
    file.and_then(|mut file| file.write_all(lines.as_bytes()).and_then(|()| file.sync_all()))
        .map_err(|error| cannot("write", path, &error))
}

fn erased(answer: &Value) -> String {
    format!(
        "erased: {} licenses or purchases, the names of {} machines, {} records of the marketplace's Kit\nfiles and backups of before still hold it: docs/privacy.md says until when, and how to end that now",
        answer["licenses"], answer["machines"], answer["kit_records"]
    )
}
