//! The table of rules and the page that prints it.

use std::collections::BTreeSet;

use lictor::sandbox::judge::{Rule, Severity};

#[test]
fn every_rule_has_an_id_of_its_own_words_in_two_languages_and_a_source() {
    let mut seen = BTreeSet::new();
    for rule in Rule::ALL {
        let id = rule.id();
        assert!(seen.insert(id), "{id}");
        assert!(
            id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'),
            "{id}"
        );
        assert!(
            rule.english().ends_with('.') && rule.english().is_ascii() || rule.english().contains('…'),
            "{id}"
        );
        assert!(rule.chinese().ends_with('。') && !rule.chinese().is_ascii(), "{id}");
        assert!(!rule.families().is_empty() && !rule.source().is_empty(), "{id}");
    }
    let ordered: Vec<Rule> = Rule::ALL.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    assert_eq!(ordered, Rule::ALL, "the report prints them in the order of the table");
}

/// The rows that docs/judge.md has to hold.
fn rows() -> Vec<String> {
    let families = |rule: Rule| {
        let names: Vec<&str> = rule.families().iter().map(|family| family.name()).collect();
        if names.len() == lictor::sandbox::family::Family::ALL.len() {
            "all".to_owned()
        } else {
            names.join(", ")
        }
    };
    let severity = |rule: Rule| match rule.severity() {
        Severity::Violation => "violation",
        Severity::Advice => "advice",
    };
    let row = |rule: Rule| {
        format!(
            "| `{}` | {} | {} | {} | {} |",
            rule.id(),
            rule.english(),
            severity(rule),
            families(rule),
            rule.source()
        )
    };
    Rule::ALL.into_iter().map(row).collect()
}

#[test]
fn the_page_lists_the_rules_as_they_are() {
    let page = include_str!("../../docs/judge.md");
    let (_, table) = page.split_once("## The rules").expect("the table has its heading");
    let printed: Vec<&str> = table.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(printed.join("\n"), rows().join("\n"), "put these rows into docs/judge.md");
}
