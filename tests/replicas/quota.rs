//! Quota that is used through every replica: a report counts once however often it is sent, and no unit is granted
//! that was not bought.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::process::apply_file;
use super::site::Replicas;

/// Ten-thousandths of a unit in each report about the license that has enough, and about the one that has not.
const AMOUNTS: [u64; 2] = [15_003, 75_000];
/// Reports about each of the two licenses, for each order line of the test.
const REPORTS_PER_LINE: usize = 1;

/// The catalog of the tests, with quota in its yearly spec: enough for all reports of the first amount, and for about half of
/// those of the second.
pub fn catalog(open_api: &str, lines: usize) -> String {
    let whole = apply_file(open_api);
    let year = "name = \"Year\"\nterm = \"P1Y\"\n";
    let quota = format!(
        "[[spec.quota]]\nmetric = \"render-minutes\"\nunit = \"minute\"\namount = {}\nreset = \"none\"\n",
        bought(lines) / 10_000
    );
    let with_quota = whole.replace(year, &format!("{year}{quota}"));
    assert_ne!(with_quota, whole, "the catalog has a yearly spec");
    with_quota
}

/// Ten-thousandths that each license has: whole units.
fn bought(lines: usize) -> u64 {
    4 * 10_000 * u64::try_from(lines).expect("few")
}

/// The two licenses, and what was answered to each report.
pub struct Quota {
    licenses: [String; 2],
    lines: usize,
    answers: Mutex<BTreeMap<usize, BTreeSet<String>>>,
}

impl Quota {
    pub fn new(replicas: &Replicas, lines: usize) -> Self {
        let order = json!({ "product": "acme-cad", "spec": "cad-year", "quantity": 1 });
        let issue = || {
            let (status, license) = replicas.merchant(0).post("/v1/merchant/licenses", &order);
            assert_eq!(status, 201, "{license}");
            license["id"].as_str().expect("one").to_owned()
        };
        Self { licenses: [issue(), issue()], lines, answers: Mutex::default() }
    }

    pub fn reports(&self) -> usize {
        self.licenses.len() * REPORTS_PER_LINE * self.lines
    }

    /// Sends a report to one replica after another until one answers.
    pub fn report(&self, replicas: &Replicas, first: usize, number: usize) {
        let body = json!({
            "license_id": self.licenses[number % 2],
            "metric": "render-minutes",
            "amount": units(AMOUNTS[number % 2]),
        });
        for replica in (0..replicas.count()).cycle().skip(first) {
            let merchant = replicas.merchant(replica);
            match merchant.try_post_once("/v1/usage", &format!("report {number}"), &body) {
                Ok((200, answer)) => return self.keep(number, answer.to_string()),
                // Whether there is none left is asked anew: how much there was then is no part of it.
                Ok((409, answer)) if answer["code"] == "quota_exhausted" => {
                    return self.keep(number, "exhausted".to_owned());
                }
                Ok((503, _)) | Err(_) => replicas.wait(),
                Ok((status, answer)) => panic!("report {number}: {status} {answer}"),
            }
        }
    }

    fn keep(&self, number: usize, answer: String) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.entry(number).or_default().insert(answer);
    }

    /// Each report has one answer, and what is used is the sum of those that were granted; says of how many.
    pub fn check(&self, replicas: &Replicas) -> usize {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(answers.len(), self.reports());
        let mut granted = [0, 0];
        for (number, answers) in answers.iter() {
            assert_eq!(answers.len(), 1, "report {number} was answered {answers:?}");
            granted[number % 2] += u64::from(!answers.contains("exhausted"));
        }
        let wanted = u64::try_from(REPORTS_PER_LINE * self.lines).expect("few");
        assert_eq!(granted, [wanted, bought(self.lines) / AMOUNTS[1]], "as many as there are units for");
        for (which, license) in self.licenses.iter().enumerate() {
            let used = granted[which] * AMOUNTS[which];
            for replica in 0..replicas.count() {
                let (_, shown) = replicas.merchant(replica).get(&format!("/v1/merchant/licenses/{license}"));
                let quota: &Value = &shown["quota"][0];
                assert_eq!(ten_thousandths(&quota["used"]), used, "{quota}");
                assert_eq!(ten_thousandths(&quota["left"]), bought(self.lines) - used, "{quota}");
            }
        }
        answers.len()
    }
}

fn units(ten_thousandths: u64) -> String {
    format!("{}.{:04}", ten_thousandths / 10_000, ten_thousandths % 10_000)
}

/// Of a number as JSON writes it, by its digits.
fn ten_thousandths(number: &Value) -> u64 {
    let text = number.as_str().map_or_else(|| number.to_string(), str::to_owned);
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    format!("{whole}{part:0<4}").parse().expect("at most four decimals")
}
