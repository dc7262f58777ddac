//! Terms, quota windows and totals: the published cases, and thousands by chance, as lictor, dateutil and java.time see them.

use std::process::{Command, Stdio};

use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value, json};

use crate::oracle::Oracle;

const CHECKS: [&str; 3] = ["add", "windows", "total"];
/// What is asked, by name, of any check; everything else that stands in a case is its answer.
const ASKED: [&str; 9] = ["check", "start", "end", "term", "times", "at", "reset", "window", "amount"];
const BY_CHANCE: usize = 4_000;

/// A case without its answers: `end` is asked about windows and totals, and answered of terms.
fn question(case: &Value) -> Value {
    let members = case.as_object().expect("a case is an object").clone();
    let is_asked =
        |name: &String| ASKED.contains(&name.as_str()) && (name != "end" || case["check"] != "add");
    members.into_iter().filter(|(name, _)| is_asked(name)).collect::<Map<_, _>>().into()
}

/// The answers of a case.
fn answer(case: &Value) -> Value {
    let asked = question(case);
    let members = case.as_object().expect("a case is an object").clone();
    members.into_iter().filter(|(name, _)| asked.get(name).is_none()).collect::<Map<_, _>>().into()
}

/// What the command line answers, in the words of the cases.
fn ours(questions: &[Value]) -> Vec<Value> {
    let mut answers = vec![Value::Null; questions.len()];
    for check in CHECKS {
        let (places, asked): (Vec<usize>, Vec<String>) = questions
            .iter()
            .enumerate()
            .filter(|(_, question)| question["check"] == check)
            .map(|(place, question)| (place, question.to_string()))
            .unzip();
        let lictor = Oracle::command("lictor", env!("CARGO_BIN_EXE_lictor"), &["calendar", check]);
        for (place, line) in places.into_iter().zip(lictor.ask_lines(&asked)) {
            let answer: Value = serde_json::from_str(&line).expect("one JSON object per line");
            let told = answer["error"].as_str();
            let is_beyond = told.is_some_and(|told| told.contains("year 9999") || told.contains("or more"));
            answers[place] = if is_beyond { json!({ "beyond": true }) } else { answer };
        }
    }
    answers
}

/// One process of each for all questions; one after the other would only wait.
fn judged(questions: &[Value]) -> [(&'static str, Vec<Value>); 3] {
    let lines: Vec<String> = questions.iter().map(Value::to_string).collect();
    let read = |answers: Vec<String>| -> Vec<Value> {
        answers.iter().map(|line| serde_json::from_str(line).expect("one JSON object per line")).collect()
    };
    std::thread::scope(|scope| {
        let java = scope.spawn(|| read(Oracle::java().ask_lines(&lines)));
        let python = scope.spawn(|| read(Oracle::dateutil().ask_lines(&lines)));
        let ours = ours(questions);
        let python = python.join().expect("dateutil answers");
        [("lictor", ours), ("dateutil", python), ("java.time", java.join().expect("java.time answers"))]
    })
}

fn published() -> Vec<Value> {
    let text = include_str!("../vectors/calendar.jsonl");
    text.lines().map(|line| serde_json::from_str(line).expect("one JSON object per line")).collect()
}

pub fn all_agree() {
    let cases = published();
    assert!(cases.len() >= 2_000, "{} published cases", cases.len());
    let mut questions: Vec<Value> = cases.iter().map(question).collect();
    questions.extend(by_chance(count()));
    let [(_, ours), others @ ..] = judged(&questions);
    for ((case, question), answered) in cases.iter().zip(&questions).zip(&ours) {
        assert_eq!(answered, &answer(case), "lictor and the published file: {question}");
    }
    for (judge, answers) in others {
        for ((question, answered), own) in questions.iter().zip(&answers).zip(&ours) {
            assert_eq!(answered, own, "{judge} and lictor: {question}");
        }
    }
}

/// The script writes the file as it is published.
pub fn the_file_is_what_the_rule_writes() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/write_calendar.py");
    let written = Command::new("python3").arg(script).stdin(Stdio::null()).output();
    let written = written.expect("./scripts/test installs Python");
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    assert!(written.stdout == include_bytes!("../vectors/calendar.jsonl"), "write calendar.jsonl again");
}

fn count() -> usize {
    #[expect(clippy::disallowed_methods, reason = "a test has no settings; the count only makes it longer")]
    let count = std::env::var("LICTOR_PROVE_COUNT");
    count.map_or(BY_CHANCE, |count| count.parse().expect("a whole number"))
}

/// A generator of its own (SplitMix64), so that the same cases come everywhere.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).expect("small")]
    }

    /// From 1970 to 2150, more often than by chance the last day of a month or the first.
    fn instant(&mut self) -> i64 {
        let seconds = i64::try_from(self.below(180 * 31_556_952)).expect("small");
        if self.below(2) == 0 {
            return seconds;
        }
        let at = DateTime::from_timestamp(seconds, 0).expect("in the calendar");
        let day = at.format("%Y-%m-01T00:00:00Z").to_string().parse::<DateTime<chrono::Utc>>();
        day.expect("a first day").timestamp() - self.one_of(&[0, 1, 3_600, 86_400])
    }
}

fn text(seconds: i64) -> String {
    let at = DateTime::from_timestamp(seconds, 0).expect("in the calendar");
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Questions about terms, windows and totals that nobody has thought of.
fn by_chance(count: usize) -> Vec<Value> {
    let mut dice = Dice(20_261_130);
    (0..count)
        .map(|index| {
            let start = dice.instant();
            let length = i64::try_from(dice.below(5 * 31_556_952)).expect("small") + 1;
            let end = if dice.below(8) == 0 { Value::Null } else { text(start + length).into() };
            let at = text(start - 3 + i64::try_from(dice.below(6 * 31_556_952)).expect("small"));
            let reset = dice.one_of(&["none", "hour", "day", "week", "month", "year"]);
            match index % 3 {
                0 => {
                    let term = format!("P{}{}", dice.below(1_200) + 1, dice.one_of(&["D", "M", "Y"]));
                    json!({ "check": "add", "start": text(start), "term": term, "times": dice.below(60), "at": at })
                }
                1 => {
                    let window = dice.one_of(&["anniversary", "calendar"]);
                    json!({ "check": "windows", "start": text(start), "end": end, "reset": reset, "window": window, "at": at })
                }
                _ => {
                    let amount = format!("{}.{:04}", dice.below(1_000_000), dice.below(10_000));
                    // Java counts hours one by one.
                    let reset = if reset == "hour" { "week" } else { reset };
                    json!({ "check": "total", "start": text(start), "end": end, "reset": reset, "amount": amount })
                }
            }
        })
        .collect()
}
