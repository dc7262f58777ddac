//! The reference of `docs/koogallery.md` says which test holds which parameter: the tests exist, and no activity is
//! left out.

#[path = "support/instance_rows.rs"]
#[expect(dead_code, reason = "the tests of the families use the rest")]
mod instance_rows;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use instance_rows::{Row, rows_of};
use lictor::marketplace::protocol_for;
use lictor::sandbox::family::Family;

const DOCUMENT: &str = include_str!("../docs/koogallery.md");

fn reference() -> &'static str {
    DOCUMENT.split_once("\n# Reference\n").expect("the document has its reference").1
}

/// Every Rust source below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder is readable") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn all_sources() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["src", "tests"] {
        sources(&root.join(folder), &mut found);
    }
    found
}

/// The names of the functions that stand below `#[test]` or `#[tokio::test]`.
fn tests_in(source: &str) -> Vec<&str> {
    let (mut names, mut is_test) = (Vec::new(), false);
    for line in source.lines().map(str::trim) {
        if line == "#[test]" || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some(rest) = line.trim_start_matches("async ").strip_prefix("fn ") {
            let name = rest.split(['(', '<']).next().unwrap_or_default();
            // Listed for a macro that runs it on each engine.
            let is_listed = rest.contains("(on: EngineName") && source.contains(&format!("\n    {name},\n"));
            names.extend((is_test || is_listed).then_some(name));
            is_test = false;
        }
    }
    names
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Whether the text is written as a test is named. The wire names nothing with three underscores.
fn is_test_name(text: &str) -> bool {
    let name = text.trim_end_matches('…');
    let is_snake = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    name.chars().all(is_snake) && (name.matches('_').count() >= 3 || text != name)
}

#[test]
fn every_test_that_the_reference_names_exists() {
    let texts: Vec<String> =
        all_sources().iter().map(|path| fs::read_to_string(path).expect("readable")).collect();
    let tests: BTreeSet<&str> = texts.iter().flat_map(|text| tests_in(text)).collect();
    let named: BTreeSet<&str> = quoted(reference()).filter(|text| is_test_name(text)).collect();
    let exists = |name: &&str| match name.strip_suffix('…') {
        Some(begin) => tests.iter().any(|test| test.starts_with(begin)),
        None => tests.contains(*name),
    };
    let missing: Vec<&str> = named.iter().filter(|name| !exists(name)).copied().collect();
    assert!(missing.is_empty(), "no test has these names: {missing:#?}");
    assert!(named.len() > 90, "{} names were found", named.len());
}

#[test]
fn every_file_that_the_reference_names_exists() {
    let sources = all_sources();
    let named: BTreeSet<&str> = quoted(reference()).filter(|text| text.ends_with(".rs")).collect();
    let missing: Vec<&str> =
        named.iter().filter(|name| !sources.iter().any(|path| path.ends_with(name))).copied().collect();
    assert!(missing.is_empty(), "no source has these names: {missing:#?}");
    assert!(named.len() > 10, "{} files were found", named.len());
}

/// The first two cells of the rows of a section's tables.
fn rows_under(heading: &str) -> Vec<[&'static str; 2]> {
    let section = reference().split("\n## ").find(|section| section.starts_with(heading));
    let section = section.unwrap_or_else(|| panic!("no section {heading}"));
    let cells = section.lines().filter_map(|line| line.strip_prefix("| "));
    let cells = cells.map(|line| line.split(" |").map(str::trim));
    cells.map(|mut cells| [cells.next().unwrap_or_default(), cells.next().unwrap_or_default()]).collect()
}

/// What a family accepts, and the section of it.
fn accepted(family: Family) -> (String, Vec<&'static str>) {
    if family.is_kit() {
        return ("The Kit".into(), family.activities().iter().map(|(name, _)| *name).collect());
    }
    let protocol = protocol_for(family.name()).expect("the family is spoken");
    (format!("{}\n", family.name()), protocol.activities())
}

#[test]
fn every_activity_of_every_family_is_in_a_table() {
    for family in Family::ALL {
        let (heading, activities) = accepted(family);
        let rows = rows_under(&heading);
        assert!(activities.len() > 3, "{heading}");
        for activity in activities {
            assert!(rows.iter().any(|row| row[0] == activity), "{heading}: {activity} is in no table");
        }
    }
}

#[test]
fn every_parameter_of_the_shared_activities_is_in_a_table() {
    for family in [Family::SaasV2, Family::LicenseOnline] {
        let (heading, mut activities) = accepted(family);
        activities.retain(|activity| *activity != "getLicenseAsync");
        let rows = rows_under(&heading);
        for Row(activity, parameter, ..) in rows_of(&activities) {
            let names = |cell: &str| cell.split([',', ' ']).any(|name| name == *parameter);
            let is_there = rows.iter().any(|row| row[0] == *activity && names(row[1]));
            assert!(is_there, "{heading}: {parameter} of {activity} is in no table");
        }
    }
}

#[test]
fn a_name_that_no_test_has_is_found() {
    let source = "#[test]\nfn a_right_name_is_read() {}\n\nfn a_helper_is_no_test() {}\n";
    assert_eq!(tests_in(source), ["a_right_name_is_read"]);
    let text = "`every_row_…` and `usage_records`, `queryInstance`, `a_right_name_is_read`";
    let named: Vec<&str> = quoted(text).filter(|text| is_test_name(text)).collect();
    assert_eq!(named, ["every_row_…", "a_right_name_is_read"]);
}
