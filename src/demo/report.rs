//! What the demo shows: a line per step for people, one object for programs.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Why a step did not do what it should.
pub type Failure = String;

/// What happened so far.
pub struct Report {
    json: bool,
    steps: Vec<Value>,
    facts: serde_json::Map<String, Value>,
}

impl Report {
    pub fn new(json: bool, title: &str) -> Self {
        let report = Self { json, steps: Vec::new(), facts: serde_json::Map::new() };
        report.say(&format!("{title}\n"));
        report
    }

    /// Does a step and records whether it did what it should.
    pub fn step<T>(
        &mut self,
        name: &str,
        work: impl FnOnce(&mut Details) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let started = Instant::now();
        let mut details = Details(Vec::new());
        let outcome = work(&mut details);
        let took: Duration = started.elapsed();
        let number = self.steps.len() + 1;
        let mark = if outcome.is_ok() { "ok" } else { "FAILED" };
        self.say(&format!("{number:>2}  {name:<64} {mark:>6} {:>6} ms", took.as_millis()));
        for detail in &details.0 {
            self.say(&format!("      {detail}"));
        }
        self.steps.push(json!({ "name": name, "ok": outcome.is_ok(), "millis": took.as_millis() as u64 }));
        outcome
    }

    /// Keeps a fact for the object.
    pub fn fact(&mut self, name: &str, value: Value) {
        self.facts.insert(name.to_owned(), value);
    }

    pub fn fail(&self, failure: &Failure) {
        eprintln!("lictor demo: {failure}");
    }

    fn say(&self, line: &str) {
        if !self.json {
            println!("{line}");
        }
    }

    /// Prints the object, or the last line.
    pub fn finish(mut self) {
        let failed = self.steps.iter().filter(|step| step["ok"] == json!(false)).count();
        if self.json {
            self.facts.insert("steps".into(), Value::Array(self.steps));
            println!("{}", Value::Object(self.facts));
        } else if failed == 0 {
            println!("\nEvery step did what it should.");
        } else {
            println!("\n{failed} step did not do what it should.");
        }
    }
}

/// Lines below a step.
pub struct Details(Vec<String>);

impl Details {
    pub fn add(&mut self, line: impl Into<String>) {
        self.0.push(line.into());
    }
}
