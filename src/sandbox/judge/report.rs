//! What was found, rule by rule.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::rule::{Rule, Severity};

/// How often a rule was looked at and broken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finding {
    pub looked: u64,
    pub broken: u64,
    /// The first time it was broken, in words.
    pub example: Option<String>,
}

/// What was found, rule by rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    by_rule: BTreeMap<Rule, Finding>,
}

impl Report {
    /// One more look at a rule; `broken` says in words how it was broken.
    pub fn looked(&mut self, rule: Rule, broken: Option<String>) {
        let finding = self.by_rule.entry(rule).or_default();
        finding.looked += 1;
        if let Some(words) = broken {
            finding.broken += 1;
            finding.example.get_or_insert(words);
        }
    }

    /// What was found of a rule; nothing when it was never looked at.
    pub fn finding(&self, rule: Rule) -> Option<&Finding> {
        self.by_rule.get(&rule)
    }

    /// The rules of this severity that were broken.
    pub fn broken(&self, severity: Severity) -> Vec<Rule> {
        let broken =
            self.by_rule.iter().filter(|(rule, finding)| finding.broken > 0 && rule.severity() == severity);
        broken.map(|(rule, _)| *rule).collect()
    }

    /// Whether no violation was found. Advice does not count.
    pub fn is_clean(&self) -> bool {
        self.broken(Severity::Violation).is_empty()
    }

    /// Every rule that was looked at as a table, and each broken one in both languages.
    pub fn to_text(&self) -> String {
        let mut text = format!("{:<38}{:>8}{:>8}  SOURCE\n", "RULE", "LOOKED", "BROKEN");
        for (rule, finding) in &self.by_rule {
            let Finding { looked, broken, .. } = finding;
            text.push_str(&format!("{:<38}{looked:>8}{broken:>8}  {}\n", rule.id(), rule.source()));
        }
        for (rule, finding) in self.by_rule.iter().filter(|(_, finding)| finding.broken > 0) {
            let (severity, id, example) = (rule.severity().name(), rule.id(), finding.example.as_deref());
            text.push_str(&format!("\n{severity}: {id} ({})\n", rule.source()));
            text.push_str(&format!("  {}\n  {}\n", rule.english(), rule.chinese()));
            text.push_str(&format!("  first: {}\n", example.unwrap_or_default()));
        }
        let (violated, advised) =
            (self.broken(Severity::Violation).len(), self.broken(Severity::Advice).len());
        text.push_str(&format!(
            "\n{} rules looked at, {violated} violated, {advised} with advice\n",
            self.by_rule.len()
        ));
        text
    }

    /// Every rule that was looked at.
    pub fn to_json(&self) -> Value {
        let rules = self.by_rule.iter().map(|(rule, finding)| {
            json!({
                "rule": rule.id(),
                "severity": rule.severity().name(),
                "looked": finding.looked,
                "broken": finding.broken,
                "example": finding.example,
                "text": { "en": rule.english(), "zh": rule.chinese() },
                "source": rule.source(),
            })
        });
        json!({ "clean": self.is_clean(), "rules": rules.collect::<Vec<_>>() })
    }
}
